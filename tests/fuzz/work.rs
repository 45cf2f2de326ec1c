//! What a node and its workers tell each other, and what waits in the outbox.

use kifu::event::command::{
    CompleteJob, Configure, CreateToken, FailJob, FoundCluster, JobResult, JoinNode, LeaseHolder,
};
use kifu::event::jobs::{ExternalSpec, JobKind, JobSpec};
use kifu::event::{
    ClusterId, Command, Event, Hash, JobId, Kind, Millis, NodeId, Proposal, Real, Seq, TokenId, samples,
};
use kifu::work::outbox::fuzzing;
use kifu::work::protocol::{Assignment, FromWorker, ToWorker, WorkerResult};

use crate::harness::Target;

/// Proposals of several shapes.
pub fn proposals() -> Vec<Proposal> {
    let lease = || LeaseHolder { job: JobId::new("a"), host: NodeId(7), token: Seq(5) };
    let elapsed_ms = 0x35;
    let commands = vec![
        Command::StartJob(lease()),
        Command::FailJob(FailJob { lease: lease(), error: "why".into(), retry: true }),
        Command::CompleteJob(CompleteJob {
            lease: lease(),
            elapsed_ms,
            result: JobResult::External(kifu::event::command::ExternalResult { output: "{}".into(), blobs: vec![] }),
        }),
        Command::CreateToken(CreateToken {
            token: TokenId::new("2f6c1a"),
            secret: Hash::of(b"secret"),
            ttl_ms: 1_000,
            actor: "ada".into(),
        }),
    ];
    let proposal = |(command, origin_seq): (Command, u64)| Proposal {
        origin: NodeId(7),
        origin_seq,
        observed_at: Millis(1_000),
        caused_by: vec![Seq(5)],
        command,
    };
    commands.into_iter().zip(1..).map(proposal).collect()
}

/// Proposals that came with format version 3: the configuration in its newest shape.
pub fn proposals_of_version_three() -> Vec<Proposal> {
    let Event::ConfigChanged(changed) = samples::sample(Kind::ConfigChanged) else { unreachable!() };
    let configure = Configure { config: changed.config.clone(), actor: "ada".into() };
    let (name, address) = ("n1".to_owned(), "10.0.0.1:7400".to_owned());
    let (node, fingerprint) = (NodeId(7), Hash::of(b"key"));
    let node = JoinNode { node, name, address, fingerprint, token: None, secret: Hash::default() };
    let (cluster, ca) = (ClusterId::new("9b1c22aa77e0d1f3"), Hash::of(b"ca"));
    let found = FoundCluster { cluster, name: "demo".into(), ca, node, config: changed.config };
    let proposal = |(command, origin_seq): (Command, u64)| Proposal {
        origin: NodeId(7),
        origin_seq,
        observed_at: Millis(1_000),
        caused_by: vec![],
        command,
    };
    [Command::from(configure), found.into()].into_iter().zip(1..).map(proposal).collect()
}

#[test]
fn outbox_entries() {
    let samples = proposals().iter().flat_map(fuzzing::entries).collect();
    Target::new("outbox_entries", samples, fuzzing::entry).mended(fuzzing::mend).run();
}

#[test]
fn outbox_proposals() {
    let all = [proposals(), proposals_of_version_three()].concat();
    let samples = all.iter().map(fuzzing::numbered).collect();
    Target::new("outbox_proposals", samples, fuzzing::proposal).run();
}

#[test]
fn lines_of_workers() {
    let (job, token) = (JobId::new("a"), Seq(7));
    let lines = [
        FromWorker::Hello {
            protocol: 1,
            worker: "w 1".into(),
            kinds: vec![JobKind::External],
            programs: vec!["p".into()],
        },
        FromWorker::Progress { job: job.clone(), token, training: None, done: Some(0.5), inference: None },
        FromWorker::Result {
            job: job.clone(),
            token,
            result: WorkerResult::External { output: serde_json::json!({"n": [1, 2.5]}), files: vec!["f".into()] },
        },
        FromWorker::Error { job, token, message: "no".into(), retry: false },
    ];
    let samples = lines.iter().map(|line| serde_json::to_vec(line).unwrap()).collect();
    Target::new("lines_of_workers", samples, |bytes| {
        let line: FromWorker = serde_json::from_slice(bytes).ok()?;
        Some(serde_json::to_vec(&line).unwrap())
    })
    .run();
}

#[test]
fn lines_to_workers() {
    let spec = JobSpec::External(ExternalSpec { program: "p".into(), params: "{}".into(), inputs: vec![] });
    let inputs = [(Hash::of(b"in"), "/tmp/in".into())].into();
    let assignment = Assignment {
        job: JobId::new("a"),
        token: Seq(7),
        spec,
        plan: None,
        inputs,
        scratch: "/tmp/s".into(),
        weights: [(Hash::of(b"in"), Real::ONE)].into(),
        taught: true,
        checkpoint: None,
    };
    let lines = [ToWorker::Job(Box::new(assignment)), ToWorker::Cancel { job: JobId::new("a") }, ToWorker::Shutdown];
    let samples = lines.iter().map(|line| serde_json::to_vec(line).unwrap()).collect();
    Target::new("lines_to_workers", samples, |bytes| {
        let line: ToWorker = serde_json::from_slice(bytes).ok()?;
        Some(serde_json::to_vec(&line).unwrap())
    })
    .run();
}

#[test]
fn outbox_marks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mark");
    let target = Target::new("outbox_marks", vec![fuzzing::mark_sample()], move |bytes| {
        std::fs::write(&path, bytes).unwrap();
        fuzzing::mark_at(&path)
    });
    target.mended(mend_mark).run();
}

/// Makes the checksums of both slots right.
fn mend_mark(bytes: &mut [u8]) {
    for slot in bytes.chunks_mut(512).filter(|slot| slot.len() >= 32) {
        let crc = crc32c::crc32c(&slot[4..32]);
        slot[..4].copy_from_slice(&crc.to_le_bytes());
    }
}
