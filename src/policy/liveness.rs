//! What the leader has heard lately. A hint outside the log: only the transitions that it leads to are facts.

use std::collections::BTreeMap;

use crate::event::{JobId, Millis, NodeId, Seq};

/// Leases remembered for each host; the one heard longest ago is forgotten first. A host runs far fewer jobs at a time.
pub const RUNNING_MAX: usize = 1_024;

/// What the leader has heard since it leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Liveness {
    /// Since when it leads. Silence counts only from then: a new leader has heard nobody yet.
    pub leading_since: Millis,
    /// What it heard of each host. At most one entry for each member: feed only members' heartbeats.
    pub hosts: BTreeMap<NodeId, Heard>,
}

/// What was heard of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// When it was last heard, by the leader's clock.
    pub last_heard_at: Millis,
    /// Which start of its process it was.
    pub incarnation: u64,
    /// Jobs that it can run at a time.
    pub slots: u32,
    /// When the host was last heard to run each job under its token. A host names a job from the moment it has the lease
    /// until its result is admitted.
    pub running: BTreeMap<(JobId, Seq), Millis>,
    /// Whether it said goodbye.
    pub goodbye: bool,
    /// What its build can do and how far it has come; none when it did not say.
    pub build: Option<Build>,
}

/// What a host says about its build and its copy of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// The format version that it reads.
    pub format: u32,
    /// The last record that it has folded.
    pub seq: Seq,
    /// True when it met a record that it cannot read, and folds no more until it is upgraded.
    pub halted: bool,
}

impl Liveness {
    /// The ears of a leader that has just been elected.
    pub fn new(leading_since: Millis) -> Liveness {
        Liveness { leading_since, hosts: BTreeMap::new() }
    }

    /// Takes in a heartbeat. One of an earlier incarnation, or one that a farewell overtook, is ignored.
    pub fn hear(
        &mut self,
        host: NodeId,
        incarnation: u64,
        slots: u32,
        running: impl IntoIterator<Item = (JobId, Seq)>,
        now: Millis,
    ) {
        let heard = self.hosts.entry(host).or_default();
        if incarnation < heard.incarnation || (incarnation == heard.incarnation && heard.goodbye) {
            return;
        }
        if incarnation > heard.incarnation {
            *heard = Heard { incarnation, ..Heard::default() };
        }
        heard.slots = slots;
        heard.last_heard_at = heard.last_heard_at.max(now);
        for lease in running {
            heard.running.insert(lease, now);
        }
        while heard.running.len() > RUNNING_MAX {
            let oldest = heard.running.iter().min_by_key(|(_, at)| **at).map(|(lease, _)| lease.clone());
            let Some(oldest) = oldest else { return };
            heard.running.remove(&oldest);
        }
    }

    /// Takes in what a host says about its build. An earlier incarnation is ignored.
    pub fn note_build(&mut self, host: NodeId, incarnation: u64, build: Build) {
        if let Some(heard) = self.hosts.get_mut(&host).filter(|heard| heard.incarnation == incarnation) {
            heard.build = Some(build);
        }
    }

    /// Takes in a farewell of this incarnation.
    pub fn goodbye(&mut self, host: NodeId, incarnation: u64, now: Millis) {
        let heard = self.hosts.entry(host).or_default();
        if incarnation >= heard.incarnation {
            heard.incarnation = incarnation;
            heard.last_heard_at = heard.last_heard_at.max(now);
            heard.goodbye = true;
        }
    }

    /// The last sign of life of a lease, if the host ever named it.
    pub fn heard_running(&self, host: NodeId, job: &JobId, token: Seq) -> Option<Millis> {
        self.hosts.get(&host)?.running.get(&(job.clone(), token)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_incarnation_forgets_the_old_one_and_stale_heartbeats_are_ignored() {
        let (host, lease) = (NodeId(1), (JobId::new("a"), Seq(4)));
        let mut liveness = Liveness::new(Millis(0));
        liveness.hear(host, 5, 1, [lease.clone()], Millis(10));
        assert_eq!(liveness.heard_running(host, &lease.0, lease.1), Some(Millis(10)));
        liveness.hear(host, 6, 2, [], Millis(20));
        assert_eq!(liveness.heard_running(host, &lease.0, lease.1), None);
        let before = liveness.clone();
        liveness.hear(host, 5, 1, [lease], Millis(30));
        liveness.goodbye(host, 5, Millis(30));
        assert_eq!(liveness, before);
        liveness.goodbye(host, 6, Millis(40));
        assert!(liveness.hosts[&host].goodbye);
    }

    #[test]
    fn memory_of_leases_is_bounded() {
        let mut liveness = Liveness::new(Millis(0));
        for seq in 0..3_000 {
            liveness.hear(NodeId(1), 1, 1, [(JobId::new("a"), Seq(seq))], Millis(seq));
        }
        assert_eq!(liveness.hosts[&NodeId(1)].running.len(), RUNNING_MAX);
        assert_eq!(liveness.heard_running(NodeId(1), &JobId::new("a"), Seq(2_999)), Some(Millis(2_999)));
    }
}
