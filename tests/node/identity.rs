//! Directories that were wiped, copied or put back from an older copy are recognised and refused.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kifu::event::Kind;
use kifu::event::cluster::QuorumHealth;

use super::cluster::{cluster, events};
use super::support::{Machine, PATIENCE, ended, program};

/// What the program says when it is started on a directory that it refuses.
fn refused(data: &Path) -> (i32, String) {
    let mut child =
        program().args(["start", "--data"]).arg(data).stderr(Stdio::piped()).spawn().expect("the program runs");
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().expect("a child").is_none() {
        if Instant::now() > deadline {
            child.kill().expect("it can be killed");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    ended(&child.wait_with_output().expect("it has ended"))
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").args(["-r"]).arg(from).arg(to).status().expect("cp runs");
    assert!(status.success());
}

fn remove(data: &Path, names: &[&str]) {
    for name in names {
        let path = data.join(name);
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.expect("removed");
    }
}

/// Gives a copied directory ports of its own, as on another machine.
fn move_ports(copied: &Machine, original: &Machine) {
    let path = copied.data.join("node.toml");
    let text = std::fs::read_to_string(&path).expect("a configuration");
    let text = text.replace(&original.listen, &copied.listen).replace(&original.http, &copied.http);
    std::fs::write(path, text).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_or_older_directory_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let [first, mut second, _third] = cluster(folder.path()).await;
    assert_eq!(second.stop(), 0);
    let sound = folder.path().join("sound");
    copy(&second.data, &sound);

    // Only the log is gone: the directory itself knows.
    remove(&second.data, &["log"]);
    let (code, words) = refused(&second.data);
    assert_eq!(code, 6, "{words}");
    assert!(words.contains("is empty") && words.contains("kifu-node join"), "{words}");

    // All but the identity is gone: the cluster knows.
    remove(&second.data, &["log", "state", "outbox", "standing.json"]);
    let (code, words) = refused(&second.data);
    assert_eq!(code, 6, "{words}");
    assert!(words.contains("voters") || words.contains("acknowledged"), "{words}");

    // The sound directory goes on; then its older copy is put in its place.
    std::fs::remove_dir_all(&second.data).expect("removed");
    copy(&sound, &second.data);
    second.start();
    let deadline = Instant::now() + PATIENCE;
    while events(&first, &[Kind::HostOnline]).await.len() < 4 {
        assert!(Instant::now() < deadline, "the second start is not known");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(second.stop(), 0);
    std::fs::remove_dir_all(&second.data).expect("removed");
    copy(&sound, &second.data);
    let (code, words) = refused(&second.data);
    assert_eq!(code, 6, "{words}");
    assert!(words.contains("older copy") || words.contains("acknowledged"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_running_node_is_refused_and_both_say_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let [first, second, _third] = cluster(folder.path()).await;
    let copied = Machine::new(folder.path(), "copy");
    copy(&second.data, &copied.data);
    move_ports(&copied, &second);
    let (code, words) = refused(&copied.data);
    assert_eq!(code, 5, "{words}");
    assert!(words.contains("the directory was copied") && words.contains("kifu-node join"), "{words}");

    let log = second.data.with_extension("log");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let words = std::fs::read_to_string(&log).expect("a log");
        if words.contains("wanted to run under this node's identity") {
            break;
        }
        assert!(Instant::now() < deadline, "the original was not told:\n{words}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    first.wait_for("all", |status| status.hosts_online == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_outbox_gives_no_number_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machine = Machine::new(folder.path(), "n1");
    machine.init(&[]);
    machine.start();
    machine.wait_for("a leader", |status| status.hosts_online == 1 && status.health != QuorumHealth::Lost).await;
    machine.token();
    assert_eq!(machine.stop(), 0);
    remove(&machine.data, &["outbox"]);
    machine.start();
    machine.wait_for("a leader", |status| status.hosts_online == 1 && status.health != QuorumHealth::Lost).await;
    let words = std::fs::read_to_string(machine.data.with_extension("log")).expect("a log");
    assert!(words.contains("the outbox is gone"), "{words}");
    machine.token();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_failed_is_repeated_with_the_same_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let [mut first, second] = ["n1", "n2"].map(|name| Machine::new(folder.path(), name));
    first.init(&[]);
    first.start();
    first.wait_for("a leader", |status| status.hosts_online == 1).await;
    let token = first.token();
    assert_eq!(first.stop(), 0);
    let (code, words) = ended(&second.make(&["join", "--token", &token]));
    assert_eq!(code, 4, "{words}");
    let key = std::fs::read(second.data.join("identity/node.key")).expect("it has a key");
    first.start();
    first.wait_for("a leader", |status| status.hosts_online == 1 && status.health != QuorumHealth::Lost).await;
    let (code, words) = ended(&second.make(&["join", "--token", &token]));
    assert_eq!(code, 0, "{words}");
    assert_eq!(std::fs::read(second.data.join("identity/node.key")).expect("it has a key"), key);
    let (code, words) = ended(&second.make(&["join", "--token", &token]));
    assert_eq!(code, 5, "now it is a node: {words}");
}
