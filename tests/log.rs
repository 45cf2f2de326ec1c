//! The event log on a real disk.

use std::sync::mpsc;

use bytes::Bytes;
use kifu::event::cluster::LeaderElected;
use kifu::event::{Draft, Hash, Millis, NodeId, Seq, Term};
use kifu::log::{Log, LogOptions, LogReader, NewEntry, Payload, Vote};

fn options() -> LogOptions {
    LogOptions { segment_bytes: 4096, cache_bytes: 2048, ..LogOptions::new(Hash::of(b"cluster")) }
}

fn entry(index: u64, term: u64) -> NewEntry {
    let draft = Draft {
        recorded_at: Millis(1_000 + index),
        observed_at: Millis(1_000),
        origin: NodeId(7),
        origin_seq: index,
        caused_by: vec![],
        event: LeaderElected { leader: NodeId(7), term: Term(term), previous: None }.into(),
    };
    let mut bytes = vec![];
    draft.encode_into(&mut bytes);
    draft.encode_into(&mut bytes);
    let payload = Payload::Records { count: 2, bytes: Bytes::from(bytes) };
    NewEntry { index, term: Term(term), leader: NodeId(7), payload }
}

#[test]
fn what_was_appended_is_read_back_after_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, recovery) = Log::open(folder.path(), options()).expect("a new log");
    assert_eq!(recovery.entries, 0);
    let (sender, receiver) = mpsc::channel();
    for index in 0..100 {
        let sender = sender.clone();
        let done = Box::new(move |result: Result<(), _>| sender.send((index, result.is_ok())).expect("a listener"));
        log.append(vec![entry(index, 1)], done).expect("next");
        assert_eq!(log.last().expect("an entry").index, index);
    }
    drop(sender);
    assert_eq!(receiver.iter().collect::<Vec<_>>(), (0..100).map(|index| (index, true)).collect::<Vec<_>>());
    log.save_vote(Vote { term: Term(3), node: Some(NodeId(9)), committed: true }).expect("open").wait().expect("saved");
    log.save_committed(Some(42)).expect("open");
    let all = log.read(0, 1000, usize::MAX).expect("readable");
    assert_eq!(all.len(), 100);
    assert_eq!(log.entry_of_seq(Seq(7)).expect("readable").expect("there").index, 3);
    drop(log);

    let (log, recovery) = Log::open(folder.path(), options()).expect("the same log");
    assert_eq!((recovery.entries, recovery.records, recovery.cut), (100, 200, None));
    assert_eq!(log.read(0, 1000, usize::MAX).expect("readable"), all);
    assert_eq!(log.vote(), Some(Vote { term: Term(3), node: Some(NodeId(9)), committed: true }));
    assert_eq!(log.committed(), Some(42));
    let reader = LogReader::open(folder.path()).expect("a log");
    assert_eq!(reader.last().expect("readable"), log.last());
    let seqs: Vec<_> = reader.records(Seq(150)).expect("a segment").map(|record| record.expect("whole").seq).collect();
    assert_eq!(seqs, (150..=200).map(Seq).collect::<Vec<_>>());
    log.truncate_after(Some(9)).expect("open").wait().expect("durable");
    assert_eq!(log.last(), Some(all[9].position()));
    assert_eq!(reader.last().expect("readable"), log.last());
}
