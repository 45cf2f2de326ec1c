//! What can go wrong with a worker. Each of these costs the job its attempt, and the worker its life.

/// A worker could not do its job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The program cannot be started.
    #[error("cannot start worker {program} ({command}): {reason}")]
    Start {
        /// The program's name.
        program: String,
        /// What was executed.
        command: String,
        /// What the system said.
        reason: String,
    },
    /// It did not say hello in time.
    #[error("worker {program} did not say hello within {waited_ms} ms: is it a worker program?{stderr}")]
    NoHello {
        /// The program's name.
        program: String,
        /// How long it had.
        waited_ms: u64,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
    /// It speaks another version of the protocol.
    #[error("worker {program} speaks protocol {theirs}, this node speaks {ours}: use a worker of the same release")]
    Protocol {
        /// The program's name.
        program: String,
        /// The worker's version.
        theirs: u32,
        /// This node's version.
        ours: u32,
    },
    /// It said nothing for the stall limit, or does not read.
    #[error("worker {program} gave no sign of life for {waited_ms} ms and was killed")]
    Stalled {
        /// The program's name.
        program: String,
        /// How long it had.
        waited_ms: u64,
    },
    /// It is gone.
    #[error("worker {program} died ({status}){stderr}")]
    Died {
        /// The program's name.
        program: String,
        /// How it ended.
        status: String,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
    /// A line is no message.
    #[error("worker {program} sent what is no message and was killed: {reason}; the line begins {line:?}")]
    Garbage {
        /// The program's name.
        program: String,
        /// What is wrong.
        reason: String,
        /// The start of the line.
        line: String,
    },
    /// A message is not allowed here.
    #[error("worker {program} broke the protocol and was killed: {reason}")]
    Breach {
        /// The program's name.
        program: String,
        /// What it did.
        reason: String,
    },
    /// No program of this node runs such a job.
    #[error("no worker program of this node runs {what}")]
    Unfit {
        /// The kind of the job, or the external program's name.
        what: String,
    },
    /// The pool is stopping, or the job was cancelled before a worker was found.
    #[error("the job was cancelled before it began")]
    Cancelled,
}
