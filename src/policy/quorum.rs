//! How far the cluster is from losing its quorum: counted from the configured voters, never from those in reach.

use super::view::{Decision, View};
use crate::event::cluster::{QuorumHealth, QuorumHealthChanged};

/// `QUORUM_HEALTH_CHANGED` when voters came or went so that the health is another one.
pub fn decide(view: &View) -> Vec<Decision> {
    let Some(row) = view.state.quorum.get().filter(|row| !row.voters.is_empty()) else { return vec![] };
    let online = row.voters.iter().filter(|voter| view.state.hosts.is_online(**voter)).count();
    let to = health(row.voters.len(), online);
    if row.health_seq.is_some() && row.health == to {
        return vec![];
    }
    let event = QuorumHealthChanged {
        from: row.health,
        to,
        online: u32::try_from(online).unwrap_or(u32::MAX),
        voters: u32::try_from(row.voters.len()).unwrap_or(u32::MAX),
    };
    let last_change = row.voters.iter().filter_map(|voter| view.state.hosts.get(*voter)?.changed_seq).max();
    vec![Decision::new(event, row.voters_seq.into_iter().chain(last_change))]
}

/// The health of `voters` configured voters of which `online` are online.
pub fn health(voters: usize, online: usize) -> QuorumHealth {
    let quorum = voters / 2 + 1;
    match online {
        _ if online < quorum => QuorumHealth::Lost,
        _ if online == voters => QuorumHealth::Healthy,
        _ if online == quorum => QuorumHealth::Minimum,
        _ => QuorumHealth::Degraded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NodeId;
    use crate::event::cluster::VotersChanged;
    use crate::policy::testing::{Given, joined, online};

    #[test]
    fn health_follows_from_the_configured_voters() {
        use QuorumHealth::{Degraded, Healthy, Lost, Minimum};
        let expected = [
            (1, vec![Lost, Healthy]),
            (2, vec![Lost, Lost, Healthy]),
            (3, vec![Lost, Lost, Minimum, Healthy]),
            (5, vec![Lost, Lost, Lost, Minimum, Degraded, Healthy]),
        ];
        for (voters, row) in expected {
            let found: Vec<_> = (0..=voters).map(|online| health(voters, online)).collect();
            assert_eq!(found, row, "{voters} voters");
        }
    }

    #[test]
    fn no_minority_is_ever_anything_but_lost_and_no_two_halves_are_both_alive() {
        for voters in 1..=9 {
            for online in 0..=voters {
                let alive = health(voters, online) != QuorumHealth::Lost;
                assert_eq!(alive, 2 * online > voters);
                assert!(!(alive && health(voters, voters - online) != QuorumHealth::Lost && 2 * online == voters));
            }
        }
    }

    #[test]
    fn voters_that_never_went_online_count_as_missing() {
        let voters = VotersChanged { voters: vec![NodeId(1), NodeId(2), NodeId(3)], learners: vec![] };
        let given = Given::events([joined(1), online(1, 1), joined(2), online(2, 1), voters.into()]);
        given
            .decide(decide)
            .then(&[r#"QUORUM_HEALTH_CHANGED {"from":"lost","online":2,"to":"minimum","voters":3}"#])
            .settled(decide);
    }
}
