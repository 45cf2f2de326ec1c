//! Members of the cluster, and which of them the leader hears.

use super::row::row;
use super::table::Table;
use crate::event::cluster::OfflineReason;
use crate::event::{Event, Hash, Millis, NodeId, Record, Seq, TokenId};

row! {
    /// A member.
    pub struct Host {
        /// The node.
        pub host: NodeId,
        /// What people call it.
        pub name: String,
        /// Where it listens, by its own last word.
        pub address: String,
        /// Hash of its public key.
        pub fingerprint: Hash,
        /// The token that let it in.
        pub token: Option<TokenId>,
        /// The record that made it a member.
        pub joined_seq: Seq,
        /// When.
        pub joined_at: Millis,
        /// Whether the leader hears it.
        pub online: bool,
        /// Counts the starts of its process; 0 before it was first online.
        pub incarnation: u64,
        /// The record that announced this incarnation. Leases with an older token died with the process.
        pub incarnation_seq: Option<Seq>,
        /// Jobs that it can run at a time.
        pub slots: u32,
        /// The last `HOST_ONLINE` or `HOST_OFFLINE`.
        pub changed_seq: Option<Seq>,
        /// When.
        pub changed_at: Option<Millis>,
        /// Why it went offline, while it is.
        pub offline_reason: Option<OfflineReason>,
        /// When the leader last heard it, as of the last `HOST_OFFLINE`.
        pub last_heard_at: Option<Millis>,
    }
}

/// Members by id. Their number is the cluster's size.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// One row for each member.
    pub table: Table<NodeId, Host>,
}

impl Hosts {
    /// The member with this id.
    pub fn get(&self, host: NodeId) -> Option<&Host> {
        self.table.get(&host)
    }

    /// Whether the node is a member.
    pub fn is_member(&self, host: NodeId) -> bool {
        self.table.contains(&host)
    }

    /// Whether the member is online. False for strangers.
    pub fn is_online(&self, host: NodeId) -> bool {
        self.get(host).is_some_and(|host| host.online)
    }

    /// The members that are online, in order of id.
    pub fn online(&self) -> impl Iterator<Item = &Host> {
        self.table.values().filter(|host| host.online)
    }

    /// The member that people call `name`.
    pub fn by_name(&self, name: &str) -> Option<&Host> {
        self.table.values().find(|host| host.name == name)
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        let (seq, at) = (record.seq, record.draft.recorded_at);
        match &record.draft.event {
            // The members of the old cluster are none of the new one's.
            Event::ClusterRestored(_) => self.table.drop_first(0),
            Event::NodeJoined(body) if !self.table.contains(&body.node) => {
                let row = Host {
                    host: body.node,
                    name: body.name.clone(),
                    address: body.address.clone(),
                    fingerprint: body.fingerprint,
                    token: body.token.clone(),
                    joined_seq: seq,
                    joined_at: at,
                    online: false,
                    incarnation: 0,
                    incarnation_seq: None,
                    slots: 0,
                    changed_seq: None,
                    changed_at: None,
                    offline_reason: None,
                    last_heard_at: None,
                };
                self.table.put(body.node, row);
            }
            Event::HostOnline(body) => {
                self.table.update(&body.host, |host| {
                    if host.incarnation != body.incarnation || host.incarnation_seq.is_none() {
                        host.incarnation = body.incarnation;
                        host.incarnation_seq = Some(seq);
                    }
                    host.online = true;
                    host.slots = body.slots;
                    host.offline_reason = None;
                    (host.changed_seq, host.changed_at) = (Some(seq), Some(at));
                });
            }
            Event::HostOffline(body) => {
                self.table.update(&body.host, |host| {
                    host.online = false;
                    host.offline_reason = Some(body.reason);
                    host.last_heard_at = Some(body.last_heard_at);
                    (host.changed_seq, host.changed_at) = (Some(seq), Some(at));
                });
            }
            Event::MemberMoved(body) => {
                self.table.update(&body.node, |host| host.address.clone_from(&body.to));
            }
            Event::MemberRemoved(body) => {
                self.table.remove(&body.node);
            }
            _ => {}
        }
    }
}
