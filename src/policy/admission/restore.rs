//! A restored cluster's first command.

use super::Refusal;
use super::cluster::{check_cluster, check_node, joined};
use crate::event::NodeId;
use crate::event::cluster::ClusterRestored;
use crate::event::command::RestoreCluster;
use crate::policy::limits::MISSING_BLOBS_MAX;
use crate::policy::view::Decision;
use crate::projection::State;

/// Admitted once, right after the `LEADER_ELECTED` of the node that restored the log: it leads, so it is the only voter, and it
/// is no member of the cluster whose records these are. No member of a running cluster can come into that place.
pub(super) fn restore(state: &State, origin: NodeId, command: &RestoreCluster) -> Result<Vec<Decision>, Refusal> {
    let leads = state.leadership.current().is_some_and(|row| row.leader == origin && row.seq == state.seq);
    if origin != command.node.node {
        return Err(Refusal::NotYours { origin, host: command.node.node });
    }
    let known = state.cluster.get().is_some_and(|row| row.cluster == command.previous);
    if !known || !leads || state.hosts.is_member(origin) || command.position >= state.seq {
        return Err(Refusal::ClusterExists);
    }
    let bad = |reason: &str| Err(Refusal::BadNode { reason: reason.to_owned() });
    check_cluster(&command.cluster, &command.name)?;
    if command.missing.len() > MISSING_BLOBS_MAX {
        return bad("too many blobs are missing");
    }
    // Names of the old cluster's members are free.
    check_node(&State::default(), &command.node)?;
    let restored = ClusterRestored {
        cluster: command.cluster.clone(),
        name: command.name.clone(),
        ca: command.ca,
        previous: command.previous.clone(),
        position: command.position,
        chain: command.chain,
        state: command.state,
        host: command.node.node,
        missing: command.missing.clone(),
    };
    let cause = state.leadership.current().map(|row| row.seq);
    Ok(vec![Decision::new(restored, cause), Decision::new(joined(&command.node, None), [])])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ClusterId;
    use crate::event::cluster::LeaderElected;
    use crate::event::command::JoinNode;
    use crate::event::samples::{hash, sample};
    use crate::event::{Command, Event, Hash, Kind, Seq, Term};
    use crate::policy::testing::{Given, external_job, joined as member, online};

    fn command() -> RestoreCluster {
        let fingerprint = hash("the new node's key");
        let (node, address) = (NodeId::of(&fingerprint), "127.0.0.1:7001".to_owned());
        RestoreCluster {
            cluster: ClusterId::new("77aa00112233ffee"),
            name: "again".into(),
            ca: hash("ca"),
            node: JoinNode { node, name: "n1".into(), address, fingerprint, token: None, secret: Hash::default() },
            previous: ClusterId::new("9b1c22aa77e0d1f3"),
            position: Seq(7),
            chain: hash("chain"),
            state: hash("state"),
            missing: vec![],
        }
    }

    fn elected(leader: NodeId) -> Event {
        LeaderElected { leader, term: Term(9), previous: None }.into()
    }

    /// Seven records of the old cluster, with a running job and a blob, then the election.
    fn old(leader: NodeId) -> Given {
        let claim = crate::event::jobs::JobClaimed { job: crate::event::JobId::new("a"), host: NodeId(1), attempt: 1 };
        let token = sample(Kind::TokenCreated);
        let blob = sample(Kind::ArtifactStored);
        let first =
            [sample(Kind::ClusterCreated), member(1), online(1, 1), external_job("a"), claim.into(), token, blob];
        Given::events(first).and(elected(leader))
    }

    #[test]
    fn the_node_that_restored_the_log_makes_it_a_cluster_of_its_own_once() {
        let node = command().node.node;
        let restored = old(node).when(node.0, Command::RestoreCluster(command()));
        let given = restored.then_kinds(&["CLUSTER_RESTORED", "NODE_JOINED"]).applied();
        let state = &given.state;
        assert_eq!(state.cluster.get().map(|row| row.cluster.clone()), Some(command().cluster));
        assert_eq!(state.hosts.table.values().map(|host| host.host).collect::<Vec<_>>(), [node]);
        assert_eq!((state.jobs.held().count(), state.jobs.queued().count()), (0, 1), "the lease holds no more");
        assert!(state.tokens.table.is_empty());
        assert!(state.artifacts.table.values().all(|blob| blob.copies == [node]), "the copies are here");
        given.when(node.0, Command::RestoreCluster(command())).refused("cluster_exists");
    }

    #[test]
    fn nobody_else_can_take_a_cluster_over() {
        let node = command().node.node;
        old(NodeId(1)).when(node.0, Command::RestoreCluster(command())).refused("cluster_exists");
        old(node).when(1, Command::RestoreCluster(command())).refused("not_yours");
        old(node).and(online(1, 2)).when(node.0, Command::RestoreCluster(command())).refused("cluster_exists");
        let other = RestoreCluster { previous: ClusterId::new("0000000000000000"), ..command() };
        old(node).when(node.0, Command::RestoreCluster(other)).refused("cluster_exists");
        let thief = JoinNode { node: NodeId(1), ..command().node };
        let thief = RestoreCluster { node: thief, ..command() };
        old(NodeId(1)).when(1, Command::RestoreCluster(thief)).refused("cluster_exists");
    }

    #[test]
    fn blobs_that_are_missing_have_no_copy() {
        let node = command().node.node;
        let Event::ArtifactStored(blob) = sample(Kind::ArtifactStored) else { unreachable!() };
        let missing = RestoreCluster { missing: vec![blob.artifact], ..command() };
        let given = old(node).when(node.0, Command::RestoreCluster(missing)).applied();
        assert!(given.state.artifacts.table.get(&blob.artifact).is_some_and(|row| row.copies.is_empty()));
    }
}
