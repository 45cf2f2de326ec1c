//! One game of a pair, and the sides that play it.

use rand_chacha::ChaCha8Rng;

use super::{Contender, MatchPlan, MatchProgress, opening::opening};
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

/// One game. Sides are named by index: 0 is the candidate, 1 the opponent.
pub(super) struct Table<G: Game> {
    game: G,
    /// Number of the pair within the plan.
    pair_index: u32,
    /// The side that sits on each seat.
    side_of: Vec<usize>,
    rng: ChaCha8Rng,
    state: G::State,
    plies: usize,
    search: Option<Search<G>>,
    /// The side whose search works on `state`.
    searching: Option<usize>,
}

impl<G: Game> Table<G> {
    /// Game `number` of a plan: games 2p and 2p + 1 are pair p.
    pub(super) fn new(game: &G, plan: &MatchPlan, number: u32) -> Result<Table<G>, SearchError> {
        let (pair_index, turn) = (number / 2, number as usize % 2);
        let pair = u64::from(plan.first_pair) + u64::from(pair_index);
        let pair_seed = seeds::derive(plan.seed, pair);
        let state = opening(game, plan.opening_plies, &mut seeds::generator(pair_seed))?;
        let seats = game.seats();
        let shift = (pair % seats as u64) as usize;
        let side_of = Seat::all(seats).map(|seat| ((seat.index() + shift) % seats + turn) % 2).collect();
        Ok(Table {
            game: game.clone(),
            pair_index,
            side_of,
            rng: seeds::generator(seeds::derive(pair_seed, turn as u64)),
            state,
            plies: 0,
            search: None,
            searching: None,
        })
    }

    pub(super) fn pair_index(&self) -> usize {
        self.pair_index as usize
    }

    /// The side that sits on each seat.
    #[cfg(test)]
    pub(super) fn side_of(&self) -> &[usize] {
        &self.side_of
    }

    /// The search, when it works for this side.
    pub(super) fn search_of(&mut self, side: usize) -> Option<&mut Search<G>> {
        if self.searching == Some(side) { self.search.as_mut() } else { None }
    }

    /// Plays on until an evaluation is needed (`None`) or the game is over: then the candidate's score in halves.
    pub(super) fn advance<E: Evaluator<G>>(
        &mut self,
        sides: &mut [Side<'_, G, E>; 2],
        progress: &mut MatchProgress,
    ) -> Result<Option<usize>, SearchError> {
        loop {
            if let Some(outcome) = self.game.outcome(&self.state) {
                return Ok(Some(self.score(outcome)));
            }
            if self.plies >= self.game.plies_max() {
                return Err(SearchError::Endless { plies: self.plies });
            }
            let mover = self.side_of[self.game.to_move(&self.state).index()];
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
        let search = self.search.get_or_insert_with(|| Search::idle(self.game.clone(), recipe));
        if self.searching.is_none() {
            if let Some(forced) = forced(&self.game, &self.state) {
                return Some(forced);
            }
            search.start(recipe, self.state.clone(), &mut self.rng);
            self.searching = Some(side);
        }
        if matches!(search.next_leaf(), Step::Evaluate(..)) {
            return None;
        }
        self.searching = None;
        search.finish().map(|decision| decision.action)
    }

    fn score(&self, outcome: Outcome) -> usize {
        match outcome.winner() {
            Some(seat) if self.side_of[seat.index()] == 0 => 2,
            Some(_) => 0,
            None => 1,
        }
    }
}

/// The only legal action, when there is only one: it needs no thought.
fn forced<G: Game>(game: &G, state: &G::State) -> Option<G::Action> {
    let mut legal = Vec::new();
    game.legal(state, &mut legal);
    if legal.len() == 1 { legal.pop() } else { None }
}
