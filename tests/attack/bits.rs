//! One random bit flipped in each kind of file of a stopped node: it goes on, repairs itself, or refuses with a documented
//! code and words. It never panics, and it never serves a different history.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::Rng;

use crate::oracle::{Oracle, check};
use crate::support::{cluster, rounds, seeded};

/// Codes with which a node may refuse what it finds.
const DOCUMENTED: [i32; 5] = [1, 2, 4, 5, 6];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_is_noticed_or_harmless_in_every_file() {
    let mut random = seeded();
    let mut cluster = cluster(None).await;
    let machines: Vec<_> = cluster.fleet.machines.iter().map(|machine| machine.data.clone()).collect();
    let oracle = Oracle::start(machines.clone());
    oracle.progress(200).await;
    let known = oracle.finish().await;
    cluster.ready(3).await.expect("all are there");
    // Alone, so that it learns nothing new meanwhile: a copy that is put back must not look older than what it said.
    (0..3).for_each(|index| cluster.fleet.kill(index));
    let folder = &machines[2];
    let whole = tempfile::tempdir().unwrap();
    copy(folder, whole.path());
    let mut files = vec![];
    list(folder, folder, &mut files);
    assert!(files.len() > 5, "a node has several files: {files:?}");
    for file in &files {
        for _ in 0..rounds(1).min(10) {
            std::fs::remove_dir_all(folder).unwrap();
            copy(whole.path(), folder);
            let place = flip(&folder.join(file), &mut random);
            cluster.fleet.start(2).expect("a process");
            tokio::time::sleep(Duration::from_millis(700)).await;
            let ended = cluster.fleet.ended().into_iter().find(|(index, _)| *index == 2);
            let code = ended.map(|(_, status)| status.code());
            eprintln!("{}: bit {place}: {}", file.display(), code.map_or("runs".into(), |code| format!("{code:?}")));
            if let Some(code) = code {
                let words = std::fs::read_to_string(&cluster.fleet.machines[2].log).unwrap_or_default();
                assert!(code.is_some_and(|code| DOCUMENTED.contains(&code)), "{}: {code:?}: {words}", file.display());
            }
            cluster.fleet.kill(2);
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
    copy(whole.path(), folder);
    (0..3).for_each(|index| cluster.fleet.start(index).expect("a process"));
    cluster.ready(3).await.expect("the whole copy goes on");
    cluster.fleet.stop().expect("they stop in order");
    check(&machines, &known);
}

/// Flips a random bit of a file, in its used part if it ends in zeros. Returns which.
fn flip(path: &Path, random: &mut impl Rng) -> usize {
    let mut bytes = std::fs::read(path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if used == 0 {
        return 0;
    }
    let bit = random.random_range(0..used * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    std::fs::write(path, bytes).unwrap();
    bit
}

/// All files below `folder` that hold anything, but for sockets and locks.
fn list(root: &Path, folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            list(root, &entry.path(), into);
        } else if kind.is_file() && entry.metadata().unwrap().len() > 0 {
            into.push(entry.path().strip_prefix(root).unwrap().to_owned());
        }
    }
    into.sort();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).unwrap()),
        }
    }
}
