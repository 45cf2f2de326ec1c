//! The search against the truth: solved end-games, and strength that rises with the budget.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::gumbel::{Decision, Recipe, Search, Step};
use super::matches::{Contender, MatchPlan, play_groups};
use super::players::{Player, UniformRandom};
use super::seeds::{derive, generator};
use super::testing::Opinionated;
use super::uniform::UniformEvaluator;
use super::{Evaluator, MatchResult};
use crate::game::Game;
use crate::game::connect4::{Board, Column, ConnectFour};

/// Solves Connect Four exactly: 1, 0 or −1 for the seat that moves.
#[derive(Default)]
struct Solver(BTreeMap<String, i8>);

impl Solver {
    fn value(&mut self, board: &Board) -> i8 {
        let mover = ConnectFour.to_move(board);
        if let Some(outcome) = ConnectFour.outcome(board) {
            return outcome.winner().map_or(0, |winner| if winner == mover { 1 } else { -1 });
        }
        let key = format!("{board:?}");
        if let Some(value) = self.0.get(&key) {
            return *value;
        }
        let best = self.actions(board).into_iter().map(|(_, value)| value).max().expect("not over");
        self.0.insert(key, best);
        best
    }

    /// Every action with its value for the seat that moves now.
    fn actions(&mut self, board: &Board) -> Vec<(Column, i8)> {
        let mover = ConnectFour.to_move(board);
        let mut legal = Vec::new();
        ConnectFour.legal(board, &mut legal);
        let value = |action: Column| {
            let mut after = *board;
            ConnectFour.play(&mut after, &action).expect("a legal action");
            let value = match ConnectFour.outcome(&after) {
                Some(outcome) => outcome.winner().map_or(0, |winner| if winner == mover { 1 } else { -1 }),
                None => -self.value(&after),
            };
            (action, value)
        };
        legal.into_iter().map(value).collect()
    }
}

/// Positions with `empty` free cells that are not over, in which actions differ in value.
fn end_games(count: usize, empty: usize, solver: &mut Solver) -> Vec<Board> {
    let (mut boards, mut seed) = (Vec::new(), 0);
    while boards.len() < count {
        seed += 1;
        let (mut state, mut rng) = (ConnectFour.start(), generator(derive(41, seed)));
        for _ in 0..42 - empty {
            let Some(action) = UniformRandom::new().choose(&ConnectFour, &state, &mut rng) else { break };
            ConnectFour.play(&mut state, &action).expect("a legal action");
        }
        if ConnectFour.outcome(&state).is_some() {
            continue;
        }
        let values: Vec<i8> = solver.actions(&state).into_iter().map(|(_, value)| value).collect();
        if values.iter().min() != values.iter().max() {
            boards.push(state);
        }
    }
    boards
}

fn decide(state: Board, evaluator: &mut impl Evaluator<ConnectFour>, simulations: u32) -> Decision<Column> {
    let recipe = Recipe::new(simulations, 7, 0.0).expect("within bounds");
    let mut search = Search::new(ConnectFour, recipe, state, &mut generator(0));
    while let Step::Evaluate(state, legal) = search.next_leaf() {
        let answer = evaluator.evaluate(&ConnectFour, &[(state, legal)]).expect("infallible").remove(0);
        search.supply(&answer).expect("a sane answer");
    }
    search.finish().expect("done")
}

#[test]
fn solved_end_games_are_played_and_valued_exactly() {
    let mut solver = Solver::default();
    let (mut right, mut valued) = (0, 0);
    let boards = end_games(40, 9, &mut solver);
    for board in &boards {
        let decision = decide(*board, &mut UniformEvaluator::default(), 3_000);
        let actions = solver.actions(board);
        let best = actions.iter().map(|(_, value)| *value).max().expect("not over");
        let chosen = actions.iter().find(|(action, _)| *action == decision.action).expect("a legal action").1;
        right += usize::from(chosen == best);
        let value = decision.root_value[ConnectFour.to_move(board).index()];
        valued += usize::from((value - (f32::from(best) + 1.0) / 2.0).abs() < 0.1);
    }
    assert_eq!((right, boards.len()), (40, 40));
    assert!(valued >= 38, "{valued} of 40 root values are the truth");
}

#[test]
fn a_misleading_net_does_not_hide_what_the_rules_decide() {
    let mut solver = Solver::default();
    let boards = end_games(40, 8, &mut solver);
    let right = |board: &&Board| {
        let decision = decide(**board, &mut Opinionated::default(), 3_000);
        let actions = solver.actions(board);
        let best = actions.iter().map(|(_, value)| *value).max();
        actions.iter().find(|(action, _)| *action == decision.action).map(|(_, value)| *value) == best
    };
    let right = boards.iter().filter(right).count();
    assert!(right >= 39, "{right} of 40");
}

/// More simulations against fewer, with the same evaluator on both sides.
fn duel(more: u32, fewer: u32, groups: u32) -> MatchResult {
    let recipe = |simulations| Recipe::new(simulations, 7, 0.0).expect("within bounds");
    let (mut one, mut other) = (UniformEvaluator::default(), UniformEvaluator::default());
    let plan = MatchPlan { seed: 3, first_group: 0, groups, opening_plies: 4, concurrent: 8 };
    let candidate = Contender::Model { evaluator: &mut one, recipe: recipe(more) };
    let opponent = Contender::Model { evaluator: &mut other, recipe: recipe(fewer) };
    play_groups(&ConnectFour, &plan, candidate, opponent, |_| ControlFlow::Continue(())).expect("sane evaluators")
}

/// A tree that is kept must make a player faster, not weaker: the same budget, which the one reaches with fewer evaluations.
#[test]
fn a_kept_tree_costs_no_strength() {
    let groups = if std::env::var_os("KIFU_TEST_LONG").is_some() { 250 } else { 12 };
    let recipe = Recipe::new(200, 7, 0.0).expect("within bounds");
    let (mut one, mut other) = (UniformEvaluator::default(), UniformEvaluator::default());
    let plan = MatchPlan { seed: 3, first_group: 0, groups, opening_plies: 4, concurrent: 8 };
    let candidate = Contender::Model { evaluator: &mut one, recipe: recipe.keeping_tree() };
    let opponent = Contender::Model { evaluator: &mut other, recipe };
    let result = play_groups(&ConnectFour, &plan, candidate, opponent, |_| ControlFlow::Continue(()));
    let result = result.expect("sane evaluators");
    let MatchResult { wins, draws, losses, candidate_leaves, opponent_leaves, .. } = result;
    println!(
        "kept against fresh: {wins} wins, {draws} draws, {losses} losses; {candidate_leaves} and {opponent_leaves} leaves"
    );
    assert!(candidate_leaves < opponent_leaves * 95 / 100, "{result:?}");
    // Three standard deviations of a score from so many games, in percent.
    let slack = if groups > 12 { 7 } else { 30 };
    assert!((2 * wins + draws) * 100 > (50 - slack) * 4 * groups, "{result:?}");
}

/// The seeds are fixed, so these games always end alike. The long suite takes the larger step too, and plays more games.
#[test]
fn strength_rises_with_the_budget() {
    let long = std::env::var_os("KIFU_TEST_LONG").is_some();
    let steps: &[(u32, u32, u32)] = if long { &[(256, 64, 100), (1_024, 256, 100)] } else { &[(256, 64, 12)] };
    for &(more, fewer, groups) in steps {
        let result = duel(more, fewer, groups);
        let points = 2 * result.wins + result.draws;
        println!(
            "{more} against {fewer} simulations: {} wins, {} draws, {} losses",
            result.wins, result.draws, result.losses
        );
        assert!(points * 100 > 60 * 4 * groups, "{more} against {fewer}: {result:?}");
    }
}
