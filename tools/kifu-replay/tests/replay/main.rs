//! The program as people and scripts meet it: output, messages and exit codes.

mod answers;
mod archive;
mod check;
mod dataset;
mod digests;
mod games;
mod refusals;
mod support;
