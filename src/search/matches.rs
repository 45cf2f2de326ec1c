//! Matches: a candidate meets an opponent in groups of games, the same opening in all seat rotations. With two players a group is a pair
//! of games with changed sides.

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
use crate::judge::groups::bins;

pub use crate::judge::groups::units_per_game;
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

/// What is to be played. Group `g` depends only on `seed` and on `g`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchPlan {
    /// Seed of openings and players.
    pub seed: u64,
    /// Number of the first group.
    pub first_group: u32,
    /// Number of groups, at most [`GROUPS_MAX`]. A group has as many games as the game has seats.
    pub groups: u32,
    /// Random plies at the start of each opening.
    pub opening_plies: u32,
    /// Games at once, 1 to [`super::selfplay::CONCURRENT_MAX`]. Changes nothing in the games.
    pub concurrent: usize,
}

/// The most groups of one plan.
pub const GROUPS_MAX: u32 = 1 << 20;

/// How far a run of matches is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchProgress {
    /// Games that are over.
    pub games: u32,
    /// Plies played after the openings, in all games.
    pub plies: u64,
}

/// Results from the candidate's side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatchResult {
    /// Games that the candidate won.
    pub wins: u32,
    /// Games without a single winner.
    pub draws: u32,
    /// Games that the candidate lost.
    pub losses: u32,
    /// Groups by the candidate's score in units ([`units_per_game`]). For two seats in halves: index 0 is two losses, index 4 two wins.
    pub groups: Vec<u32>,
    /// Games in which the candidate had a choice and its evaluator was never asked: they are void.
    pub void_games: u32,
    /// Every game, in order of group and turn.
    pub games: Vec<GamePlayed>,
    /// Positions that the candidate's evaluator really evaluated; 0 without one.
    pub candidate_leaves: u64,
    /// Positions that the opponent's evaluator really evaluated; 0 without one.
    pub opponent_leaves: u64,
}

/// One game of a group, from the table's own count.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GamePlayed {
    /// Number of the group.
    pub group: u32,
    /// Number of the game within the group.
    pub turn: u32,
    /// The candidate's score in units ([`units_per_game`]).
    pub units: u32,
    /// Plies played after the opening.
    pub plies: u32,
    /// What each seat did, in order.
    pub seats: Vec<SeatPlayed>,
}

/// What a seat did in a game.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeatPlayed {
    /// Whether the candidate sat here.
    pub is_candidate: bool,
    /// Decisions for which it searched with its net.
    pub decisions: u32,
    /// Positions that its net was asked for.
    pub leaves: u64,
}

/// Plays groups of games. In each the candidate holds one seat and copies of the opponent the others; over the games of a group it
/// holds every seat once, from a place on that moves on with the group's number. Parity is one win in as many games as there are seats.
///
/// `watch` is called after every batch of moves; a [`ControlFlow::Break`] ends the run.
///
/// # Errors
/// When an evaluator fails or answers nonsense, the plan is out of bounds, or `watch` says so. The games are void then.
#[tracing::instrument(skip_all, fields(game = game.key(), first_group = plan.first_group, groups = plan.groups))]
pub fn play_groups<G: Game, E: Evaluator<G>>(
    game: &G,
    plan: &MatchPlan,
    candidate: Contender<'_, E>,
    opponent: Contender<'_, E>,
    mut watch: impl FnMut(&MatchProgress) -> ControlFlow<()>,
) -> Result<MatchResult, PlayError<E::Error>> {
    check_plan(plan, game.seats() as u32)?;
    let mut sides = [Side::new(game, candidate)?, Side::new(game, opponent)?];
    let seats = game.seats() as u32;
    let mut units = vec![0; plan.groups as usize];
    let mut result = MatchResult { groups: vec![0; bins(seats)], ..MatchResult::default() };
    let mut progress = MatchProgress::default();
    let mut waiting = 0..seats * plan.groups;
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
            let Some(outcome) = table.advance(&mut sides, &mut progress)? else {
                at += 1;
                continue;
            };
            units[table.group_index()] += table.units(outcome);
            match outcome.winner() {
                None => result.draws += 1,
                Some(seat) if seat == table.candidate() => result.wins += 1,
                Some(_) => result.losses += 1,
            }
            result.games.push(table.played(outcome));
            result.void_games += u32::from(table.is_void());
            progress.games += 1;
            tables.swap_remove(at);
        }
        for (index, side) in sides.iter_mut().enumerate() {
            if let Some(evaluator) = side.evaluator() {
                tables.iter_mut().for_each(|table| table.count_leaf(index));
                let mut searches: Vec<_> = tables.iter_mut().filter_map(|table| table.search_of(index)).collect();
                batch::evaluate(game, evaluator, &mut searches)?;
            }
        }
        if watch(&progress).is_break() {
            return Err(PlayError::Stopped);
        }
    }
    result.games.sort_unstable();
    units.into_iter().for_each(|units| result.groups[units] += 1);
    let [candidate_leaves, opponent_leaves] = sides.each_ref().map(Side::leaves_used);
    Ok(MatchResult { candidate_leaves, opponent_leaves, ..result })
}

fn check_plan(plan: &MatchPlan, seats: u32) -> Result<(), SearchError> {
    check_concurrent(plan.concurrent)?;
    if seats < 2 {
        return Err(SearchError::Bounds { what: "seats", found: seats.to_string(), allowed: "2 to 4" });
    }
    if plan.groups > GROUPS_MAX {
        return Err(SearchError::Bounds { what: "groups", found: plan.groups.to_string(), allowed: "0 to 1048576" });
    }
    Ok(())
}
