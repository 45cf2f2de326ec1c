//! Proposals on their way to the leader.

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::event::{NodeId, Proposal, Seq};

/// Proposals in one message at most.
pub const PROPOSALS_MAX: usize = 64;
/// Messages that wait for the leader's admission at most; beyond it senders wait.
pub const ASKS_MAX: usize = 256;

/// What became of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is in the log, up to this record, and committed.
    Admitted {
        /// The last record of the batch that holds it.
        last: Seq,
    },
    /// It was admitted before.
    Already,
    /// It is not allowed. Asking again does not help.
    Refused {
        /// A stable code.
        code: String,
        /// Why, in words.
        message: String,
    },
    /// Nobody could say. It may or may not have been admitted: ask again.
    Unavailable {
        /// Who leads, as far as the answering node knows.
        leader: Option<NodeId>,
    },
}

/// Proposals that wait for the admission task of this node.
pub struct Ask {
    /// What is proposed.
    pub proposals: Vec<Proposal>,
    /// Where the outcomes go, one for each proposal.
    pub reply: oneshot::Sender<Vec<Outcome>>,
}

/// Hands proposals to this node's own admission task.
pub(crate) async fn ask(intake: &mpsc::Sender<Ask>, proposals: Vec<Proposal>) -> Vec<Outcome> {
    let unavailable = vec![Outcome::Unavailable { leader: None }; proposals.len()];
    let (reply, answer) = oneshot::channel();
    if intake.send(Ask { proposals, reply }).await.is_err() {
        return unavailable;
    }
    answer.await.unwrap_or(unavailable)
}
