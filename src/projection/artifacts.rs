//! Blobs, their copies, and the copies that were asked for.

use super::row::row;
use super::table::Table;
use crate::event::artifacts::{ArtifactKind, ArtifactStored, AssignReason};
use crate::event::cluster::ClusterRestored;
use crate::event::{Event, Hash, Millis, NodeId, Record, Seq};

row! {
    /// A blob.
    pub struct Artifact {
        /// The blob.
        pub artifact: Hash,
        /// What it is.
        pub kind: ArtifactKind,
        /// Its size.
        pub bytes: u64,
        /// Hosts with a copy, in order of id.
        pub copies: Vec<NodeId>,
        /// Hosts that should fetch one, in order of id.
        pub assigned: Vec<Assigned>,
        /// Copies that were lost.
        pub lost: u32,
        /// The record that brought it.
        pub stored_seq: Seq,
        /// When.
        pub stored_at: Millis,
        /// The last record that changed its copies.
        pub changed_seq: Seq,
    }

    /// A copy that was asked for and is not there yet.
    pub struct Assigned {
        /// The host.
        pub host: NodeId,
        /// Why.
        pub reason: AssignReason,
        /// The record that asked.
        pub seq: Seq,
        /// When.
        pub at: Millis,
    }
}

impl Artifact {
    /// Whether the host holds a copy.
    pub fn is_on(&self, host: NodeId) -> bool {
        self.copies.binary_search(&host).is_ok()
    }

    /// Whether the host was asked to fetch a copy.
    pub fn is_assigned(&self, host: NodeId) -> bool {
        self.assigned.iter().any(|assigned| assigned.host == host)
    }
}

/// Blobs by hash.
#[derive(Clone, Debug, Default)]
pub struct Artifacts {
    /// One row for each blob.
    pub table: Table<Hash, Artifact>,
}

impl Artifacts {
    /// The blob with this hash.
    pub fn get(&self, artifact: &Hash) -> Option<&Artifact> {
        self.table.get(artifact)
    }

    /// The blobs that `host` should fetch.
    pub fn assigned_to(&self, host: NodeId) -> impl Iterator<Item = &Artifact> {
        self.table.values().filter(move |artifact| artifact.is_assigned(host))
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        let seq = record.seq;
        match &record.draft.event {
            Event::ArtifactStored(body) if self.table.contains(&body.artifact) => {
                self.table.update(&body.artifact, |row| add_copy(row, body.host, seq));
            }
            Event::ArtifactStored(body) => self.table.put(body.artifact, stored(record, body)),
            Event::ArtifactVerified(body) => {
                self.table.update(&body.artifact, |row| add_copy(row, body.host, seq));
            }
            Event::ArtifactAssigned(body) => {
                self.table.update(&body.artifact, |row| {
                    if !row.is_on(body.host) && !row.is_assigned(body.host) {
                        let at = record.draft.recorded_at;
                        row.assigned.push(Assigned { host: body.host, reason: body.reason, seq, at });
                        row.assigned.sort_by_key(|assigned| assigned.host);
                    }
                });
            }
            Event::ArtifactLost(body) => {
                self.table.update(&body.artifact, |row| {
                    if let Ok(index) = row.copies.binary_search(&body.host) {
                        row.copies.remove(index);
                        row.lost = row.lost.saturating_add(1);
                        row.changed_seq = seq;
                    }
                    row.assigned.retain(|assigned| assigned.host != body.host);
                });
            }
            Event::ClusterRestored(body) => self.restore(body, seq),
            Event::HostOffline(body) => self.forget_assignments(body.host),
            _ => {}
        }
    }

    /// The only copies are those of the node that restored the cluster.
    fn restore(&mut self, body: &ClusterRestored, seq: Seq) {
        let missing: std::collections::BTreeSet<&Hash> = body.missing.iter().collect();
        let held: Vec<Hash> =
            self.table.values().filter(|row| !row.copies.is_empty()).map(|row| row.artifact).collect();
        for artifact in held {
            self.table.update(&artifact, |row| {
                row.copies = if missing.contains(&artifact) { vec![] } else { vec![body.host] };
                row.assigned = vec![];
                row.changed_seq = seq;
            });
        }
    }

    /// What an offline host was asked for is asked of others, or of the host again when it is back.
    fn forget_assignments(&mut self, host: NodeId) {
        let concerned: Vec<Hash> = self.assigned_to(host).map(|artifact| artifact.artifact).collect();
        for artifact in concerned {
            self.table.update(&artifact, |row| row.assigned.retain(|assigned| assigned.host != host));
        }
    }
}

fn stored(record: &Record, body: &ArtifactStored) -> Artifact {
    Artifact {
        artifact: body.artifact,
        kind: body.kind,
        bytes: body.bytes,
        copies: vec![body.host],
        assigned: vec![],
        lost: 0,
        stored_seq: record.seq,
        stored_at: record.draft.recorded_at,
        changed_seq: record.seq,
    }
}

fn add_copy(row: &mut Artifact, host: NodeId, seq: Seq) {
    if let Err(index) = row.copies.binary_search(&host) {
        row.copies.insert(index, host);
        row.changed_seq = seq;
    }
    row.assigned.retain(|assigned| assigned.host != host);
}
