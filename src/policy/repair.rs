//! Copies of blobs: every online host holds each champion, and nothing of worth lies on too few online hosts.

use std::collections::BTreeMap;

use super::limits::{ASSIGNED_MAX, ASSIGNED_MS_MAX, DECISIONS_MAX};
use super::view::{Decision, View};
use crate::event::artifacts::{ArtifactAssigned, ArtifactKind, AssignReason};
use crate::event::{Event, Hash, Millis, NodeId};
use crate::projection::State;
use crate::projection::artifacts::Artifact;
use crate::projection::games::BatchState;

/// Blobs that lie on too few online hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// How many they are.
    pub blobs: u32,
    /// Since when a copy of one of them is wanted at the latest: the oldest open assignment. Where nobody was asked, when the blob came.
    pub since: Millis,
}

/// What repair has not repaired; none when every blob of worth lies on as many online hosts as the configuration wants, or on all of them.
pub fn shortage(state: &State) -> Option<Shortage> {
    let online: Vec<NodeId> = state.hosts.online().map(|host| host.host).collect();
    let wanted = copies_min(state).min(online.len());
    let kept = state.artifacts.table.values().filter(|artifact| is_kept(state, artifact));
    let short = kept.filter(|artifact| online.iter().filter(|host| artifact.is_on(**host)).count() < wanted);
    let since = |artifact: &Artifact| {
        let asked = artifact.assigned.iter().filter(|it| it.reason == AssignReason::Replication).map(|it| it.at);
        asked.min().unwrap_or(artifact.stored_at)
    };
    short.fold(None, |found, artifact| {
        let Shortage { blobs, since: first } = found.unwrap_or(Shortage { blobs: 0, since: since(artifact) });
        Some(Shortage { blobs: blobs + 1, since: first.min(since(artifact)) })
    })
}

fn copies_min(state: &State) -> usize {
    state.config().map_or(1, |config| config.cluster.copies_min) as usize
}

/// `ARTIFACT_ASSIGNED` for every copy that is wanted and can be fetched from a host that is online. A copy on an offline
/// host does not count; an assignment ends when the copy is there, or when the host goes offline. A host that was asked and has not
/// fetched it after [`ASSIGNED_MS_MAX`] may go on, but somebody else is asked too.
pub fn decide(view: &View) -> Vec<Decision> {
    let online: Vec<NodeId> = view.state.hosts.online().map(|host| host.host).collect();
    let mut decisions = champions(view, &online);
    let mut champions_coming = BTreeMap::<Hash, usize>::new();
    for decision in &decisions {
        if let Event::ArtifactAssigned(body) = &decision.event {
            *champions_coming.entry(body.artifact).or_default() += 1;
        }
    }
    let copies_min = copies_min(view.state);
    let mut outstanding = outstanding(view, &online);
    for artifact in view.state.artifacts.table.values().filter(|artifact| is_kept(view.state, artifact)) {
        if decisions.len() >= DECISIONS_MAX {
            break;
        }
        let there = online.iter().filter(|host| artifact.is_on(**host)).count();
        let coming = artifact.assigned.iter().filter(|it| view.now.since(it.at) < ASSIGNED_MS_MAX).count();
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
fn is_kept(state: &State, artifact: &Artifact) -> bool {
    let batch = state.games.get(&artifact.artifact);
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
    fn whoever_does_not_get_its_copy_is_not_waited_for() {
        let given = three_hosts().and(stored("games", ArtifactKind::Games, 2)).decide(decide);
        let Event::ArtifactAssigned(first) = given.decisions()[0].event.clone() else { panic!("an assignment") };
        let asked = given.applied();
        asked.clone().later(ASSIGNED_MS_MAX - 1).decide(decide).then(&[]);
        let other = if first.host == NodeId(1) { 3 } else { 1 };
        let late = asked.later(ASSIGNED_MS_MAX).decide(decide);
        let late = late.then_fields(&[&format!("ARTIFACT_ASSIGNED {other:016x} replication")], &["host", "reason"]);
        // Then there is nobody else.
        late.settled(decide).later(10 * ASSIGNED_MS_MAX).decide(decide).then(&[]);
    }

    #[test]
    fn copies_that_are_missing_are_known_as_long_as_they_are() {
        let verified = |name: &str, host| ArtifactVerified { artifact: hash(name), host: NodeId(host) };
        let given = three_hosts();
        assert_eq!(shortage(&given.state), None);
        let given = given.and(stored("games", ArtifactKind::Games, 2)).and(stored("more", ArtifactKind::Games, 3));
        let [first, second] = ["games", "more"].map(|name| given.state.artifacts.get(&hash(name)).unwrap().stored_at);
        assert!(first < second);
        assert_eq!(shortage(&given.state), Some(Shortage { blobs: 2, since: first }), "nobody was asked");
        let asked = given.decide(decide).applied();
        let at = |name: &str| asked.state.artifacts.get(&hash(name)).unwrap().assigned[0].at;
        assert_eq!(shortage(&asked.state), Some(Shortage { blobs: 2, since: at("games").min(at("more")) }));
        let one = asked.and(verified("games", 1));
        assert_eq!(shortage(&one.state).map(|short| short.blobs), Some(1));
        let both = one.and(verified("more", 1));
        assert_eq!(shortage(&both.state), None);
        // Both lost a copy with the host that went away. On the last one lies one of them, and more than that copy it cannot have.
        let away = both.and(offline(1));
        assert_eq!(shortage(&away.state).map(|short| short.blobs), Some(2));
        assert_eq!(shortage(&away.and(offline(3)).state).map(|short| short.blobs), Some(1));
    }

    #[test]
    fn a_host_is_not_buried_in_assignments() {
        let games = (0..100).map(|number| stored(&format!("games {number}"), ArtifactKind::Games, 2));
        let given = three_hosts().and_all(games).decide(decide);
        assert_eq!(given.decisions().len(), 2 * ASSIGNED_MAX);
        given.settled(decide);
    }
}
