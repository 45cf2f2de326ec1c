//! The search as a machine that asks and is told.

use rand_chacha::rand_core::RngCore;

use super::completed::{Edge, improved_policy, mixed_value, sigma_scale};
use super::decision::Decision;
use super::halving::Halving;
use super::recipe::Recipe;
use super::tree::{Arrival, Node, Tree};
use crate::game::{Game, SEATS_MAX};
use crate::search::error::SearchError;
use crate::search::evaluator::Evaluation;

/// How far a value may lie outside \[0, 1\] by rounding.
const VALUE_SLACK: f32 = 1e-3;

/// What a search needs next.
#[derive(Debug)]
pub enum Step<'a, G: Game> {
    /// An evaluation of this position with these legal actions; see [`Search::supply`].
    Evaluate(&'a G::State, &'a [G::Action]),
    /// Nothing: [`Search::finish`] has the decision.
    Done,
}

/// A search for the best action in one position. It can be started again and again, and keeps its memory.
#[derive(Clone, Debug)]
pub struct Search<G: Game> {
    game: G,
    recipe: Recipe,
    tree: Tree<G>,
    /// Legal actions of the leaf.
    legal: Vec<G::Action>,
    /// True while the newest node waits for its evaluation.
    waiting: bool,
    over: bool,
    /// Gumbel noise of each action of the root, scaled.
    noise: Vec<f32>,
    halving: Halving,
    budget: u32,
    spent: u32,
    /// Simulations that the root had when this search started.
    kept: u32,
}

impl<G: Game> Search<G> {
    /// A search in `state`. Draws its noise from `rng` at once: one number for each legal action if the recipe has noise.
    pub fn new(game: G, recipe: Recipe, state: G::State, rng: &mut impl RngCore) -> Search<G> {
        let mut search = Search::idle(game, recipe);
        search.start(recipe, state, rng);
        search
    }

    /// A search that has nothing to do until it is started.
    pub fn idle(game: G, recipe: Recipe) -> Search<G> {
        Search {
            game,
            recipe,
            tree: Tree::new(),
            legal: Vec::new(),
            waiting: false,
            over: true,
            noise: Vec::new(),
            halving: Halving::default(),
            budget: 0,
            spent: 0,
            kept: 0,
        }
    }

    /// Starts again in another position, as [`Search::new`] does. Where the recipe keeps the tree and the tree knows the position, the
    /// simulations below it count as spent already, and the net is not asked about the root again.
    pub fn start(&mut self, recipe: Recipe, state: G::State, rng: &mut impl RngCore) {
        self.recipe = recipe;
        self.game.legal(&state, &mut self.legal);
        self.over = self.legal.is_empty();
        // A tree that still waits for an evaluation has a node of which nothing is known.
        let keeps = recipe.keeps_tree() && !self.waiting && !self.over && self.tree.keep(&state);
        self.waiting = !self.over && !keeps;
        if !keeps {
            self.tree.plant(&self.game, state);
        }
        self.kept = self.tree.root_visits();
        let scale = recipe.gumbel_scale();
        self.noise.clear();
        let legal = self.legal.len();
        self.noise.extend((0..legal).map(|_| if scale > 0.0 { scale * gumbel(rng) } else { 0.0 }));
        // Without a choice there is nothing to find out but the value.
        self.budget = if legal > 1 { recipe.simulations().saturating_sub(self.kept) } else { 0 };
        self.spent = 0;
        if keeps {
            self.begin_halving();
        }
    }

    /// Chooses the actions to be considered, once the root's edges are there.
    fn begin_halving(&mut self) {
        let (edges, noise) = (self.tree.root_edges(), &self.noise);
        // Without a visit all have the same value, and it makes no difference.
        let completed = if self.kept > 0 {
            let value = self.tree.root().map_or(0.0, Node::mover_value);
            Some((sigma_scale(edges), mixed_value(edges, value, |index| edges[index].q().unwrap_or(0.0))))
        } else {
            None
        };
        let sigma = |edge: &Edge| completed.map_or(0.0, |(scale, mixed)| scale * edge.q().unwrap_or(mixed));
        let score = |index: usize| noise[index] + edges[index].log_prior + sigma(&edges[index]);
        self.halving.start(self.budget, self.recipe.considered(), edges.len(), score);
    }

    /// Goes on until an evaluation is needed or the search is done. Asked again, it says the same.
    pub fn next_leaf(&mut self) -> Step<'_, G> {
        while !self.waiting && !self.over && self.spent < self.budget {
            self.simulate();
        }
        match self.leaf() {
            Some((state, legal)) => Step::Evaluate(state, legal),
            None => Step::Done,
        }
    }

    /// The position that the search waits for, with its legal actions.
    pub fn leaf(&self) -> Option<(&G::State, &[G::Action])> {
        let state = self.tree.newest().filter(|_| self.waiting)?;
        Some((state, self.legal.as_slice()))
    }

    /// Tells the search what it asked for.
    ///
    /// # Errors
    /// When it did not ask, or when the evaluation makes no sense for the position.
    pub fn supply(&mut self, evaluation: &Evaluation) -> Result<(), SearchError> {
        if !self.waiting {
            return Err(SearchError::Unasked);
        }
        check(evaluation, self.legal.len(), self.game.seats())?;
        let at_root = self.tree.root_edges().is_empty();
        self.tree.expand(&self.legal, evaluation);
        self.waiting = false;
        if at_root {
            self.begin_halving();
        } else {
            self.tree.back_up(&evaluation.value);
            self.spent += 1;
        }
        Ok(())
    }

    /// The decision, once the search is done. `None` before, and in a position where the game is over.
    pub fn finish(&self) -> Option<Decision<G::Action>> {
        let edges = self.tree.root_edges();
        if self.waiting || edges.is_empty() || self.spent < self.budget {
            return None;
        }
        let value = self.tree.root()?.mover_value();
        let mut policy = Vec::with_capacity(edges.len());
        improved_policy(edges, value, &mut policy);
        let visited = |&index: &usize| edges[index].visits > 0 || self.spent == 0;
        let score = |index: &usize| root_score(&self.tree, &self.noise, *index);
        // The last of equals loses: candidates stand best first.
        let index = self
            .halving
            .candidates()
            .filter(visited)
            .reduce(|best, other| if score(&other) > score(&best) { other } else { best })?;
        Some(Decision {
            action: self.tree.root_actions()[index].clone(),
            index,
            legal: self.tree.root_actions().to_vec(),
            root_value: self.expected_value(&policy)?,
            improved_policy: policy,
            visits: edges.iter().map(|edge| edge.visits).collect(),
            simulations_spent: self.spent,
            simulations_kept: self.kept,
        })
    }

    /// One simulation from the root, up to a leaf or to an end.
    fn simulate(&mut self) {
        let (tree, noise) = (&self.tree, &self.noise);
        let first = self.halving.next(|index| root_score(tree, noise, index));
        match self.tree.descend(&self.game, first) {
            Arrival::Leaf => {
                let state = self.tree.newest().expect("a leaf is a node");
                self.game.legal(state, &mut self.legal);
                self.waiting = true;
            }
            Arrival::End(shares) => {
                self.tree.back_up(&shares);
                self.spent += 1;
            }
        }
    }

    /// Each seat's value under `policy`; actions without a visit count with the mixed value.
    fn expected_value(&self, policy: &[f32]) -> Option<[f32; SEATS_MAX]> {
        let (edges, root) = (self.tree.root_edges(), self.tree.root()?);
        let mut expected = [0.0; SEATS_MAX];
        for (seat, value) in expected.iter_mut().enumerate().take(self.game.seats()) {
            let q = |index: usize| self.tree.root_q(index).map(|values| values[seat]);
            let mixed = mixed_value(edges, root.value[seat], |index| q(index).unwrap_or(0.0));
            *value = policy.iter().enumerate().map(|(index, share)| share * q(index).unwrap_or(mixed)).sum();
        }
        Some(expected)
    }
}

/// `g + logits + σ(q̂)`. Without a visit σ is left out: such actions are compared only before the first phase.
fn root_score<G: Game>(tree: &Tree<G>, noise: &[f32], index: usize) -> f32 {
    let edges = tree.root_edges();
    let edge = &edges[index];
    noise[index] + edge.log_prior + edge.q().map_or(0.0, |q| sigma_scale(edges) * q)
}

/// A number from the standard Gumbel distribution.
fn gumbel(rng: &mut impl RngCore) -> f32 {
    // Strictly between 0 and 1, so that both logarithms are finite.
    let uniform = (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
    -(-uniform.ln()).ln() as f32
}

fn check(evaluation: &Evaluation, legal: usize, seats: usize) -> Result<(), SearchError> {
    if evaluation.logits.len() != legal {
        return Err(SearchError::Count { what: "logits", found: evaluation.logits.len(), expected: legal });
    }
    if let Some(&found) = evaluation.logits.iter().find(|logit| !logit.is_finite()) {
        return Err(SearchError::Senseless { what: "logit", found });
    }
    let sane = -VALUE_SLACK..=1.0 + VALUE_SLACK;
    match evaluation.value.iter().take(seats).find(|value| !sane.contains(*value)) {
        Some(&found) => Err(SearchError::Senseless { what: "value", found }),
        None => Ok(()),
    }
}
