//! Directories that were wiped, copied or put back from an older copy are recognised and refused.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kifu::event::Kind;
use kifu::event::cluster::QuorumHealth;
use kifu::node::Layout;
use kifu::node::layout::Runtime;

use super::cluster::{cluster, events, submit};
use super::support::{Machine, PATIENCE, ended, program};

/// Whether this process is the node that runs on a directory.
fn runs(data: &Path, process: u32) -> bool {
    let layout = Layout::new(data);
    let runtime: Option<Runtime> = layout.load_json(&layout.runtime()).ok().flatten();
    runtime.is_some_and(|runtime| runtime.pid == process)
}

/// What the program says when it is started on a directory that it refuses. One that runs is killed, and has no exit code.
fn refused(data: &Path) -> (i32, String) {
    let mut child =
        program().args(["start", "--data"]).arg(data).stderr(Stdio::piped()).spawn().expect("the program runs");
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().expect("a child").is_none() {
        if Instant::now() > deadline || runs(data, child.id()) {
            child.kill().expect("it can be killed");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    ended(&child.wait_with_output().expect("it has ended"))
}

fn copy(from: &Path, to: &Path) {
    assert!(try_copy(from, to));
}

/// False when a file was renamed or removed meanwhile.
fn try_copy(from: &Path, to: &Path) -> bool {
    Command::new("cp").args(["-r"]).arg(from).arg(to).status().expect("cp runs").success()
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
    let [first, mut second, third] = cluster(folder.path()).await;
    assert_eq!(second.stop(), 0);
    let sound = folder.path().join("sound");
    copy(&second.data, &sound);

    // Only the log is gone: the directory itself knows.
    remove(&second.data, &["log"]);
    let (code, words) = refused(&second.data);
    assert_eq!(code, 6, "{words}");
    assert!(words.contains("is empty") && words.contains("kifu-node join"), "{words}");

    // All but the identity is gone: the cluster knows, and is waited for.
    remove(&second.data, &["log", "state", "outbox", "standing.json"]);
    let others = [&first, &third];
    others.into_iter().for_each(Machine::pause);
    let (code, words) = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(2));
            others.into_iter().for_each(Machine::resume);
        });
        refused(&second.data)
    });
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
    let deadline = Instant::now() + PATIENCE;
    let (code, words) = loop {
        std::fs::remove_dir_all(&second.data).expect("removed");
        copy(&sound, &second.data);
        let (code, words) = refused(&second.data);
        // A node that holds a log waits for nobody. On a busy machine the others may answer too late, and then it runs.
        if code != -1 || Instant::now() > deadline {
            break (code, words);
        }
    };
    assert_eq!(code, 6, "{words}");
    assert!(words.contains("older copy") || words.contains("acknowledged"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_running_node_is_refused_and_both_say_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let [first, second, _third] = cluster(folder.path()).await;
    let copied = Machine::new(folder.path(), "copy");
    let (deadline, mut tries) = (Instant::now() + PATIENCE, 0);
    let (code, words) = loop {
        // What is written meanwhile may be missing in the copy, or torn; and the others may answer it too late.
        let is_whole = try_copy(&second.data, &copied.data);
        move_ports(&copied, &second);
        // That the copy lacks what the node has acknowledged since does not make it a wiped one.
        submit(&first, tries).await;
        tries += 1;
        let (code, words) = refused(&copied.data);
        if is_whole && code == 5 || Instant::now() > deadline {
            break (code, words);
        }
        std::fs::remove_dir_all(&copied.data).expect("removed");
    };
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
