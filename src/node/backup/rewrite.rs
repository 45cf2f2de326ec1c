//! Writes the records of a backup into the log of a new cluster: the same records, at the same positions, in the same terms,
//! in a chain that begins at the new cluster.

use std::path::Path;

use crate::event::record::RawRecord;
use crate::event::{Hash, NodeId, Seq, Term};
use crate::log::{Entry, Log, LogError, LogOptions, LogReader, NewEntry, Payload, Vote};
use crate::node::NodeError;
use crate::replica::Member;
use crate::replica::rebuild::founding_entry;

/// Bytes that are appended with one sync.
const BATCH_BYTES: usize = 4 << 20;

/// Where the old history ends.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// The chain of the entry that holds the last record, in the old log.
    pub chain: Hash,
}

/// Writes the records of `reader` up to `until` into a new log in `folder`, whose only voter is `node`.
///
/// # Errors
/// When one of the logs cannot be read or written.
pub fn rewrite(
    reader: &LogReader,
    until: Seq,
    folder: &Path,
    genesis: Hash,
    node: NodeId,
    member: Member,
) -> Result<End, NodeError> {
    let (log, _) = Log::open(folder, LogOptions::new(genesis))?;
    let mut batch = vec![founding_entry(node, member)];
    let (mut next, mut bytes, mut term, mut chain) = (1, 0, Term(0), genesis);
    let mut cursor = reader.entries_near(0)?;
    while let Some(entry) = cursor.next_entry()? {
        if entry.first_seq > until {
            break;
        }
        (term, chain) = (entry.term, entry.chain);
        let Some(payload) = records_until(&entry, until)? else { continue };
        bytes += payload.content().len();
        batch.push(NewEntry { index: next, term, leader: entry.leader, payload });
        next += 1;
        if bytes >= BATCH_BYTES {
            log.append_durably(std::mem::take(&mut batch))?.wait()?;
            bytes = 0;
        }
    }
    log.append_durably(batch)?.wait()?;
    // The next term is free: nobody has led it.
    log.save_vote(Vote { term: term.next(), node: Some(node), committed: false })?.wait()?;
    log.save_committed(Some(next - 1))?;
    Ok(End { chain })
}

/// The records of an entry up to `until`; none when it carries none.
fn records_until(entry: &Entry, until: Seq) -> Result<Option<Payload>, LogError> {
    let Payload::Records { bytes, .. } = &entry.payload else { return Ok(None) };
    if entry.next_seq() <= until.next() {
        return Ok(Some(entry.payload.clone()));
    }
    let (mut end, count) = (0, until.next().0 - entry.first_seq.0);
    for _ in 0..count {
        let (_, next) = RawRecord::read(bytes, end)
            .map_err(|error| LogError::Refused { index: entry.index, reason: error.to_string() })?;
        end = next;
    }
    Ok(Some(Payload::Records { count: count as u32, bytes: bytes.slice(..end) }))
}
