//! Matches: a candidate meets an opponent in pairs of games, the same opening from both sides.

mod opening;
mod table;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use self::table::{Side, Table};
use super::batch;
use super::error::{PlayError, SearchError};
use super::evaluator::Evaluator;
use super::gumbel::Recipe;
use super::selfplay::check_concurrent;
use crate::game::Game;

pub use opening::OPENING_TRIES_MAX;

/// Who plays.
#[derive(Debug)]
pub enum Contender<'e, E> {
    /// Plays uniformly at random.
    Random,
    /// Looks so many plies ahead.
    AlphaBeta(u32),
    /// Looks one ply ahead, by the game's own judgement.
    Greedy,
    /// Searches without a net: the game itself judges the leaves.
    Planner {
        /// Simulations a move.
        simulations: u32,
        /// Actions considered at the root.
        considered: u32,
    },
    /// A net with search.
    Model {
        /// Evaluates for this side alone, so that its leaves are this side's.
        evaluator: &'e mut E,
        /// How it thinks.
        recipe: Recipe,
    },
}

/// What is to be played. Pair `p` depends only on `seed` and on `p`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchPlan {
    /// Seed of openings and players.
    pub seed: u64,
    /// Number of the first pair.
    pub first_pair: u32,
    /// Number of pairs, at most [`PAIRS_MAX`].
    pub pairs: u32,
    /// Random plies at the start of each opening.
    pub opening_plies: u32,
    /// Games at once, 1 to [`super::selfplay::CONCURRENT_MAX`]. Changes nothing in the games.
    pub concurrent: usize,
}

/// The most pairs of one plan.
pub const PAIRS_MAX: u32 = 1 << 20;

/// How far a run of matches is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchProgress {
    /// Games that are over.
    pub games: u32,
    /// Plies played after the openings, in all games.
    pub plies: u64,
}

/// Results from the candidate's side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchResult {
    /// Games that the candidate won.
    pub wins: u32,
    /// Games without a single winner.
    pub draws: u32,
    /// Games that the candidate lost.
    pub losses: u32,
    /// Pairs by the candidate's score in halves: index 0 is two losses, index 4 two wins.
    pub pairs: [u32; 5],
    /// Positions that the candidate's evaluator really evaluated; 0 without one.
    pub candidate_leaves: u64,
    /// Positions that the opponent's evaluator really evaluated; 0 without one.
    pub opponent_leaves: u64,
}

/// Plays pairs of games. In the second game of a pair the sides change seats.
///
/// With more than two seats the sides take every other seat, starting at a place that moves on with the pair's number, so that over
/// the two games of a pair each side holds every seat once; a side wins when one of its seats wins alone.
///
/// `watch` is called after every batch of moves; a [`ControlFlow::Break`] ends the run.
///
/// # Errors
/// When an evaluator fails or answers nonsense, the plan is out of bounds, or `watch` says so. The games are void then.
#[tracing::instrument(skip_all, fields(game = game.key(), first_pair = plan.first_pair, pairs = plan.pairs))]
pub fn play_pairs<G: Game, E: Evaluator<G>>(
    game: &G,
    plan: &MatchPlan,
    candidate: Contender<'_, E>,
    opponent: Contender<'_, E>,
    mut watch: impl FnMut(&MatchProgress) -> ControlFlow<()>,
) -> Result<MatchResult, PlayError<E::Error>> {
    check_plan(plan)?;
    let mut sides = [Side::new(game, candidate)?, Side::new(game, opponent)?];
    let mut halves = vec![0; plan.pairs as usize];
    let mut result = MatchResult::default();
    let mut progress = MatchProgress::default();
    let mut waiting = 0..2 * plan.pairs;
    let mut tables = Vec::new();
    loop {
        while tables.len() < plan.concurrent
            && let Some(number) = waiting.next()
        {
            tables.push(Table::new(game, plan, number)?);
        }
        if tables.is_empty() {
            break;
        }
        let mut at = 0;
        while at < tables.len() {
            let table: &mut Table<G> = &mut tables[at];
            let Some(score) = table.advance(&mut sides, &mut progress)? else {
                at += 1;
                continue;
            };
            halves[table.pair_index()] += score;
            match score {
                0 => result.losses += 1,
                1 => result.draws += 1,
                _ => result.wins += 1,
            }
            progress.games += 1;
            tables.swap_remove(at);
        }
        for (index, side) in sides.iter_mut().enumerate() {
            if let Some(evaluator) = side.evaluator() {
                let mut searches: Vec<_> = tables.iter_mut().filter_map(|table| table.search_of(index)).collect();
                batch::evaluate(game, evaluator, &mut searches)?;
            }
        }
        if watch(&progress).is_break() {
            return Err(PlayError::Stopped);
        }
    }
    halves.into_iter().for_each(|score| result.pairs[score] += 1);
    let [candidate_leaves, opponent_leaves] = sides.each_ref().map(Side::leaves_used);
    Ok(MatchResult { candidate_leaves, opponent_leaves, ..result })
}

fn check_plan(plan: &MatchPlan) -> Result<(), SearchError> {
    check_concurrent(plan.concurrent)?;
    if plan.pairs > PAIRS_MAX {
        return Err(SearchError::Bounds { what: "pairs", found: plan.pairs.to_string(), allowed: "0 to 1048576" });
    }
    Ok(())
}
