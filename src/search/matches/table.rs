//! One game of a group, and the sides that play it.

use rand_chacha::ChaCha8Rng;

use super::{Contender, GamePlayed, MatchPlan, MatchProgress, SeatPlayed, opening::opening, units_per_game};
use crate::game::{Game, Outcome, Seat};
use crate::search::error::SearchError;
use crate::search::evaluator::Evaluator;
use crate::search::gumbel::{Recipe, Search, Step};
use crate::search::players::{AlphaBeta, Greedy, Planner, Player, UniformRandom};
use crate::search::seeds;

/// A side with what it needs to think.
pub(super) enum Side<'e, G: Game, E> {
    Random(UniformRandom<G>),
    AlphaBeta(AlphaBeta<G>),
    Greedy(Greedy<G>),
    Planner(Box<Planner<G>>),
    Model { evaluator: &'e mut E, recipe: Recipe, leaves_before: u64 },
}

impl<'e, G: Game, E: Evaluator<G>> Side<'e, G, E> {
    pub(super) fn new(game: &G, contender: Contender<'e, E>) -> Result<Side<'e, G, E>, SearchError> {
        Ok(match contender {
            Contender::Random => Side::Random(UniformRandom::new()),
            Contender::AlphaBeta(depth) => Side::AlphaBeta(AlphaBeta::new(depth)?),
            Contender::Greedy => Side::Greedy(Greedy::new()),
            Contender::Planner { simulations, considered } => {
                Side::Planner(Box::new(Planner::new(game, simulations, considered)?))
            }
            Contender::Model { evaluator, recipe } => {
                Side::Model { leaves_before: evaluator.leaves(), evaluator, recipe }
            }
        })
    }

    pub(super) fn evaluator(&mut self) -> Option<&mut E> {
        match self {
            Side::Model { evaluator, .. } => Some(evaluator),
            _ => None,
        }
    }

    /// Leaves evaluated since the match began, as the evaluator says.
    pub(super) fn leaves_used(&self) -> u64 {
        match self {
            Side::Model { evaluator, leaves_before, .. } => evaluator.leaves().saturating_sub(*leaves_before),
            _ => 0,
        }
    }
}

/// The candidate's index among the sides.
const CANDIDATE: usize = 0;
/// The opponent's.
const OPPONENT: usize = 1;

/// One game.
pub(super) struct Table<G: Game> {
    game: G,
    /// Number of the group within the plan.
    group_index: u32,
    /// Number of the group, and of the game within it.
    group: u32,
    turn: u32,
    /// The candidate's seat; the opponent holds all others.
    candidate: Seat,
    rng: ChaCha8Rng,
    state: G::State,
    plies: usize,
    /// Each side's search: it remembers what it found out at its last move.
    searches: [Option<Search<G>>; 2],
    /// The side whose search works on `state`.
    searching: Option<usize>,
    /// What each seat did so far.
    seats: Vec<SeatPlayed>,
}

impl<G: Game> Table<G> {
    /// Game `number` of a plan: with `n` seats, games `n·g` to `n·g + n − 1` are group `g`.
    pub(super) fn new(game: &G, plan: &MatchPlan, number: u32) -> Result<Table<G>, SearchError> {
        let seats = game.seats();
        let (group_index, turn) = (number / seats as u32, number as usize % seats);
        let group = u64::from(plan.first_group) + u64::from(group_index);
        let group_seed = seeds::derive(plan.seed, group);
        let state = opening(game, plan.opening_plies, &mut seeds::generator(group_seed))?;
        let shift = (group % seats as u64) as usize;
        let candidate = Seat::all(seats).nth((shift + turn) % seats).unwrap_or(Seat::FIRST);
        Ok(Table {
            game: game.clone(),
            group_index,
            candidate,
            rng: seeds::generator(seeds::derive(group_seed, turn as u64)),
            state,
            plies: 0,
            searches: [None, None],
            searching: None,
            group: plan.first_group.saturating_add(group_index),
            turn: turn as u32,
            seats: Seat::all(seats)
                .map(|seat| SeatPlayed { is_candidate: seat == candidate, ..SeatPlayed::default() })
                .collect(),
        })
    }

    pub(super) fn group_index(&self) -> usize {
        self.group_index as usize
    }

    /// The candidate's seat.
    pub(super) fn candidate(&self) -> Seat {
        self.candidate
    }

    /// Notes that the evaluator of this side is about to be asked for this game's leaf.
    pub(super) fn count_leaf(&mut self, side: usize) {
        if self.search_of(side).is_some_and(|search| search.leaf().is_some()) {
            self.mover().leaves += 1;
        }
    }

    /// The seat whose turn it is.
    fn mover(&mut self) -> &mut SeatPlayed {
        &mut self.seats[self.game.to_move(&self.state).index()]
    }

    /// What is known of the game, once it is over.
    pub(super) fn played(&self, outcome: Outcome) -> GamePlayed {
        GamePlayed {
            group: self.group,
            turn: self.turn,
            units: self.units(outcome) as u32,
            plies: self.plies as u32,
            seats: self.seats.clone(),
        }
    }

    /// Whether the candidate should have thought with its net and did not.
    pub(super) fn is_void(&self) -> bool {
        self.seats.iter().any(|seat| seat.is_candidate && seat.decisions > 0 && seat.leaves == 0)
    }

    /// The candidate's share of a game, in units.
    pub(super) fn units(&self, outcome: Outcome) -> usize {
        let winners = outcome.winners();
        if winners & (1 << self.candidate.index()) == 0 {
            return 0;
        }
        (units_per_game(self.game.seats() as u32) / winners.count_ones()) as usize
    }

    /// The search, when it works for this side.
    pub(super) fn search_of(&mut self, side: usize) -> Option<&mut Search<G>> {
        if self.searching == Some(side) { self.searches[side].as_mut() } else { None }
    }

    /// Plays on until an evaluation is needed (`None`) or the game is over.
    pub(super) fn advance<E: Evaluator<G>>(
        &mut self,
        sides: &mut [Side<'_, G, E>; 2],
        progress: &mut MatchProgress,
    ) -> Result<Option<Outcome>, SearchError> {
        loop {
            if let Some(outcome) = self.game.outcome(&self.state) {
                return Ok(Some(outcome));
            }
            if self.plies >= self.game.plies_max() {
                return Err(SearchError::Endless { plies: self.plies });
            }
            let mover = if self.game.to_move(&self.state) == self.candidate { CANDIDATE } else { OPPONENT };
            let action = match &mut sides[mover] {
                Side::Random(player) => player.choose(&self.game, &self.state, &mut self.rng),
                Side::AlphaBeta(player) => player.choose(&self.game, &self.state, &mut self.rng),
                Side::Greedy(player) => player.choose(&self.game, &self.state, &mut self.rng),
                Side::Planner(player) => player.choose(&self.game, &self.state, &mut self.rng),
                Side::Model { recipe, .. } => match self.think(mover, *recipe) {
                    Some(action) => Some(action),
                    None => return Ok(None),
                },
            };
            let action = action.expect("a player chooses while the game is not over");
            self.game.play(&mut self.state, &action).expect("players choose legal actions");
            self.plies += 1;
            progress.plies += 1;
        }
    }

    /// The search's action, or `None` while it waits for an evaluation.
    fn think(&mut self, side: usize, recipe: Recipe) -> Option<G::Action> {
        let search = self.searches[side].get_or_insert_with(|| Search::idle(self.game.clone(), recipe));
        if self.searching.is_none() {
            if let Some(forced) = forced(&self.game, &self.state) {
                return Some(forced);
            }
            search.start(recipe, self.state.clone(), &mut self.rng);
            self.searching = Some(side);
            self.seats[self.game.to_move(&self.state).index()].decisions += 1;
        }
        if matches!(search.next_leaf(), Step::Evaluate(..)) {
            return None;
        }
        self.searching = None;
        search.finish().map(|decision| decision.action)
    }
}

/// The only legal action, when there is only one: it needs no thought.
fn forced<G: Game>(game: &G, state: &G::State) -> Option<G::Action> {
    let mut legal = Vec::new();
    game.legal(state, &mut legal);
    if legal.len() == 1 { legal.pop() } else { None }
}
