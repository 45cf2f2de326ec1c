//! Opens what is on the disk: checks every frame, cuts a torn tail, refuses damage.

use std::path::PathBuf;
use std::sync::Arc;

use super::base::{self, ASIDE, BASE, Base};
use super::disk::{LogDisk, LogFile};
use super::entry::Tip;
use super::error::LogError;
use super::index::{Index, Segment};
use super::segment::{self, SEGMENT_HEADER_BYTES, SegmentHeader, TEMPORARY};
use super::segment_disk::LOCK;
use super::snapshot::SNAPSHOT;
use super::store::LogOptions;
use super::tail::Tail;
use super::vote::{self, Vote};
use super::walk::{self, Step, Walk};
use crate::event::{Hash, Seq};

/// What was found when a log was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Segments.
    pub segments: usize,
    /// Entries.
    pub entries: u64,
    /// Records.
    pub records: u64,
    /// The torn tail that was cut, if there was one.
    pub cut: Option<Cut>,
    /// Unfinished files that were removed.
    pub removed: Vec<String>,
}

/// A torn tail: a write that never completed, so nobody was told that it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment.
    pub path: PathBuf,
    /// Where the tail began.
    pub offset: u64,
    /// Its length.
    pub bytes: u64,
    /// The entry that comes next now.
    pub next_index: u64,
    /// The record that comes next now.
    pub next_seq: Seq,
}

/// The segment that is written to.
pub(super) struct Active {
    pub file: Arc<dyn LogFile>,
    pub path: PathBuf,
    /// Where the next frame goes.
    pub tail: u64,
    /// The file's size.
    pub capacity: u64,
}

/// All that the writer needs to go on.
pub(super) struct Recovered {
    pub index: Index,
    /// The end of what came before the first entry.
    pub base: Tip,
    pub tip: Tip,
    pub active: Active,
    pub vote: Option<Vote>,
    pub committed: u64,
    pub report: Recovery,
}

/// Recovers the log on `disk`, or begins a new one.
pub(super) fn recover(disk: &dyn LogDisk, options: &LogOptions) -> Result<Recovered, LogError> {
    let LogOptions { cluster, segment_bytes, check_from, .. } = options;
    let segment_bytes = *segment_bytes;
    let mut removed = tidy(disk)?;
    let vote = Vote::load(disk, cluster)?;
    let base = recover_base(disk, cluster, segment_bytes)?;
    let begins = base.unwrap_or(Tip::genesis(*cluster));
    removed.extend(base::remove_below(disk, begins.next_index)?);
    let mut firsts = segment::list(disk)?;
    if firsts.is_empty() {
        if vote.is_some() || base.is_some() {
            return Err(LogError::Missing { path: disk.path("") });
        }
        let header = SegmentHeader { cluster: *cluster, before: Tip::genesis(*cluster) };
        create_segment(disk, &header, segment_bytes)?;
        firsts.push(0);
    }
    let mut index = Index::default();
    let mut tip = begins;
    let mut last = None;
    for (place, &first) in firsts.iter().enumerate() {
        let mut walk = Walk::open(disk, first)?;
        check_cluster(&walk, cluster)?;
        walk::check_joint(&tip, &walk)?;
        index.push(Segment::new(walk.name.clone(), walk.file().clone(), walk.header.before));
        if let Some(next) = firsts.get(place + 1).filter(|next| *next <= check_from) {
            tip = end_of(disk, &walk, *next)?;
            continue;
        }
        let bad = read_segment(&mut walk, &mut index)?;
        let tail = walk.judge(bad)?;
        tip = walk.tip;
        if place + 1 < firsts.len() && tail != Tail::Clean {
            let reason = format!("{}, but later segments show that more was durable", bad.unwrap_or("zeros"));
            return Err(walk.damaged_here(reason));
        }
        last = Some((walk, tail));
    }
    let (walk, tail) = last.expect("there is at least one segment");
    let cut = cut_tail(&walk, tail)?;
    settle(disk, &walk)?;
    let capacity = walk.file().bytes().map_err(|error| LogError::io("read", walk.path(), error))?;
    let active = Active { file: walk.file().clone(), path: walk.path().clone(), tail: walk.offset(), capacity };
    let committed = vote::load_committed(disk).min(tip.next_index).max(begins.next_index);
    let (entries, records) = (tip.next_index - begins.next_index, tip.next_seq.0 - begins.next_seq.0);
    let report = Recovery { segments: firsts.len(), entries, records, cut, removed };
    Ok(Recovered { index, base: begins, tip, active, vote, committed, report })
}

/// The end of a segment that is not read, as the header of the one that begins at `next` says.
fn end_of(disk: &dyn LogDisk, walk: &Walk, next: u64) -> Result<Tip, LogError> {
    let (before, after) = (walk.header.before, Walk::open(disk, next)?.header.before);
    if after.next_seq < before.next_seq || after.term < before.term {
        return Err(walk.damaged_here(format!("the segment from entry {next} on does not follow from this one")));
    }
    Ok(after)
}

/// Where the log begins, if that is later than at index 0. Completes what a crash interrupted.
fn recover_base(disk: &dyn LogDisk, cluster: &Hash, segment_bytes: u64) -> Result<Option<Tip>, LogError> {
    let Some(mut base) = Base::load(disk)? else { return Ok(None) };
    if base.cluster != *cluster {
        return Err(LogError::ForeignCluster { path: disk.path(BASE), expected: *cluster, found: base.cluster });
    }
    if base.unsettled {
        base.settle(disk, segment_bytes)?;
    }
    Ok(Some(base.tip))
}

/// Reads to the end of a segment. Returns what is wrong there, if it is not zeros.
fn read_segment(walk: &mut Walk, index: &mut Index) -> Result<Option<&'static str>, LogError> {
    loop {
        match walk.next()? {
            Step::Frame(frame) => index.note(frame.entry.index, frame.entry.first_seq, frame.offset),
            Step::Stop(bad) => return Ok(bad),
        }
    }
}

/// Refuses a segment of another cluster.
pub(super) fn check_cluster(walk: &Walk, cluster: &Hash) -> Result<(), LogError> {
    let found = walk.header.cluster;
    if found == *cluster {
        return Ok(());
    }
    Err(LogError::ForeignCluster { path: walk.path().clone(), expected: *cluster, found })
}

/// Removes unfinished files and refuses a folder that holds anything foreign.
fn tidy(disk: &dyn LogDisk) -> Result<Vec<String>, LogError> {
    let names = disk.list().map_err(|error| LogError::io("list", &disk.path(""), error))?;
    let known = |name: &str| {
        [LOCK, BASE, SNAPSHOT, vote::VOTE, vote::COMMITTED].contains(&name)
            || name.ends_with(ASIDE)
            || name.ends_with(TEMPORARY)
            || segment::index_of(name).is_some()
    };
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let reason = "the folder of a log holds nothing else".to_owned();
        return Err(LogError::Foreign { path: disk.path(name), reason });
    }
    let unfinished: Vec<String> = names.into_iter().filter(|name| name.ends_with(TEMPORARY)).collect();
    for name in &unfinished {
        disk.remove(name).map_err(|error| LogError::io("remove", &disk.path(name), error))?;
    }
    Ok(unfinished)
}

/// Makes durable what was found: a process that was killed may have written it and not synced it, and whoever sees it in the log counts on it.
fn settle(disk: &dyn LogDisk, last: &Walk) -> Result<(), LogError> {
    last.file().sync().map_err(|error| LogError::fatal("sync", last.path(), error))?;
    disk.sync_dir().map_err(|error| LogError::fatal("sync", &disk.path(""), error))
}

/// Overwrites a torn tail with zeros, or refuses damage.
fn cut_tail(walk: &Walk, tail: Tail) -> Result<Option<Cut>, LogError> {
    let bytes = match tail {
        Tail::Clean => return Ok(None),
        Tail::Torn { bytes } => bytes,
        Tail::Damaged { reason } => return Err(walk.damaged_here(reason)),
    };
    let offset = walk.offset();
    wipe(walk.file().as_ref(), offset, bytes)
        .map_err(|error| LogError::fatal("cut the tail of", walk.path(), error))?;
    let (path, next_index, next_seq) = (walk.path().clone(), walk.tip.next_index, walk.tip.next_seq);
    tracing::warn!(path = %path.display(), offset, bytes, next_index, %next_seq, "cut a torn tail");
    Ok(Some(Cut { path, offset, bytes, next_index, next_seq }))
}

/// Overwrites with zeros, a page at a time.
pub(super) fn wipe(file: &dyn LogFile, offset: u64, bytes: u64) -> std::io::Result<()> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut done = 0;
    while done < bytes {
        let step = (bytes - done).min(ZEROS.len() as u64);
        file.write_at(&ZEROS[..step as usize], offset + done)?;
        done += step;
    }
    Ok(())
}

/// Makes a segment: complete under its final name, or not at all.
pub(super) fn create_segment(disk: &dyn LogDisk, header: &SegmentHeader, bytes: u64) -> Result<Active, LogError> {
    let name = segment::name_of(header.before.next_index);
    let path = disk.path(&name);
    let temporary = format!("{name}{TEMPORARY}");
    let file = prepare(disk, &temporary, bytes, &header.encode())?;
    publish(disk, &temporary, &name)?;
    Ok(Active { file, path, tail: SEGMENT_HEADER_BYTES as u64, capacity: bytes })
}

/// Makes a synced file that begins with `head`. Leaves nothing behind when the disk is full.
pub(super) fn prepare(disk: &dyn LogDisk, name: &str, bytes: u64, head: &[u8]) -> Result<Arc<dyn LogFile>, LogError> {
    let path = disk.path(name);
    let file = disk.create(name, bytes).map_err(|error| LogError::io("create", &path, error))?;
    let written = file.write_at(head, 0).map_err(|error| LogError::io("write", &path, error));
    if let Err(error) = written {
        disk.remove(name).map_err(|error| LogError::fatal("remove", &path, error))?;
        return Err(error);
    }
    file.sync().map_err(|error| LogError::fatal("sync", &path, error))?;
    Ok(file)
}

/// Gives a prepared file its final name, durably.
pub(super) fn publish(disk: &dyn LogDisk, temporary: &str, name: &str) -> Result<(), LogError> {
    disk.rename(temporary, name)
        .and_then(|()| disk.sync_dir())
        .map_err(|error| LogError::fatal("rename", &disk.path(temporary), error))
}
