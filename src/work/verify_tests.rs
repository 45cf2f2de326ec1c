//! From real games to a score: what was played decides what a batch is worth, not what a test makes up.

use std::ops::ControlFlow;

use super::verify::verify_games;
use crate::artifact::BlobStore;
use crate::event::command::{CompleteJob, LeaseHolder};
use crate::event::games::GamesRecorded;
use crate::event::jobs::{JobClaimed, JobQueued, JobSpec, SelfPlaySpec};
use crate::event::membership::ClusterVersionRaised;
use crate::event::samples::{sample, specs};
use crate::event::{Command, Event, Hash, Kind, NodeId, Real};
use crate::game::connect4::ConnectFour;
use crate::game::record::{GameRecord, RecordWriter, opening_plies_max};
use crate::policy::assessment::{Quality, dataset};
use crate::policy::testing::{Given, config, generation_one};
use crate::policy::{names, provenance, quality, verification};
use crate::search::{Recipe, SelfPlayPlan, UniformEvaluator, play_games};

/// Simulations that the job asks for.
const ASKED: u32 = 64;
const GAMES: u32 = 12;

/// The job whose games are judged.
fn asked() -> SelfPlaySpec {
    let JobSpec::SelfPlay(mut spec) = specs().swap_remove(0) else { unreachable!() };
    (spec.games, spec.search.simulations) = (GAMES, ASKED);
    spec
}

/// Self-play of the job's model with so many simulations.
fn played(simulations: u32) -> Vec<GameRecord> {
    let spec = asked();
    let recipe = Recipe::new(simulations, spec.search.considered, 1.0).expect("within bounds");
    let plan = SelfPlayPlan {
        games: GAMES,
        seed: spec.seed,
        recipe,
        sampled_plies: spec.sampled_plies,
        opening_plies_max: opening_plies_max(spec.sampled_plies),
        concurrent: 4,
        weights: Some(spec.weights.0),
    };
    play_games(&ConnectFour, &mut UniformEvaluator::default(), &plan, |_| ControlFlow::Continue(())).expect("games")
}

/// The quality of a dataset of just these games, after their recording, verification and scoring.
fn judged(games: &[GameRecord]) -> Quality {
    let mut file = RecordWriter::new(&ConnectFour);
    games.iter().for_each(|game| file.push(game).expect("within bounds"));
    let folder = tempfile::tempdir().expect("a folder");
    let store = BlobStore::open(folder.path()).expect("a store");
    let batch = store.put_bytes(&file.finish()).expect("a healthy disk");

    let Event::GamesRecorded(recorded) = sample(Kind::GamesRecorded) else { unreachable!() };
    let (job, spec) = (recorded.job.clone(), JobSpec::SelfPlay(asked()));
    let queued = JobQueued { job, spec, priority: 0, lease_ms: 1, attempts_max: 1, avoid: vec![] };
    let recorded = GamesRecorded { batch, games: GAMES, ..recorded };
    let given = generation_one(config(40)).and(ClusterVersionRaised { from: 1, to: 2 }).and(queued).and(recorded);
    let given = given.decide(verification::decide).applied();
    scored(given, &store, batch)
}

fn scored(given: Given, store: &BlobStore, batch: Hash) -> Quality {
    let (job, host) = (names::verify_job(&batch), NodeId(2));
    let given = given.and(JobClaimed { job: job.clone(), host, attempt: 1 });
    let JobSpec::Verify(spec) = given.state.jobs.get(&job).expect("queued").spec.clone() else { unreachable!() };
    let result = verify_games(store, &spec, provenance::due(&given.state, &batch)).expect("a healthy disk");
    let lease = LeaseHolder { job, host, token: given.state.seq };
    let given = given.when(host.0, Command::CompleteJob(CompleteJob { lease, elapsed_ms: 1, result })).applied();
    dataset(&given.decide(quality::decide).applied().state, &[batch])
}

#[track_caller]
fn mean(games: &[GameRecord]) -> Real {
    match judged(games) {
        Quality::Known { mean, games, .. } => {
            assert_eq!(games, u64::from(GAMES));
            mean
        }
        unknown @ Quality::Unknown(_) => panic!("{unknown:?}"),
    }
}

#[test]
fn games_of_known_different_quality_get_different_scores() {
    let good = played(ASKED);
    assert_eq!(mean(&good), Real::ONE, "nothing is missing");

    // Records that name the job's search, of which an eighth was really spent.
    let mut shallow = played(ASKED / 8);
    shallow.iter_mut().for_each(|game| game.generators.clone_from(&good[0].generators));
    assert_eq!(mean(&shallow), Real(125_000));

    let half = good.len() / 2;
    let repeated: Vec<GameRecord> = good[..half].iter().chain(&good[..half]).cloned().collect();
    assert_eq!(mean(&repeated), Real(500_000));

    // Every other position has no target. A forced move has none anyway.
    let mut bare = good.clone();
    bare.iter_mut().flat_map(|game| game.plies.iter_mut().step_by(2)).for_each(|ply| ply.findings = None);
    let bare = mean(&bare);
    assert!(Real(350_000) < bare && bare < Real(650_000), "{bare:?}");
}

#[test]
fn games_of_a_smaller_budget_that_say_so_are_never_used() {
    let Quality::Unknown(reason) = judged(&played(ASKED / 8)) else { panic!("they have a score") };
    assert!(reason.ends_with("it is in quarantine"), "{reason}");
}
