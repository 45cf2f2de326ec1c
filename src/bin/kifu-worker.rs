//! The native worker: the only program that is linked against libtorch.

fn main() {}
