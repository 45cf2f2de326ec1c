//! Floor 5: what the three programs share: exit codes, output formats.
