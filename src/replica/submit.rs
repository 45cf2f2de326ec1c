//! The leader's way into the log: batches, several of them on their way at a time.

use openraft::errors::ClientWriteError;
use openraft::impls::ProgressResponder;
use openraft::type_config::alias::OneshotReceiverOf;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::error::ReplicaError;
use super::leader::Leader;
use super::propose::{Ask, Outcome};
use super::replica::{APPEND_TIMEOUT, Replica, stopped};
use super::types::{Applied, Batch, TypeConfig};
use crate::event::{Draft, NodeId, Proposal, Term};

type WriteResult = openraft::raft::ClientWriteResult<TypeConfig>;

/// A batch on its way to being committed and folded.
pub struct Submitted {
    term: Term,
    deadline: Instant,
    answer: OneshotReceiverOf<TypeConfig, WriteResult>,
}

impl Replica {
    /// Appends a batch in `term` and returns at once. Batches are committed in the order of the calls.
    ///
    /// # Errors
    /// [`ReplicaError::NotLeader`] when this node does not lead `term`; [`ReplicaError::Stopped`].
    pub async fn submit(&self, term: Term, batch: Batch) -> Result<Submitted, ReplicaError> {
        if self.leadership.borrow().term != term {
            return Err(self.not_leader());
        }
        let (responder, answer) = ProgressResponder::complete_only();
        let leader = Leader { term: term.0, node_id: self.node };
        let deadline = Instant::now() + APPEND_TIMEOUT;
        self.raft.write(batch).with_leader(leader).responder(responder).await.map_err(stopped)?;
        Ok(Submitted { term, deadline, answer })
    }

    /// Commits a batch of drafts in `term` and folds it.
    ///
    /// # Errors
    /// [`ReplicaError::NotLeader`] when this node does not lead `term`, or when the batch's fate is unknown.
    pub async fn append(&self, term: Term, drafts: &[Draft]) -> Result<Applied, ReplicaError> {
        self.submit(term, Batch::of(drafts)).await?.applied().await
    }

    /// Hands proposals to this node's own admission task, which must lead. The answer comes later; when it does not come,
    /// the fate of the proposals is unknown. Waits while too much is waiting already.
    ///
    /// # Errors
    /// Who leads, when this node does not.
    pub async fn offer(&self, proposals: Vec<Proposal>) -> Result<oneshot::Receiver<Vec<Outcome>>, Option<NodeId>> {
        let leader = self.leadership.borrow().leader;
        if leader != Some(self.node) {
            return Err(leader);
        }
        let (reply, answer) = oneshot::channel();
        self.intake.send(Ask { proposals, reply }).await.map_err(|_| None)?;
        Ok(answer)
    }
}

impl Submitted {
    /// Waits until the batch is committed and folded here. May be dropped and called again.
    ///
    /// # Errors
    /// When the batch was not appended, or when nobody can say what became of it.
    pub async fn applied(&mut self) -> Result<Applied, ReplicaError> {
        let unknown = Err(ReplicaError::NotLeader { leader: None });
        match tokio::time::timeout_at(self.deadline, &mut self.answer).await {
            Ok(Ok(Ok(response))) if response.log_id.leader_id.term == self.term.0 => Ok(response.data),
            Ok(Ok(Ok(_))) | Err(_) => unknown,
            Ok(Ok(Err(ClientWriteError::ForwardToLeader(forward)))) => {
                Err(ReplicaError::NotLeader { leader: forward.leader_id })
            }
            Ok(Ok(Err(error))) => Err(ReplicaError::Membership { reason: error.to_string() }),
            Ok(Err(_)) => Err(stopped("Raft ended before it answered")),
        }
    }
}
