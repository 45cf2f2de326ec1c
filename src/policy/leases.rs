//! When a host's hold on a job ends although it did not say so.

use super::view::{Decision, View};
use crate::event::jobs::JobLeaseExpired;
use crate::event::{Millis, Seq};
use crate::projection::jobs::{Job, Lease};

/// `JOB_LEASE_EXPIRED` for jobs whose host is offline, started anew, or was not heard to run them for the lease's length.
pub fn decide(view: &View) -> Vec<Decision> {
    view.state.jobs.held().filter_map(|job| decide_one(view, job)).collect()
}

fn decide_one(view: &View, job: &Job) -> Option<Decision> {
    let lease = job.live_lease()?;
    let cause = lost_with_its_host(view, lease).or_else(|| timed_out(view, job, lease).then_some(Seq(0)))?;
    let event = JobLeaseExpired { job: job.job.clone(), host: lease.host, token: lease.token };
    Some(Decision::new(event, [lease.token, cause]))
}

/// The record by which the process that held the lease is gone.
fn lost_with_its_host(view: &View, lease: &Lease) -> Option<Seq> {
    let Some(host) = view.state.hosts.get(lease.host) else { return Some(Seq(0)) };
    if !host.online {
        return Some(host.changed_seq.unwrap_or(host.joined_seq));
    }
    host.incarnation_seq.filter(|seq| *seq > lease.token)
}

fn timed_out(view: &View, job: &Job, lease: &Lease) -> bool {
    let heard = view.liveness.heard_running(lease.host, &job.job, lease.token).unwrap_or(Millis(0));
    let alive_at = heard.max(lease.claimed_at).max(view.liveness.leading_since);
    view.now.since(alive_at) > job.lease_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NodeId;
    use crate::event::cluster::{HostOffline, OfflineReason};
    use crate::event::jobs::JobClaimed;
    use crate::policy::testing::{Given, external_job, joined, online};

    const HOST: NodeId = NodeId(2);
    const EXPIRED: &[&str] = &[r#"JOB_LEASE_EXPIRED {"host":"0000000000000002","job":"job/a","token":4}"#];

    /// Record 4, at 4 s, is the claim; the lease lasts 15 s.
    fn claimed() -> Given {
        let claim = JobClaimed { job: crate::event::JobId::new("a"), host: HOST, attempt: 1 };
        Given::events([joined(2), online(2, 7), external_job("a"), claim.into()])
    }

    #[test]
    fn a_lease_holds_as_long_as_the_host_names_it() {
        claimed().at(19_000).decide(decide).then(&[]);
        claimed().at(19_001).decide(decide).then(EXPIRED).settled(decide);
        claimed().running(HOST, 7, "a", 4, 18_000).at(33_000).decide(decide).then(&[]);
        claimed().running(HOST, 7, "a", 4, 18_000).at(33_001).decide(decide).then(EXPIRED);
        claimed().running(HOST, 7, "a", 3, 18_000).at(33_000).decide(decide).then(EXPIRED);
    }

    #[test]
    fn a_new_leader_gives_every_lease_its_full_length() {
        claimed().leading_since(100_000).at(115_000).decide(decide).then(&[]);
        claimed().leading_since(100_000).at(115_001).decide(decide).then(EXPIRED);
    }

    #[test]
    fn a_lease_dies_with_its_host_and_with_its_incarnation() {
        let offline = HostOffline { host: HOST, last_heard_at: Millis(1), reason: OfflineReason::Silent };
        claimed().and(offline).at(5_000).decide(decide).then(EXPIRED).settled(decide);
        claimed().and(online(2, 8)).at(5_000).decide(decide).then(EXPIRED).settled(decide);
        claimed().and(online(2, 7)).at(5_000).decide(decide).then(&[]);
    }
}
