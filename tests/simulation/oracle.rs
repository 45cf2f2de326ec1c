//! What the clients of the cluster know: what they tried, and what they were told.

use std::collections::{BTreeMap, BTreeSet};

use kifu::event::{NodeId, Seq};
use kifu::replica::Consistency;
use kifu::replica::propose::Outcome;

use crate::invariants::reads_never_go_back;

/// Shared by all clients of a run. It lives outside the machines and forgets nothing.
#[derive(Default)]
pub struct Oracle {
    /// Every note that anybody tried to have recorded.
    pub tried: BTreeSet<String>,
    /// Notes that an outbox has taken: durable, so they must be recorded in the end.
    pub stored: BTreeMap<(NodeId, u64), String>,
    /// Notes that the leader said it has admitted, and the record up to which its batch went.
    pub admitted: BTreeMap<String, Seq>,
    /// Notes that the leader refused for good.
    pub refused: BTreeSet<String>,
    /// What a read that begins now must see, unless it is a local one.
    floor: Seq,
    /// What no client may ever be told.
    pub violations: Vec<String>,
}

impl Oracle {
    /// Somebody tries to have a note recorded. Notes are all different.
    pub fn tries(&mut self, text: &str) {
        assert!(self.tried.insert(text.to_owned()), "{text} is a note of somebody else");
    }

    /// An outbox has taken a note under this number.
    pub fn stores(&mut self, origin: NodeId, number: u64, text: &str) {
        if let Some(other) = self.stored.insert((origin, number), text.to_owned()) {
            self.violations.push(format!("{origin} gave the number {number} twice: to {other:?} and to {text:?}"));
        }
    }

    /// The leader answered.
    pub fn hears(&mut self, text: &str, outcome: &Outcome) {
        match outcome {
            Outcome::Admitted { last } => {
                self.admitted.insert(text.to_owned(), *last);
                self.floor = self.floor.max(*last);
            }
            // What the cluster remembered of a member's proposals went with the member: an earlier try may be in the log, or none.
            Outcome::Refused { code, .. } if code == "not_a_member" => self.stored.retain(|_, stored| stored != text),
            Outcome::Refused { .. } => {
                self.refused.insert(text.to_owned());
            }
            Outcome::Already | Outcome::Unavailable { .. } => {}
        }
    }

    /// A member was removed, and what its outbox held is gone with it.
    pub fn forsakes(&mut self, origin: NodeId) {
        self.stored.retain(|(stored_by, _), _| *stored_by != origin);
    }

    /// What a read that begins now must see, unless it is a local one.
    pub fn begins_read(&self) -> Seq {
        self.floor
    }

    /// A read has ended at `seq`; see [`crate::invariants::reads_never_go_back`]. What somebody read locally, others need not
    /// see.
    pub fn ends_read(&mut self, reader: &str, consistency: Consistency, begun_at: Seq, seq: Seq) {
        if let Err(violation) = reads_never_go_back::check(reader, consistency, begun_at, seq) {
            self.violations.push(violation);
        }
        if consistency != Consistency::Local {
            self.floor = self.floor.max(seq);
        }
    }
}
