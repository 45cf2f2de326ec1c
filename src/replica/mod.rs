//! Floor 3: Raft.
