//! Given events, then rows: one test for each rule of a fold that is easy to get wrong.

use super::games::BatchState;
use super::jobs::FINISHED_JOBS_MAX;
use super::leadership::LEADERSHIPS_MAX;
use super::testing::{given, record};
use crate::event::artifacts::{ArtifactLost, ArtifactVerified};
use crate::event::cluster::{HostOnline, LeaderElected, NodeJoined};
use crate::event::games::GamesVerified;
use crate::event::jobs::{JobClaimed, JobCompleted, JobFailed, JobLeaseExpired, JobQueued, JobStarted};
use crate::event::membership::MemberRemoved;
use crate::event::notes::ProducerRegistered;
use crate::event::samples::{NODE, PEER, hash, sample, specs};
use crate::event::{Event, JobId, Kind, NodeId, Record, Seq, Term};

fn queued(name: &str, attempts_max: u32) -> Event {
    let spec = specs().swap_remove(5);
    JobQueued { job: JobId::new(name), spec, priority: 0, lease_ms: 1_000, attempts_max, avoid: vec![] }.into()
}

fn claimed(name: &str, attempt: u32) -> Event {
    JobClaimed { job: JobId::new(name), host: NODE, attempt }.into()
}

fn failed(name: &str, token: u64, retry: bool) -> Event {
    JobFailed { job: JobId::new(name), host: NODE, token: Seq(token), error: "no".into(), retry }.into()
}

fn completed(name: &str, token: u64) -> Event {
    JobCompleted { job: JobId::new(name), host: NODE, token: Seq(token), elapsed_ms: 7 }.into()
}

const JOB: &[&str] = &["job", "state", "attempts", "lease.token"];

#[test]
fn only_the_token_that_holds_changes_a_job() {
    let expired = |token| JobLeaseExpired { job: JobId::new("a"), host: NODE, token: Seq(token) };
    given([queued("a", 5), claimed("a", 1)])
        .then("jobs", JOB, &["job/a claimed 1 2"])
        .and(claimed("a", 2))
        .and(completed("a", 1))
        .and(JobStarted { job: JobId::new("a"), host: NODE, token: Seq(2) })
        .then("jobs", JOB, &["job/a running 1 2"])
        .and(expired(2))
        .then("jobs", JOB, &["job/a queued 1 no lease.token"])
        .and(completed("a", 2))
        .and(claimed("a", 2))
        .and(expired(2))
        .then("jobs", JOB, &["job/a claimed 2 8"])
        .and(completed("a", 8))
        .then("jobs", JOB, &["job/a done 2 8"])
        .and(failed("a", 8, true))
        .then("jobs", JOB, &["job/a done 2 8"]);
}

#[test]
fn a_job_fails_for_good_when_attempts_are_used_up_or_cannot_help() {
    given([queued("a", 2), claimed("a", 1), failed("a", 2, true), claimed("a", 2), failed("a", 4, true)]).then(
        "jobs",
        JOB,
        &["job/a failed 2 4"],
    );
    given([queued("a", 2), claimed("a", 1), failed("a", 2, false)]).then("jobs", JOB, &["job/a failed 1 2"]);
}

#[test]
fn finished_jobs_are_dropped_oldest_first_and_waiting_ones_never() {
    let mut state = given([queued("waits", 1)]);
    for number in 0..=FINISHED_JOBS_MAX as u64 {
        let name = number.to_string();
        let token = state.seq.0 + 2;
        state = state.and(queued(&name, 1)).and(claimed(&name, 1)).and(completed(&name, token));
    }
    assert_eq!(state.jobs.table.len(), FINISHED_JOBS_MAX + 1);
    assert!(state.jobs.get(&JobId::new("0")).is_none());
    assert!(state.jobs.get(&JobId::new("1")).is_some() && state.jobs.is_live(&JobId::new("waits")));
}

#[test]
fn jobs_wait_in_order_of_priority_then_of_queueing() {
    let with = |name: &str, priority| {
        let Event::JobQueued(body) = queued(name, 1) else { unreachable!() };
        Event::from(JobQueued { priority, ..body })
    };
    let state = given([with("low", -1), with("b", 5), with("a", 5), with("mid", 0)]);
    let order: Vec<&str> = state.jobs.queued().map(|job| job.job.as_str()).collect();
    assert_eq!(order, ["job/b", "job/a", "job/mid", "job/low"]);
}

#[test]
fn an_incarnation_is_announced_once() {
    let fields = &["online", "incarnation", "incarnation_seq", "slots"];
    given([sample(Kind::NodeJoined)])
        .then("hosts", fields, &["false 0 null 0"])
        .and(HostOnline { host: NODE, incarnation: 7, slots: 1 })
        .and(sample(Kind::HostOffline))
        .and(HostOnline { host: NODE, incarnation: 7, slots: 2 })
        .then("hosts", fields, &["true 7 2 2"])
        .and(HostOnline { host: NODE, incarnation: 8, slots: 2 })
        .then("hosts", fields, &["true 8 5 2"])
        .and(HostOnline { host: NodeId(99), incarnation: 1, slots: 1 })
        .then("hosts", fields, &["true 8 5 2"]);
}

#[test]
fn a_term_has_one_leader_and_old_terms_are_dropped() {
    let elected = |leader, term| LeaderElected { leader: NodeId(leader), term: Term(term), previous: None };
    given([elected(1, 3).into(), elected(2, 3).into()]).then(
        "leadership",
        &["term", "leader"],
        &["3 0000000000000001"],
    );
    let many = given((1..=LEADERSHIPS_MAX as u64 + 9).map(|term| elected(1, term).into()));
    assert_eq!(many.leadership.table.len(), LEADERSHIPS_MAX);
    assert_eq!(many.leadership.current().map(|row| row.term), Some(Term(LEADERSHIPS_MAX as u64 + 9)));
}

#[test]
fn a_batch_is_decided_once() {
    let fields = &["batches", "games_recorded", "games_verified", "batches_quarantined"];
    let state = given([sample(Kind::GamesRecorded), sample(Kind::GamesRecorded), sample(Kind::GamesVerified)])
        .and(sample(Kind::GamesQuarantined))
        .and(sample(Kind::GamesVerified))
        .then("games_by_generation", fields, &["1 40 40 0"]);
    assert_eq!(state.games.get(&hash("batch")).map(|batch| batch.state), Some(BatchState::Verified));
    given([sample(Kind::GamesRecorded), sample(Kind::GamesQuarantined), sample(Kind::GamesVerified)]).then(
        "games_by_generation",
        fields,
        &["1 40 0 1"],
    );
    let Event::GamesVerified(body) = sample(Kind::GamesVerified) else { unreachable!() };
    given([GamesVerified { batch: hash("unknown"), ..body }.into()]).then("games", &[], &[]);
}

#[test]
fn copies_come_and_go() {
    let fields = &["copies", "assigned.0.host", "lost"];
    let verified = |host| ArtifactVerified { artifact: hash("batch"), host };
    let (node, peer) = (r#""0102030405060708""#, r#""f1f2f3f4f5f6f7f8""#);
    given([sample(Kind::ArtifactStored), sample(Kind::ArtifactAssigned)])
        .then("artifacts", fields, &[&format!("[{node}] f1f2f3f4f5f6f7f8 0")])
        .and(verified(PEER))
        .and(verified(PEER))
        .then("artifacts", fields, &[&format!("[{node},{peer}] no assigned.0.host 0")])
        .and(ArtifactLost { artifact: hash("batch"), host: NODE, reason: "gone".into() })
        .and(ArtifactLost { artifact: hash("batch"), host: NODE, reason: "gone".into() })
        .then("artifacts", fields, &[&format!("[{peer}] no assigned.0.host 1")]);
}

#[test]
fn an_assignment_ends_when_its_host_goes_offline() {
    let Event::HostOffline(mut offline) = sample(Kind::HostOffline) else { unreachable!() };
    offline.host = PEER;
    given([sample(Kind::ArtifactStored), sample(Kind::ArtifactAssigned), offline.into()]).then(
        "artifacts",
        &["assigned"],
        &["[]"],
    );
}

#[test]
fn matches_count_once_for_each_job_that_was_queued() {
    let mut spec = specs().swap_remove(4);
    if let crate::event::jobs::JobSpec::Gauntlet(spec) = &mut spec {
        spec.opponent = crate::event::jobs::Contender::AlphaBeta(4);
    }
    let job = JobId::new("self_play-connect4-g1-1");
    let queued = JobQueued { job, spec, priority: 0, lease_ms: 1, attempts_max: 1, avoid: vec![] };
    let fields = &["opponents.1.tally.wins", "opponents.1.tally.pairs", "chunks.0.played_seq"];
    given([sample(Kind::GauntletStarted), sample(Kind::MatchesPlayed), queued.into()])
        .then("gauntlets", fields, &["0 [0,0,0,0,0] null"])
        .and(sample(Kind::MatchesPlayed))
        .and(sample(Kind::MatchesPlayed))
        .then("gauntlets", fields, &["11 [1,0,6,1,2] 4"]);
}

#[test]
fn a_model_is_judged_once_and_a_game_has_one_champion() {
    let kinds = [Kind::TrainingTriggered, Kind::TrainingCompleted, Kind::ModelPromoted, Kind::PromotionRejected];
    let state = given(kinds.map(sample))
        .then(
            "models",
            &["model", "state", "generation", "parent"],
            &["model/connect4-g1-44556677 champion 1 model/connect4-g0-00112233"],
        )
        .then("champions", &["game", "model", "seq"], &["connect4 model/connect4-g1-44556677 3"]);
    state.and(sample(Kind::ModelInitialized)).then("champions", &["seq"], &["3"]);
}

#[test]
fn a_generation_goes_through_its_phases_and_is_decided_once() {
    let phase = &["generation", "phase"];
    let row = &["generation", "dataset", "candidate", "gauntlet", "verdict", "decided_seq"];
    given([sample(Kind::ModelInitialized), sample(Kind::GenerationOpened)])
        .then("campaign", phase, &["1 self_play"])
        .and(sample(Kind::DatasetSealed))
        .and(sample(Kind::TrainingTriggered))
        .then("campaign", phase, &["1 training"])
        .and(sample(Kind::TrainingCompleted))
        .and(sample(Kind::GauntletStarted))
        .then("campaign", phase, &["1 gauntlet"])
        .and(sample(Kind::PromotionRejected))
        .and(sample(Kind::ModelPromoted))
        .then("campaign", phase, &["1 decided"])
        .then("generations", row, &["1 dataset/connect4-g1 model/connect4-g1-44556677 gauntlet/connect4-g1 rejected 7"])
        .and(sample(Kind::CampaignCompleted))
        .then("campaign", &["phase", "completed", "exam.0.opponent"], &["completed 1 random"]);
}

#[test]
fn the_latest_proposal_of_an_origin_is_remembered() {
    let mut state = given([joined(1)]);
    for (seq, (origin, origin_seq)) in (2..).zip([(1, 4), (2, 0), (1, 5), (1, 5), (1, 3)]) {
        state.apply(&numbered(seq, origin, origin_seq));
    }
    state.then("dedupe", &["origin", "origin_seq", "seq"], &["0000000000000001 5 5"]).then(
        "counts",
        &["kind", "records", "last_seq"],
        &["NODE_JOINED 1 1", "JOB_CANCELLED 5 6"],
    );
}

#[test]
fn proposals_are_remembered_of_members_and_producers_only() {
    let registered = ProducerRegistered { producer: NodeId(77), name: "watch".into(), actor: "ada".into() };
    let mut state = given([joined(1), joined(2), registered.into()]);
    for (seq, origin) in (4..).zip([1, 2, 77, 99]) {
        state.apply(&numbered(seq, origin, 3));
    }
    const ROW: &[&str] = &["origin", "origin_seq"];
    let (first, producer) = ("0000000000000001 3", "000000000000004d 3");
    let state = state.then("dedupe", ROW, &[first, "0000000000000002 3", producer]);
    let removed = MemberRemoved { node: NodeId(2), name: "n2".into(), actor: "ada".into(), forced: false };
    let state = state.and(removed).then("dedupe", ROW, &[first, producer]);
    state.and(sample(Kind::ClusterRestored)).then("dedupe", ROW, &[producer]);
}

fn joined(id: u64) -> Event {
    let (node, name, address) = (NodeId(id), format!("n{id}"), "127.0.0.1:7001".into());
    NodeJoined { node, name, address, fingerprint: hash("key"), token: None }.into()
}

/// A record of a proposal that this origin numbered.
fn numbered(seq: u64, origin: u64, origin_seq: u64) -> Record {
    let mut record = record(seq, sample(Kind::JobCancelled));
    (record.draft.origin, record.draft.origin_seq) = (NodeId(origin), origin_seq);
    record
}
