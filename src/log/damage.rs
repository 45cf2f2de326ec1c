//! Finds the first segment that cannot be read to its end, and what is known around it.

use super::base;
use super::disk::{LogDisk, LogFile};
use super::entry::{Entry, Tip};
use super::error::LogError;
use super::frame::{self, ENTRY_HEADER_BYTES, FRAME_HEADER_BYTES};
use super::recovery;
use super::segment::{self, SEGMENT_HEADER_BYTES};
use super::tail::Tail;
use super::vote;
use super::walk::{self, Step, Walk};
use crate::event::{Hash, Term};

/// Where a disk has lost bytes, the others are read in pieces as small as a sector.
const PIECE_BYTES: usize = 512;

/// A segment that is damaged or missing.
#[derive(Clone, Debug)]
pub struct Damage {
    /// Its file's name.
    pub segment: String,
    /// The index of its first entry.
    pub first_index: u64,
    /// The index after its last entry, where a later segment tells.
    pub end_index: Option<u64>,
    /// The last index that a repair must reach: as far as this node may have acknowledged entries.
    pub reach: Option<u64>,
    /// What was found, in words.
    pub reason: String,
    /// The end of the log before it.
    pub(super) before: Tip,
    /// The end of the log after it, where a later segment tells.
    pub(super) after: Option<Tip>,
    /// The last entry that this node knows to be committed, where no later segment tells.
    pub(super) committed: Option<u64>,
    /// Entries behind the damage that are whole: index, term and chain. A repair must agree with each that was committed.
    pub(super) anchors: Vec<(u64, Term, Hash)>,
}

impl Damage {
    fn new(before: Tip, after: Option<Tip>, reason: String) -> Damage {
        Damage {
            segment: segment::name_of(before.next_index),
            first_index: before.next_index,
            end_index: after.map(|after| after.next_index),
            reach: after.and_then(|after| after.next_index.checked_sub(1)),
            reason,
            before,
            after,
            committed: None,
            anchors: vec![],
        }
    }

    /// A sealed segment whose ends are known.
    pub(super) fn sealed(before: Tip, after: Tip, reason: String) -> Damage {
        Damage::new(before, Some(after), reason)
    }

    /// Whether `entry`, which is committed, may stand there. An entry of an older term that stands there was never committed, if this node does
    /// not know that it was; nor was what stands behind it.
    pub(super) fn agrees_with(&mut self, entry: &Entry) -> bool {
        let Some(&(index, term, chain)) = self.anchors.iter().find(|(index, ..)| *index == entry.index) else {
            return true;
        };
        if chain == entry.chain {
            return true;
        }
        let replaced = self.end_index.is_none() && term < entry.term && Some(index) > self.committed;
        if replaced {
            self.anchors.clear();
            self.reach = self.committed;
        }
        replaced
    }

    /// A repair must also reach `index`: something outside the log says that this node had it, and that it is committed.
    pub fn must_reach(&mut self, index: Option<u64>) {
        if self.end_index.is_none() {
            self.reach = self.reach.max(index);
            self.committed = self.committed.max(index);
        }
    }
}

/// The first damaged or missing segment of the log on `disk`; none when all is whole, or the last write was cut short.
/// Reads everything and changes nothing.
///
/// # Errors
/// What is not damage of a segment: another cluster's log, a lost beginning, a disk that cannot be read.
pub fn find_damage(disk: &dyn LogDisk, cluster: &Hash) -> Result<Option<Damage>, LogError> {
    let (_, base) = base::begins(disk)?;
    let mut tip = base.map_or(Tip::genesis(*cluster), |base| base.tip);
    let firsts = base::list(disk)?;
    let mut previous = tip;
    for (place, &first) in firsts.iter().enumerate() {
        if first > tip.next_index {
            // Entries are missing before this segment: at the end of the one before, or a whole one.
            let after = header_tip(disk, first)?;
            return Ok(Some(Damage::new(
                previous,
                Some(after),
                format!("entries from {} on are missing", tip.next_index),
            )));
        }
        let after = || firsts.get(place + 1).map(|next| header_tip(disk, *next)).transpose();
        let mut walk = match Walk::open(disk, first) {
            Ok(walk) => walk,
            Err(error) if error.is_damage() => {
                let frames = frames_of(disk, first)?;
                return Ok(Some(Damage::new(tip, after()?, error.to_string()).seen(disk, &frames, tip.next_index)));
            }
            Err(error) => return Err(error),
        };
        recovery::check_cluster(&walk, cluster)?;
        walk::check_joint(&tip, &walk)?;
        match read(&mut walk, place + 1 == firsts.len())? {
            None => (previous, tip) = (tip, walk.tip),
            Some(reason) => {
                // Not what begins right here: it may be whole, and not follow.
                let rest = bytes_from(walk.file().as_ref(), walk.offset() + 1);
                let rest = rest.map_err(|error| LogError::io("read", walk.path(), error))?;
                return Ok(Some(Damage::new(tip, after()?, reason).seen(disk, &rest, walk.tip.next_index)));
            }
        }
    }
    Ok(None)
}

/// The end of the log before the segment that begins at `first`, as its header says.
fn header_tip(disk: &dyn LogDisk, first: u64) -> Result<Tip, LogError> {
    Walk::open(disk, first).map(|walk| walk.header.before)
}

/// Reads a segment. Returns what is wrong with it, if anything is.
pub(super) fn read(walk: &mut Walk, is_last: bool) -> Result<Option<String>, LogError> {
    let bad = loop {
        match walk.next() {
            Ok(Step::Frame(_)) => {}
            Ok(Step::Stop(bad)) => break bad,
            Err(error) if error.is_damage() => return Ok(Some(error.to_string())),
            Err(error) => return Err(error),
        }
    };
    Ok(match walk.judge(bad)? {
        Tail::Clean => None,
        Tail::Torn { .. } if is_last => None,
        Tail::Torn { bytes } => Some(format!("{bytes} bytes that are no frame")),
        Tail::Damaged { reason } => Some(reason),
    })
}

/// All that stands behind the header of a segment whose header is damaged.
fn frames_of(disk: &dyn LogDisk, first: u64) -> Result<Vec<u8>, LogError> {
    let name = segment::name_of(first);
    let file = disk.open(&name).map_err(|error| LogError::io("open", &disk.path(&name), error))?;
    let frames = bytes_from(file.as_ref(), SEGMENT_HEADER_BYTES as u64);
    frames.map_err(|error| LogError::io("read", &disk.path(&name), error))
}

/// A file's bytes from `offset` on. Something must have stood where the disk has lost them; that is not zeros.
fn bytes_from(file: &dyn LogFile, offset: u64) -> std::io::Result<Vec<u8>> {
    let bytes = file.bytes()?.saturating_sub(offset);
    let mut rest = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    match file.read_at(&mut rest, offset) {
        Err(error) if walk::is_lost(&error) => {}
        read => {
            rest.truncate(read?);
            return Ok(rest);
        }
    }
    for (number, piece) in rest.chunks_mut(PIECE_BYTES).enumerate() {
        match file.read_at(piece, offset + (number * PIECE_BYTES) as u64) {
            Err(error) if walk::is_lost(&error) => piece.fill(0xff),
            read => drop(read?),
        }
    }
    Ok(rest)
}

impl Damage {
    /// Notes what stands in `bytes` behind the damage: entries that a repair must agree with, and how far it must reach. `whole` is the index
    /// after the last entry before it.
    fn seen(mut self, disk: &dyn LogDisk, bytes: &[u8], whole: u64) -> Damage {
        let (mut at, mut end) = (0, 0);
        while at < bytes.len() {
            let rest = &bytes[at..];
            match frame::plausible(rest, self.first_index).then(|| frame::decode_copy(rest)) {
                Some(Ok((entry, _))) => {
                    at += frame::frame_bytes(&entry) as usize;
                    end = at;
                    self.anchors.push((entry.index, entry.term, entry.chain));
                }
                _ => at += 1,
            }
        }
        if self.after.is_none() {
            // Bytes behind the last whole frame may have been entries, each at least this long.
            let garbage = bytes[end..].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let lost = garbage.div_ceil(FRAME_HEADER_BYTES + ENTRY_HEADER_BYTES) as u64;
            let seen = self.anchors.last().map_or(whole, |(index, ..)| (index + 1).max(whole));
            let committed = vote::load_committed(disk);
            self.committed = committed.checked_sub(1);
            self.reach = (seen + lost).max(committed).checked_sub(1);
        }
        self
    }
}
