//! Reads of the past of a running node.

use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{JobId, Seq};
use kifu::node::Layout;
use kifu::node::api::{Noun, Request, Response};
use kifu::replay::{History, Moment, Retained};

use serde_json::Value;

use super::cluster::submit_job;
use super::support::{Machine, ended, program};

fn spec() -> JobSpec {
    let (program, params) = ("nobody-runs-this".to_owned(), "{}".to_owned());
    JobSpec::External(ExternalSpec { program, params, inputs: vec![] })
}

fn as_of(at: Moment, ask: Request) -> Request {
    Request::AsOf { at, ask: Box::new(ask) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_answers_as_of_any_record_and_time_as_a_fold_of_its_log_would() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machine = Machine::new(folder.path(), "n1");
    machine.init(&[]);
    machine.start();
    machine.wait_for("a leader", |status| status.hosts_online == 1).await;
    for number in 0..3 {
        submit_job(&machine, JobId::new(format!("past-{number}")), spec()).await;
    }
    let jobs = Request::List { noun: Noun::Jobs };
    let now = machine.rows(&jobs).await;
    let submitted: Vec<Seq> = now.iter().filter_map(|row| row["queued_seq"].as_u64()).map(Seq).collect();
    assert_eq!(submitted.len(), 3);
    for (number, seq) in submitted.iter().enumerate() {
        let before = Moment::Seq(Seq(seq.0 - 1));
        assert_eq!(machine.rows(&as_of(before, jobs.clone())).await.len(), number);
        assert_eq!(machine.rows(&as_of(Moment::Seq(*seq), jobs.clone())).await.len(), number + 1);
    }
    let digests = as_of(Moment::Seq(submitted[1]), Request::List { noun: Noun::Digests });
    let Ok(Response::Rows { rows, footer }) = machine.ask(&digests).await else { panic!("no rows") };
    let as_of_footer = footer.as_of.clone().expect("the footer says so");
    assert_eq!(as_of_footer.seq, submitted[1]);
    assert!(footer.to_string().starts_with(&format!("as of {} (", submitted[1])), "{footer}");
    let by_time = as_of(Moment::Time(as_of_footer.recorded_at), Request::Status);
    let Ok(Response::Rows { footer, .. }) = machine.ask(&by_time).await else { panic!("no rows") };
    assert!(footer.as_of.is_some_and(|at| at.seq >= submitted[1] && at.recorded_at == as_of_footer.recorded_at));

    let layout = Layout::new(&machine.data);
    let history = History::open(&layout.log(), Retained::read_only(layout.checkpoints())).expect("a log");
    let folded = history.state_at(submitted[1], &mut |_, _| {}).expect("readable beside the writer").state;
    for digest in folded.digests() {
        let row = rows.iter().find(|row| row["id"] == digest.projection.as_str()).expect("a projection");
        assert_eq!(row["digest"], digest.digest.to_string(), "{}", digest.projection);
    }

    let future = machine.ask(&as_of(Moment::Seq(Seq(1_000_000)), jobs)).await.expect_err("not yet");
    assert!(future.contains("there is no record 1000000 yet"), "{future}");
    let submit = Request::SubmitJob { job: JobId::new("past-9"), spec: Box::new(spec()), priority: 0 };
    let order = machine.ask(&as_of(Moment::Seq(Seq(1)), submit)).await.expect_err("no read");
    assert!(order.contains("only reads"), "{order}");
    people_ask_about_the_past(&machine, submitted[1]).await;
    assert_eq!(machine.stop(), 0);
}

/// The rows that a verb of the node program prints as JSON.
fn rows(machine: &Machine, words: &[&str]) -> Vec<Value> {
    let output = program().args(words).args(["-o", "json", "--data"]).arg(&machine.data).output().expect("it runs");
    assert!(output.status.success(), "{words:?}: {}", ended(&output).1);
    serde_json::from_slice(&output.stdout).expect("JSON rows")
}

/// Members and tokens as they were, by the node's own program.
async fn people_ask_about_the_past(machine: &Machine, at: Seq) {
    let before_it_joined = rows(machine, &["members", "list", "--at", "1"]);
    assert!(before_it_joined.is_empty(), "{before_it_joined:?}");
    let at = at.to_string();
    let members = rows(machine, &["members", "list", "--at", &at]);
    assert_eq!(members.len(), 1);
    assert_eq!((&members[0]["id"], &members[0]["role"]), (&"host/n1".into(), &"voter".into()), "{members:?}");
    let create = ["token", "create", "--role", "viewer", "--name", "grace", "--data"];
    let created = program().args(create).arg(&machine.data).output().expect("it runs");
    assert!(created.status.success(), "{}", ended(&created).1);
    assert_eq!(rows(machine, &["token", "list"]).len(), 1);
    assert!(rows(machine, &["token", "list", "--at", &at]).is_empty(), "the token came later");
    let mut wrong = program();
    let wrong = wrong.args(["members", "list", "--at", "yesterday", "--data"]).arg(&machine.data).output();
    let (code, words) = ended(&wrong.expect("it runs"));
    assert!(code == 2 && words.contains("a time such as"), "{code}: {words}");
}
