//! Floor 2: nets, samples, training, statistics of matches.
