//! Disks, entries and shorthands.

use std::sync::Arc;

use bytes::Bytes;
use kifu::event::cluster::LeaderElected;
use kifu::event::jobs::JobCancelled;
use kifu::event::{Draft, Event, Hash, JobId, Millis, NodeId, Term};
use kifu::log::{Entry, Log, LogDisk, LogError, LogOptions, NewEntry, Payload, Recovery, SegmentDisk, SimDisk};

pub const LEADER: NodeId = NodeId(7);

/// Segments of a few entries, hardly any cache: every path to the disk is taken.
pub fn options() -> LogOptions {
    LogOptions { segment_bytes: 2048, cache_bytes: 600, ..LogOptions::new(Hash::of(b"cluster")) }
}

/// A disk that can be opened again and again.
pub trait Bed {
    fn writer(&self) -> Arc<dyn LogDisk>;
    fn reader(&self) -> Arc<dyn LogDisk>;
}

impl Bed for SimDisk {
    fn writer(&self) -> Arc<dyn LogDisk> {
        Arc::new(self.clone())
    }

    fn reader(&self) -> Arc<dyn LogDisk> {
        Arc::new(self.clone())
    }
}

impl Bed for tempfile::TempDir {
    fn writer(&self) -> Arc<dyn LogDisk> {
        Arc::new(SegmentDisk::writer(self.path()).expect("not locked"))
    }

    fn reader(&self) -> Arc<dyn LogDisk> {
        Arc::new(SegmentDisk::reader(self.path()))
    }
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

pub fn open(bed: &dyn Bed) -> (Log, Recovery) {
    Log::open_on(bed.writer(), options()).expect("a sound log")
}

pub fn draft(at: u64, event: impl Into<Event>) -> Draft {
    let (recorded_at, observed_at) = (Millis(at), Millis(at));
    Draft { recorded_at, observed_at, origin: LEADER, origin_seq: 0, caused_by: vec![], event: event.into() }
}

pub fn elected(term: u64) -> Event {
    LeaderElected { leader: LEADER, term: Term(term), previous: None }.into()
}

pub fn cancelled(text: &str) -> Event {
    JobCancelled { job: JobId::new("selfplay-1"), reason: text.to_owned() }.into()
}

pub fn entry_of(index: u64, term: u64, drafts: &[Draft]) -> NewEntry {
    let mut bytes = vec![];
    drafts.iter().for_each(|draft| draft.encode_into(&mut bytes));
    let payload = Payload::Records { count: drafts.len() as u32, bytes: Bytes::from(bytes) };
    NewEntry { index, term: Term(term), leader: LEADER, payload }
}

/// An entry with `records` records whose text has `text_bytes` bytes.
pub fn entry(index: u64, term: u64, records: usize, text_bytes: usize) -> NewEntry {
    let drafts: Vec<_> = (0..records).map(|_| draft(1000 + index, cancelled(&"x".repeat(text_bytes)))).collect();
    entry_of(index, term, &drafts)
}

pub fn blank(index: u64, term: u64) -> NewEntry {
    NewEntry { index, term: Term(term), leader: LEADER, payload: Payload::Blank }
}

/// A mixed lot of entries from `first` on.
pub fn entries(first: u64, count: u64, term: u64) -> Vec<NewEntry> {
    let one = |index: u64| match index % 4 {
        0 => blank(index, term),
        1 => NewEntry { payload: Payload::Membership(Bytes::from(vec![7; 20])), ..blank(index, term) },
        _ => entry(index, term, (index % 3) as usize + 1, (index % 5) as usize * 20),
    };
    (first..first + count).map(one).collect()
}

pub fn append(log: &Log, entries: Vec<NewEntry>) -> Result<(), LogError> {
    log.append_durably(entries)?.wait()
}

/// Appends each as a batch of its own.
pub fn append_each(log: &Log, entries: Vec<NewEntry>) {
    entries.into_iter().for_each(|entry| append(log, vec![entry]).expect("durable"));
}

pub fn all(log: &Log) -> Vec<Entry> {
    log.read(0, u64::MAX, usize::MAX).expect("readable")
}

pub fn read_disk(disk: Arc<dyn LogDisk>) -> Result<Vec<Entry>, LogError> {
    let mut cursor = kifu::log::LogReader::open_on(disk)?.entries_near(0)?;
    let mut entries = vec![];
    while let Some(entry) = cursor.next_entry()? {
        entries.push(entry);
    }
    Ok(entries)
}

/// The names of the segments, in order.
pub fn segments(disk: &dyn LogDisk) -> Vec<String> {
    let mut names = disk.list().expect("readable");
    names.retain(|name| name.ends_with(".seg"));
    names.sort();
    names
}
