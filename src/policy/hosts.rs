//! Who is online: the one place where silence becomes a fact.

use super::liveness::Heard;
use super::view::{Decision, View};
use crate::event::cluster::{HostOffline, HostOnline, OfflineReason};
use crate::event::{Millis, Seq};
use crate::projection::hosts::Host;

/// Silence that is allowed before there is a configuration.
pub const HOST_TIMEOUT_MS: u64 = 3_000;

/// `HOST_ONLINE` for members that are heard and were not online, or that started anew; `HOST_OFFLINE` for members that
/// fell silent or said goodbye.
pub fn decide(view: &View) -> Vec<Decision> {
    let timeout_ms = view.state.config().map_or(HOST_TIMEOUT_MS, |config| config.cluster.host_timeout_ms);
    let decide = |host: &Host| {
        let heard = view.liveness.hosts.get(&host.host).filter(|heard| heard.incarnation >= host.incarnation);
        match heard {
            Some(heard) if !heard.goodbye && view.now.since(heard.last_heard_at) <= timeout_ms => online(host, heard),
            _ if host.online => offline(view, host, heard, timeout_ms),
            _ => None,
        }
    };
    view.state.hosts.table.values().filter_map(decide).collect()
}

fn online(host: &Host, heard: &Heard) -> Option<Decision> {
    let same = host.online && host.incarnation == heard.incarnation && host.slots == heard.slots;
    let event = HostOnline { host: host.host, incarnation: heard.incarnation, slots: heard.slots };
    (!same).then(|| Decision::new(event, [host.changed_seq.unwrap_or(host.joined_seq)]))
}

fn offline(view: &View, host: &Host, heard: Option<&Heard>, timeout_ms: u64) -> Option<Decision> {
    let goodbye = heard.is_some_and(|heard| heard.goodbye);
    let last_heard_at = heard.map(|heard| heard.last_heard_at);
    // A leader that has just been elected has heard nobody: silence counts from the election.
    let silent_since = last_heard_at.unwrap_or_default().max(view.liveness.leading_since);
    if !goodbye && view.now.since(silent_since) <= timeout_ms {
        return None;
    }
    let known: Option<Millis> = last_heard_at.or(host.changed_at);
    let reason = if goodbye { OfflineReason::Left } else { OfflineReason::Silent };
    let event = HostOffline { host: host.host, last_heard_at: known.unwrap_or_default(), reason };
    Some(Decision::new(event, [host.changed_seq.unwrap_or(Seq(0))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NodeId;
    use crate::policy::testing::{Given, joined, online as host_online};

    const HOST: NodeId = NodeId(2);

    fn given() -> Given {
        Given::events([joined(2)]).leading_since(1_000)
    }

    #[test]
    fn a_member_that_is_heard_goes_online_once() {
        let given = given().heard(HOST, 7, 2, 1_500).at(2_000).decide(decide);
        given.then(&[r#"HOST_ONLINE {"host":"0000000000000002","incarnation":7,"slots":2}"#]).settled(decide);
    }

    #[test]
    fn strangers_are_not_heard() {
        Given::events([]).heard(HOST, 7, 2, 1_500).at(2_000).decide(decide).then(&[]);
    }

    #[test]
    fn silence_counts_from_the_election() {
        let given = Given::events([joined(2), host_online(2, 7)]).leading_since(10_000);
        given.clone().at(13_000).decide(decide).then(&[]);
        given.at(13_001).decide(decide).then_kinds(&["HOST_OFFLINE"]).settled(decide);
    }

    #[test]
    fn a_farewell_needs_no_timeout() {
        let given = Given::events([joined(2), host_online(2, 7)]).heard(HOST, 7, 1, 1_500).goodbye(HOST, 7, 1_600);
        given.at(1_700).decide(decide).then(&[
            r#"HOST_OFFLINE {"host":"0000000000000002","last_heard_at":"1970-01-01T00:00:01.600Z","reason":"left"}"#,
        ]);
    }

    #[test]
    fn a_restart_within_the_timeout_is_noticed() {
        let given = Given::events([joined(2), host_online(2, 7)]).heard(HOST, 8, 1, 1_500).at(1_700).decide(decide);
        given.then_kinds(&["HOST_ONLINE"]).settled(decide);
    }

    #[test]
    fn an_incarnation_that_is_gone_is_not_heard_again() {
        let given = Given::events([joined(2), host_online(2, 7)]).heard(HOST, 6, 1, 5_000).leading_since(1_000);
        given.at(5_000).decide(decide).then_kinds(&["HOST_OFFLINE"]).settled(decide);
    }
}
