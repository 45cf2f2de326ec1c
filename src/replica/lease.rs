//! For how long an answer of a quorum proves that nobody else leads, so that the leader may answer reads without asking again.
//!
//! A voter that has answered a leader votes for nobody else for as long as its own election timing says. Timings are flags of
//! each process and may differ, so every node says its own in the hello of each connection ([`crate::net::Hello`]), and a leader
//! trusts an answer only for as long as the voter that forgets first. A voter that starts anew has forgotten whom it answered:
//! it votes for nobody until its earlier run's word is over.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use tokio::time::Instant;

use super::error::ReplicaError;
use super::peers::Peers;
use super::replica::{Raft, Timing, stopped};
use crate::event::NodeId;

/// This part of a lease is not used: clocks need not run equally fast.
const MARGIN_DIVISOR: u32 = 10;

impl Timing {
    /// How long a node with this timing, having answered a leader, votes for nobody else.
    pub fn lease_ms(&self) -> u64 {
        self.election_max_ms
    }
}

/// What is known of the voters' leases.
#[derive(Clone)]
pub(super) struct Leases {
    pub(super) node: NodeId,
    pub(super) own: Duration,
    pub(super) peers: Arc<Peers>,
}

impl Leases {
    /// How long the answer of a quorum counts. Zero, which means to ask the quorum, while any voter has not said its lease, and
    /// on a leader that has lost its vote: the only voter that is left needs nobody's leave to lead.
    pub(super) fn shortest(&self, raft: &Raft) -> Duration {
        let metrics = raft.metrics();
        let metrics = metrics.borrow_watched();
        // In a change of members both the old voters and the new ones.
        let voters: Vec<NodeId> = metrics.membership_config.membership().voter_ids().collect();
        if !voters.contains(&self.node) {
            return Duration::ZERO;
        }
        shortest(voters.into_iter().map(|voter| match voter == self.node {
            true => Some(self.own),
            false => self.peers.lease_of(voter),
        }))
    }
}

fn shortest(leases: impl Iterator<Item = Option<Duration>>) -> Duration {
    let leases: Option<Vec<Duration>> = leases.collect();
    let shortest = leases.and_then(|leases| leases.into_iter().min()).unwrap_or_default();
    shortest - shortest / MARGIN_DIVISOR
}

/// Lets a node that starts stand and vote from `from` on, or at once when nobody else votes. Returns from when.
pub(super) async fn begin_to_vote(raft: &Raft, node: NodeId, from: Instant) -> Result<Instant, ReplicaError> {
    let alone = raft.with_raft_state(move |state| {
        state.membership_state.effective().membership().voter_ids().all(|voter| voter == node)
    });
    let (now, alone) = (Instant::now(), alone.await.map_err(stopped)?);
    if alone || from <= now {
        raft.runtime_config().elect(true);
        return Ok(now);
    }
    let raft = raft.clone();
    tokio::spawn(async move {
        tokio::time::sleep_until(from).await;
        raft.runtime_config().elect(true);
    });
    Ok(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_voter_that_forgets_first_counts_and_one_that_says_nothing_makes_the_leader_ask() {
        let of =
            |leases: &[Option<u64>]| shortest(leases.iter().map(|lease| lease.map(Duration::from_millis))).as_millis();
        let (lan, wan) = (Some(Timing::LAN.lease_ms()), Some(Timing::WAN.lease_ms()));
        assert_eq!(of(&[wan, wan, wan]), 1_170);
        assert_eq!(of(&[wan, lan, wan]), 252, "a WAN leader among LAN followers");
        assert_eq!(of(&[lan, wan, wan]), 252);
        assert_eq!(of(&[wan, None, wan]), 0);
        assert_eq!(of(&[]), 0);
    }
}
