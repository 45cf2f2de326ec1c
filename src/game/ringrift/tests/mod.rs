//! Random games: whatever holds in every position is checked in every position.
//!
//! With `KIFU_TEST_LONG` set there are many more of them; `tools/test-long` does that.

mod playouts;
mod records;
mod rotation;
mod sight;
mod sketches;
mod support;
mod symmetry;
