//! Self-play: many games at once, one leaf of each in every batch.

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::batch;
use super::error::{PlayError, SearchError};
use super::evaluator::Evaluator;
use super::gumbel::{Decision, Recipe, Search, Step};
use super::seeds;
use super::wander::wander;
use crate::game::record::{Findings, GAMES_MAX, GameRecord, Generator, PlyRecord};
use crate::game::{Game, Outcome};

/// The most games at once. Each holds a search tree.
pub const CONCURRENT_MAX: usize = 4096;
/// The share of the games that begin with a random opening, where plans have openings. The rest begin as games between people do.
const OPENED_SHARE: f64 = 0.75;
/// Openings that are drawn for a game before it begins without one.
const OPENING_TRIES: u32 = 100;

/// What is to be played.
#[derive(Clone, Debug, PartialEq)]
pub struct SelfPlayPlan {
    /// Games, at most [`GAMES_MAX`]: as many as a file holds.
    pub games: u32,
    /// Seed of the whole run. Game `i` depends only on this and on `i`.
    pub seed: u64,
    /// How each seat thinks.
    pub recipe: Recipe,
    /// Plies at the start that are sampled from the improved policy; afterwards the search's action is played.
    pub sampled_plies: u32,
    /// Most games begin with uniformly random plies that nobody searches, so many at most, each number as likely; 0: no game does.
    pub opening_plies_max: u32,
    /// Games at once, which is the largest batch too; 1 to [`CONCURRENT_MAX`]. Changes nothing in the games.
    pub concurrent: usize,
    /// Hash of the weights that the evaluator really uses, for the record; none for [`super::Judgement`], which has no weights.
    pub weights: Option<[u8; 32]>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SelfPlayProgress {
    /// Games that are over.
    pub games: u32,
    /// Plies played, in all games.
    pub plies: u64,
    /// Positions evaluated.
    pub leaves: u64,
}

/// Plays games of one model against itself and returns their records, in order of their numbers.
///
/// Plies with a single legal action are played without search and carry no findings. `watch` is called after every batch;
/// a [`ControlFlow::Break`] ends the run.
///
/// # Errors
/// When the evaluator fails or answers nonsense, or `watch` says so. The games of the run are void then.
#[tracing::instrument(skip_all, fields(game = game.key(), games = plan.games))]
pub fn play_games<G: Game, E: Evaluator<G>>(
    game: &G,
    evaluator: &mut E,
    plan: &SelfPlayPlan,
    mut watch: impl FnMut(&SelfPlayProgress) -> ControlFlow<()>,
) -> Result<Vec<GameRecord>, PlayError<E::Error>> {
    check_concurrent(plan.concurrent)?;
    if plan.games > GAMES_MAX {
        let found = plan.games.to_string();
        return Err(SearchError::Bounds { what: "games", found, allowed: "0 to 1048576" }.into());
    }
    let mut records: Vec<Option<GameRecord>> = vec![None; plan.games as usize];
    let mut progress = SelfPlayProgress::default();
    let mut waiting = 0..plan.games;
    let mut tables: Vec<Table<G>> =
        waiting.by_ref().take(plan.concurrent).map(|number| Table::new(game, plan, number)).collect();
    tables.iter_mut().for_each(|table| table.open(plan, &mut progress));

    while !tables.is_empty() {
        let mut at = 0;
        while at < tables.len() {
            let Some(outcome) = tables[at].advance(plan, &mut progress)? else {
                at += 1;
                continue;
            };
            let number = tables[at].number as usize;
            records[number] = Some(tables[at].take_record(plan, outcome));
            progress.games += 1;
            match waiting.next() {
                Some(number) => {
                    tables[at].set_up(plan, number);
                    tables[at].open(plan, &mut progress);
                }
                None => drop(tables.swap_remove(at)),
            }
        }
        let mut searches: Vec<_> = tables.iter_mut().map(|table| &mut table.search).collect();
        progress.leaves += batch::evaluate(game, evaluator, &mut searches)? as u64;
        if watch(&progress).is_break() {
            return Err(PlayError::Stopped);
        }
    }
    tracing::debug!(plies = progress.plies, leaves = progress.leaves, "self-play done");
    Ok(records.into_iter().flatten().collect())
}

/// Checks the number of games at once.
pub(super) fn check_concurrent(concurrent: usize) -> Result<(), SearchError> {
    if (1..=CONCURRENT_MAX).contains(&concurrent) {
        return Ok(());
    }
    Err(SearchError::Bounds { what: "games at once", found: concurrent.to_string(), allowed: "1 to 4096" })
}

/// One game that goes on.
struct Table<G: Game> {
    game: G,
    number: u32,
    seed: u64,
    rng: ChaCha8Rng,
    state: G::State,
    plies: Vec<PlyRecord>,
    legal: Vec<G::Action>,
    search: Search<G>,
    /// True while the search works on `state`.
    searching: bool,
}

impl<G: Game> Table<G> {
    fn new(game: &G, plan: &SelfPlayPlan, number: u32) -> Table<G> {
        let seed = seeds::derive(plan.seed, u64::from(number));
        Table {
            number,
            seed,
            rng: seeds::generator(seed),
            state: game.start(),
            plies: Vec::new(),
            legal: Vec::new(),
            search: Search::idle(game.clone(), plan.recipe),
            searching: false,
            game: game.clone(),
        }
    }

    /// Begins another game in the same memory.
    fn set_up(&mut self, plan: &SelfPlayPlan, number: u32) {
        self.number = number;
        self.seed = seeds::derive(plan.seed, u64::from(number));
        self.rng = seeds::generator(self.seed);
        self.state = self.game.start();
        self.plies.clear();
        self.searching = false;
    }

    /// Plays the opening of a game that gets one. It leaves a game to play.
    fn open(&mut self, plan: &SelfPlayPlan, progress: &mut SelfPlayProgress) {
        if plan.opening_plies_max == 0 || !self.rng.random_bool(OPENED_SHARE) {
            return;
        }
        for _ in 0..OPENING_TRIES {
            let plies = self.rng.random_range(0..=plan.opening_plies_max);
            let Table { game, state, rng, plies: record, .. } = self;
            let drawn = |action: &G::Action| record.push(PlyRecord { action: game.action_id(action), findings: None });
            if wander(game, state, plies, rng, drawn) {
                progress.plies += u64::from(plies);
                return;
            }
            self.state = self.game.start();
            self.plies.clear();
        }
    }

    /// Plays on until an evaluation is needed (`None`) or the game is over.
    fn advance(
        &mut self,
        plan: &SelfPlayPlan,
        progress: &mut SelfPlayProgress,
    ) -> Result<Option<Outcome>, SearchError> {
        loop {
            if let Some(outcome) = self.game.outcome(&self.state) {
                return Ok(Some(outcome));
            }
            if self.plies.len() >= self.game.plies_max() {
                return Err(SearchError::Endless { plies: self.plies.len() });
            }
            if !self.searching {
                self.game.legal(&self.state, &mut self.legal);
                if let [forced] = self.legal.as_slice() {
                    let forced = forced.clone();
                    self.play(&forced, None);
                    progress.plies += 1;
                    continue;
                }
                self.search.start(plan.recipe, self.state.clone(), &mut self.rng);
                self.searching = true;
            }
            if matches!(self.search.next_leaf(), Step::Evaluate(..)) {
                return Ok(None);
            }
            let decision =
                self.search.finish().expect("a search that is done in a game that is not over has a decision");
            self.searching = false;
            self.decide(plan, &decision);
            progress.plies += 1;
        }
    }

    fn decide(&mut self, plan: &SelfPlayPlan, decision: &Decision<G::Action>) {
        let index = if self.plies.len() < plan.sampled_plies as usize {
            sample(&decision.improved_policy, &mut self.rng)
        } else {
            decision.index
        };
        let findings = Findings::new(
            decision.simulations_spent,
            decision.root_value,
            self.game.seats(),
            &decision.improved_policy,
        );
        self.play(&decision.legal[index], Some(findings));
    }

    fn play(&mut self, action: &G::Action, findings: Option<Findings>) {
        self.plies.push(PlyRecord { action: self.game.action_id(action), findings });
        self.game.play_listed(&mut self.state, action);
    }

    fn take_record(&mut self, plan: &SelfPlayPlan, outcome: Outcome) -> GameRecord {
        let (simulations, considered) = (plan.recipe.simulations(), plan.recipe.considered());
        let generator = Generator::search(plan.weights, simulations, considered, plan.recipe.gumbel_scale());
        GameRecord {
            seed: self.seed,
            generators: vec![generator; self.game.seats()],
            plies: std::mem::take(&mut self.plies),
            outcome,
        }
    }
}

/// An index, drawn by its share of `policy`.
pub(super) fn sample(policy: &[f32], rng: &mut impl RngCore) -> usize {
    let mut left =
        f64::from(rng.next_u32()) / 4_294_967_296.0 * policy.iter().map(|&share| f64::from(share)).sum::<f64>();
    for (index, &share) in policy.iter().enumerate() {
        left -= f64::from(share);
        if left < 0.0 {
            return index;
        }
    }
    policy.len() - 1
}
