//! Floor 2: pure decisions.
