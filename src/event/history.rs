//! What becomes of the history itself.

use super::body::body;
use super::id::{Hash, NodeId};
use super::unit::Seq;

body! {
    /// `LOG_REPAIRED`: a host's segment was damaged or gone, and was written anew from what another member kept.
    pub struct LogRepaired {
        /// The host.
        pub host: NodeId,
        /// The segment's file name.
        pub segment: String,
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
        /// The member that the entries came from.
        pub source: NodeId,
    }

    /// `HISTORY_ARCHIVED`: a segment of a host's log is in its archive, durable and read back. Only then may the host's log let go
    /// of it.
    pub struct HistoryArchived {
        /// The host.
        pub host: NodeId,
        /// Its first entry.
        pub first_index: u64,
        /// Its last entry.
        pub last_index: u64,
        /// Its first record, or the one that the next record has.
        pub first_seq: Seq,
        /// Its last record.
        pub last_seq: Seq,
        /// BLAKE3 of the archived bytes, which names the blob.
        pub blob: Hash,
        /// How many bytes that are.
        pub bytes: u64,
        /// The log's hash chain before the segment.
        pub chain_before: Hash,
        /// The log's hash chain up to its end.
        pub chain: Hash,
    }
}
