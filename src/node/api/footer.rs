//! Where an answer comes from, and how far behind the cluster that is.

use std::sync::Arc;

use super::request::Footer;
use crate::event::{Millis, NodeId};
use crate::node::clock::Clock;
use crate::node::heartbeat::Hearing;
use crate::node::room::Room;
use crate::policy::{Build, Liveness};
use crate::replica::Replica;

/// Knows what a node's footers say.
#[derive(Clone)]
pub struct Footing {
    name: String,
    node: NodeId,
    replica: Arc<Replica>,
    hearing: Hearing,
    room: Room,
    clock: Clock,
}

impl Footing {
    /// The footing of a node.
    pub fn new(name: String, node: NodeId, replica: Arc<Replica>, hearing: Hearing, room: Room) -> Footing {
        Footing { name, node, replica, hearing, room, clock: Clock }
    }

    /// How much space the node's disk has.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Now, by the clock that goes with what was heard.
    pub fn heard_now(&self) -> Millis {
        self.hearing.now()
    }

    /// The node's clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The footer of an answer that is given now.
    pub fn now(&self) -> Footer {
        let contact = self.replica.contact();
        let seq = self.replica.fold().seq();
        let (behind_records, behind_ms) = match self.replica.leadership().borrow().leader {
            Some(leader) if leader != self.node => self.behind(leader, seq.0),
            _ => (0, 0),
        };
        let name = |leader| self.replica.fold().read(|state| state.hosts.get(leader).map(|host| host.name.clone()));
        let leader = contact.leader.map(|leader| name(leader).unwrap_or_else(|| leader.to_string()));
        Footer {
            seq,
            node: self.name.clone(),
            leader,
            term: contact.term,
            behind_records,
            behind_ms,
            disk_full: self.replica.log().is_full(),
            disk_low: self.room.low(),
            begins: self.replica.log().base().map(|base| base.seq.next()),
            ..Footer::default()
        }
        .with(self.replica.fold().upgrade_needed())
    }

    /// What a node said of its build when it was last heard.
    pub fn build_of(&self, node: NodeId) -> Option<Build> {
        self.hearing.with(|liveness| liveness.hosts.get(&node)?.build)
    }

    /// Looks at what this node has heard of the others.
    pub fn with_liveness<T>(&self, look: impl FnOnce(&Liveness) -> T) -> T {
        self.hearing.with(look)
    }

    fn behind(&self, leader: NodeId, seq: u64) -> (u64, u64) {
        let heard = self.hearing.last_of(leader);
        heard.map_or((0, 0), |(at, leader_seq)| (leader_seq.0.saturating_sub(seq), self.hearing.now().since(at)))
    }
}
