//! Results in, facts out: one test for each kind of job and each way a result can be void.

use crate::event::artifacts::ArtifactKind;
use crate::event::command::{
    AttestedResult, BlobRef, CompleteJob, CurveResult, ExternalResult, JobResult, LearnedResult, LeaseHolder,
    ManifestResult, MeasuredResult, ModelResult, QuarantineResult, SelfPlayResult,
};
use crate::event::evaluation::MatchTally;
use crate::event::games::{GamesMeasures, GamesTally};
use crate::event::jobs::{JobClaimed, JobLeaseExpired, JobQueued, JobSpec};
use crate::event::judgement::SeatAttestation;
use crate::event::membership::ClusterVersionRaised;
use crate::event::samples::{hash, sample, specs};
use crate::event::training::{TrainingCurve, TrainingManifest, TrainingPlanned, TrainingProgress, ValidationLosses};
use crate::event::{Command, Event, JobId, Kind, NodeId, Real, Seq};
use crate::policy::attestation::honest;
use crate::policy::limits::{CURVE_BYTES_MAX, MANIFEST_BYTES_MAX};
use crate::policy::testing::{Decided, Given, joined, online};

const SELF_PLAY: usize = 0;
const VERIFY: usize = 1;
const INIT: usize = 2;
const TRAIN: usize = 3;
const GAUNTLET: usize = 4;
const EXTERNAL: usize = 5;

/// After these events, host 1 holds job `j` of this kind.
fn claimed(before: &[Kind], spec: usize) -> Given {
    let job = JobId::new("j");
    let spec = specs().swap_remove(spec);
    let queued = JobQueued { job: job.clone(), spec, priority: 0, lease_ms: 1, attempts_max: 3, avoid: vec![] };
    let given = Given::events([joined(1), online(1, 1)]).and_all(before.iter().copied().map(sample)).and(queued);
    given.and(JobClaimed { job, host: NodeId(1), attempt: 1 })
}

/// Host 1 hands in a result under the lease that it has.
fn hand_in(given: Given, result: JobResult) -> Decided {
    let token = given.state.jobs.get(&JobId::new("j")).and_then(|job| job.lease.as_ref()).map(|lease| lease.token);
    hand_in_with(given, token.expect("a lease"), result)
}

fn hand_in_with(given: Given, token: Seq, result: JobResult) -> Decided {
    let lease = LeaseHolder { job: JobId::new("j"), host: NodeId(1), token };
    given.when(1, Command::CompleteJob(CompleteJob { lease, elapsed_ms: 5, result }))
}

fn blob(name: &str, kind: ArtifactKind) -> BlobRef {
    BlobRef { hash: hash(name), bytes: 10, kind }
}

fn games(games: u32) -> JobResult {
    let blob = blob("new batch", ArtifactKind::Games);
    JobResult::SelfPlay(SelfPlayResult { blob, games, positions: 100, simulations: 1_000 })
}

fn model(weights: &str, samples: u64) -> ModelResult {
    let zero = Real::ZERO;
    let progress =
        TrainingProgress { step: 1, steps: 1, policy_loss: zero, value_loss: zero, samples_per_second: zero };
    ModelResult { blob: blob(weights, ArtifactKind::Model), parameters: 5, samples, progress: Some(progress) }
}

fn tally() -> GamesTally {
    let wins = vec![20, 18];
    GamesTally { games: 40, positions: 100, wins, draws: 2, distinct: 40, targets: 100, simulations: 1_000 }
}

fn measures() -> GamesMeasures {
    GamesMeasures {
        choices: 90,
        choices_targeted: 90,
        targets_of_seats: vec![60, 40],
        simulations_of_seats: vec![600, 400],
        length_squares: 300,
        sketch: vec![1, 2, 9],
    }
}

fn matches() -> MatchTally {
    MatchTally {
        wins: 12,
        draws: 2,
        losses: 6,
        pairs: vec![1, 2, 2, 0, 5],
        candidate_weights: hash("weights 1"),
        candidate_leaves: 1,
    }
}

#[track_caller]
fn void(decided: Decided, error: &str, retry: bool) {
    decided.then_fields(&[&format!("JOB_FAILED {error} {retry}")], &["error", "retry"]);
}

#[test]
fn self_play_brings_a_batch_and_its_blob() {
    let given = || claimed(&[], SELF_PLAY);
    let kinds = &["JOB_COMPLETED", "GAMES_RECORDED", "ARTIFACT_STORED"];
    let given_after = hand_in(given(), games(40)).then_kinds(kinds).caused_by(1, &[4]).applied();
    assert_eq!(given_after.state.games.open().count(), 1);
    void(hand_in(given(), games(0)), "the number of games is not what was asked for", true);
    void(hand_in(given(), games(41)), "the number of games is not what was asked for", true);
    let again = || SelfPlayResult { blob: blob("batch", ArtifactKind::Games), games: 4, positions: 1, simulations: 1 };
    let known = claimed(&[Kind::GamesRecorded], SELF_PLAY);
    void(hand_in(known, JobResult::SelfPlay(again())), "the same games were recorded before", false);
    let mut wrong = again();
    wrong.blob.kind = ArtifactKind::External;
    void(hand_in(given(), JobResult::SelfPlay(wrong)), "the blob is not one of games", true);
}

#[test]
fn verification_brings_a_verdict_once() {
    let given = || claimed(&[Kind::GamesRecorded], VERIFY);
    hand_in(given(), JobResult::Verified(tally())).then_kinds(&["JOB_COMPLETED", "GAMES_VERIFIED"]);
    let bad = || JobResult::Quarantined(QuarantineResult { game: Some(3), reason: "ply 7".into() });
    hand_in(given(), bad()).then_kinds(&["JOB_COMPLETED", "GAMES_QUARANTINED"]);
    let decided = given().and(sample(Kind::GamesVerified));
    void(hand_in(decided, bad()), "the batch is unknown or decided already", false);
    for tally in [
        GamesTally { wins: vec![20, 19], ..tally() },
        GamesTally { distinct: 41, ..tally() },
        GamesTally { targets: 101, ..tally() },
        GamesTally { wins: vec![u32::MAX; 1_000], ..tally() },
    ] {
        void(hand_in(given(), JobResult::Verified(tally)), "the verifier's tally does not add up", true);
    }
}

#[test]
fn a_blob_with_another_number_of_games_than_its_host_said_is_not_used() {
    let before = || claimed(&[Kind::GamesRecorded], VERIFY).and(ClusterVersionRaised { from: 1, to: 2 });
    let fewer = || GamesTally { games: 39, wins: vec![19, 18], distinct: 39, ..tally() };
    let reason = "GAMES_QUARANTINED it holds 39 games, its host said 40 null";
    let shown = &["reason", "game"];
    for result in
        [JobResult::Verified(fewer()), JobResult::Measured(MeasuredResult { tally: fewer(), measures: measures() })]
    {
        let decided = hand_in(before(), result);
        decided.then_fields(&["JOB_COMPLETED no reason no game", reason], shown);
        assert_eq!(decided.applied().state.games.open().count(), 0, "it is decided");
    }
}

#[test]
fn measures_come_before_the_verdict_and_have_to_add_up() {
    let result = |measures| JobResult::Measured(MeasuredResult { tally: tally(), measures });
    let given = || claimed(&[Kind::GamesRecorded], VERIFY);
    let raised = || given().and(ClusterVersionRaised { from: 1, to: 2 });
    let kinds = ["JOB_COMPLETED", "GAMES_MEASURED", "GAMES_VERIFIED"];
    let after = hand_in(raised(), result(measures())).then_kinds(&kinds).applied();
    assert_eq!(after.state.games.get(&hash("batch")).and_then(|row| row.measures.clone()), Some(measures()));
    hand_in(given(), result(measures())).then_kinds(&["JOB_COMPLETED", "GAMES_VERIFIED"]);
    for wrong in [
        GamesMeasures { choices: 101, ..measures() },
        GamesMeasures { choices_targeted: 91, ..measures() },
        GamesMeasures { targets_of_seats: vec![100], ..measures() },
        GamesMeasures { targets_of_seats: vec![u64::MAX, 101], ..measures() },
        GamesMeasures { simulations_of_seats: vec![600, 401], ..measures() },
        GamesMeasures { sketch: (0..65).collect(), ..measures() },
        GamesMeasures { sketch: vec![2, 2], ..measures() },
    ] {
        void(hand_in(raised(), result(wrong)), "the verifier's measures do not add up", true);
    }
}

#[test]
fn random_weights_make_generation_zero_once() {
    let result = || JobResult::Model(ModelResult { progress: None, samples: 0, ..model("weights 0", 0) });
    let kinds = &["JOB_COMPLETED", "MODEL_INITIALIZED", "ARTIFACT_STORED"];
    let given = hand_in(claimed(&[], INIT), result()).then_kinds(kinds).applied();
    let name = format!("model/connect4-g0-{}", hash("weights 0").short());
    assert!(given.state.models.get(&crate::event::ModelId(name)).is_some());
    void(hand_in(claimed(&[Kind::ModelInitialized], INIT), result()), "generation 0 exists already", false);
}

/// A planned run that host 1 carries out.
fn training() -> Given {
    claimed(&[Kind::DatasetSealed, Kind::TrainingTriggered, Kind::TrainingPlanned], TRAIN)
        .and(ClusterVersionRaised { from: 1, to: 2 })
}

/// A run that began with what was planned, and drew nothing.
fn learned(model: ModelResult) -> LearnedResult {
    let Event::TrainingPlanned(TrainingPlanned { plan, .. }) = sample(Kind::TrainingPlanned) else { unreachable!() };
    LearnedResult { model, dataset: plan.content, parent: plan.parent_weights, curve: None, manifest: None }
}

#[test]
fn training_brings_a_candidate_or_says_why_not() {
    let result = |model| JobResult::Learned(learned(model));
    let good = hand_in(training(), result(model("new weights", 900)));
    let given_after = good.then_kinds(&["JOB_COMPLETED", "TRAINING_COMPLETED", "ARTIFACT_STORED"]).applied();
    assert_eq!(given_after.state.models.table.len(), 1);
    void(hand_in(training(), result(model("new weights", 0))), "the run saw no samples", true);
    let same = "the weights are those that training started from";
    void(hand_in(training(), result(model("weights 0", 900))), same, true);
    let silent = ModelResult { progress: None, ..model("new weights", 900) };
    void(hand_in(training(), result(silent)), "the run reported no figures", true);
}

#[test]
fn a_run_that_had_another_dataset_or_parent_than_planned_or_does_not_say_is_void() {
    let good = || learned(model("new weights", 900));
    let (other, right) = (hash("another").short(), good());
    let cases = [
        (
            JobResult::Learned(LearnedResult { dataset: hash("another"), ..good() }),
            format!("void: the run's dataset was {other} instead of {}", right.dataset.short()),
        ),
        (
            JobResult::Learned(LearnedResult { parent: hash("another"), ..good() }),
            format!("void: the run's parent was {other} instead of {}", right.parent.short()),
        ),
        (
            JobResult::Model(model("new weights", 900)),
            "void: the worker does not say which dataset the run had: upgrade it".to_owned(),
        ),
    ];
    for (result, error) in cases {
        void(hand_in(training(), result), &error, true);
    }
    let unplanned = claimed(&[Kind::DatasetSealed, Kind::TrainingTriggered], TRAIN);
    let error = "void: the run has no plan: nothing says what it is to learn from";
    void(hand_in(unplanned, JobResult::Learned(good())), error, true);
}

/// The losses of a run of 90 steps whose sixtieth was the best.
fn curve() -> CurveResult {
    let look = |step| Some(ValidationLosses { step, policy_loss: Real::ONE, value_loss: Real::ZERO });
    CurveResult { picture: blob("picture", ArtifactKind::External), best: look(60), last: look(90) }
}

fn drawn(curve: CurveResult) -> JobResult {
    let mut model = model("new weights", 900);
    model.progress.iter_mut().for_each(|progress| (progress.step, progress.steps) = (90, 90));
    JobResult::Learned(LearnedResult { curve: Some(Box::new(curve)), ..learned(model) })
}

#[test]
fn training_brings_its_loss_curve() {
    let all = ["JOB_COMPLETED", "TRAINING_CURVE_RECORDED", "ARTIFACT_STORED", "TRAINING_COMPLETED", "ARTIFACT_STORED"];
    let after = hand_in(training(), drawn(curve())).then_kinds(&all).applied();
    assert!(after.state.artifacts.get(&hash("picture")).is_some_and(|row| row.is_on(NodeId(1))));
    let run = after.state.training.table.values().next().expect("a run");
    let found = TrainingCurve { artifact: hash("picture"), best: curve().best, last: curve().last };
    assert_eq!(run.curve, Some(found));
    // A run without validation.
    hand_in(training(), drawn(CurveResult { best: None, last: None, ..curve() })).then_kinds(&all);
}

/// What a run says that it learned from.
fn manifest() -> ManifestResult {
    let blob = blob("manifest", ArtifactKind::External);
    ManifestResult { blob, encoder: hash("encoder"), games: 40, held_out: 2 }
}

fn named(manifest: ManifestResult) -> JobResult {
    JobResult::Learned(LearnedResult { manifest: Some(Box::new(manifest)), ..learned(model("new weights", 900)) })
}

#[test]
fn training_names_the_games_that_it_learned_from() {
    let kinds =
        ["JOB_COMPLETED", "TRAINING_MANIFEST_RECORDED", "ARTIFACT_STORED", "TRAINING_COMPLETED", "ARTIFACT_STORED"];
    let after = hand_in(training(), named(manifest())).then_kinds(&kinds).applied();
    assert!(after.state.artifacts.get(&hash("manifest")).is_some_and(|row| row.is_on(NodeId(1))));
    let run = after.state.training.table.values().next().expect("a run");
    let found = TrainingManifest { artifact: hash("manifest"), encoder: hash("encoder"), games: 40, held_out: 2 };
    assert_eq!(run.manifest, Some(found));
}

#[test]
fn a_manifest_that_cannot_be_one_is_void() {
    type Lie = fn(&mut ManifestResult);
    let games = "the manifest's games are not those of the dataset";
    let cases: [(Lie, &str); 4] = [
        (|it| it.blob.kind = ArtifactKind::Model, "the manifest is not an external blob"),
        (|it| it.blob.bytes = MANIFEST_BYTES_MAX + 1, "the manifest is too large"),
        (|it| it.games = 41, games),
        (|it| it.held_out = 40, games),
    ];
    for (change, error) in cases {
        let mut manifest = manifest();
        change(&mut manifest);
        void(hand_in(training(), named(manifest)), error, true);
    }
}

#[test]
fn a_loss_curve_that_cannot_be_one_is_void() {
    type Lie = fn(&mut CurveResult);
    let looks = "the looks at the held-out games are not those of one run";
    let cases: [(Lie, &str); 4] = [
        (|it| it.picture.kind = ArtifactKind::Model, "the picture of the losses is not an external blob"),
        (|it| it.picture.bytes = CURVE_BYTES_MAX + 1, "the picture of the losses is too large"),
        (|it| (it.best, it.last) = (it.last, it.best), looks),
        (|it| it.last.iter_mut().for_each(|look| look.step = 91), looks),
    ];
    for (change, error) in cases {
        let mut curve = curve();
        change(&mut curve);
        void(hand_in(training(), drawn(curve)), error, true);
    }
}

#[test]
fn matches_count_only_when_the_candidate_really_played_them_all() {
    let given = || claimed(&[Kind::GauntletStarted], GAUNTLET);
    let good = hand_in(given(), JobResult::Gauntlet(matches()));
    good.then_fields(&["JOB_COMPLETED no opponent", "MATCHES_PLAYED 1"], &["opponent"]);
    let other = MatchTally { candidate_weights: hash("weights 0"), ..matches() };
    void(hand_in(given(), JobResult::Gauntlet(other)), "void: other weights than the candidate's were loaded", true);
    let idle = MatchTally { candidate_leaves: 0, ..matches() };
    void(hand_in(given(), JobResult::Gauntlet(idle)), "void: the candidate's net was never asked", true);
    for tally in [
        MatchTally { wins: 13, ..matches() },
        MatchTally { pairs: vec![1, 2, 2, 1, 4], ..matches() },
        MatchTally { pairs: vec![1, 2, 2, 0, 5, 0], ..matches() },
        MatchTally { wins: 0, draws: 0, losses: 0, pairs: vec![0; 5], ..matches() },
    ] {
        let error = "void: the games do not add up to the groups that were asked for";
        void(hand_in(given(), JobResult::Gauntlet(tally)), error, true);
    }
}

#[test]
fn external_jobs_bring_whatever_they_like_within_bounds() {
    let given = || claimed(&[], EXTERNAL);
    let result = |output: String| ExternalResult { output, blobs: vec![blob("report", ArtifactKind::External)] };
    let kinds = &["JOB_COMPLETED", "EXTERNAL_RESULT_RECORDED", "ARTIFACT_STORED"];
    let good = hand_in(given(), JobResult::External(result("{}".into()))).then_kinds(kinds).applied();
    assert_eq!(good.state.jobs.get(&JobId::new("j")).and_then(|job| job.result_seq), Some(Seq(6)));
    let long = "the result is too large: put what is large into files";
    void(hand_in(given(), JobResult::External(result("x".repeat(300_000)))), long, false);
}

#[test]
fn a_result_of_another_kind_is_void() {
    let error = "a self_play job cannot bring a result of this kind";
    void(hand_in(claimed(&[], SELF_PLAY), JobResult::Gauntlet(matches())), error, false);
}

#[test]
fn a_result_under_a_lost_lease_is_kept_and_changes_nothing() {
    let fields = &["current", "reason", "artifacts.0"];
    let batch = hash("new batch");
    let expired = JobLeaseExpired { job: JobId::new("j"), host: NodeId(1), token: Seq(4) };
    let given = claimed(&[], SELF_PLAY).and(expired);
    let waiting = hand_in_with(given.clone(), Seq(4), games(40));
    let line = format!("JOB_RESULT_REFUSED null the lease has ended and the job waits {batch}");
    let after = waiting.then_fields(&[&line], fields).applied();
    assert_eq!(after.state.games.table.len(), 0);
    assert_eq!(after.state.jobs.get(&JobId::new("j")).map(|job| job.refused), Some(1));
    let again = given.and(JobClaimed { job: JobId::new("j"), host: NodeId(1), attempt: 2 });
    let line = format!("JOB_RESULT_REFUSED 6 another lease holds the job {batch}");
    hand_in_with(again, Seq(4), games(40)).then_fields(&[&line], fields);
    let done = hand_in(claimed(&[], SELF_PLAY), games(40)).applied();
    let line = format!("JOB_RESULT_REFUSED null the job is finished {batch}");
    hand_in_with(done, Seq(4), games(40)).then_fields(&[&line], fields);
    let unknown = hand_in_with(Given::events([joined(1)]), Seq(4), games(40));
    let line = format!("JOB_RESULT_REFUSED null the job is unknown or long finished {batch}");
    unknown.then_fields(&[&line], fields);
    let lease = LeaseHolder { job: JobId::new("j"), host: NodeId(2), token: Seq(4) };
    let stolen = Command::CompleteJob(CompleteJob { lease, elapsed_ms: 5, result: games(40) });
    Given::events([joined(1)]).when(1, stolen).refused("not_yours");
}

/// Twelve wins, two shared games and six losses, each game with who played it.
fn attested() -> AttestedResult {
    let JobSpec::Gauntlet(spec) = specs().swap_remove(GAUNTLET) else { unreachable!() };
    let pairs = [[0, 0], [0, 1], [1, 0], [0, 2], [2, 0], [2, 2], [2, 2], [2, 2], [2, 2], [2, 2]];
    AttestedResult { tally: matches(), games: honest(&spec, &pairs.concat()) }
}

#[test]
fn from_version_two_on_matches_count_only_when_each_game_says_who_played_it() {
    let given = || claimed(&[Kind::GauntletStarted], GAUNTLET);
    let raised = || given().and(ClusterVersionRaised { from: 1, to: 2 });
    let both = ["JOB_COMPLETED", "MATCHES_PLAYED", "MATCHES_ATTESTED"];
    hand_in(raised(), JobResult::Attested(attested())).then_kinds(&both);
    hand_in(given(), JobResult::Attested(attested())).then_kinds(&both[..2]);
    let silent = "void: the worker does not say who played each game: upgrade it";
    void(hand_in(raised(), JobResult::Gauntlet(matches())), silent, true);
    let liar = |change: &dyn Fn(&mut SeatAttestation)| {
        let mut result = attested();
        let candidate = (result.games[7].group % 2 + result.games[7].turn) % 2;
        change(&mut result.games[7].seats[candidate as usize]);
        result
    };
    let (ran, due) = (hash("weights 0").short(), hash("weights 1").short());
    type Lie = fn(&mut SeatAttestation);
    let cases: [(Lie, String); 3] = [
        (|seat| seat.weights = Some(hash("weights 0")), format!("ran weights {ran} instead of {due}")),
        (|seat| seat.leaves = 0, "never had its net asked".to_owned()),
        (|seat| seat.decisions = 0, "never had its net search".to_owned()),
    ];
    for (change, error) in cases {
        let decided = hand_in(raised(), JobResult::Attested(liar(&change)));
        let Event::JobFailed(failed) = &decided.decisions()[0].event else { panic!("{error}: {decided:?}") };
        assert!(failed.error.starts_with("void: game 1 of group ") && failed.error.ends_with(&error), "{failed:?}");
        assert!(failed.retry, "the same openings and seeds, by somebody else");
    }
}

#[test]
fn a_worker_that_times_out_and_answers_late_is_refused() {
    let given = claimed(&[Kind::GauntletStarted], GAUNTLET).and(ClusterVersionRaised { from: 1, to: 2 });
    let token = given.state.jobs.get(&JobId::new("j")).and_then(|job| job.lease.as_ref()).map(|lease| lease.token);
    let token = token.expect("a lease");
    let expired = given.and(JobLeaseExpired { job: JobId::new("j"), host: NodeId(1), token });
    let late = hand_in_with(expired, token, JobResult::Attested(attested()));
    let after = late.then_fields(&["JOB_RESULT_REFUSED the lease has ended and the job waits"], &["reason"]).applied();
    assert!(after.state.gauntlets.table.values().all(|row| row.opponents.iter().all(|one| one.tally.wins == 0)));
}
