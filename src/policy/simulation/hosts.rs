//! A made-up host: it is heard, claims jobs, runs them for a while, hands in results, fetches blobs, and dies.

use rand_chacha::rand_core::RngCore;

use super::cluster::Cluster;
use super::results::result;
use crate::event::command::{BlobRef, ClaimJobs, CompleteJob, FailJob, LeaseHolder, VerifyArtifact};
use crate::event::jobs::JobKind;
use crate::event::{Command, FORMAT_VERSION, Hash, JobId, Millis, NodeId, Seq};
use crate::policy::Build;

const SLOTS: u32 = 2;
/// How long a host stays away at most.
const AWAY_MS: u64 = 4_000;
const KINDS: &[JobKind] =
    &[JobKind::SelfPlay, JobKind::Verify, JobKind::InitModel, JobKind::Train, JobKind::Gauntlet, JobKind::External];

/// A host.
pub(super) struct SimHost {
    pub(super) id: NodeId,
    incarnation: u64,
    proposals: u64,
    away_until: Option<Millis>,
    is_dead: bool,
    running: Vec<(JobId, Seq, Millis)>,
}

impl SimHost {
    pub(super) fn new(id: NodeId) -> SimHost {
        SimHost { id, incarnation: 1, proposals: 0, away_until: None, is_dead: false, running: vec![] }
    }

    /// What the host does in a tick.
    pub(super) fn act(&mut self, cluster: &mut Cluster) {
        if let Some(until) = self.away_until {
            if cluster.now < until {
                return;
            }
            self.away_until = None;
            if std::mem::take(&mut self.is_dead) {
                self.incarnation += 1;
            }
        }
        if chance(cluster, cluster.chaos.trouble) {
            return self.trouble(cluster);
        }
        let leases = self.running.iter().map(|(job, token, _)| (job.clone(), *token));
        cluster.liveness.hear(self.id, self.incarnation, SLOTS, leases.collect::<Vec<_>>(), cluster.now);
        let build = Build { format: FORMAT_VERSION, seq: cluster.state.seq, halted: false };
        cluster.liveness.note_build(self.id, self.incarnation, build);
        if !cluster.state.hosts.is_online(self.id) {
            return;
        }
        self.drop_lost_leases(cluster);
        self.claim(cluster);
        self.finish(cluster);
        self.fetch(cluster);
    }

    /// The leader changes, the host stops, it dies, or it is cut off and goes on with its jobs.
    fn trouble(&mut self, cluster: &mut Cluster) {
        let kind = cluster.rng.next_u32() % 4;
        if kind == 0 {
            return cluster.elect();
        }
        if kind == 1 {
            cluster.liveness.goodbye(self.id, self.incarnation, cluster.now);
        }
        self.away_until = Some(cluster.now.plus(u64::from(cluster.rng.next_u32()) % AWAY_MS));
        self.is_dead = kind < 3;
        if self.is_dead {
            self.running.clear();
        }
    }

    /// A host that sees in the log that its lease is over stops the job.
    fn drop_lost_leases(&mut self, cluster: &Cluster) {
        let id = self.id;
        let holds = |job: &JobId, token| cluster.state.jobs.get(job).is_some_and(|job| job.is_held_by(id, token));
        let drops_late = cluster.now.0.is_multiple_of(1_000);
        self.running.retain(|(job, token, _)| holds(job, *token) || !drops_late);
    }

    fn claim(&mut self, cluster: &mut Cluster) {
        let command = ClaimJobs { host: self.id, slots: SLOTS, kinds: KINDS.to_vec(), programs: vec!["p".into()] };
        self.propose(cluster, Command::ClaimJobs(command));
        let mine = cluster.state.jobs.held().filter_map(|job| {
            let lease = job.live_lease().filter(|lease| lease.host == self.id)?;
            Some((job.job.clone(), lease.token))
        });
        let new: Vec<(JobId, Seq)> =
            mine.filter(|(job, token)| !self.running.iter().any(|(id, old, _)| id == job && old == token)).collect();
        for (job, token) in new {
            // A lease from before the host's restart is not taken up: the leader will end it.
            let host = cluster.state.hosts.get(self.id).expect("a member");
            if host.incarnation == self.incarnation && host.incarnation_seq.is_some_and(|seq| seq < token) {
                let lease = LeaseHolder { job: job.clone(), host: self.id, token };
                self.propose(cluster, Command::StartJob(lease));
                let ends_at = cluster.now.plus(200 + u64::from(cluster.rng.next_u32()) % 1_500);
                self.running.push((job, token, ends_at));
            }
        }
    }

    fn finish(&mut self, cluster: &mut Cluster) {
        let (done, running) = std::mem::take(&mut self.running).into_iter().partition(|(_, _, at)| *at <= cluster.now);
        self.running = running;
        for (job, token, _) in done {
            let spec = cluster.state.jobs.get(&job).map(|job| job.spec.clone());
            let Some(spec) = spec else { continue };
            let lease = LeaseHolder { job, host: self.id, token };
            let missing = spec.inputs().into_iter().find(|input| !self.can_get(cluster, input));
            if let Some(missing) = missing {
                let error = format!("no host that is online has {missing}");
                self.propose(cluster, Command::FailJob(FailJob { lease, error, retry: true }));
                continue;
            }
            let command = match result(cluster, &spec, token) {
                Ok(result) => Command::CompleteJob(CompleteJob { lease, elapsed_ms: 1_000, result }),
                Err(retry) => Command::FailJob(FailJob { lease, error: "the worker died".into(), retry }),
            };
            self.propose(cluster, command);
        }
    }

    /// Fetches one of the blobs that the host was asked to fetch.
    fn fetch(&mut self, cluster: &mut Cluster) {
        let wanted = cluster.state.artifacts.assigned_to(self.id).map(|artifact| artifact.artifact);
        let wanted: Vec<Hash> = wanted.collect();
        if let Some(artifact) = wanted.into_iter().find(|artifact| self.can_get(cluster, artifact)) {
            let row = cluster.state.artifacts.get(&artifact).expect("assigned blobs are known");
            let blob = BlobRef { hash: artifact, bytes: row.bytes, kind: row.kind };
            self.propose(cluster, Command::VerifyArtifact(VerifyArtifact { blob, host: self.id }));
        }
    }

    fn can_get(&self, cluster: &Cluster, artifact: &Hash) -> bool {
        let row = cluster.state.artifacts.get(artifact);
        row.is_some_and(|row| row.copies.iter().any(|host| cluster.state.hosts.is_online(*host)))
    }

    fn propose(&mut self, cluster: &mut Cluster, command: Command) {
        self.proposals += 1;
        // Refusals are part of life here: leases end, hosts are declared offline while they act.
        let _ = cluster.propose(self.id, self.proposals, command);
    }
}

/// True with this chance in a thousand.
pub(super) fn chance(cluster: &mut Cluster, thousandths: u32) -> bool {
    cluster.rng.next_u32() % 1_000 < thousandths
}
