//! What must hold at every moment of every run, one file each. Names are those of the Raft paper where it has one.
//!
//! Each is a small machine of its own that is fed with what is seen; each has tests that it notices what it should.

pub mod acknowledged_never_lost;
pub mod committed_never_changes;
pub mod converge;
pub mod election_safety;
pub mod equal_digests;
pub mod exactly_once;
pub mod leader_completeness;
pub mod log_matching;
pub mod outbox_order;
pub mod reads_never_go_back;

/// Why a run has failed.
pub type Violation = String;
