//! The configuration in force: one row.

use super::key::Only;
use super::row::row;
use super::table::Table;
use crate::event::config::Config;
use crate::event::{Event, Millis, Record, Seq};

row! {
    /// The configuration in force.
    pub struct ConfigRow {
        /// The configuration, complete.
        pub config: Config,
        /// Who changed it last.
        pub actor: String,
        /// The record that did.
        pub changed_seq: Seq,
        /// When.
        pub changed_at: Millis,
    }
}

/// What people want the cluster to do.
#[derive(Clone, Debug, Default)]
pub struct ConfigInForce {
    /// At most one row.
    pub table: Table<Only, ConfigRow>,
}

impl ConfigInForce {
    /// The configuration in force with its record, once there is one.
    pub fn get(&self) -> Option<&ConfigRow> {
        self.table.get(&Only)
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        if let Event::ConfigChanged(body) = &record.draft.event {
            let row = ConfigRow {
                config: body.config.clone(),
                actor: body.actor.clone(),
                changed_seq: record.seq,
                changed_at: record.draft.recorded_at,
            };
            self.table.put(Only, row);
        }
    }
}
