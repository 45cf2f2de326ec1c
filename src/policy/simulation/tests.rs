//! Campaigns from the first record to `CAMPAIGN_COMPLETED`.

use super::cluster::{Chaos, Cluster, config};
use crate::event::command::SubmitJob;
use crate::event::config::Config;
use crate::event::jobs::{ExternalSpec, JobSpec};
use crate::event::{Command, GameKey, JobId, Kind};
use crate::policy::dataset::is_good;
use crate::projection::State;
use crate::projection::campaign::{Phase, Verdict};
use crate::projection::games::BatchState;
use crate::projection::jobs::JobState;

const TICKS_MAX: usize = 20_000;
const CALM: Chaos = Chaos { trouble: 0, bad_results: 0, broken_trainer: false };
const STORM: Chaos = Chaos { trouble: 8, bad_results: 60, broken_trainer: false };

/// Runs a campaign to its end, then lets the copies catch up in peace.
fn run(seed: u64, size: u64, chaos: Chaos, generations: u32) -> Cluster {
    run_with(seed, size, chaos, config(generations))
}

fn run_with(seed: u64, size: u64, chaos: Chaos, config: Config) -> Cluster {
    let mut cluster = Cluster::new(seed, size, chaos, config);
    let spec = JobSpec::External(ExternalSpec { program: "p".into(), params: "{}".into(), inputs: vec![] });
    let mine = SubmitJob { job: JobId::new("mine"), spec, priority: 99 };
    cluster.propose(cluster.hosts[0].id, 0, Command::SubmitJob(mine)).expect("a good job");
    let is_over = |cluster: &Cluster| cluster.state.counts.of(Kind::CampaignCompleted) > 0;
    let ticks = (0..TICKS_MAX).take_while(|_| {
        cluster.tick();
        !is_over(&cluster)
    });
    let ticks = ticks.count();
    assert!(is_over(&cluster), "seed {seed}: not over after {ticks} ticks, at {}", cluster.state.seq);
    cluster.chaos = CALM;
    (0..600).for_each(|_| cluster.tick());
    cluster
}

fn check_end(seed: u64, cluster: &Cluster, generations: u32) {
    let state = &cluster.state;
    let game = state.config().and_then(|config| config.game.clone()).expect("a game");
    let row = state.campaign.get(&game).expect("a campaign");
    assert_eq!((row.phase, row.completed), (Phase::Completed, Some(generations)), "seed {seed}");
    assert!(row.exam.iter().all(|score| score.games > 0), "seed {seed}: {:?}", row.exam);
    let verdicts = (1..=generations).map(|generation| state.campaign.generation(&game, generation));
    assert!(verdicts.into_iter().all(|row| row.is_some_and(|row| row.verdict.is_some())), "seed {seed}");
    let champion = state.models.champion(&game).expect("a champion");
    let online: Vec<_> = state.hosts.online().map(|host| host.host).collect();
    assert_eq!(online.len(), cluster.hosts.len(), "seed {seed}: everybody is back");
    let weights = state.artifacts.get(&champion.weights).expect("weights");
    assert!(online.iter().all(|host| weights.is_on(*host)), "seed {seed}: the champion is everywhere");
    let copies_min = 2.min(online.len());
    for batch in state.games.table.values().filter(|batch| batch.state != BatchState::Quarantined) {
        let artifact = state.artifacts.get(&batch.batch).expect("a blob");
        assert!(artifact.copies.len() >= copies_min, "seed {seed}: {} has too few copies", batch.batch);
    }
    assert_eq!(state.jobs.live().count(), 0, "seed {seed}: {:?}", state.jobs.live().next());
    assert!(state.jobs.get(&JobId::new("mine")).is_some_and(|job| job.state.is_finished()), "seed {seed}");
}

/// The same log gives the same state, from the beginning and from any snapshot.
fn check_folds(seed: u64, cluster: &Cluster) {
    let log = &cluster.log;
    let folded = State::fold(log);
    assert_eq!(folded.snapshot(), cluster.state.snapshot(), "seed {seed}");
    for cut in [1, log.len() / 3, log.len() / 2, log.len() - 1] {
        let prefix = State::fold(&log[..cut]);
        let mut restored = State::restore(&prefix.snapshot()).expect("own bytes");
        let ids = |state: &State| {
            let jobs: Vec<JobId> = state
                .jobs
                .queued()
                .chain(state.jobs.held())
                .chain(state.jobs.finished())
                .map(|job| job.job.clone())
                .collect();
            let open: Vec<_> = state.games.open().map(|batch| batch.batch).collect();
            (jobs, open)
        };
        assert_eq!(ids(&restored), ids(&prefix), "seed {seed}: indexes at {cut}");
        log[cut..].iter().for_each(|record| restored.apply(record));
        assert_eq!(restored.digest(), folded.digest(), "seed {seed}: from {cut}");
    }
}

#[test]
fn a_calm_campaign_ends_and_promotes() {
    for seed in 0..4 {
        let cluster = run(seed, 3, CALM, 4);
        check_end(seed, &cluster, 4);
        check_folds(seed, &cluster);
        let state = &cluster.state;
        assert_eq!(state.jobs.get(&JobId::new("mine")).map(|job| job.state), Some(JobState::Done), "seed {seed}");
        assert_eq!(state.counts.of(Kind::JobFailed) + state.counts.of(Kind::JobLeaseExpired), 0, "seed {seed}");
        let promoted = state.campaign.generations.values().filter(|row| row.verdict == Some(Verdict::Promoted));
        assert!(promoted.count() > 0, "seed {seed}");
    }
}

/// Three seats, taught by the game's own judgement, judged by groups of three games.
#[test]
fn a_campaign_of_three_players_ends_and_promotes() {
    let mut config = config(3);
    config.game = Some(GameKey("ringrift-square8-3p".to_owned()));
    for (seed, chaos) in [(200, CALM), (201, STORM)] {
        let cluster = run_with(seed, 3, chaos, config.clone());
        check_end(seed, &cluster, 3);
        check_folds(seed, &cluster);
        let count = |kind| cluster.state.counts.of(kind);
        assert_eq!(count(Kind::GenerationTaught), 1, "seed {seed}");
        assert!(count(Kind::SequentialTestConcluded) > 0 && count(Kind::EvaluatorFaulty) == 0, "seed {seed}");
        let tests = cluster.state.gauntlets.table.values().filter_map(|gauntlet| gauntlet.test.as_ref());
        assert!(tests.into_iter().all(|test| test.seats == 3), "seed {seed}");
        let verdicts: Vec<_> = cluster.state.campaign.generations.values().map(|row| row.verdict).collect();
        assert!(verdicts.contains(&Some(Verdict::Promoted)), "seed {seed}: {verdicts:?}");
        let mut played = cluster.state.gauntlets.table.values().flat_map(|gauntlet| &gauntlet.opponents);
        assert!(played.any(|opponent| opponent.tally.pairs.len() == 19), "seed {seed}: groups of three games");
    }
}

#[test]
fn a_campaign_ends_whatever_happens_to_hosts_and_jobs() {
    let (mut expired, mut refused) = (0, 0);
    for seed in 100..112 {
        let cluster = run(seed, 3, STORM, 3);
        check_end(seed, &cluster, 3);
        check_folds(seed, &cluster);
        expired += cluster.state.counts.of(Kind::JobLeaseExpired);
        refused += cluster.state.counts.of(Kind::JobResultRefused);
    }
    assert!(expired > 0 && refused > 0, "there was no storm: {expired} leases expired, {refused} results refused");
}

#[test]
fn a_single_host_verifies_its_own_games() {
    let cluster = run(7, 1, CALM, 1);
    check_end(7, &cluster, 1);
}

#[test]
fn a_broken_trainer_does_not_hold_up_the_campaign() {
    let cluster = run(5, 3, Chaos { broken_trainer: true, ..CALM }, 2);
    check_end(5, &cluster, 2);
    let verdicts = cluster.state.campaign.generations.values().map(|row| row.verdict);
    assert!(verdicts.into_iter().all(|verdict| verdict == Some(Verdict::Failed)));
    assert_eq!(cluster.state.counts.of(Kind::TrainingFailed), 6);
}

#[test]
fn datasets_hold_exactly_good_verified_games() {
    let cluster = run(3, 3, STORM, 3);
    let (state, config) = (&cluster.state, config(3));
    for dataset in state.datasets.table.values() {
        let batches = dataset.batches.iter().map(|batch| state.games.get(batch).expect("a batch"));
        assert!(batches.clone().all(|batch| is_good(state, &config, batch) && batch.generation <= dataset.generation));
        let games: u64 = batches.filter_map(|batch| batch.tally.as_ref()).map(|tally| u64::from(tally.games)).sum();
        assert_eq!(games, dataset.games);
        assert!(games >= u64::from(config.self_play.games));
    }
}

#[test]
fn a_finished_campaign_goes_on_when_more_generations_are_wanted() {
    let mut cluster = run(1, 3, CALM, 1);
    let more = crate::event::command::Configure { config: config(2), actor: "ada".into() };
    cluster.propose(cluster.hosts[0].id, 0, Command::from(more)).expect("a good configuration");
    (0..3_000).for_each(|_| cluster.tick());
    check_end(1, &cluster, 2);
    assert_eq!(cluster.state.counts.of(Kind::CampaignCompleted), 2);
}
