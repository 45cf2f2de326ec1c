//! Programs that record notes. Their ids are origins of numbered proposals, so this table bounds the dedupe table too.

use super::dedupe::Dedupe;
use super::hosts::Hosts;
use super::row::row;
use super::table::Table;
use crate::event::{Event, NodeId, Record, Seq};

/// Producers that are known at a time. Beyond it the one that was silent longest is forgotten, with its place in the
/// dedupe table; it is refused from then on and has to register anew.
pub const PRODUCERS_MAX: usize = 1_024;

row! {
    /// A producer.
    pub struct ProducerRow {
        /// The id under which its notes are numbered.
        pub producer: NodeId,
        /// What people call it.
        pub name: String,
        /// On whose authority it writes.
        pub actor: String,
        /// The record that registered it.
        pub registered_seq: Seq,
    }
}

/// Producers by id.
#[derive(Clone, Debug, Default)]
pub struct Producers {
    /// At most [`PRODUCERS_MAX`] rows.
    pub table: Table<NodeId, ProducerRow>,
}

impl Producers {
    /// The producer with this id.
    pub fn get(&self, producer: NodeId) -> Option<&ProducerRow> {
        self.table.get(&producer)
    }

    /// Folds a record. Comes before `dedupe`, from which it takes whom it forgets, unless that is a member, too.
    pub fn apply(&mut self, record: &Record, dedupe: &mut Dedupe, hosts: &Hosts) {
        let Event::ProducerRegistered(body) = &record.draft.event else { return };
        let row = ProducerRow {
            producer: body.producer,
            name: body.name.clone(),
            actor: body.actor.clone(),
            registered_seq: record.seq,
        };
        self.table.put(body.producer, row);
        while self.table.len() > PRODUCERS_MAX {
            let last_word =
                |row: &ProducerRow| dedupe.table.get(&row.producer).map_or(row.registered_seq, |row| row.seq);
            let silent = self.table.values().min_by_key(|row| (last_word(row), row.producer)).map(|row| row.producer);
            let Some(silent) = silent else { return };
            self.table.remove(&silent);
            if !hosts.is_member(silent) {
                dedupe.table.remove(&silent);
            }
        }
    }
}
