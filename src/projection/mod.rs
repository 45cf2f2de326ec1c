//! Floor 1: folds of the log.
