//! The cluster's identity: one row.

use super::key::Only;
use super::row::row;
use super::table::Table;
use crate::event::{ClusterId, Event, Hash, Millis, Record, Seq};

row! {
    /// The cluster.
    pub struct ClusterRow {
        /// Its id.
        pub cluster: ClusterId,
        /// What people call it.
        pub name: String,
        /// Hash of its CA's public key.
        pub ca: Hash,
        /// The record that created it.
        pub created_seq: Seq,
        /// When.
        pub created_at: Millis,
    }
}

/// Which cluster this log is of.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// At most one row.
    pub table: Table<Only, ClusterRow>,
}

impl Cluster {
    /// The cluster, once it is created.
    pub fn get(&self) -> Option<&ClusterRow> {
        self.table.get(&Only)
    }

    /// Folds a record. The first creation counts, and every restoration.
    pub fn apply(&mut self, record: &Record) {
        let (cluster, name, ca) = match &record.draft.event {
            Event::ClusterCreated(body) if self.table.is_empty() => (&body.cluster, &body.name, body.ca),
            Event::ClusterRestored(body) => (&body.cluster, &body.name, body.ca),
            _ => return,
        };
        let (cluster, name) = (cluster.clone(), name.clone());
        let row = ClusterRow { cluster, name, ca, created_seq: record.seq, created_at: record.draft.recorded_at };
        self.table.put(Only, row);
    }
}
