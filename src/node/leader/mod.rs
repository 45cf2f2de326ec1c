//! The leader: the one task that admits proposals and lets the policies decide.
//!
//! It runs on every node and acts only while its node leads. [`Leader`] is the task; a reign is one term of it. At its start
//! it waits until everything before is folded, then writes `LEADER_ELECTED`, and admits nothing before that has committed. From
//! then on it keeps the *head*: the state with everything that it has appended. Commands are checked against the head and
//! policies look at the head, so nothing is decided twice while it is on its way.
//!
//! A few batches are on their way at a time: while one is being written and replicated, the next is gathered. They commit
//! in order; when one fails, the head is worthless, nobody behind it gets an answer, and the reign is over.

mod batch;
mod flight;
mod pace;
mod reign;
mod task;

pub use task::Leader;
