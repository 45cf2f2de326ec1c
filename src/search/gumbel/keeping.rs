//! Trees that are kept from move to move: nothing is lost, nothing counts twice, and nothing depends on chance.

use super::*;
use crate::game::connect4::ConnectFour;
use crate::game::ringrift::RingRift;
use crate::game::{Game, SEATS_MAX};
use crate::search::evaluator::Evaluator;
use crate::search::seeds::{derive, generator};
use crate::search::testing::{Opinionated, three_seats};

/// Runs a search that was started to its end; also says how many evaluations that took.
fn finish<G: Game>(game: &G, search: &mut Search<G>) -> (Decision<G::Action>, u32) {
    let mut asked = 0;
    while let Step::Evaluate(state, legal) = search.next_leaf() {
        let answer = Opinionated::default().evaluate(game, &[(state, legal)]).expect("infallible").remove(0);
        search.supply(&answer).expect("a sane answer");
        asked += 1;
    }
    (search.finish().expect("done"), asked)
}

/// The decisions of a game that one search plays for all seats, up to so many plies, with the evaluations of each.
fn play<G: Game>(game: &G, recipe: Recipe, seed: u64, plies: usize) -> Vec<(Decision<G::Action>, u32)> {
    let (mut state, mut rng) = (game.start(), generator(seed));
    let (mut search, mut legal, mut decisions) = (Search::idle(game.clone(), recipe), Vec::new(), Vec::new());
    for _ in 0..plies {
        game.legal(&state, &mut legal);
        if legal.is_empty() {
            break;
        }
        search.start(recipe, state.clone(), &mut rng);
        let (decision, asked) = finish(game, &mut search);
        assert_eq!(decision.legal, legal, "the choices of another position");
        game.play(&mut state, &decision.action).expect("a legal action");
        decisions.push((decision, asked));
    }
    decisions
}

fn check_game<G: Game>(game: &G, plies: usize) {
    for (seed, simulations) in [(1, 2), (2, 16), (3, 64), (4, 65)] {
        let recipe = Recipe::new(simulations, 6, 1.0).expect("within bounds").keeping_tree();
        let decisions = play(game, recipe, seed, plies);
        assert_eq!(decisions, play(game, recipe, seed, plies), "{}: the same seed, other moves", game.key());
        let mut kept = 0;
        for (decision, asked) in &decisions {
            let Decision { simulations_spent, simulations_kept, visits, .. } = decision;
            let budget = if decision.legal.len() > 1 { simulations } else { 0 };
            assert_eq!(simulations_spent + simulations_kept, budget.max(*simulations_kept), "{decision:?}");
            assert_eq!(visits.iter().sum::<u32>(), simulations_spent + simulations_kept, "{decision:?}");
            assert!(*asked <= simulations_spent + 1 && visits[decision.index] >= budget.min(1));
            assert!((decision.improved_policy.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            let value = decision.root_value.iter().take(game.seats()).sum::<f32>();
            assert!((value - 1.0).abs() < 1e-3, "shares of one game: {:?}", decision.root_value);
            kept += simulations_kept;
        }
        assert_eq!(decisions[0].0.simulations_kept, 0);
        assert!(kept > 0 || simulations == 2, "{}: nothing was kept of {simulations}", game.key());
    }
}

#[test]
fn the_budget_is_reached_and_never_exceeded() {
    check_game(&ConnectFour, 42);
    check_game(&RingRift::HEX8[1], 12);
    check_game(&three_seats(), 8);
}

#[test]
fn a_kept_tree_says_what_it_said_before() {
    for seed in 0..20 {
        let recipe = Recipe::new(120, 7, 1.0).expect("within bounds").keeping_tree();
        let mut rng = generator(seed);
        let mut search = Search::new(ConnectFour, recipe, ConnectFour.start(), &mut rng);
        let (before, _) = finish(&ConnectFour, &mut search);
        let mut state = ConnectFour.start();
        ConnectFour.play(&mut state, &before.action).expect("a legal action");
        // A search that may spend nothing new shows what was kept.
        search.start(Recipe::new(0, 7, 0.0).expect("within bounds").keeping_tree(), state, &mut rng);
        let (kept, asked) = finish(&ConnectFour, &mut search);
        assert_eq!((kept.simulations_spent, asked), (0, 0));
        assert_eq!(kept.simulations_kept, before.visits[before.index] - 1, "all but the visit that found the node");
        assert!(kept.simulations_kept > 10, "{kept:?}");
        let (mean, fresh) = (kept.root_value, play(&ConnectFour, recipe, seed, 1)[0].0.root_value);
        let apart = (0..SEATS_MAX).map(|seat| (mean[seat] - fresh[seat]).abs()).fold(0.0, f32::max);
        assert!(apart < 0.3, "values of a position and of the next one: {mean:?} {fresh:?}");
    }
}

#[test]
fn only_what_was_searched_before_is_kept() {
    let recipe = Recipe::new(50, 7, 1.0).expect("within bounds");
    let begin = |recipe: Recipe, state| {
        let mut rng = generator(derive(9, 1));
        let mut search = Search::new(ConnectFour, recipe, ConnectFour.start(), &mut rng);
        finish(&ConnectFour, &mut search);
        search.start(recipe, state, &mut generator(5));
        finish(&ConnectFour, &mut search)
    };
    let far = crate::search::testing::board("44444421");
    let (fresh, asked) = begin(recipe, far);
    assert_eq!((fresh.simulations_kept, fresh.simulations_spent), (0, 50));
    assert_eq!((fresh.clone(), asked), begin(recipe.keeping_tree(), far), "a position that the tree does not know");
    let near = crate::search::testing::board("4");
    assert_eq!(begin(recipe, near).0.simulations_kept, 0, "a recipe that does not keep");
    // A search that was stopped while it waited leaves nothing behind.
    let mut search = Search::new(ConnectFour, recipe.keeping_tree(), ConnectFour.start(), &mut generator(1));
    assert!(matches!(search.next_leaf(), Step::Evaluate(..)));
    search.start(recipe.keeping_tree(), near, &mut generator(5));
    assert_eq!(finish(&ConnectFour, &mut search).0.simulations_kept, 0);
}
