//! Floor 3: content-addressed blobs.
