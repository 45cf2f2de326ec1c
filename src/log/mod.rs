//! Floor 1: append-only segments.
