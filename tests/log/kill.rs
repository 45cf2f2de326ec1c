//! A real process is killed in the middle of its appends.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use kifu::log::Log;

use crate::support::*;

/// Tells the child where to write.
const FOLDER: &str = "KIFU_TEST_LOG";

/// Not a test of its own: [`nothing_acknowledged_dies_with_the_process`] runs it as the process that is killed.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (log, _) = Log::open(Path::new(&folder), options()).expect("a sound log");
    let mut next = log.last().map_or(0, |last| last.index + 1);
    loop {
        append(&log, entries(next, 5, 1)).expect("durable");
        next += 5;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "acked {next}").and_then(|()| stdout.flush()).expect("the parent listens");
    }
}

#[test]
fn nothing_acknowledged_dies_with_the_process() {
    let folder = folder();
    let mut acked = 0;
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "kill::writer", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        // The harness writes its own words onto the first line.
        let counts = lines.map_while(Result::ok).filter_map(|line| line.rsplit_once("acked ")?.1.parse::<u64>().ok());
        acked = counts.take(round * 7).last().expect("the child appends");
        child.kill().expect("killed");
        child.wait().expect("ended");
        let (log, recovery) = Log::open(folder.path(), options()).expect("recovers");
        assert!(recovery.entries >= acked, "round {round}: {acked} acknowledged, {recovery:?}");
        assert_eq!(all(&log).len() as u64, recovery.entries);
    }
    assert!(acked > 35, "each round goes on where the last one ended: {acked}");
}
