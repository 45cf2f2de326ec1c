//! The last certificate that each member was given after it joined. Only notes: the certificate itself says how long it is valid.

use super::row::row;
use super::table::Table;
use crate::event::{Event, Hash, Millis, NodeId, Record, Seq};

row! {
    /// A member's renewed certificate.
    pub struct CertificateRow {
        /// The member.
        pub host: NodeId,
        /// Hash of the certificate.
        pub fingerprint: Hash,
        /// When it stops being valid.
        pub not_after: Millis,
        /// How often it was renewed.
        pub renewals: u32,
        /// Who asked for the last one.
        pub actor: String,
        /// The record of the last one.
        pub seq: Seq,
    }
}

/// Certificates by member. Their number is bounded by that of all members ever.
#[derive(Clone, Debug, Default)]
pub struct Certificates {
    /// One row for each member that renewed its certificate.
    pub table: Table<NodeId, CertificateRow>,
}

impl Certificates {
    /// The last certificate of a member; none when it still has its first.
    pub fn get(&self, host: NodeId) -> Option<&CertificateRow> {
        self.table.get(&host)
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        if let Event::ClusterRestored(_) = &record.draft.event {
            self.table.drop_first(0);
        }
        let Event::CertificateRenewed(body) = &record.draft.event else { return };
        let row = CertificateRow {
            host: body.host,
            fingerprint: body.fingerprint,
            not_after: body.not_after,
            renewals: self.get(body.host).map_or(0, |row| row.renewals).saturating_add(1),
            actor: body.actor.clone(),
            seq: record.seq,
        };
        self.table.put(body.host, row);
    }
}
