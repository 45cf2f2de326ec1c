//! Raft's messages from one peer.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use openraft::async_runtime::watch::WatchReceiver;
use openraft::raft::{TransferLeaderRequest, VoteRequest};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::coop::unconstrained;
use tokio::time::Instant;

use super::contact::Heard;
use super::error::ReplicaError;
use super::greeting::{Greeter, Welcome};
use super::history;
use super::lease::Leases;
use super::machine::Machine;
use super::peers::Peers;
use super::propose::{Ask, Outcome, PROPOSALS_MAX, ask};
use super::read::vouch;
use super::snapshots::Snapshots;
use super::stream::Stream;
use super::transfer::{self, Incoming};
use super::types::{TypeConfig, Vote};
use super::wire::{Tag, from_json, read_append};
use crate::event::{NodeId, Proposal, Term};
use crate::log::Log;
use crate::net::Connection;

/// Requests with entries of one stream that Raft has, and that wait behind the one whose answer is next. At the bound the stream is not read.
const APPENDS_MAX: usize = 4;

type Raft = openraft::Raft<TypeConfig, Machine>;

/// What a peer's messages reach.
#[derive(Clone)]
pub struct Service {
    /// The Raft core.
    pub raft: Raft,
    /// The connections to the other members.
    pub peers: Arc<Peers>,
    /// This node's admission task.
    pub intake: mpsc::Sender<Ask>,
    /// What members with damage are served from.
    pub log: Log,
    /// Where snapshots go.
    pub snapshots: Arc<Snapshots>,
    /// What answers greetings, if anything does.
    pub greeter: Option<Arc<dyn Greeter>>,
    /// When a leader last spoke.
    pub(super) heard: Arc<Heard>,
    /// How long the voters keep their word.
    pub(super) leases: Leases,
    /// From when on this node votes.
    pub(super) votes_from: Instant,
}

impl Service {
    /// Answers all streams of a connection until it closes.
    pub async fn serve(self, connection: Connection) {
        let service = Arc::new(self);
        let peer = connection.peer().node;
        service.peers.is_there(peer);
        while let Ok(Some(stream)) = Stream::accept(&connection).await {
            let service = service.clone();
            tokio::spawn(async move {
                if let Err(error) = service.answer_all(peer, stream).await {
                    tracing::debug!(%peer, %error, "stream ended");
                }
            });
        }
    }

    async fn answer_all(&self, peer: NodeId, mut stream: Stream) -> Result<(), ReplicaError> {
        let (send, receive) = stream.split();
        let (begun, mut to_answer) = mpsc::channel(APPENDS_MAX);
        let read = async move {
            let mut snapshot = None;
            while let Some(frame) = receive.read(None).await? {
                let answer = self.begin(peer, &frame, &mut snapshot).await?;
                if begun.send(answer).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        let write = async move {
            while let Some(answer) = to_answer.recv().await {
                send.write(&answer.await).await?;
            }
            Ok(())
        };
        tokio::try_join!(read, write).map(|_| ())
    }

    /// Does what a message asks for. What is left to wait for, if anything, is its answer.
    async fn begin(
        &self,
        peer: NodeId,
        frame: &Bytes,
        snapshot: &mut Option<Incoming>,
    ) -> Result<BoxFuture<'static, Vec<u8>>, ReplicaError> {
        let tag = frame.first().copied().and_then(Tag::from_byte);
        let tag = tag.ok_or_else(|| ReplicaError::wire("unknown kind of message"))?;
        let body = frame.slice(1..);
        let answer = match tag {
            Tag::Append => return self.append(peer, body),
            Tag::Vote | Tag::PreVote => self.vote(tag, ballot(peer, &body)?).await,
            Tag::Transfer => self.take_over(peer, &body).await?,
            Tag::History => history::answer(&self.log, &body).unwrap_or_else(|error| history::refusal(&error)),
            Tag::Greet => reply(self.greet(peer, &body)),
            Tag::Read => reply(vouch(&self.raft, &self.leases, from_json(&body)?).await),
            Tag::Snapshot => transfer::take(&self.snapshots, &self.raft, peer, body, snapshot).await,
            Tag::Propose => reply::<_, ReplicaError>(Ok(self.propose(peer, &body).await?)),
        };
        Ok(ready(answer).boxed())
    }

    /// Hands entries to Raft, before it returns: what comes next on the stream is behind them. The answer comes when they are durable.
    fn append(&self, peer: NodeId, body: Bytes) -> Result<BoxFuture<'static, Vec<u8>>, ReplicaError> {
        let request = read_append(body)?;
        speaks_for_itself(peer, &request.vote)?;
        self.heard.note(Term(request.vote.leader_id.term), peer, Instant::now());
        let raft = self.raft.clone();
        Ok(begun(async move { reply(raft.append_entries(request).await) }.boxed()))
    }

    async fn take_over(&self, peer: NodeId, body: &[u8]) -> Result<Vec<u8>, ReplicaError> {
        let request: TransferLeaderRequest<TypeConfig> = from_json(body)?;
        speaks_for_itself(peer, request.from_leader())?;
        Ok(reply(self.raft.handle_transfer_leader(request).await))
    }

    /// Votes, or says how it would.
    async fn vote(&self, tag: Tag, request: VoteRequest<TypeConfig>) -> Vec<u8> {
        // A leader that hands over has given up its lease.
        if Instant::now() < self.votes_from && !request.leadership_transfer {
            return reply::<(), _>(Err(
                "this node has just started, and may have promised a leader to vote for nobody else",
            ));
        }
        match tag {
            Tag::PreVote => reply(self.raft.pre_vote(request).await),
            _ => reply(self.raft.vote(request).await),
        }
    }

    fn greet(&self, peer: NodeId, body: &[u8]) -> Result<Welcome, ReplicaError> {
        let greeter = self.greeter.as_ref().ok_or_else(|| ReplicaError::wire("greetings are not answered here"))?;
        Ok(greeter.welcome(peer, from_json(body)?))
    }

    async fn propose(&self, peer: NodeId, body: &[u8]) -> Result<Vec<Outcome>, ReplicaError> {
        let proposals = read_proposals(body)?;
        if let Some(foreign) = proposals.iter().find(|proposal| proposal.origin != peer) {
            return Err(ReplicaError::wire(format!("{peer} proposes in the name of {}", foreign.origin)));
        }
        let leader = self.raft.metrics().borrow_watched().current_leader;
        if leader != Some(*self.raft.node_id()) {
            return Ok(vec![Outcome::Unavailable { leader }; proposals.len()]);
        }
        Ok(ask(&self.intake, proposals).await)
    }
}

/// Takes the first step of `answer` before it returns: with it a request goes into Raft's channel. The step is not refused because the
/// task has done much already ([`tokio::task::coop`]): a refused one would be made up for behind the next request's, and the two would
/// reach Raft in the wrong order.
fn begun(mut answer: BoxFuture<'static, Vec<u8>>) -> BoxFuture<'static, Vec<u8>> {
    match unconstrained(&mut answer).now_or_never() {
        Some(answer) => ready(answer).boxed(),
        None => answer,
    }
}

/// A request for a vote, which only the candidate itself may make.
fn ballot(peer: NodeId, body: &[u8]) -> Result<VoteRequest<TypeConfig>, ReplicaError> {
    let request: VoteRequest<TypeConfig> = from_json(body)?;
    speaks_for_itself(peer, &request.vote)?;
    Ok(request)
}

/// Leaders and candidates speak for themselves: a member cannot send entries, or ask for votes, in the name of another.
fn speaks_for_itself(peer: NodeId, vote: &Vote) -> Result<(), ReplicaError> {
    let named = vote.leader_id.node_id;
    if named == peer {
        return Ok(());
    }
    Err(ReplicaError::wire(format!("{peer} speaks in the name of {named}")))
}

/// Proposals as the body of a message.
pub fn proposals_frame(proposals: &Vec<Proposal>) -> Vec<u8> {
    let mut frame = vec![Tag::Propose as u8];
    frame.extend(crate::event::registry::bytes_of(proposals));
    frame
}

pub(super) fn read_proposals(body: &[u8]) -> Result<Vec<Proposal>, ReplicaError> {
    let proposals: Vec<Proposal> =
        rkyv::from_bytes::<Vec<Proposal>, rkyv::rancor::Error>(body).map_err(ReplicaError::wire)?;
    if proposals.len() > PROPOSALS_MAX {
        return Err(ReplicaError::wire(format!("{} proposals in one message", proposals.len())));
    }
    Ok(proposals)
}

fn reply<T: Serialize, E: std::fmt::Display>(result: Result<T, E>) -> Vec<u8> {
    let result = result.map_err(|error| error.to_string());
    serde_json::to_vec(&result).expect("answers are plain data")
}

#[cfg(test)]
mod tests {
    use tokio::task::coop::{consume_budget, has_budget_remaining};

    use super::*;

    #[tokio::test]
    async fn requests_go_to_raft_in_order_however_much_the_task_has_done() {
        let (raft, mut arrived) = mpsc::channel(2);
        let request = |number| {
            let raft = raft.clone();
            async move {
                raft.send(number).await.expect("space");
                std::future::pending().await
            }
            .boxed()
        };
        while has_budget_remaining() {
            assert!(consume_budget().now_or_never().is_some());
        }
        let _answers = [1, 2].map(|number| begun(request(number)));
        assert_eq!([1, 2].map(|_| arrived.try_recv()), [Ok(1), Ok(2)]);
    }

    #[test]
    fn nobody_leads_or_stands_in_the_name_of_another() {
        let (own, other) = (NodeId(1), NodeId(2));
        assert!(speaks_for_itself(own, &Vote::new_committed(3, own)).is_ok());
        assert!(speaks_for_itself(own, &Vote::new_committed(3, other)).is_err());
        let asked =
            |node| serde_json::to_vec(&VoteRequest::<TypeConfig>::new(Vote::new(3, node), None)).expect("plain");
        assert!(ballot(own, &asked(own)).is_ok());
        let words = ballot(own, &asked(other)).expect_err("a forged ballot").to_string();
        assert!(words.contains("0000000000000001 speaks in the name of 0000000000000002"), "{words}");
    }
}
