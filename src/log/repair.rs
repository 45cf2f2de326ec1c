//! Writes a damaged segment anew from entries that somebody else kept.
//!
//! What is written is checked against what stands before it, what stands after it, and every whole entry behind the
//! damage: the chain leaves no room for another history. Nothing is removed: the damaged file is moved aside.

use std::sync::Arc;

use super::base;
use super::damage::Damage;
use super::disk::{LogDisk, LogFile};
use super::entry::{Entry, NewEntry, Tip};
use super::error::LogError;
use super::frame;
use super::recovery;
use super::segment::{self, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES, SegmentHeader, TEMPORARY};
use super::store;
use crate::event::{Hash, Seq};

/// A segment that is being written anew. Dropping it changes nothing.
pub struct Repair {
    cluster: Hash,
    segment_bytes: u64,
    damage: Damage,
    tip: Tip,
    bytes: Vec<u8>,
}

/// A segment that was repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The segment's file name.
    pub segment: String,
    /// Under which name the damaged file is kept; none when there was no file.
    pub aside: Option<String>,
    /// Its first entry.
    pub first_index: u64,
    /// Its last entry.
    pub last_index: u64,
    /// Its first record, or the one that the next record has.
    pub first_seq: Seq,
    /// Its last record.
    pub last_seq: Seq,
    /// What was wrong, in words.
    pub reason: String,
}

impl Repair {
    /// Nothing fetched yet.
    pub fn new(damage: Damage, cluster: Hash, segment_bytes: u64) -> Repair {
        let header = SegmentHeader { cluster, before: damage.before };
        Repair { cluster, segment_bytes, tip: damage.before, bytes: header.encode().to_vec(), damage }
    }

    /// The index of the segment's first entry.
    pub fn first_index(&self) -> u64 {
        self.damage.first_index
    }

    /// The last index that it must reach, where it is known.
    pub fn reach(&self) -> Option<u64> {
        self.damage.reach
    }

    /// The index of the entry that is wanted next.
    pub fn next_index(&self) -> u64 {
        self.tip.next_index
    }

    /// The index before which to stop, where it is known.
    pub fn end_index(&self) -> Option<u64> {
        self.damage.end_index
    }

    /// Whether enough is there to install.
    pub fn is_complete(&self) -> bool {
        let next = self.tip.next_index;
        self.damage.end_index.is_none_or(|end| next == end) && self.damage.reach.is_none_or(|reach| next > reach)
    }

    /// Takes the next entry. Only committed ones may be given: what is installed here is never taken back.
    ///
    /// # Errors
    /// [`LogError::Refused`] and [`LogError::NotNext`] when it does not belong here, or is not the one that stood here.
    pub fn push(&mut self, entry: NewEntry) -> Result<(), LogError> {
        let index = entry.index;
        let refused = |reason: &str| Err(LogError::Refused { index, reason: reason.to_owned() });
        store::check(&entry)?;
        if index != self.tip.next_index {
            return Err(LogError::NotNext { expected: self.tip.next_index, found: index });
        }
        if self.damage.end_index.is_some_and(|end| index >= end) {
            return refused("it stands in the next segment");
        }
        if entry.term < self.tip.term {
            return refused("its term is below that of the entry before");
        }
        let mut tip = self.tip;
        let entry: Entry = tip.stamp(entry);
        if self.bytes.len() as u64 + frame::frame_bytes(&entry) > SEGMENT_BYTES_MAX {
            return refused("the segment would be larger than any segment");
        }
        if let Some(after) = self.damage.after.filter(|after| after.next_index == tip.next_index)
            && after != tip
        {
            return refused("the next segment does not follow from it");
        }
        if !self.damage.agrees_with(&entry) {
            return refused("this node has another entry there that is whole");
        }
        frame::encode(&entry, index, &mut self.bytes);
        self.tip = tip;
        Ok(())
    }

    /// Moves the damaged file aside and puts the new one in its place, complete or not at all.
    ///
    /// # Errors
    /// [`LogError::Refused`] when entries are missing; what the disk says.
    pub fn install(self, disk: &dyn LogDisk) -> Result<Repaired, LogError> {
        self.install_file(disk).map(|(repaired, _)| repaired)
    }

    pub(super) fn install_file(self, disk: &dyn LogDisk) -> Result<(Repaired, Arc<dyn LogFile>), LogError> {
        if !self.is_complete() {
            let reason = "the repair is not complete".to_owned();
            return Err(LogError::Refused { index: self.tip.next_index, reason });
        }
        let name = segment::name_of(self.damage.first_index);
        let temporary = format!("{name}{TEMPORARY}");
        let capacity = self.segment_bytes.max(self.bytes.len() as u64);
        let file = recovery::prepare(disk, &temporary, capacity, &self.bytes)?;
        let stands = disk.list().map_err(|error| LogError::io("list", &disk.path(""), error))?.contains(&name);
        let aside = stands.then(|| base::put_aside(disk, &name)).transpose()?;
        recovery::publish(disk, &temporary, &name)?;
        let (before, tip) = (self.damage.before, self.tip);
        let repaired = Repaired {
            segment: name,
            aside,
            first_index: before.next_index,
            last_index: tip.next_index.saturating_sub(1),
            first_seq: before.next_seq,
            last_seq: Seq(tip.next_seq.0 - 1),
            reason: self.damage.reason,
        };
        tracing::warn!(segment = repaired.segment, cluster = %self.cluster, first = repaired.first_index,
            last = repaired.last_index, reason = repaired.reason, "repaired a segment");
        Ok((repaired, file))
    }

    /// Where its frames stand, for the index.
    pub(super) fn places(bytes_of: &dyn LogFile, before: &Tip) -> Result<Vec<(u64, Seq, u64)>, std::io::Error> {
        let mut bytes = vec![0; usize::try_from(bytes_of.bytes()?).unwrap_or(usize::MAX)];
        let read = bytes_of.read_at(&mut bytes, 0)?;
        let (mut places, mut at, mut next) = (vec![], SEGMENT_HEADER_BYTES, before.next_index);
        while let Some(Ok((entry, _))) = bytes.get(at..read).map(frame::decode_copy) {
            if entry.index != next {
                break;
            }
            places.push((entry.index, entry.first_seq, at as u64));
            (at, next) = (at + frame::frame_bytes(&entry) as usize, next + 1);
        }
        Ok(places)
    }
}
