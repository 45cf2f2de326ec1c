//! A small disk runs full under a node while the cluster works.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::oracle::{Oracle, check};
use crate::support::{cluster, converge, get};

/// A small disk; gone with this value.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// Mounts one, where that is permitted.
    fn mount(at: &'a Path, mib: u32) -> Option<SmallDisk<'a>> {
        std::fs::create_dir_all(at).expect("a folder");
        let options = format!("size={mib}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        mounted.ok().filter(|output| output.status.success()).map(|_| SmallDisk(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0).status().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_nothing_but_its_node_which_goes_on_when_there_is_space() {
    let out = tempfile::tempdir().unwrap();
    let full = out.path().join("n3");
    let Some(_disk) = SmallDisk::mount(&full, 64) else {
        eprintln!("SKIPPED: no small disk can be mounted here (needs root); the full disk was not tested on a node");
        return;
    };
    let mut cluster = cluster(Some(out.path())).await;
    let machines: Vec<_> = cluster.fleet.machines.iter().map(|machine| machine.data.clone()).collect();
    let oracle = Oracle::start(machines.clone());
    oracle.progress(20).await;
    // Somebody else fills the disk.
    let ballast = full.join("ballast");
    let free = fill(&ballast);
    // Enough for the segment in use to run out.
    let during = kifu::node::bench::load::Load {
        clients: 2,
        window: 64,
        bytes: 4096,
        during: Duration::from_secs(60),
        notes_max: 6_000,
    };
    let mut left = during.notes_max;
    while left > 0 {
        // A leader on the full disk hands over in the middle of it.
        let load = kifu::node::bench::load::Load { notes_max: left.min(500), ..during.clone() };
        match kifu::node::bench::load::write(&machines, &load).await {
            Ok(written) => left -= written.notes.min(left),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    oracle.progress(20).await;
    let words = std::fs::read_to_string(&cluster.fleet.machines[2].log).unwrap();
    let ended = cluster.fleet.ended();
    let last: Vec<&str> = words.lines().rev().take(12).collect();
    assert!(ended.is_empty(), "no node ends because a disk is full: {ended:?} {last:#?}");
    let address = kifu::node::Layout::new(&full).load_config().expect("a node").http;
    assert!(
        get(&address, "/readyz").await.is_some_and(|answer| answer.contains("full")),
        "the node says that its disk is full"
    );
    assert!(
        get(&address, "/metrics").await.is_some_and(|answer| answer.contains("\nkifu_disk_full 1\n")),
        "it is in the figures"
    );
    let mut status = Command::new(env!("CARGO_BIN_EXE_kifu-node"));
    let status = status.args(["status", "--data"]).arg(&full).output().expect("the program runs");
    let words = String::from_utf8_lossy(&[status.stdout, status.stderr].concat()).into_owned();
    assert!(words.contains("the disk of n3 is full"), "{words}");
    assert_eq!(status.status.code(), Some(6), "{words}");
    std::fs::remove_file(&ballast).unwrap();
    eprintln!("freed {free} bytes");
    let known = oracle.finish().await;
    // After the last note: a node that is asked to stop need not wait for what it has not heard.
    converge(&mut cluster).await;
    cluster.fleet.stop().expect("they stop in order");
    check(&machines, &known);
}

/// Writes until nothing more fits. Returns the bytes written.
fn fill(path: &Path) -> u64 {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    let mut written = 0;
    for size in [1 << 20, 4 << 10] {
        let chunk = vec![0x55; size];
        while file.write_all(&chunk).is_ok() {
            written += size as u64;
        }
    }
    written
}
