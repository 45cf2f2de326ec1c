//! Who votes, and how far the cluster is from losing its quorum.

use super::key::Only;
use super::row::row;
use super::table::Table;
use crate::event::cluster::QuorumHealth;
use crate::event::{Event, NodeId, Record, Seq};

row! {
    /// The configured voters and learners, and the last health recorded.
    #[derive(Default)]
    pub struct QuorumRow {
        /// Who votes, in order of id.
        pub voters: Vec<NodeId>,
        /// Who only receives the log, in order of id.
        pub learners: Vec<NodeId>,
        /// The record that says so.
        pub voters_seq: Option<Seq>,
        /// The last health recorded.
        pub health: QuorumHealth,
        /// Voters that were online then.
        pub online: u32,
        /// The record that says so.
        pub health_seq: Option<Seq>,
    }
}

/// Voters and their health: one row.
#[derive(Clone, Debug, Default)]
pub struct Quorum {
    /// At most one row.
    pub table: Table<Only, QuorumRow>,
}

impl Quorum {
    /// The voters and their health, once recorded.
    pub fn get(&self) -> Option<&QuorumRow> {
        self.table.get(&Only)
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        let seq = Some(record.seq);
        let mut row = self.get().cloned().unwrap_or_default();
        match &record.draft.event {
            Event::VotersChanged(body) => {
                row.voters.clone_from(&body.voters);
                row.learners.clone_from(&body.learners);
                row.voters_seq = seq;
            }
            Event::QuorumHealthChanged(body) => {
                (row.health, row.online, row.health_seq) = (body.to, body.online, seq);
            }
            // The new cluster begins without voters; the first VOTERS_CHANGED names them.
            Event::ClusterRestored(_) => row = QuorumRow::default(),
            _ => return,
        }
        self.table.put(Only, row);
    }
}
