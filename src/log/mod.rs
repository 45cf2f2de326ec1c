//! Floor 1: the event log, which is the Raft log.
//!
//! Append-only segments of framed entries ([`Entry`]), drawn byte by byte in `docs/format.md`. [`Log`] is the one
//! writer of a folder: it stamps each entry's `first_seq` and `chain`, writes whole batches with one sync each, and
//! serves recent entries from memory. [`LogReader`] reads the same folder, beside the writer or from a copy, and
//! never writes. [`verify`] checks a whole log.
//!
//! Invariants: an entry is readable when `append` returns and durable when its callback runs with `Ok`; what was once
//! durable is either read back unchanged or refused with file and offset, never silently different; after a failed
//! sync the log is poisoned and nothing more is written. A log may begin later than at index 0 ([`Log::base`]): then the file
//! `base` says so, and what came before lies in the archive or in a snapshot.
//!
//! The disk lies behind [`LogDisk`]: [`SegmentDisk`] is the real one, [`SimDisk`] its twin with faults for tests
//! and simulations, where a [`LogDriver`] stands in for the writer's thread.

mod archive_disk;
mod base;
mod cache;
mod cursor;
mod damage;
mod disk;
mod entry;
mod error;
mod fields;
mod frame;
mod index;
mod lookup;
mod moment;
mod pending;
mod queue;
mod reader;
mod rebase;
mod recovery;
mod repair;
mod rewind;
mod scrub;
mod segment;
mod segment_disk;
mod sim_disk;
mod snapshot;
mod snapshots;
mod space;
mod state;
mod store;
mod tail;
mod verify;
mod vote;
mod walk;
mod writer;

pub use archive_disk::{ArchiveDisk, SealedPart};
pub use base::first_index;
pub use cursor::{LogCursor, Place};
pub use damage::{Damage, find_damage};
pub use disk::{LogDisk, LogFile};
pub use entry::{Entry, LogPosition, NewEntry, Payload};
pub use error::LogError;
pub use frame::ENTRY_BYTES_MAX;
pub use pending::Pending;
pub use reader::{LogReader, Records, StoredRecord};
pub use recovery::{Cut, Recovery};
pub use repair::{Repair, Repaired};
pub use segment::FORMAT_VERSION;
pub use segment_disk::SegmentDisk;
pub use sim_disk::{Crash, SimDisk};
pub use snapshot::{SNAPSHOT_BYTES_MAX, SNAPSHOT_HEADER_BYTES, SnapshotFile, SnapshotHeader, SnapshotWriter};
pub use space::{ROOM_BYTES_MIN, Space};
pub use store::{Log, LogOptions, LogStats};
pub use verify::{PROBLEMS_MAX, Problem, VerifyReport, verify, verify_on};
pub use vote::Vote;
pub use writer::LogDriver;
