//! What a node that starts asks the others about itself, outside Raft: does anybody else run under my identity, and did I
//! acknowledge more than I hold?

use serde::{Deserialize, Serialize};

use crate::event::NodeId;

/// One start of a node's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Drawn at the start. Zero: a build that does not name its runs.
    pub number: u64,
    /// Counts the starts (milliseconds at its start, and always more than the start before).
    pub incarnation: u64,
}

/// What a node says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// This start.
    pub run: Run,
}

/// What a member knows of the node that greets it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The last incarnation that is a fact; 0 when it was never online.
    pub incarnation: u64,
    /// Whether it is a voter. A voter has acknowledged entries.
    pub voter: bool,
    /// The last entry that it is known to have acknowledged; only a leader knows.
    pub acknowledged: Option<u64>,
    /// Whether the answering member leads.
    pub leads: bool,
    /// The process that the member takes for the node, if it hears one.
    pub holder: Option<Holder>,
    /// Another process that claimed to be the node lately and was not believed.
    pub intruder: Option<Run>,
}

/// A process that is heard under a node's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Which start.
    pub run: Run,
    /// Heartbeats that were heard of it.
    pub beats: u64,
    /// How long ago the last one was, in milliseconds.
    pub silent_ms: u64,
}

/// Answers greetings. The floor above knows whom it hears.
pub trait Greeter: Send + Sync + 'static {
    /// What this node knows of `peer`, which is certain to be who it says, but perhaps not the only one.
    fn welcome(&self, peer: NodeId, greeting: Greeting) -> Welcome;
}
