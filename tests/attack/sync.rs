//! The disk of a node that runs refuses to sync: `fsync` and `fdatasync` fail under the process, as they do when a disk dies. The
//! node must stop, and never try again: what the kernel dropped, a second sync would not bring back, and would say that all is well.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use kifu::event::JobId;
use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::node::Layout;
use kifu::node::api::{Client, Request, Response, Target};
use kifu::node::bench::load::{Load, write};
use kifu::node::bench::{BenchOptions, Cluster};
use kifu::work::WorkerProgram;

use crate::oracle::{Oracle, check};
use crate::support::converge;

/// A node whose disk has failed has this long to end: it gives its leases back and hands over first.
const STOPS_WITHIN: Duration = Duration::from_secs(60);
/// What it ends with.
const FAILURE: i32 = 1;

/// Builds the node program with a library before it that lets syncs fail, as a script below `folder`. None where no C compiler is.
fn program(folder: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attack/sync_fails.c");
    let (library, script) = (folder.join("sync_fails.so"), folder.join("node-on-a-bad-disk"));
    let mut compiler = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()));
    let built = compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).output();
    if !built.as_ref().is_ok_and(|output| output.status.success()) {
        let words = built.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(std::env::var_os("CI").is_none(), "no C compiler: {words:?}");
        eprintln!("SKIPPED: no C compiler, so no sync failed under a real node: {words:?}");
        return None;
    }
    let words = format!(
        "#!/bin/sh\n\
         for word in \"$@\"; do case \"$word\" in {folder}/n?) export KIFU_SYNC_FAILS=\"$word.sync-fails\" ;; esac; done\n\
         LD_PRELOAD=\"{library}\" exec \"{node}\" \"$@\"\n",
        folder = folder.display(),
        library = library.display(),
        node = env!("CARGO_BIN_EXE_kifu-node")
    );
    std::fs::write(&script, words).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    Some(script)
}

async fn cluster(nodes: u32, folder: &Path, furnish: impl FnOnce(&Path)) -> Option<Cluster> {
    let options = BenchOptions {
        program: Some(program(folder)?),
        nodes,
        out: Some(folder.to_owned()),
        arguments: vec!["--timing".into(), "wan".into()],
    };
    Some(Cluster::start_furnished(&options, nodes, furnish).await.expect("a cluster"))
}

/// The file whose content names the files of this data directory that cannot be synced.
fn trigger(data: &Path) -> PathBuf {
    data.with_extension("sync-fails")
}

/// Waits until the node of this machine, and no other, has ended, and returns its last words.
async fn ends(cluster: &mut Cluster, index: usize) -> String {
    let ended = async {
        loop {
            let ended = cluster.fleet.ended();
            if !ended.is_empty() {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(STOPS_WITHIN, ended).await.unwrap_or_default();
    let words = std::fs::read_to_string(&cluster.fleet.machines[index].log).unwrap();
    assert!(!words.contains("panicked"), "{words}");
    // Nothing at all means that it went on.
    let codes: Vec<_> = ended.iter().map(|(index, status)| (*index, status.code())).collect();
    assert_eq!(codes, [(index, Some(FAILURE))], "{words}");
    words
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_no_longer_syncs_stops_and_nothing_acknowledged_is_lost() {
    let out = tempfile::tempdir().unwrap();
    let Some(mut cluster) = cluster(3, out.path(), |_| {}).await else { return };
    let machines: Vec<_> = cluster.fleet.machines.iter().map(|machine| machine.data.clone()).collect();
    let oracle = Oracle::start(machines.clone());
    oracle.progress(20).await;
    let leader = cluster.leader().await.expect("a leader");
    // Every file of it, not the log alone.
    std::fs::write(trigger(&machines[leader]), "/").unwrap();
    let words = ends(&mut cluster, leader).await;
    assert!(words.contains("\nerror: replication has stopped") && words.contains("cannot sync"), "{words}");
    assert!(machines[leader].join("check-all").exists(), "the next start looks at the whole log");
    // The others elect a leader and go on.
    oracle.progress(20).await;
    std::fs::remove_file(trigger(&machines[leader])).unwrap();
    cluster.fleet.start(leader).expect("it starts again");
    cluster.ready(3).await.expect("it is back");
    oracle.progress(20).await;
    let known = oracle.finish().await;
    converge(&mut cluster).await;
    cluster.fleet.stop().expect("they stop in order");
    check(&machines, &known);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_outbox_cannot_be_synced_stops_and_goes_on_from_what_it_held() {
    let out = tempfile::tempdir().unwrap();
    // What a job comes to goes through the outbox.
    let furnish = |data: &Path| {
        let layout = Layout::new(data);
        let mut config = layout.load_config().expect("a configuration");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/example-worker.py").display().to_string();
        let argv = vec!["python3".to_owned(), script];
        config.workers = vec![WorkerProgram { name: "wordcount".into(), argv, ..WorkerProgram::default() }];
        layout.save_config(&config).expect("written");
    };
    let Some(mut cluster) = cluster(1, out.path(), furnish).await else { return };
    let machines = vec![cluster.fleet.machines[0].data.clone()];
    let load = Load { clients: 1, window: 8, bytes: 100, during: Duration::from_secs(60), notes_max: 20 };
    let written = write(&machines, &load).await.expect("the log takes them").notes;
    std::fs::write(trigger(&machines[0]), "/outbox/").unwrap();
    let client = Client::connect(&Target::of_this_data_dir(&machines[0]).expect("a node")).await.expect("it answers");
    let params = r#"{"text": "to be or not to be"}"#.to_owned();
    let spec = ExternalSpec { program: "wordcount".to_owned(), params, inputs: vec![] };
    let spec = Box::new(JobSpec::External(spec));
    let job = client.ask(&Request::SubmitJob { job: JobId::new("counted"), spec, priority: 0 }).await;
    assert!(matches!(job, Ok(Response::Done { .. })), "{job:?}");
    let words = ends(&mut cluster, 0).await;
    assert!(words.contains("\nerror: the outbox stopped after a failed write"), "{words}");
    std::fs::remove_file(trigger(&machines[0])).unwrap();
    cluster.fleet.start(0).expect("it starts again");
    cluster.ready(1).await.expect("it is back");
    assert!(cluster.seq(0).await.expect("a position") > written, "all that was acknowledged is there");
    write(&machines, &load).await.expect("it goes on");
    cluster.fleet.stop().expect("it stops in order");
}
