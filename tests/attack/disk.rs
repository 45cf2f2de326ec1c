//! A small disk runs full under a node while the cluster works.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use kifu::artifact::{Archive, whole_log};
use kifu::event::Seq;
use kifu::node::Layout;
use kifu::node::bench::load::{Load, Written, write};
use kifu::node::bench::{BenchOptions, Cluster};
use kifu::node::retention::Retention;

use crate::oracle::{Oracle, check};
use crate::support::{cluster, converge, get};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a part of a load is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

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
    let address = Layout::new(&full).load_config().expect("a node").http;
    metric(&address, "kifu_disk_low 1").await;
    // Enough for the segment in use to run out.
    let during = Load { clients: 2, window: 64, bytes: 4096, during: Duration::from_secs(60), notes_max: 6_000 };
    let mut left = during.notes_max;
    while left > 0 {
        // A leader on the full disk hands over in the middle of it.
        let load = Load { notes_max: left.min(500), ..during.clone() };
        match try_write(&machines, &load).await {
            Some(written) => left -= written.notes.min(left),
            None => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    oracle.progress(20).await;
    let words = std::fs::read_to_string(&cluster.fleet.machines[2].log).unwrap();
    let ended = cluster.fleet.ended();
    let last: Vec<&str> = words.lines().rev().take(12).collect();
    assert!(ended.is_empty(), "no node ends because a disk is full: {ended:?} {last:#?}");
    // It may be behind the others, and get to the end of its space a moment later.
    metric(&address, "kifu_disk_full 1").await;
    assert!(
        get(&address, "/readyz").await.is_some_and(|answer| answer.contains("full")),
        "the node says that its disk is full"
    );
    let mut status = Command::new(env!("CARGO_BIN_EXE_kifu-node"));
    let status = status.args(["status", "--data"]).arg(&full).output().expect("the program runs");
    let words = String::from_utf8_lossy(&[status.stdout, status.stderr].concat()).into_owned();
    assert!(words.contains("the disk of n3 is full"), "{words}");
    assert_eq!(status.status.code(), Some(6), "{words}");
    std::fs::remove_file(&ballast).unwrap();
    eprintln!("freed {free} bytes");
    metric(&address, "kifu_disk_low 0").await;
    let known = oracle.finish().await;
    // After the last note: a node that is asked to stop need not wait for what it has not heard.
    converge(&mut cluster).await;
    cluster.fleet.stop().expect("they stop in order");
    check(&machines, &known);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_to_the_last_byte_makes_space_by_itself_where_the_archive_lies_elsewhere() {
    let out = tempfile::tempdir().unwrap();
    let (full, archive) = (out.path().join("n1"), out.path().join("cold"));
    let Some(_disk) = SmallDisk::mount(&full, 64) else {
        eprintln!("SKIPPED: no small disk can be mounted here (needs root); no full disk made space by itself");
        return;
    };
    let options = BenchOptions {
        program: Some(env!("CARGO_BIN_EXE_kifu-node").into()),
        nodes: 3,
        out: Some(out.path().to_owned()),
        arguments: vec!["--timing".into(), "wan".into()],
    };
    let retain = |data: &Path| {
        let layout = Layout::new(data);
        let mut config = layout.load_config().expect("a configuration");
        // Nothing but the full disk makes it archive anything.
        let (segment_bytes, every_s) = (1 << 20, 24 * 3_600);
        let archive = Some(archive.clone());
        config.retention = Some(Retention { keep_records: 100, segment_bytes, every_s, archive, keep_days: None });
        layout.save_config(&config).expect("written");
    };
    let mut cluster = Cluster::start_furnished(&options, 3, retain).await.expect("a cluster of three");
    let machines: Vec<_> = cluster.fleet.machines.iter().map(|machine| machine.data.clone()).collect();
    let oracle = Oracle::start(machines.clone());
    oracle.progress(20).await;
    let kept = async {
        while !full.join("reserve").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, kept).await.expect("space is set aside");
    // A part of the load at a time.
    let part = Load { clients: 2, window: 64, bytes: 4_096, during: PATIENCE, notes_max: 400 };
    for _ in 0..3 {
        write_all(&machines, &part).await;
    }
    converge(&mut cluster).await;
    // All at once, for the node: while the disk runs full, it gives its reserve away, and the ballast would take that too.
    cluster.fleet.pause(0);
    fill(&full.join("ballast"));
    assert!(full.join("reserve").exists(), "space is still set aside");
    cluster.fleet.resume(0);
    let filled = std::fs::metadata(full.join("ballast")).unwrap().len();
    // More than the reserve and the segments at hand.
    for _ in 0..12 {
        write_all(&machines, &part).await;
        converge(&mut cluster).await;
    }
    assert_eq!(std::fs::metadata(full.join("ballast")).unwrap().len(), filled, "nobody else made space");
    let known = oracle.finish().await;
    let goal = converge(&mut cluster).await;
    cluster.fleet.stop().expect("they stop in order");
    let segments = Archive::load(&archive).expect("readable").expect("an archive").segments().len();
    eprintln!("{segments} segments went to the archive");
    check(&machines[1..], &known);
    let whole = whole_log(&full.join("log"), Some(&archive)).expect("the log and its archive go together");
    let seqs = whole.records(Seq(1)).expect("all of it").map(|record| record.unwrap().seq.0);
    let last = seqs.zip(1..).inspect(|(seq, number)| assert_eq!(seq, number, "no gap")).map(|(seq, _)| seq).max();
    // Whoever stops last may have written a little more than the others heard of.
    assert!(last >= Some(goal), "{last:?} of {goal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_on_a_full_disk_stops_when_it_is_asked_to() {
    let out = tempfile::tempdir().unwrap();
    // The first leader: it hands over, and its vote for another waits behind what it could not write.
    let full = out.path().join("n1");
    let Some(_disk) = SmallDisk::mount(&full, 64) else {
        eprintln!("SKIPPED: no small disk can be mounted here (needs root); nobody was asked to stop on a full one");
        return;
    };
    let mut cluster = cluster(Some(out.path())).await;
    let machines: Vec<_> = cluster.fleet.machines.iter().map(|machine| machine.data.clone()).collect();
    fill(&full.join("ballast"));
    let part = Load { clients: 2, window: 64, bytes: 4_096, during: PATIENCE, notes_max: 500 };
    let address = Layout::new(&full).load_config().expect("a node").http;
    let writing = async {
        loop {
            // It hands over in the middle of it.
            if try_write(&machines, &part).await.is_none() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    };
    tokio::select! {
        () = metric(&address, "kifu_disk_full 1") => {}
        () = writing => {}
    }
    cluster.fleet.stop().expect("they stop in order, and in time");
}

/// Writes a load, if there is a leader all the time. A node whose disk is full may still take itself for it, and then never answers a
/// new producer.
async fn try_write(machines: &[PathBuf], load: &Load) -> Option<Written> {
    match tokio::time::timeout(ANSWER_WITHIN, write(machines, load)).await {
        Ok(Ok(written)) => return Some(written),
        Ok(Err(error)) => eprintln!("not written: {error}"),
        Err(_) => eprintln!("not written: no answer"),
    }
    None
}

/// Writes all of a load, from its beginning again where an election came between.
async fn write_all(machines: &[PathBuf], load: &Load) {
    let written = async {
        while try_write(machines, load).await.is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(2 * PATIENCE, written).await.expect("somebody leads, and has space");
}

/// Whether a node's figures have this line now.
async fn shows(address: &str, line: &str) -> bool {
    get(address, "/metrics").await.is_some_and(|answer| answer.contains(&format!("\n{line}\n")))
}

/// Waits until a node's figures have this line.
async fn metric(address: &str, line: &str) {
    let told = async {
        while !shows(address, line).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("the figures never have {line}"));
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
