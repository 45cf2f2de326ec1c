//! Copies the committed part of a log, segment by segment, beside its writer.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::manifest::SegmentCopy;
use crate::event::{Hash, Seq};
use crate::log::{LogPosition, LogReader};
use crate::node::NodeError;

/// Bytes that are copied at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// The committed part of one segment.
struct Part {
    /// Its name in a log's folder.
    name: String,
    path: PathBuf,
    bytes: u64,
    last: LogPosition,
    sealed: bool,
}

/// What was copied.
#[derive(Debug)]
pub struct Copied {
    /// All segments of the backup, in order.
    pub segments: Vec<SegmentCopy>,
    /// The last committed entry.
    pub last: LogPosition,
    /// Segments that were written now; the others were there.
    pub written: usize,
}

/// Copies what is committed into `out` (at least all records up to `applied`), but for the sealed segments that `known` says are there.
///
/// # Errors
/// When the log cannot be read, `known` is of another log, or the copy cannot be written or differs.
pub fn copy(reader: &LogReader, out: &Path, known: &[SegmentCopy], applied: Seq) -> Result<Copied, NodeError> {
    let kept: Vec<SegmentCopy> = known.iter().take_while(|copy| copy.sealed && is_there(out, copy)).cloned().collect();
    let committed = committed(reader, applied)?;
    let (before, parts) = parts(reader, out, kept.last(), committed)?;
    fs::create_dir_all(out).map_err(NodeError::io(out))?;
    let mut segments = kept;
    let (mut last, written) = (before, parts.len());
    for part in parts {
        last = Some(part.last);
        segments.push(copy_part(&part, out)?);
    }
    File::open(out).and_then(|folder| folder.sync_all()).map_err(NodeError::io(out))?;
    let nothing =
        || NodeError::Backup { path: out.to_owned(), reason: "the log holds nothing committed yet".to_owned() };
    Ok(Copied { segments, last: last.ok_or_else(nothing)?, written })
}

/// Whether an earlier backup's copy is still what was written: rot is found while the node has the bytes to replace it.
fn is_there(out: &Path, copy: &SegmentCopy) -> bool {
    check(&out.join(&copy.name), copy.bytes, &copy.hash)
        .inspect_err(|error| tracing::warn!(%error, segment = copy.name, "it is copied again"))
        .is_ok()
}

/// The last entry that is known to be committed: the writer's hint, or the entry of a record that was applied.
fn committed(reader: &LogReader, applied: Seq) -> Result<Option<u64>, NodeError> {
    let mut committed = reader.committed();
    let mut cursor = reader.entries_near(committed.map_or(0, |index| index + 1))?;
    while let Some(entry) = cursor.next_entry()?.filter(|entry| entry.first_seq <= applied) {
        if entry.payload.count() > 0 && entry.position().seq <= applied {
            committed = committed.max(Some(entry.index));
        }
    }
    Ok(committed)
}

/// The last entry of the segment `after`, and the committed parts of the segments that follow it.
fn parts(
    reader: &LogReader,
    out: &Path,
    after: Option<&SegmentCopy>,
    committed: Option<u64>,
) -> Result<(Option<LogPosition>, Vec<Part>), NodeError> {
    let other = |reason: String| NodeError::Backup { path: out.to_owned(), reason };
    let from = after.map_or(0, |copy| copy.last_index + 1);
    if let Some(base) = reader.base()?.filter(|base| base.index >= from) {
        return Err(other(format!(
            "this node's log begins after entry {}, and its archive does not hold all that came before: back up a node that \
             holds the whole history, or one that archived it",
            base.index
        )));
    }
    let mut cursor = reader.entries_near(from)?;
    let before = cursor.position();
    if let Some(copy) = after
        && cursor.position().is_none_or(|at| (at.index, at.chain) != (copy.last_index, copy.chain))
    {
        return Err(other("it holds a backup of another log: choose another folder".to_owned()));
    }
    let mut parts: Vec<Part> = vec![];
    while let Some(entry) = cursor.next_entry()? {
        let place = cursor.next_place();
        let last = entry.position();
        let is_new = parts.last().is_none_or(|part| part.path != place.path);
        if committed.is_none_or(|committed| entry.index > committed) {
            break;
        }
        if is_new {
            parts.iter_mut().for_each(|part| part.sealed = true);
            let name = format!("{:020}.seg", entry.index);
            parts.push(Part { name, path: place.path, bytes: place.offset, last, sealed: false });
        } else if let Some(part) = parts.last_mut() {
            (part.bytes, part.last) = (place.offset, last);
        }
    }
    Ok((before, parts))
}

/// Copies the beginning of a segment, makes it durable, and reads it back.
fn copy_part(part: &Part, out: &Path) -> Result<SegmentCopy, NodeError> {
    let name = part.name.clone();
    let target = out.join(&name);
    let temporary = target.with_extension("tmp");
    let write = || -> std::io::Result<Hash> {
        let mut into = File::create(&temporary)?;
        let hash = pump(&part.path, part.bytes, &mut |bytes| into.write_all(bytes))?;
        into.sync_all()?;
        fs::rename(&temporary, &target)?;
        Ok(hash)
    };
    let hash = write().map_err(NodeError::io(&target))?;
    check(&target, part.bytes, &hash)?;
    let LogPosition { index: last_index, chain, .. } = part.last;
    Ok(SegmentCopy { name, bytes: part.bytes, hash, last_index, chain, sealed: part.sealed })
}

/// Checks that the first `bytes` of a file have this hash.
///
/// # Errors
/// When they do not, or cannot be read.
pub fn check(path: &Path, bytes: u64, hash: &Hash) -> Result<(), NodeError> {
    let found = pump(path, bytes, &mut |_| Ok(())).map_err(NodeError::io(path))?;
    if found == *hash {
        return Ok(());
    }
    Err(NodeError::Backup { path: path.to_owned(), reason: "its bytes are not those that were written".to_owned() })
}

/// Reads the first `bytes` of a file piece by piece, and hashes them.
fn pump(path: &Path, bytes: u64, sink: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<Hash> {
    let mut from = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut left = bytes;
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(BUFFER_BYTES);
        from.read_exact(&mut buffer[..wanted])?;
        hasher.update(&buffer[..wanted]);
        sink(&buffer[..wanted])?;
        left -= wanted as u64;
    }
    Ok(Hash(*hasher.finalize().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{NodeId, Term};
    use crate::log::{Log, LogOptions, NewEntry, Payload};
    use crate::projection::testing::record;
    use bytes::Bytes;

    /// A log of a few segments, a record an entry, of which nothing is known to be committed.
    fn log(folder: &Path, records: u64) -> LogReader {
        let options = LogOptions { segment_bytes: 64 << 10, ..LogOptions::new(Hash::of(b"x")) };
        let (log, _) = Log::open(folder, options).expect("a new log");
        let entry = |index: u64| {
            let online = crate::event::cluster::HostOnline { host: NodeId(1), incarnation: index, slots: 1 };
            let mut bytes = vec![];
            record(index + 1, online).draft.encode_into(&mut bytes);
            let payload = Payload::Records { count: 1, bytes: Bytes::from(bytes) };
            NewEntry { index, term: Term(1), leader: NodeId(1), payload }
        };
        log.append((0..records).map(entry).collect(), Box::new(|result| result.expect("durable"))).expect("next");
        drop(log);
        LogReader::open(folder).expect("a log")
    }

    #[test]
    fn copies_that_have_rotted_are_made_again_and_what_was_committed_once_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let (reader, out) = (log(&dir.path().join("log"), 2_000), dir.path().join("out"));
        let first = copy(&reader, &out, &[], Seq(1_900)).expect("copied");
        assert!(first.segments.len() > 2 && first.last.seq == Seq(1_900), "{:?}", first.last);
        let again = copy(&reader, &out, &first.segments, Seq(1_900)).expect("copied");
        assert_eq!((again.written, again.last), (1, first.last), "only the last one may have grown");
        let rotten = out.join(&first.segments[0].name);
        let mut bytes = fs::read(&rotten).expect("a copy");
        bytes[200] ^= 1;
        fs::write(&rotten, bytes).expect("written");
        let mended = copy(&reader, &out, &first.segments, Seq(1_900)).expect("copied");
        assert_eq!((mended.written, mended.last), (first.segments.len(), first.last));
        check(&rotten, first.segments[0].bytes, &first.segments[0].hash).expect("whole again");
    }
}
