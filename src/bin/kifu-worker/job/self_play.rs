//! Plays games of one model against itself, or of a teacher.

use std::fs;

use kifu::event::jobs::SelfPlaySpec;
use kifu::game::Planes;
use kifu::game::record::{GameRecord, RecordWriter, opening_plies_max};
use kifu::learn::NetEvaluator;
use kifu::search::{Judgement, SelfPlayPlan, SelfPlayProgress, play_games};
use kifu::work::protocol::WorkerResult;

use super::error::JobError;
use super::run::{Workshop, recipe};
use super::usage::UsageWatch;
use crate::inputs;
use crate::speak::Report;

/// Name of the file of records.
const GAMES_FILE: &str = "games.kifu";

pub fn run<G: Planes>(
    game: &G,
    spec: &SelfPlaySpec,
    workshop: &Workshop<'_>,
    report: &mut dyn Report,
) -> Result<WorkerResult, JobError> {
    let plan = SelfPlayPlan {
        games: spec.games,
        seed: spec.seed,
        recipe: recipe(&spec.search)?,
        sampled_plies: spec.sampled_plies,
        opening_plies_max: opening_plies_max(spec.sampled_plies),
        concurrent: workshop.args.concurrent.untimed().min(spec.games.max(1) as usize),
        weights: (!workshop.assignment.taught).then_some(spec.weights.0),
    };
    let records = match plan.weights {
        Some(_) => play_net(game, spec, &plan, workshop, report)?,
        None => play_games(game, &mut Judgement::default(), &plan, |progress| {
            report.played(done(progress, &plan), &mut || None);
            workshop.go_on()
        })?,
    };
    write(game, &records, workshop)
}

/// The games of the spec's net, as many at once as use it well.
fn play_net<G: Planes>(
    game: &G,
    spec: &SelfPlaySpec,
    plan: &SelfPlayPlan,
    workshop: &Workshop<'_>,
    report: &mut dyn Report,
) -> Result<Vec<GameRecord>, JobError> {
    let weights = inputs::weights(workshop.assignment, &spec.weights, game)?;
    let loaded = workshop.evaluator(game, &weights)?;
    let (mut evaluator, concurrent) = workshop.seated(game, &weights, loaded, plan.games)?;
    let plan = SelfPlayPlan { concurrent, ..plan.clone() };
    let mut usage = UsageWatch::new(&evaluator, plan.concurrent);
    let records = play_games(game, &mut evaluator, &plan, |progress| {
        report.played(done(progress, &plan), &mut || usage.read());
        workshop.go_on()
    })?;
    say(&evaluator, &plan);
    Ok(records)
}

fn done(progress: &SelfPlayProgress, plan: &SelfPlayPlan) -> f64 {
    f64::from(progress.games) / f64::from(plan.games.max(1))
}

/// Logs how the net was used.
fn say<G: Planes>(evaluator: &NetEvaluator<G>, plan: &SelfPlayPlan) {
    let Some(usage) = evaluator.usage() else { return };
    let percent = |share: f64| (share * 100.0).round();
    tracing::info!(
        leaves_per_second = usage.leaves_per_second.round(),
        net_leaves_per_second = usage.net_leaves_per_second.round(),
        games_at_once = plan.concurrent,
        batch = usage.batch.round(),
        batch_fill_percent = percent(usage.batch / plan.concurrent as f64),
        net_percent = percent(usage.net_share),
        encoding_percent = percent(usage.encoding_share),
        wait_ms = (usage.wait_ms * 100.0).round() / 100.0,
        precision = evaluator.precision().name(),
        speed_up = (evaluator.speed_up() * 100.0).round() / 100.0,
        "self-play done"
    );
}

/// Writes the file of records and counts what is in it.
fn write<G: Planes>(game: &G, records: &[GameRecord], workshop: &Workshop<'_>) -> Result<WorkerResult, JobError> {
    let mut file = RecordWriter::new(game);
    for record in records {
        file.push(record).map_err(|fault| JobError::lasting(format!("a game cannot be recorded: {fault}")))?;
    }
    let path = workshop.scratch(GAMES_FILE);
    fs::write(&path, file.finish()).map_err(|error| JobError::write(&path, &error))?;
    let plies = || records.iter().flat_map(|record| &record.plies);
    Ok(WorkerResult::SelfPlay {
        file: GAMES_FILE.into(),
        games: records.len() as u32,
        positions: plies().count() as u64,
        simulations: plies().filter_map(|ply| ply.findings.as_ref()).map(|it| u64::from(it.simulations)).sum(),
    })
}
