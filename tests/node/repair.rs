//! A log that is damaged is repaired from the other members before the node starts.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use kifu::event::cluster::QuorumHealth;
use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{JobId, Kind};
use kifu::node::Layout;
use kifu::node::retention::Retention;
use serde_json::Value;

use super::cluster::{cluster, events, submit_job};
use super::support::{Machine, PATIENCE};

/// The segment that begins with this entry.
fn segment(machine: &Machine, first: u64) -> PathBuf {
    machine.data.join("log").join(format!("{first:020}.seg"))
}

/// Flips a bit of a byte of a file, and returns what it holds then.
fn flip(path: &std::path::Path, at: usize) -> Vec<u8> {
    let mut bytes = std::fs::read(path).expect("readable");
    bytes[at] ^= 0x10;
    std::fs::write(path, &bytes).expect("written");
    bytes
}

/// Waits until `machine` knows of so many repairs, and returns them.
async fn repairs(machine: &Machine, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let known = events(machine, &[Kind::LogRepaired]).await;
        if known.len() >= count {
            return known;
        }
        assert!(Instant::now() < deadline, "the repair is not a fact");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Small segments, all of which stay.
fn small_segments(machine: &Machine) {
    let layout = Layout::new(&machine.data);
    let mut config = layout.load_config().expect("a configuration");
    config.retention = Some(Retention { segment_bytes: 64 << 10, keep_records: 1 << 20, ..Retention::default() });
    layout.save_config(&config).expect("written");
}

fn segments(machine: &Machine) -> usize {
    let names = std::fs::read_dir(machine.data.join("log")).expect("a folder");
    names
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|end| end == "seg")))
        .count()
}

/// Submits jobs that nobody takes, with long texts, until the log of `machine` has so many segments.
async fn fill(leader: &Machine, machine: &Machine, count: usize) {
    let mut number = 0;
    while segments(machine) < count {
        let params = format!("{{\"words\":\"{}\"}}", "x".repeat(3_000));
        let spec = ExternalSpec { program: "nobody-runs-this".to_owned(), params, inputs: vec![] };
        submit_job(leader, JobId::new(format!("long-{number}")), JobSpec::External(spec)).await;
        number += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_segment_is_fetched_from_a_peer_before_the_start_and_the_repair_is_a_fact() {
    let folder = tempfile::tempdir().expect("a folder");
    let [mut first, mut second, _third] = cluster(folder.path()).await;
    second.kill();
    let bytes = flip(&segment(&second, 0), 700);
    second.start();
    second.wait_for("being back", |status| status.hosts_online == 3).await;
    let text = repairs(&first, 1).await[0].to_string();
    assert!(text.contains("00000000000000000000.seg") && text.contains("checksum"), "{text}");
    let aside = std::fs::read(second.data.join("log").join(format!("{:020}.seg.0.aside", 0)));
    assert_eq!(aside.expect("it is kept"), bytes, "evidence is left alone");
    assert!(!second.data.join("repairs.json").exists(), "it is reported once");

    // The first node knew nobody when it was made. Without its checkpoint it finds the others in what can still be read.
    first.token();
    first.kill();
    std::fs::remove_dir_all(first.data.join("state")).expect("removed");
    let bytes = std::fs::read(segment(&first, 0)).expect("readable");
    let last = bytes.windows(8).rposition(|window| window == b"checksum").expect("the repair is in its log");
    flip(&segment(&first, 0), last);
    first.start();
    first.wait_for("being back", |status| status.hosts_online == 3).await;
    repairs(&second, 2).await;
}

/// A start leaves old segments to the background, but Raft reads their first entries.
#[tokio::test(flavor = "multi_thread")]
async fn damage_that_only_raft_meets_is_repaired_before_the_start_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let [mut first, mut second] = ["n1", "n2"].map(|name| Machine::new(folder.path(), name));
    first.init(&[]);
    first.start();
    first.wait_for("a leader", |status| status.hosts_online == 1).await;
    second.join(&first, &[]);
    small_segments(&second);
    second.start();
    second.wait_for("both", |status| status.hosts_online == 2).await;
    fill(&first, &second, 4).await;
    let seq = first.status().await.expect("it runs").seq;
    second.wait_for("the last job", |status| status.seq >= seq).await;
    assert_eq!(second.stop(), 0);
    flip(&segment(&second, 0), 128 + 20);
    second.start();
    second.wait_for("being back", |status| status.hosts_online == 2).await;
    let text = repairs(&first, 1).await[0].to_string();
    assert!(text.contains("00000000000000000000.seg"), "{text}");
}

/// A file that only a new cluster needs does not keep a node of an old one from starting.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_command_is_read_from_the_log_once_it_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machine = Machine::new(folder.path(), "n1");
    machine.init(&[]);
    machine.start();
    machine.wait_for("a leader", |status| status.hosts_online == 1).await;
    assert_eq!(machine.stop(), 0);
    flip(&Layout::new(&machine.data).genesis(), 0);
    machine.start();
    machine.wait_for("a leader", |status| status.hosts_online == 1 && status.health != QuorumHealth::Lost).await;
    machine.token();
}
