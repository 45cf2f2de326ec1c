//! Three nodes: they agree, survive SIGKILL of any one of them, and finish work that outlives its host.

use std::path::Path;
use std::time::{Duration, Instant};

use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{JobId, Kind, Seq};
use kifu::node::api::{Client, Noun, Request, Response, Target};
use serde_json::Value;

use super::support::{Machine, PATIENCE};

fn worker() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/example-worker.py");
    format!("python3 {}", script.display())
}

/// Three machines, online, each with the example worker.
pub async fn cluster(folder: &Path) -> [Machine; 3] {
    let worker = worker();
    let mut machines = ["n1", "n2", "n3"].map(|name| Machine::new(folder, name));
    machines[0].init(&["--worker", &worker]);
    machines[0].start();
    machines[0].wait_for("a leader", |status| status.hosts_online == 1).await;
    let [first, others @ ..] = &mut machines;
    for other in others {
        other.join(first, &["--worker", &worker]);
        other.start();
    }
    for machine in &machines {
        // Before all three vote, the loss of one may be the loss of the quorum.
        machine.wait_for("three voters", |status| (status.hosts_online, status.voters) == (3, 3)).await;
    }
    machines
}

/// All records of some kinds, as the node has them.
pub async fn events(machine: &Machine, kinds: &[Kind]) -> Vec<Value> {
    let Ok(target) = Target::of_this_data_dir(&machine.data) else { return vec![] };
    let Ok(client) = Client::connect(&target).await else { return vec![] };
    let kinds = kinds.iter().map(|kind| kind.name().to_owned()).collect();
    let request = Request::Events { from: Seq(1), follow: false, kinds, limit: None };
    let Ok(mut responses) = client.send(&request).await else { return vec![] };
    let mut records = vec![];
    while let Ok(Some(Response::Record { record })) = responses.next().await {
        records.push(serde_json::to_value(record).expect("plain data"));
    }
    records
}

fn leader_of(machines: &[Machine; 3], name: &str) -> usize {
    machines.iter().position(|machine| machine.data.ends_with(name)).expect("one of the three")
}

pub async fn submit(machine: &Machine, number: u32) {
    let spec = ExternalSpec {
        program: "wordcount".to_owned(),
        params: format!(r#"{{"text": "to be or not to be {number}"}}"#),
        inputs: vec![],
    };
    submit_job(machine, JobId::new(format!("count-{number}")), JobSpec::External(spec)).await;
}

/// Submits a job to a cluster that may be without a leader for a moment. Returns the record that says so.
pub async fn submit_job(machine: &Machine, job: JobId, spec: JobSpec) -> Seq {
    let id = job.to_string();
    let request = Request::SubmitJob { job, spec: Box::new(spec), priority: 0 };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = machine.ask(&request).await;
        let seq = match &answer {
            Ok(Response::Done { seq }) => *seq,
            // An earlier answer was lost.
            Err(words) if words.contains("exists") => {
                let rows = machine.rows(&Request::Get { id: id.clone() }).await;
                let row = rows.iter().find(|row| row["id"] == id.as_str());
                row.and_then(|row| row["queued_seq"].as_u64()).map(Seq)
            }
            _ => None,
        };
        if let Some(seq) = seq {
            return seq;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until a job is done, as `machine` sees it.
async fn done(machine: &Machine, number: u32) {
    let id = format!("job/count-{number}");
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let rows = machine.rows(&Request::Get { id: id.clone() }).await;
        if rows.iter().any(|row| row["id"] == id.as_str() && row["state"] == "done") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{id} was never done");
}

/// Waits until all machines have the same digests at the same position.
async fn agree(machines: &[Machine; 3]) {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let mut seen = vec![];
        for machine in machines {
            if let Ok(Response::Rows { rows, footer }) = machine.ask(&Request::List { noun: Noun::Digests }).await {
                seen.push((footer.seq, rows));
            }
        }
        if seen.len() == 3 && seen.iter().all(|other| *other == seen[0]) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the nodes do not agree");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_works_on_while_any_one_node_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machines = cluster(folder.path()).await;
    submit(&machines[1], 0).await;
    done(&machines[2], 0).await;

    let leader = machines[0].wait_for("a leader", |status| status.leader.is_some()).await.leader.expect("a leader");
    let dead = leader_of(&machines, &leader);
    machines[dead].kill();
    let survivor = (dead + 1) % 3;
    submit(&machines[survivor], 1).await;
    done(&machines[survivor], 1).await;
    let status = machines[survivor].wait_for("the loss to be noticed", |status| status.hosts_online == 2).await;
    assert!(status.term.0 > 1, "there is a new leader");

    machines[dead].start();
    machines[dead].wait_for("being back", |status| status.hosts_online == 3).await;
    done(&machines[dead], 1).await;
    agree(&machines).await;
    assert_history(&events(&machines[dead], &[]).await);
    for machine in &mut machines {
        assert_eq!(machine.stop(), 0);
    }
}

/// What must hold in every history.
fn assert_history(records: &[Value]) {
    let mut term = 0;
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record["seq"], index as u64 + 1, "no gaps");
        let here = record["term"].as_u64().expect("a term");
        if here != term {
            assert_eq!(record["kind"], "LEADER_ELECTED", "the first record of term {here}");
            assert!(here > term, "terms never fall");
            term = here;
        } else {
            assert_ne!(record["kind"], "LEADER_ELECTED", "one leader a term");
        }
    }
    assert_eq!(records[1]["kind"], "CLUSTER_CREATED");
    let completed = records.iter().filter(|record| record["kind"] == "JOB_COMPLETED");
    let mut jobs: Vec<&str> = completed.filter_map(|record| record["body"]["job"].as_str()).collect();
    jobs.sort_unstable();
    assert_eq!(jobs, ["job/count-0", "job/count-1"], "each job is completed once");
}
