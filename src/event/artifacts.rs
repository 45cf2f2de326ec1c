//! Blobs and where their copies lie. A blob is named by its hash and never changes.

use super::body::body;
use super::id::{Hash, NodeId};

body! {
    /// `ARTIFACT_STORED`: the first copy of a blob, durable on a host.
    pub struct ArtifactStored {
        /// The blob.
        pub artifact: Hash,
        /// What it is.
        pub kind: ArtifactKind,
        /// Its size.
        pub bytes: u64,
        /// Where it lies.
        pub host: NodeId,
    }

    /// What a blob is.
    #[derive(Copy, PartialOrd, Ord)]
    pub enum ArtifactKind {
        /// Game records.
        Games,
        /// Weights of a net.
        Model,
        /// Whatever a user's own program left.
        External,
    }

    /// `ARTIFACT_ASSIGNED`: a host should fetch a copy.
    pub struct ArtifactAssigned {
        /// The blob.
        pub artifact: Hash,
        /// The host that should have it.
        pub host: NodeId,
        /// Why: for the champion's distribution, or for safety.
        pub reason: AssignReason,
    }

    /// Why a copy is wanted.
    #[derive(Copy)]
    pub enum AssignReason {
        /// Every host holds the champion.
        Champion,
        /// Too few copies.
        Replication,
    }

    /// `ARTIFACT_VERIFIED`: a host holds a copy whose hash it has checked.
    pub struct ArtifactVerified {
        /// The blob.
        pub artifact: Hash,
        /// Where the copy lies.
        pub host: NodeId,
    }

    /// `ARTIFACT_LOST`: a copy is gone or damaged.
    pub struct ArtifactLost {
        /// The blob.
        pub artifact: Hash,
        /// Where the copy lay.
        pub host: NodeId,
        /// What was found, in words.
        pub reason: String,
    }
}
