//! Copies of blobs: every online host holds each champion, and nothing of worth lies on too few online hosts.

use std::collections::BTreeMap;

use super::limits::{ASSIGNED_MAX, DECISIONS_MAX};
use super::view::{Decision, View};
use crate::event::artifacts::{ArtifactAssigned, ArtifactKind, AssignReason};
use crate::event::{Event, Hash, NodeId};
use crate::projection::artifacts::Artifact;
use crate::projection::games::BatchState;

/// `ARTIFACT_ASSIGNED` for every copy that is wanted and can be fetched from a host that is online. A copy on an offline
/// host does not count; an assignment ends when the copy is there, or when the host goes offline.
pub fn decide(view: &View) -> Vec<Decision> {
    let online: Vec<NodeId> = view.state.hosts.online().map(|host| host.host).collect();
    let mut decisions = champions(view, &online);
    let mut champions_coming = BTreeMap::<Hash, usize>::new();
    for decision in &decisions {
        if let Event::ArtifactAssigned(body) = &decision.event {
            *champions_coming.entry(body.artifact).or_default() += 1;
        }
    }
    let copies_min = view.state.config().map_or(1, |config| config.cluster.copies_min) as usize;
    let mut outstanding = outstanding(view, &online);
    for artifact in view.state.artifacts.table.values().filter(|artifact| is_kept(view, artifact)) {
        if decisions.len() >= DECISIONS_MAX {
            break;
        }
        let there = online.iter().filter(|host| artifact.is_on(**host)).count();
        let coming = online.iter().filter(|host| artifact.is_assigned(**host)).count();
        let coming_now = champions_coming.get(&artifact.artifact).copied().unwrap_or(0);
        let wanted = copies_min.min(online.len()).saturating_sub(there + coming + coming_now);
        if there == 0 || wanted == 0 {
            continue;
        }
        for host in choose(artifact, &online, &outstanding, wanted) {
            *outstanding.entry(host).or_default() += 1;
            decisions.push(assign(artifact, host, AssignReason::Replication));
        }
    }
    decisions
}

fn champions(view: &View, online: &[NodeId]) -> Vec<Decision> {
    let weights = view.state.models.champions.values().filter_map(|champion| {
        let artifact = view.state.artifacts.get(&champion.weights)?;
        online.iter().any(|host| artifact.is_on(*host)).then_some((champion, artifact))
    });
    let missing = weights.flat_map(|(champion, artifact)| {
        let lacks = online.iter().filter(|host| !artifact.is_on(**host) && !artifact.is_assigned(**host));
        lacks.map(move |host| {
            let mut decision = assign(artifact, *host, AssignReason::Champion);
            decision.caused_by.push(champion.seq);
            decision
        })
    });
    missing.take(DECISIONS_MAX).collect()
}

/// Games in quarantine are not worth a copy.
fn is_kept(view: &View, artifact: &Artifact) -> bool {
    let batch = view.state.games.get(&artifact.artifact);
    artifact.kind != ArtifactKind::Games || batch.is_none_or(|batch| batch.state != BatchState::Quarantined)
}

/// Copies for safety that each online host was asked for and does not have yet.
fn outstanding(view: &View, online: &[NodeId]) -> BTreeMap<NodeId, usize> {
    let mut counts: BTreeMap<NodeId, usize> = online.iter().map(|host| (*host, 0)).collect();
    for assigned in view.state.artifacts.table.values().flat_map(|artifact| &artifact.assigned) {
        if assigned.reason == AssignReason::Replication
            && let Some(count) = counts.get_mut(&assigned.host)
        {
            *count += 1;
        }
    }
    counts
}

/// The hosts with the least to fetch; among equals by the hash of blob and host, so that copies spread.
fn choose(artifact: &Artifact, online: &[NodeId], outstanding: &BTreeMap<NodeId, usize>, wanted: usize) -> Vec<NodeId> {
    let load = |host: &NodeId| outstanding.get(host).copied().unwrap_or(0);
    let spread = |host: &NodeId| Hash::of(&[&artifact.artifact.0[..], &host.0.to_be_bytes()].concat());
    let free = |host: &&NodeId| !artifact.is_on(**host) && !artifact.is_assigned(**host) && load(host) < ASSIGNED_MAX;
    let mut hosts: Vec<NodeId> = online.iter().filter(free).copied().collect();
    hosts.sort_by_key(|host| (load(host), spread(host)));
    hosts.truncate(wanted);
    hosts
}

fn assign(artifact: &Artifact, host: NodeId, reason: AssignReason) -> Decision {
    let event = ArtifactAssigned { artifact: artifact.artifact, host, reason };
    Decision::new(event, [artifact.changed_seq, artifact.stored_seq])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Millis;
    use crate::event::artifacts::{ArtifactLost, ArtifactStored, ArtifactVerified};
    use crate::event::cluster::{HostOffline, OfflineReason};
    use crate::event::samples::hash;
    use crate::policy::testing::{Given, config, generation_one, joined, online};

    fn stored(name: &str, kind: ArtifactKind, host: u64) -> Event {
        ArtifactStored { artifact: hash(name), kind, bytes: 10, host: NodeId(host) }.into()
    }

    fn three_hosts() -> Given {
        generation_one(config(40)).and_all([joined(3), online(3, 1)])
    }

    fn offline(host: u64) -> Event {
        HostOffline { host: NodeId(host), last_heard_at: Millis(1), reason: OfflineReason::Silent }.into()
    }

    #[test]
    fn every_online_host_gets_the_champion() {
        let given = three_hosts().and(stored("weights 0", ArtifactKind::Model, 2)).decide(decide);
        given.then_fields(
            &["ARTIFACT_ASSIGNED 0000000000000001 champion", "ARTIFACT_ASSIGNED 0000000000000003 champion"],
            &["host", "reason"],
        );
        given.settled(decide);
    }

    #[test]
    fn games_get_a_second_copy_and_offline_copies_do_not_count() {
        let given = three_hosts().and(stored("games", ArtifactKind::Games, 2)).decide(decide);
        let given = given.then_kinds(&["ARTIFACT_ASSIGNED"]);
        let Event::ArtifactAssigned(first) = given.decisions()[0].event.clone() else { panic!("an assignment") };
        let given = given.settled(decide);
        // The host that was asked goes away: somebody else is asked.
        let moved = given.and(offline(first.host.0)).decide(decide).then_kinds(&["ARTIFACT_ASSIGNED"]).settled(decide);
        // The copy arrives elsewhere; then the first holder goes away too, and nobody is left to ask.
        let other = if first.host == NodeId(1) { 3 } else { 1 };
        let given =
            moved.and(ArtifactVerified { artifact: hash("games"), host: NodeId(other) }).decide(decide).then(&[]);
        given.applied().and(offline(2)).decide(decide).then(&[]);
    }

    #[test]
    fn a_lost_copy_is_fetched_again() {
        let verified = |host| ArtifactVerified { artifact: hash("games"), host: NodeId(host) };
        let given =
            three_hosts().and(stored("games", ArtifactKind::Games, 2)).and(verified(3)).decide(decide).then(&[]);
        let lost = ArtifactLost { artifact: hash("games"), host: NodeId(2), reason: "gone".into() };
        given.applied().and(lost.clone()).decide(decide).then_kinds(&["ARTIFACT_ASSIGNED"]).settled(decide);
        // Without any source there is nothing to fetch.
        let none = ArtifactLost { host: NodeId(3), ..lost.clone() };
        three_hosts()
            .and(stored("games", ArtifactKind::Games, 2))
            .and(verified(3))
            .and(lost)
            .and(none)
            .decide(decide)
            .then(&[]);
    }

    #[test]
    fn a_host_is_not_buried_in_assignments() {
        let games = (0..100).map(|number| stored(&format!("games {number}"), ArtifactKind::Games, 2));
        let given = three_hosts().and_all(games).decide(decide);
        assert_eq!(given.decisions().len(), 2 * ASSIGNED_MAX);
        given.settled(decide);
    }
}
