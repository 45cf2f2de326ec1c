//! When the cluster may write newer events: not before every member can read them.

use super::view::{Decision, View};
use crate::event::Event;
use crate::event::membership::ClusterVersionRaised;
use crate::projection::State;

/// `CLUSTER_VERSION_RAISED` when every member is online and reads a newer format. A member that is offline or did not say
/// what it reads holds the version down: upgrade it or remove it.
pub fn decide(view: &View) -> Vec<Decision> {
    let from = view.state.membership.version();
    let formats = view.state.hosts.table.values().map(|host| {
        let heard = view.liveness.hosts.get(&host.host).filter(|heard| heard.incarnation == host.incarnation);
        heard.filter(|_| host.online).and_then(|heard| Some(heard.build?.format))
    });
    let Some(lowest) = formats.collect::<Option<Vec<u32>>>().and_then(|formats| formats.into_iter().min()) else {
        return vec![];
    };
    if lowest <= from {
        return vec![];
    }
    let causes = view.state.hosts.table.values().filter_map(|host| host.incarnation_seq);
    vec![Decision::new(ClusterVersionRaised { from, to: lowest }, causes)]
}

/// Whether every member can read the event, in the newest version of its body or an older one that says all of it. The raise itself is the one
/// exception: it follows from every member's word.
pub fn is_readable(state: &State, event: &Event) -> bool {
    unreadable(state, [event]).is_none()
}

/// The first of these events, recorded one after the other, that some member cannot read.
pub(super) fn unreadable<'a>(state: &State, events: impl IntoIterator<Item = &'a Event>) -> Option<&'a Event> {
    let mut version = state.membership.version();
    events.into_iter().find(|event| {
        if let Event::ClusterVersionRaised(raised) = event {
            version = version.max(raised.to);
        }
        event.version_for(version).is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NodeId;
    use crate::event::cluster::{HostOffline, OfflineReason};
    use crate::event::{Kind, Millis, samples};
    use crate::policy::testing::{Given, joined, online};
    use crate::policy::view::decide_all;

    fn two() -> Given {
        let given = Given::events([joined(1), online(1, 7), joined(2), online(2, 7)]);
        given.heard(NodeId(1), 7, 1, 1).heard(NodeId(2), 7, 1, 1)
    }

    #[test]
    fn the_version_is_that_of_the_oldest_build() {
        two().build(1, 2, 4).build(2, 1, 4).decide(decide).then(&[]);
        let given = two().build(1, 3, 4).build(2, 2, 4).decide(decide);
        let given = given.then(&[r#"CLUSTER_VERSION_RAISED {"from":1,"to":2}"#]).caused_by(0, &[2, 4]);
        assert_eq!(given.settled(decide).state.membership.version(), 2);
    }

    #[test]
    fn a_member_that_does_not_say_or_is_offline_holds_it_down() {
        two().build(1, 2, 4).decide(decide).then(&[]);
        let gone = HostOffline { host: NodeId(2), last_heard_at: Millis(1), reason: OfflineReason::Silent };
        two().build(1, 2, 4).build(2, 2, 4).and(gone).decide(decide).then(&[]);
        // It started anew and has not said yet what it reads now: perhaps it was downgraded.
        two().build(1, 2, 4).build(2, 2, 4).and(online(2, 8)).decide(decide).then(&[]);
        Given::events([]).decide(decide).then(&[]);
    }

    #[test]
    fn it_never_falls() {
        let given = two().and(ClusterVersionRaised { from: 1, to: 2 }).build(1, 2, 4).build(2, 1, 4);
        given.clone().decide(decide).then(&[]);
        let lower = given.and(ClusterVersionRaised { from: 1, to: 1 });
        assert_eq!(lower.state.membership.version(), 2);
    }

    #[test]
    fn nothing_newer_is_decided_before_it_is_raised() {
        let newer = samples::sample(Kind::MemberRemoved);
        assert!(!is_readable(&two().state, &newer));
        assert!(is_readable(&two().and(ClusterVersionRaised { from: 1, to: 2 }).state, &newer));
        let kinds: Vec<_> = two().decide(decide_all).decisions().iter().map(|it| it.event.needs()).collect();
        assert!(kinds.iter().all(|since| *since == 1), "{kinds:?}");
    }
}
