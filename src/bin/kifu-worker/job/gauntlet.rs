//! Plays groups of games between a candidate and an opponent, in all seat rotations.

use kifu::event::jobs::{Contender, GauntletSpec};
use kifu::event::judgement::{GameAttestation, SeatAttestation};
use kifu::game::Planes;
use kifu::search::{self, GamePlayed, MatchPlan, SeatPlayed, play_groups};
use kifu::work::protocol::WorkerResult;

use super::error::JobError;
use super::run::{Workshop, recipe};
use super::usage::UsageWatch;
use crate::inputs;
use crate::speak::Report;

/// Who sat at each seat of a game. Weights are only named here when their evaluator was made: loading is all-or-nothing, from bytes that
/// were seen to have this hash.
fn attest(spec: &GauntletSpec, game: &GamePlayed) -> GameAttestation {
    let opponent = match &spec.opponent {
        Contender::Model(model) => Some(model.weights),
        Contender::Random | Contender::AlphaBeta(_) => None,
    };
    let seat = |seat: &SeatPlayed| SeatAttestation {
        weights: if seat.is_candidate { Some(spec.candidate.weights) } else { opponent },
        decisions: seat.decisions,
        leaves: seat.leaves,
    };
    let GamePlayed { group, turn, units, plies, ref seats } = *game;
    GameAttestation { group, turn, units, plies, seats: seats.iter().map(seat).collect() }
}

pub fn run<G: Planes>(
    game: &G,
    spec: &GauntletSpec,
    workshop: &Workshop<'_>,
    report: &mut dyn Report,
) -> Result<WorkerResult, JobError> {
    let games = spec.pairs.saturating_mul(game.seats() as u32);
    let weights = inputs::weights(workshop.assignment, &spec.candidate.weights, game)?;
    let (mut candidate, concurrent) = workshop.seated(game, &weights, workshop.evaluator(game, &weights)?, games)?;
    let mut usage = UsageWatch::new(&candidate, concurrent);
    let mut other;
    let opponent = match &spec.opponent {
        Contender::Random => search::Contender::Random,
        Contender::AlphaBeta(depth) => search::Contender::AlphaBeta(*depth),
        Contender::Model(model) => {
            // An evaluator of its own even for the same weights: leaves are counted apart.
            other = workshop.evaluator(game, &inputs::weights(workshop.assignment, &model.weights, game)?)?;
            other.share_gauge(candidate.gauge());
            search::Contender::Model { evaluator: &mut other, recipe: recipe(&model.search)?.keeping_tree() }
        }
    };
    let thinks = recipe(&spec.candidate.search)?.keeping_tree();
    let candidate = search::Contender::Model { evaluator: &mut candidate, recipe: thinks };
    let plan = MatchPlan {
        seed: spec.seed,
        first_group: spec.first_pair,
        groups: spec.pairs,
        opening_plies: spec.opening_plies,
        concurrent,
    };
    let result = play_groups(game, &plan, candidate, opponent, |progress| {
        report.played(f64::from(progress.games) / f64::from(games.max(1)), &mut || usage.read());
        workshop.go_on()
    })?;
    if result.void_games > 0 {
        return Err(JobError::passing(format!(
            "void: the candidate's net was never asked in {} games",
            result.void_games
        )));
    }
    Ok(WorkerResult::Gauntlet {
        wins: result.wins,
        draws: result.draws,
        losses: result.losses,
        pairs: result.groups,
        // The evaluator was made from bytes that were seen to have this hash.
        candidate_weights: spec.candidate.weights,
        candidate_leaves: result.candidate_leaves,
        games: result.games.iter().map(|game| attest(spec, game)).collect(),
    })
}
