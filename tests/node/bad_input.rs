//! What is wrong is said clearly, with the documented exit code, and nothing is lost.

use std::fs;
use std::path::Path;
use std::process::Command;

use kifu::net::limits::CONNECTIONS_PER_PEER_MAX;
use kifu::node::api::Request;

use super::support::{Machine, ended, program};

fn start(machine: &Machine) -> (i32, String) {
    ended(&program().args(["start", "--data"]).arg(&machine.data).output().expect("the program runs"))
}

#[test]
fn wrong_flags_are_usage_errors() {
    for words in [&["start", "--no-such-flag"][..], &["fly"], &["demo", "--generations", "0"], &["start"]] {
        let (code, words) = ended(&program().args(words).output().expect("the program runs"));
        assert_eq!(code, 2, "{words}");
    }
}

#[test]
fn a_folder_that_is_no_data_directory_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = Machine::new(folder.path(), "n1");
    let (code, words) = start(&machine);
    assert_eq!(code, 2, "{words}");
    assert!(words.contains("is no data directory"), "{words}");
    fs::create_dir(&machine.data).expect("a folder");
    fs::write(machine.data.join("letter.txt"), "dear").expect("written");
    let (code, words) = ended(&machine.make(&["init"]));
    assert_eq!(code, 2, "{words}");
    assert!(words.contains("not empty"), "{words}");
    assert_eq!(fs::read_to_string(machine.data.join("letter.txt")).expect("still there"), "dear");
}

#[test]
fn a_campaign_that_cannot_work_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = Machine::new(folder.path(), "n1");
    let campaign = folder.path().join("campaign.toml");
    fs::write(&campaign, "generations = \"many\"").expect("written");
    let path = campaign.display().to_string();
    let (code, words) = ended(&machine.make(&["init", "--config", &path]));
    assert_eq!(code, 2, "{words}");
    let mut config = kifu::event::config::Config::default();
    config.gate.games_min = 1_000_000;
    config.game = Some(kifu::event::GameKey("connect4".into()));
    fs::write(&campaign, toml::to_string(&config).expect("plain data")).expect("written");
    let (code, words) = ended(&machine.make(&["init", "--config", &path]));
    assert_eq!(code, 5, "{words}");
    assert!(words.contains("games_min"), "{words}");
    assert!(!machine.data.exists(), "nothing was made");
}

#[test]
fn a_demo_without_a_worker_ends_at_once_before_anything_is_made() {
    let node = Path::new(env!("CARGO_BIN_EXE_kifu-node"));
    // The same program in a folder without a worker: a link, because a copy may be busy when it is run.
    let folder = tempfile::tempdir_in(node.parent().expect("a folder")).expect("a folder");
    let (alone, out) = (folder.path().join("kifu-node"), folder.path().join("out"));
    fs::hard_link(node, &alone).expect("a link");
    let demo = Command::new(&alone).args(["demo", "--quick", "--out"]).arg(&out).output();
    let (code, words) = ended(&demo.expect("the program runs"));
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("does not start: No such file") && words.contains("tools/demo --build-only"), "{words}");
    assert!(!out.exists(), "nothing was made");
}

#[tokio::test]
async fn one_node_on_one_directory_and_one_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = Machine::new(folder.path(), "n1");
    first.init(&[]);
    first.start();
    first.wait_for("a leader", |status| status.leader.is_some()).await;
    let (code, words) = start(&first);
    assert_eq!(code, 5, "{words}");
    assert!(words.contains("already runs"), "{words}");

    let mut second = Machine::new(folder.path(), "other");
    second.listen.clone_from(&first.listen);
    second.init(&[]);
    let (code, words) = start(&second);
    assert_eq!(code, 5, "{words}");
    assert!(words.contains("listen"), "{words}");
    let (code, words) = ended(&first.make(&["init"]));
    assert_eq!(code, 5, "a node is never overwritten: {words}");
    assert_eq!(first.stop(), 0, "SIGTERM ends a node in good order");
}

#[tokio::test]
async fn damage_in_the_middle_of_the_log_is_refused_with_its_place_and_a_torn_end_is_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machine = Machine::new(folder.path(), "n1");
    machine.init(&[]);
    machine.start();
    let before = machine.wait_for("being online", |status| status.hosts_online == 1).await;
    machine.kill();
    let segment = fs::read_dir(machine.data.join("log")).expect("a folder");
    let segment =
        segment.map(|entry| entry.expect("an entry").path()).find(|path| path.extension().is_some_and(|e| e == "seg"));
    let segment = segment.expect("a segment");
    let whole = fs::read(&segment).expect("readable");
    let end = whole.iter().rposition(|byte| *byte != 0).expect("it is not empty");

    // A write that was cut short was never noted as settled; a node that had time to do so holds it whole.
    fs::remove_file(machine.data.join("standing.json")).expect("removed");
    let mut torn = whole.clone();
    torn[end - 3..=end].fill(0);
    fs::write(&segment, &torn).expect("written");
    machine.start();
    machine
        .wait_for("what was cut to be recorded anew", |status| status.seq >= before.seq && status.hosts_online == 1)
        .await;
    let log = fs::read_to_string(machine.data.with_extension("log")).expect("a log");
    assert!(log.contains("torn"), "the cut is said: {log}");
    machine.kill();

    let mut flipped = whole;
    flipped[700] ^= 0x10;
    fs::write(&segment, &flipped).expect("written");
    let (code, words) = start(&machine);
    assert_eq!(code, 6, "{words}");
    assert!(words.contains("no other member is known") && words.contains("backup"), "{words}");
    let name = segment.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(words.contains(&name) && words.contains("damaged"), "{words}");
    assert_eq!(fs::read(&segment).expect("readable"), flipped, "evidence is left alone");
}

#[tokio::test]
async fn tokens_let_one_machine_in_and_nobody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = Machine::new(folder.path(), "n1");
    first.init(&[]);
    first.start();
    first.wait_for("a leader", |status| status.hosts_online == 1).await;
    let token = first.token();
    let second = Machine::new(folder.path(), "n2");
    assert!(second.make(&["join", "--token", &token]).status.success());

    let third = Machine::new(folder.path(), "n3");
    let (code, words) = ended(&third.make(&["join", "--token", &token]));
    assert_eq!(code, 5, "{words}");
    assert!(words.contains("used"), "{words}");
    let fourth = Machine::new(folder.path(), "n4");
    let (code, words) = ended(&fourth.make(&["join", "--token", "kifu-join-v1.nonsense"]));
    assert_ne!(code, 0, "{words}");
    assert!(words.contains("token"), "{words}");

    // Another cluster's operator learns nothing from this one.
    let mut stranger = Machine::new(folder.path(), "stranger");
    stranger.init(&[]);
    stranger.start();
    stranger.wait_for("a leader", |status| status.leader.is_some()).await;
    let target =
        kifu::node::api::Target { addresses: vec![first.listen.clone()], identity: stranger.data.clone().into() };
    let Err(error) = kifu::node::api::Client::connect(&target).await else { panic!("the wrong CA was let in") };
    assert!(error.to_string().contains("cluster"), "{error}");
    assert!(first.ask(&Request::Status).await.is_ok(), "the right one still gets answers");
}

#[tokio::test]
async fn many_commands_one_after_the_other_are_all_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machine = Machine::new(folder.path(), "n1");
    machine.init(&["--worker", "none"]);
    machine.start();
    machine.wait_for("a leader", |status| status.hosts_online == 1).await;
    // More than one key may hold connections at a time: each command hangs up before it ends.
    for number in 0..=CONNECTIONS_PER_PEER_MAX {
        let output = program().args(["status", "--data"]).arg(&machine.data).output().expect("the program runs");
        let (code, words) = ended(&output);
        assert!(!words.contains("over a limit"), "command {number} ended with {code}: {words}");
    }
    assert_eq!(machine.stop(), 0);
}
