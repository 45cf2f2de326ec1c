//! What a policy sees, what it returns, and the order in which policies are asked.

use super::liveness::Liveness;
use super::{
    campaign, dataset, gauntlet, hosts, leases, membership, promotion, quality, quorum, repair, self_play, stages,
    teaching, training, upgrade, verification,
};
use crate::event::config::Config;
use crate::event::{Event, GameKey, Millis, NodeId, Seq, Term};
use crate::projection::State;

/// Everything that a decision may depend on.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The state after the last record.
    pub state: &'a State,
    /// The leader's clock.
    pub now: Millis,
    /// What the leader has heard.
    pub liveness: &'a Liveness,
    /// The leader.
    pub leader: NodeId,
    /// The term that it leads.
    pub term: Term,
}

/// A fact to be appended, with the records that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The fact.
    pub event: Event,
    /// The records that led to it, without repeats.
    pub caused_by: Vec<Seq>,
}

impl Decision {
    /// A decision with its causes.
    pub fn new(event: impl Into<Event>, causes: impl IntoIterator<Item = Seq>) -> Decision {
        let mut caused_by: Vec<Seq> = vec![];
        for cause in causes {
            if cause != Seq(0) && !caused_by.contains(&cause) {
                caused_by.push(cause);
            }
        }
        Decision { event: event.into(), caused_by }
    }
}

impl<'a> View<'a> {
    /// The configuration and the game to learn, when there is one.
    pub fn campaign(&self) -> Option<(&'a Config, &'a GameKey)> {
        let config = self.state.config()?;
        Some((config, config.game.as_ref()?))
    }

    /// The record that set the configuration.
    pub fn config_seq(&self) -> Seq {
        self.state.config.get().map_or(Seq(0), |row| row.changed_seq)
    }
}

type Policy = fn(&View) -> Vec<Decision>;

/// All policies in the order in which they are asked.
const POLICIES: &[Policy] = &[
    hosts::decide,
    quorum::decide,
    upgrade::decide,
    membership::decide,
    leases::decide,
    quality::decide,
    dataset::decide,
    verification::decide,
    campaign::decide,
    teaching::decide,
    self_play::decide,
    training::decide,
    gauntlet::decide,
    promotion::decide,
    repair::decide,
    stages::decide,
];

/// What has to happen now. Every policy sees the state as it is, not what the others decide beside it; what follows
/// from their decisions is decided in the next call. A decision is not made again once its record is applied, so call
/// this only when everything that was decided before is in `view.state`. Calling it again and again with what it
/// returned applied comes to rest after a few rounds.
///
/// What some member could not read yet is left out: it is decided again once the cluster's version is raised.
///
/// [`super::digest::decide`] is not among them: ask it when this returns nothing.
pub fn decide_all(view: &View) -> Vec<Decision> {
    let all = POLICIES.iter().flat_map(|policy| policy(view));
    all.filter(|decision| upgrade::is_readable(view.state, &decision.event)).collect()
}
