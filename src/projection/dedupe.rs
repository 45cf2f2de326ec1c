//! The last proposal of each origin: what makes a repeated proposal count once.
//!
//! Bound: one row for each member and each registered producer, and none for anybody else, whatever the log holds: the fold
//! itself sees to it. So there are never more rows than members and [`PRODUCERS_MAX`](super::producers::PRODUCERS_MAX). A row goes
//! with its origin. What a removed member or a forgotten producer still sends is refused because nobody knows the sender, and
//! with its number because a key that was removed does not return.

use super::hosts::Hosts;
use super::producers::Producers;
use super::row::row;
use super::table::Table;
use crate::event::{Event, NodeId, Record, Seq};

row! {
    /// How far an origin's proposals are admitted.
    pub struct DedupeRow {
        /// The origin.
        pub origin: NodeId,
        /// The number of its last admitted proposal.
        pub origin_seq: u64,
        /// The last record of that proposal.
        pub seq: Seq,
    }
}

/// Last proposals by origin.
#[derive(Clone, Debug, Default)]
pub struct Dedupe {
    /// One row for each origin.
    pub table: Table<NodeId, DedupeRow>,
}

impl Dedupe {
    /// The number of the origin's last admitted proposal; 0 before the first.
    pub fn last(&self, origin: NodeId) -> u64 {
        self.table.get(&origin).map_or(0, |row| row.origin_seq)
    }

    /// Folds a record. Comes after the tables that say who is known.
    pub fn apply(&mut self, record: &Record, hosts: &Hosts, producers: &Producers) {
        let known = |origin: NodeId| hosts.is_member(origin) || producers.get(origin).is_some();
        match &record.draft.event {
            Event::MemberRemoved(body) if !known(body.node) => {
                self.table.remove(&body.node);
            }
            // The members of the old cluster are none of the new one's; the producers go on, each with its next number.
            Event::ClusterRestored(_) => {
                let gone: Vec<NodeId> = self.table.values().map(|row| row.origin).filter(|row| !known(*row)).collect();
                for origin in gone {
                    self.table.remove(&origin);
                }
            }
            _ => {}
        }
        let (origin, origin_seq) = (record.draft.origin, record.draft.origin_seq);
        if origin_seq > 0 && origin_seq >= self.last(origin) && known(origin) {
            self.table.put(origin, DedupeRow { origin, origin_seq, seq: record.seq });
        }
    }
}
