//! Roles of members, who was removed, by which rules seats are given, and the format version that all members read.

use super::key::Only;
use super::quorum::Quorum;
use super::row::row;
use super::table::Table;
use crate::event::membership::{MemberRole, MemberRoleChanged, MembershipConfig, RoleReason};
use crate::event::{Event, Millis, NodeId, Record, Seq};

/// Removed members that are remembered. Beyond it the one removed first is forgotten: it stays a stranger to the cluster
/// (no member, no voter, its proposals are refused), but is no longer told that it was removed.
pub const REMOVED_MAX: usize = 4_096;

row! {
    /// What was decided about a node.
    pub struct MemberRow {
        /// The node.
        pub node: NodeId,
        /// The role that it was given last.
        pub role: MemberRole,
        /// Why; none when it never was given one.
        pub reason: Option<RoleReason>,
        /// Who asked for it; none when a policy decided.
        pub actor: Option<String>,
        /// The last record about it.
        pub seq: Seq,
        /// When.
        pub at: Millis,
        /// What people called it, once it is removed.
        pub removed: Option<String>,
    }

    /// What holds for all members.
    pub struct RulesRow {
        /// The rules by which seats are given.
        pub config: MembershipConfig,
        /// The record that set them; none while they are the usual ones.
        pub config_seq: Option<Seq>,
        /// The format version that every member reads.
        pub version: u32,
        /// The record that says so.
        pub version_seq: Option<Seq>,
        /// The last request to hand leadership over, until somebody is elected.
        pub transfer: Option<Transfer>,
    }

    /// A request to hand leadership over.
    pub struct Transfer {
        /// Who is to lead.
        pub to: NodeId,
        /// Who asked for it.
        pub actor: String,
        /// The record.
        pub seq: Seq,
    }
}

impl Default for RulesRow {
    fn default() -> Self {
        let config = MembershipConfig::default();
        RulesRow { config, config_seq: None, version: 1, version_seq: None, transfer: None }
    }
}

/// Roles and rules.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    /// One row for each node whose role was ever decided, and for each that was removed.
    pub members: Table<NodeId, MemberRow>,
    /// At most one row.
    pub rules: Table<Only, RulesRow>,
}

impl Membership {
    /// The rules in force.
    pub fn rules(&self) -> RulesRow {
        self.rules.get(&Only).cloned().unwrap_or_default()
    }

    /// The format version that every member reads: what is newer must not be written.
    pub fn version(&self) -> u32 {
        self.rules.get(&Only).map_or(1, |rules| rules.version)
    }

    /// What was decided about a member.
    pub fn get(&self, node: NodeId) -> Option<&MemberRow> {
        self.members.get(&node).filter(|row| row.removed.is_none())
    }

    /// The record that removed a node, if it was removed.
    pub fn removed(&self, node: NodeId) -> Option<&MemberRow> {
        self.members.get(&node).filter(|row| row.removed.is_some())
    }

    /// Everybody who was removed, in order of id.
    pub fn all_removed(&self) -> impl Iterator<Item = &MemberRow> {
        self.members.values().filter(|row| row.removed.is_some())
    }

    /// Whether a node was removed and takes no part any more: nobody listens to it from now on. Until Raft has let it go, its
    /// vote may be needed for just that.
    pub fn is_out(&self, node: NodeId, quorum: &Quorum) -> bool {
        let takes_part = || quorum.get().is_some_and(|row| row.voters.contains(&node) || row.learners.contains(&node));
        self.removed(node).is_some() && !takes_part()
    }

    /// The role that a member is to have: the one that was decided, or else the one that it has.
    pub fn role(&self, node: NodeId, quorum: &Quorum) -> MemberRole {
        let votes = || quorum.get().is_some_and(|row| row.voters.contains(&node));
        match self.get(node).filter(|row| row.reason.is_some()) {
            Some(row) => row.role,
            None if votes() => MemberRole::Voter,
            None => MemberRole::Learner,
        }
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        match &record.draft.event {
            // Roles are those of the old cluster's members; its rules stay.
            Event::ClusterRestored(_) => self.members.drop_first(0),
            Event::MemberRoleChanged(body) => self.change_role(record, body),
            Event::MemberRemoved(body) => {
                let row = MemberRow {
                    node: body.node,
                    role: MemberRole::Learner,
                    reason: None,
                    actor: Some(body.actor.clone()),
                    seq: record.seq,
                    at: record.draft.recorded_at,
                    removed: Some(body.name.clone()),
                };
                self.members.put(body.node, row);
                self.forget_first_removed();
            }
            // Whoever joins is nobody that was removed: a key never returns.
            Event::NodeJoined(body) => {
                self.members.remove(&body.node);
            }
            Event::MembershipConfigured(body) => {
                self.change_rules(|rules| (rules.config, rules.config_seq) = (body.config, Some(record.seq)));
            }
            Event::ClusterVersionRaised(body) if body.to > self.version() => {
                self.change_rules(|rules| (rules.version, rules.version_seq) = (body.to, Some(record.seq)));
            }
            Event::LeaderTransferRequested(body) => {
                let transfer = Transfer { to: body.to, actor: body.actor.clone(), seq: record.seq };
                self.change_rules(|rules| rules.transfer = Some(transfer));
            }
            Event::LeaderElected(_) if self.rules().transfer.is_some() => {
                self.change_rules(|rules| rules.transfer = None);
            }
            _ => {}
        }
    }

    fn change_role(&mut self, record: &Record, body: &MemberRoleChanged) {
        if self.removed(body.node).is_some() {
            return;
        }
        let row = MemberRow {
            node: body.node,
            role: body.role,
            reason: Some(body.reason),
            actor: body.actor.clone(),
            seq: record.seq,
            at: record.draft.recorded_at,
            removed: None,
        };
        self.members.put(body.node, row);
    }

    fn change_rules(&mut self, change: impl FnOnce(&mut RulesRow)) {
        let mut rules = self.rules();
        change(&mut rules);
        self.rules.put(Only, rules);
    }

    fn forget_first_removed(&mut self) {
        while self.all_removed().count() > REMOVED_MAX {
            let Some(first) = self.all_removed().min_by_key(|row| row.seq).map(|row| row.node) else { return };
            self.members.remove(&first);
        }
    }
}
