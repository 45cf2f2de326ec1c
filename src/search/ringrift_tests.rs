//! The search in RingRift: end-games of three seats against the truth, and strength that rises with the budget.

use std::ops::ControlFlow;

use super::gumbel::{Decision, Recipe, Search, Step};
use super::matches::{Contender, MatchPlan, play_groups};
use super::players::{Player, UniformRandom};
use super::seeds::{derive, generator};
use super::uniform::UniformEvaluator;
use super::{Evaluator, Judgement, MatchResult};
use crate::game::ringrift::{Move, RingRift, State};
use crate::game::{Game, SEATS_MAX};

type Shares = [f32; SEATS_MAX];

const THREE: RingRift<1> = RingRift::HEX8[1];
/// Random games whose ends the solver sees through.
const SEEDS: [u64; 6] = [2, 11, 13, 15, 16, 25];
/// Plies before the end at which end-games begin at most.
const PLIES_MAX: usize = 16;
/// Positions that the solver looks at for one end-game at most.
const NODES_MAX: usize = 2_000;

/// Every action of an end-game with what each seat gets when everybody seeks its own good (max-n); none where the tree is too large, or where a
/// mover is indifferent and the others are not: then nobody can say.
fn solve(state: &State<1>, nodes: &mut usize) -> Option<Vec<(Move, Shares)>> {
    let mut legal = Vec::new();
    THREE.legal(state, &mut legal);
    let value = |action: Move| {
        *nodes += 1;
        let mut after = *state;
        THREE.play_listed(&mut after, &action);
        let shares = match THREE.outcome(&after) {
            Some(outcome) => outcome.shares(),
            None if *nodes < NODES_MAX => best(&after, &solve(&after, nodes)?)?,
            None => return None,
        };
        Some((action, shares))
    };
    legal.into_iter().map(value).collect()
}

/// What everybody gets when the mover chooses among these.
fn best(state: &State<1>, actions: &[(Move, Shares)]) -> Option<Shares> {
    let mover = THREE.to_move(state).index();
    let most = actions.iter().map(|(_, shares)| shares[mover]).fold(0.0, f32::max);
    let mut choices = actions.iter().filter(|(_, shares)| shares[mover] == most).map(|(_, shares)| *shares);
    let first = choices.next()?;
    choices.all(|shares| shares == first).then_some(first)
}

/// Solved positions before the end of a random game, in which the mover's actions differ in value.
fn end_games(seed: u64) -> Vec<(State<1>, Vec<(Move, Shares)>)> {
    let (mut state, mut rng) = (THREE.start(), generator(derive(43, seed)));
    let mut states = vec![];
    while THREE.outcome(&state).is_none() {
        states.push(state);
        let action = UniformRandom::new().choose(&THREE, &state, &mut rng).expect("not over");
        THREE.play_listed(&mut state, &action);
    }
    let solved = |state: State<1>| Some((state, solve(&state, &mut 0)?));
    let solved = states.into_iter().rev().take(PLIES_MAX).map_while(solved);
    let is_question = |(state, actions): &(State<1>, Vec<(Move, Shares)>)| {
        let mover = THREE.to_move(state).index();
        best(state, actions).is_some_and(|best| actions.iter().any(|(_, shares)| shares[mover] < best[mover]))
    };
    solved.filter(is_question).collect()
}

fn decide(state: State<1>, considered: usize) -> Decision<Move> {
    let recipe = Recipe::new(1_000, considered as u32, 0.0).expect("within bounds");
    let mut search = Search::new(THREE, recipe, state, &mut generator(0));
    let mut evaluator = UniformEvaluator::default();
    while let Step::Evaluate(state, legal) = search.next_leaf() {
        let answer = evaluator.evaluate(&THREE, &[(state, legal)]).expect("infallible").remove(0);
        search.supply(&answer).expect("a sane answer");
    }
    search.finish().expect("done")
}

#[test]
fn solved_end_games_of_three_seats_are_played_and_valued_exactly() {
    let (mut questions, mut right, mut valued) = (0, 0, 0);
    for (state, actions) in SEEDS.into_iter().flat_map(end_games) {
        let truth = best(&state, &actions).expect("solved");
        let decision = decide(state, actions.len());
        let chosen = actions.iter().find(|(action, _)| *action == decision.action).expect("a legal action").1;
        let off = (0..3).map(|seat| (decision.root_value[seat] - truth[seat]).abs()).fold(0.0, f32::max);
        questions += 1;
        right += usize::from(chosen == truth);
        valued += usize::from(off < 0.1);
    }
    assert!(questions >= 12 && right == questions, "{right} of {questions}");
    assert!(valued + 1 >= questions, "{valued} of {questions} root values are the truth for every seat");
}

/// More simulations against fewer, with the game's own judgement as leaves on both sides.
fn duel(more: u32, fewer: u32, groups: u32) -> MatchResult {
    let recipe = |simulations| Recipe::new(simulations, 16, 0.0).expect("within bounds");
    let (mut one, mut other) = (Judgement::default(), Judgement::default());
    let plan = MatchPlan { seed: 3, first_group: 0, groups, opening_plies: 4, concurrent: 8 };
    let candidate = Contender::Model { evaluator: &mut one, recipe: recipe(more) };
    let opponent = Contender::Model { evaluator: &mut other, recipe: recipe(fewer) };
    play_groups(&RingRift::HEX8[0], &plan, candidate, opponent, |_| ControlFlow::Continue(())).expect("sane evaluators")
}

/// The seeds are fixed, so these games always end alike. The long suite takes the budgets of nets, and plays more games.
#[test]
fn strength_rises_with_the_budget_with_the_same_judgement() {
    let long = std::env::var_os("KIFU_TEST_LONG").is_some();
    let steps: &[(u32, u32, u32)] = if long { &[(256, 64, 50), (1_024, 256, 50)] } else { &[(32, 8, 4), (128, 32, 2)] };
    for &(more, fewer, groups) in steps {
        let result = duel(more, fewer, groups);
        let points = 2 * result.wins + result.draws;
        let MatchResult { wins, draws, losses, .. } = result;
        println!("{more} against {fewer} simulations: {wins} wins, {draws} draws, {losses} losses");
        assert!(points * 100 > 60 * 4 * groups, "{more} against {fewer}: {result:?}");
    }
}
