//! The outbox keeps what it acknowledged: across restarts, kills, wipes and damage.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use kifu::event::command::{Command, FailJob, LeaseHolder};
use kifu::event::{JobId, Millis, NodeId, Proposal, Seq};
use kifu::work::outbox::{Entry, Limits, Outbox, OutboxError};

const NODE: NodeId = NodeId(7);
/// Set for the child process of the kill test: the folder of its outbox.
const CHILD: &str = "KIFU_TEST_OUTBOX";

fn command(number: u64, words: usize) -> Command {
    let lease = LeaseHolder { job: JobId::new(number), host: NODE, token: Seq(number) };
    Command::FailJob(FailJob { lease, error: "word ".repeat(words), retry: true })
}

fn open(path: &Path, floor: u64) -> Outbox {
    Outbox::open(path, NODE, floor, Limits::default()).expect("a healthy outbox")
}

async fn push(outbox: &Outbox, number: u64) -> Result<u64, OutboxError> {
    outbox.push(command(number, 3), vec![Seq(number)], Millis(number)).await
}

fn numbers(proposals: &[Proposal]) -> Vec<u64> {
    proposals.iter().map(|proposal| proposal.origin_seq).collect()
}

#[tokio::test]
async fn proposals_keep_their_order_and_number_across_restarts() {
    let dir = tempfile::tempdir().expect("a folder");
    let outbox = open(dir.path(), 0);
    for number in 1..=5 {
        assert_eq!(push(&outbox, number).await, Ok(number));
    }
    assert_eq!(*outbox.durable().borrow(), 5);
    assert_eq!(numbers(&outbox.peek_batch(2).expect("readable")), [1, 2]);
    outbox.ack(3).await.expect("a healthy disk");
    drop(outbox);

    let outbox = open(dir.path(), 0);
    let pending = outbox.pending().expect("readable");
    assert_eq!(numbers(&pending), [4, 5]);
    assert_eq!(pending[0].command, command(4, 3));
    assert_eq!(outbox.len(), 2);
    outbox.ack(u64::MAX).await.expect("a healthy disk");
    assert!(outbox.is_empty());
    drop(outbox);
    assert_eq!(push(&open(dir.path(), 0), 6).await, Ok(6), "an empty outbox still knows its last number");
}

#[tokio::test]
async fn a_wiped_or_old_outbox_never_gives_a_number_again() {
    let dir = tempfile::tempdir().expect("a folder");
    assert_eq!(push(&open(dir.path(), 41), 42).await, Ok(42));
    let outbox = open(dir.path(), 50);
    assert!(outbox.is_empty(), "the log holds 42 already");
    assert_eq!(push(&outbox, 51).await, Ok(51));
    drop(outbox);
    assert_eq!(numbers(&open(dir.path(), 50).pending().expect("readable")), [51]);
}

#[tokio::test]
async fn a_full_outbox_refuses_and_recovers() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = Limits { entries_max: 2, bytes_max: 1 << 20, ..Limits::default() };
    let outbox = Outbox::open(dir.path(), NODE, 0, limits).expect("a new outbox");
    push(&outbox, 1).await.expect("room");
    push(&outbox, 2).await.expect("room");
    assert!(matches!(push(&outbox, 3).await, Err(OutboxError::Full { entries: 2, .. })));
    outbox.ack(1).await.expect("a healthy disk");
    assert_eq!(push(&outbox, 3).await, Ok(3), "a refused proposal uses up no number");

    let limits = Limits { entries_max: 100, bytes_max: 1_000, ..Limits::default() };
    let small = tempfile::tempdir().expect("a folder");
    let outbox = Outbox::open(small.path(), NODE, 0, limits).expect("a new outbox");
    let large = outbox.push(command(1, 500), vec![], Millis(1)).await;
    assert!(matches!(large, Err(OutboxError::Full { entries: 0, bytes: 0 })));
}

#[tokio::test]
async fn long_proposals_are_kept_and_absurd_ones_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let outbox = open(dir.path(), 0);
    let long = command(1, 100_000);
    outbox.push(long.clone(), vec![], Millis(1)).await.expect("half a MiB");
    let absurd = outbox.push(command(2, 300_000), vec![], Millis(1)).await;
    assert!(matches!(absurd, Err(OutboxError::TooLarge { .. })));
    drop(outbox);
    let outbox = open(dir.path(), 0);
    assert_eq!(outbox.peek_batch(9).expect("readable")[0].command, long);
    outbox.ack(1).await.expect("a healthy disk");
    assert!(outbox.is_empty());
}

/// sled writes large pages to files of their own, which nobody syncs: after a power cut they may be empty.
#[tokio::test]
async fn nothing_lies_in_files_that_are_not_synced() {
    let dir = tempfile::tempdir().expect("a folder");
    let outbox = open(dir.path(), 0);
    for number in 1..=4 {
        outbox.push(command(number, 20_000), vec![], Millis(1)).await.expect("it fits");
    }
    for number in 5..=30 {
        push(&outbox, number).await.expect("it fits");
        outbox.ack(number - 5).await.expect("a healthy disk");
        let files = std::fs::read_dir(dir.path().join("sled/blobs")).map_or(0, Iterator::count);
        assert_eq!(files, 0, "after {number}");
    }
}

#[tokio::test]
async fn concurrent_pushes_share_syncs_and_all_get_numbers() {
    let dir = tempfile::tempdir().expect("a folder");
    let outbox = std::sync::Arc::new(open(dir.path(), 0));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let outbox = outbox.clone();
        tasks.spawn(async move { push(&outbox, number).await.expect("room") });
    }
    let mut given = tasks.join_all().await;
    given.sort_unstable();
    assert_eq!(given, (1..=50).collect::<Vec<_>>());
    let entries = (0..3).map(|number| Entry { command: command(number, 1), caused_by: vec![], observed_at: Millis(1) });
    assert_eq!(outbox.push_many(entries.collect()).await, Ok(53));
}

#[test]
fn two_nodes_cannot_share_an_outbox() {
    let dir = tempfile::tempdir().expect("a folder");
    let outbox = open(dir.path(), 0);
    let impatient = Limits { lock_wait: Duration::from_millis(200), ..Limits::default() };
    let second = Outbox::open(dir.path(), NODE, 0, impatient).err();
    assert_eq!(second, Some(OutboxError::InUse { path: dir.path().to_owned() }));
    drop(outbox);
    let foreign = Outbox::open(dir.path(), NodeId(8), 0, Limits::default()).err();
    assert_eq!(foreign, Some(OutboxError::Foreign { path: dir.path().to_owned(), owner: NODE, node: NodeId(8) }));
}

/// Flips bits all over the file. Each flip is either refused with a way out or hits dead space; nothing wrong is read.
#[tokio::test]
async fn damage_is_refused_or_harmless_never_silent() {
    let dir = tempfile::tempdir().expect("a folder");
    let healthy = dir.path().join("healthy");
    let outbox = open(&healthy, 0);
    for number in 1..=20 {
        push(&outbox, number).await.expect("room");
    }
    let expected = outbox.pending().expect("readable");
    drop(outbox);
    let bytes = std::fs::read(healthy.join("sled/db")).expect("sled's file");
    let used = bytes.iter().rposition(|&byte| byte != 0).expect("not empty");
    const TRIALS: usize = 48;
    let mut refused = 0;
    for trial in 0..TRIALS {
        let copy = dir.path().join(format!("copy-{trial}"));
        std::fs::create_dir_all(copy.join("sled")).expect("a folder");
        for file in ["mark", "sled/conf"] {
            std::fs::copy(healthy.join(file), copy.join(file)).expect("a copy");
        }
        let mut flipped = bytes.clone();
        flipped[used * trial / TRIALS] ^= 1 << (trial % 8);
        std::fs::write(copy.join("sled/db"), flipped).expect("a copy");
        match Outbox::open(&copy, NODE, 0, Limits::default()).and_then(|outbox| outbox.pending()) {
            Ok(read) => assert_eq!(read, expected, "trial {trial}"),
            Err(error @ OutboxError::Damaged { .. }) => {
                assert!(error.to_string().contains("Move the folder away"), "{error}");
                refused += 1;
            }
            Err(other) => panic!("trial {trial}: {other}"),
        }
    }
    assert!(refused > 0, "no trial hit live data");
}

/// Copies an outbox with one of its files cut off after `length` bytes, and opens the copy.
fn open_cut(healthy: &Path, copy: &Path, file: &str, length: u64) -> Result<Vec<Proposal>, OutboxError> {
    std::fs::remove_dir_all(copy).ok();
    std::fs::create_dir_all(copy.join("sled")).expect("a folder");
    for file in ["mark", "sled/conf", "sled/db"] {
        std::fs::copy(healthy.join(file), copy.join(file)).expect("a copy");
    }
    let cut = std::fs::File::options().write(true).open(copy.join(file)).expect("there");
    cut.set_len(length).expect("shorter");
    drop(cut);
    Outbox::open(copy, NODE, 0, Limits::default()).and_then(|outbox| outbox.pending())
}

/// The last byte of a file that is not zero, and the bytes in which it differs from an earlier copy of itself.
fn written(before: &[u8], after: &[u8]) -> std::ops::Range<usize> {
    let differs = |at: usize| before.get(at) != Some(&after[at]);
    let first = (0..after.len()).find(|at| differs(*at)).expect("something was written");
    let last = (0..after.len()).rfind(|at| differs(*at)).expect("something was written");
    first..last + 1
}

/// Each file ends somewhere within the last commit, or at nothing at all: all that was acknowledged is there, or it is said that
/// something is gone. An outbox never opens empty, or with less, without a word.
#[tokio::test]
async fn a_file_that_is_cut_short_is_refused_or_whole_never_silently_less() {
    let dir = tempfile::tempdir().expect("a folder");
    let (healthy, copy) = (dir.path().join("healthy"), dir.path().join("copy"));
    let outbox = open(&healthy, 0);
    for number in 1..=8 {
        push(&outbox, number).await.expect("room");
    }
    let db = healthy.join("sled/db");
    let before = std::fs::read(&db).expect("sled's file");
    push(&outbox, 9).await.expect("room");
    let expected = outbox.pending().expect("readable");
    let commit = written(&before, &std::fs::read(&db).expect("sled's file"));
    drop(outbox);
    let bytes_of = |file: &str| std::fs::metadata(healthy.join(file)).expect("there").len();
    let within = commit.clone().step_by((commit.len() / 40).max(1)).map(|length| ("sled/db", length as u64));
    let ends = ["sled/db", "sled/conf", "mark"].into_iter().flat_map(|file| {
        let bytes = bytes_of(file);
        (0..16).map(move |part| (file, bytes * part / 16)).chain([(file, 1), (file, bytes - 1)])
    });
    let (mut whole, mut refused) = (0, 0);
    for (file, length) in within.chain(ends) {
        match open_cut(&healthy, &copy, file, length) {
            Ok(read) => {
                assert_eq!(read, expected, "{file} of {length} bytes");
                whole += 1;
            }
            Err(OutboxError::Damaged { .. }) => refused += 1,
            Err(other) => panic!("{file} of {length} bytes: {other}"),
        }
    }
    assert!(whole > 0 && refused > 40, "{whole} whole, {refused} refused: the cuts hit nothing");
}

/// What the killed child does: pushes for ever, says what was acknowledged, and forgets all but the last five.
async fn push_for_ever(dir: &Path) {
    let outbox = open(dir, 0);
    loop {
        let number = push(&outbox, 1).await.expect("room");
        writeln!(std::io::stdout(), "pushed {number}").expect("the parent reads");
        if number % 10 == 0 {
            outbox.ack(number - 5).await.expect("a healthy disk");
        }
    }
}

/// Starts this very test again as a child that pushes for ever, and kills it, six times on one folder.
#[tokio::test]
async fn kill_9_loses_nothing_that_was_acknowledged() {
    if let Some(dir) = std::env::var_os(CHILD) {
        return push_for_ever(Path::new(&dir)).await;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let mut last = 0;
    for round in 0..6 {
        let mut child = Process::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "outbox::kill_9_loses_nothing_that_was_acknowledged", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test again");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        // Killed after a different number of pushes each round; the pipe holds a few more that were acknowledged too.
        let mut seen = 0;
        for line in lines.map(|line| line.expect("text")) {
            let Some(number) = line.split("pushed ").nth(1).and_then(|word| word.parse::<u64>().ok()) else { continue };
            assert_eq!(number, last + 1, "round {round}: the numbers go on");
            last = number;
            seen += 1;
            if seen == 7 + 4 * round {
                child.kill().expect("SIGKILL");
            }
        }
        child.wait().expect("a child");
        assert!(seen > 0, "round {round}: the child pushed nothing");
        let outbox = open(dir.path(), 0);
        let kept = numbers(&outbox.pending().expect("readable"));
        assert!(kept.is_sorted() && kept.contains(&last), "round {round}: {last} was acknowledged, kept {kept:?}");
        assert!(kept.first().is_some_and(|&first| first <= last - 4 || first == 1), "round {round}: {kept:?}");
        // A push that was stored but whose acknowledgement the kill cut off may be there too, under the next number.
        last = *kept.last().expect("not empty");
    }
}
