//! The making of a cluster: its CA, its first node, and its first command.

use super::clock::Clock;
use super::error::NodeError;
use super::layout::{Layout, NodeConfig, PeerAddress};
use crate::event::command::{FoundCluster, JoinNode};
use crate::event::config::Config;
use crate::event::{ClusterId, Command, Hash, NodeId};
use crate::net::authority::CERTIFICATE_LIFETIME;
use crate::net::{Authority, Role, Validity};
use crate::policy::admission::{Refusal, check_cluster_name, check_member};
use crate::work::WorkerProgram;

/// What a new node's configuration says about its certificate: a month is enough for somebody to notice that it fails.
const RENEW_BEFORE_DAYS: u32 = 30;

/// What people choose for a node.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// What they call it.
    pub name: String,
    /// Where it listens for QUIC; peers dial this too.
    pub listen: String,
    /// Where it serves HTTP.
    pub http: String,
    /// Jobs that it runs at a time.
    pub slots: u32,
    /// Programs that do the work.
    pub workers: Vec<WorkerProgram>,
}

impl NodeOptions {
    /// Whether a cluster of this name, if it is to be made, would take such a node: what its first command is refused for is better said
    /// before anything is made.
    ///
    /// # Errors
    /// [`NodeError::Refused`].
    pub fn check(&self, cluster: Option<&str>) -> Result<(), NodeError> {
        cluster.map_or(Ok(()), check_cluster_name).map_err(refused)?;
        check_member(&self.name, &self.listen).map_err(refused)
    }

    /// The node's configuration file.
    pub fn config(self, node: NodeId, cluster: ClusterId, peers: Vec<PeerAddress>) -> NodeConfig {
        let NodeOptions { name, listen, http, slots, workers } = self;
        NodeConfig {
            name,
            node,
            cluster,
            listen,
            http,
            slots,
            workers,
            renew_before_days: RENEW_BEFORE_DAYS,
            peers,
            retention: None,
        }
    }
}

fn refused(refusal: Refusal) -> NodeError {
    NodeError::Refused { code: refusal.code().to_owned(), message: refusal.to_string() }
}

/// Makes a cluster and the data directory of its first node.
///
/// # Errors
/// When the folder is in use or cannot be written.
pub fn init(
    layout: &Layout,
    cluster_name: &str,
    options: NodeOptions,
    campaign: Config,
) -> Result<NodeConfig, NodeError> {
    crate::policy::admission::config::check(&campaign).map_err(refused)?;
    options.check(Some(cluster_name))?;
    layout.create()?;
    let Founded { authority, node } = found(layout, &options)?;
    let cluster = authority.cluster();
    let node_id = node.node;
    let ca = authority.fingerprint();
    let genesis = FoundCluster { cluster: cluster.clone(), name: cluster_name.to_owned(), ca, node, config: campaign };
    layout.save_json(&layout.genesis(), &Command::from(genesis))?;
    let config = options.config(node_id, cluster, vec![]);
    layout.save_config(&config)?;
    Ok(config)
}

/// The identities of a new cluster.
pub(super) struct Founded {
    /// Its CA.
    pub authority: Authority,
    /// Its first node.
    pub node: JoinNode,
}

/// Makes a new cluster's CA, the identity of its first node, and an operator's.
pub(super) fn found(layout: &Layout, options: &NodeOptions) -> Result<Founded, NodeError> {
    let authority = Authority::create()?;
    authority.save(layout.root())?;
    let validity = Validity::starting(Clock.now(), CERTIFICATE_LIFETIME);
    let identity = authority.issue_identity(&options.name, Role::Node, validity)?;
    identity.save(layout.root())?;
    authority.issue_identity("operator", Role::Operator, validity)?.save(layout.root())?;
    let node = JoinNode {
        node: identity.node(),
        name: options.name.clone(),
        address: options.listen.clone(),
        fingerprint: identity.fingerprint(),
        token: None,
        secret: Hash::default(),
    };
    Ok(Founded { authority, node })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_first_command_would_be_refused_for_is_refused_before_anything_is_made() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path().join("n1"));
        let options = |name: &str, listen: &str| NodeOptions {
            name: name.to_owned(),
            listen: listen.to_owned(),
            http: "127.0.0.1:1".to_owned(),
            slots: 0,
            workers: vec![],
        };
        for (cluster, name, listen) in [("a b", "n1", "h:1"), ("a", "n 1", "h:1"), ("a", "n1", "nowhere")] {
            let refused = init(&layout, cluster, options(name, listen), Config::default()).map(drop);
            assert!(matches!(refused, Err(NodeError::Refused { .. })), "{cluster} {name} {listen}: {refused:?}");
            assert!(!layout.root().exists());
        }
        init(&layout, "a", options("n1", "h:1"), Config::default()).expect("a data directory");
    }
}
