//! The search as a whole: tactics, policy improvement, more than two seats, bad answers.

use super::*;
use crate::game::connect4::ConnectFour;
use crate::game::{Game, SEATS_MAX};
use crate::search::error::SearchError;
use crate::search::evaluator::{Evaluation, Evaluator};
use crate::search::seeds::{derive, generator};
use crate::search::testing::{Line, Opinionated, Script, board, column, three_seats, twice_in_a_row};
use crate::search::uniform::UniformEvaluator;

/// Runs a search to its end with one evaluator.
fn decide<G: Game, E: Evaluator<G>>(
    game: &G,
    state: G::State,
    evaluator: &mut E,
    recipe: Recipe,
    seed: u64,
) -> Decision<G::Action> {
    let mut search = Search::new(game.clone(), recipe, state, &mut generator(seed));
    while let Step::Evaluate(state, legal) = search.next_leaf() {
        let answer = evaluator.evaluate(game, &[(state, legal)]).expect("these evaluators do not fail").remove(0);
        search.supply(&answer).expect("a sane answer");
    }
    search.finish().expect("done")
}

fn best(simulations: u32) -> Recipe {
    Recipe::new(simulations, 7, 0.0).expect("within bounds")
}

#[test]
fn wins_and_blocks_are_found_without_a_net() {
    // Columns played so far, the answer, and simulations: one look at each move shows a win, one at each reply a threat.
    let cases = [
        ("112233", b'4', 64),
        ("727371", b'7', 64),
        ("121314", b'1', 64),
        ("6152536", b'4', 64),
        ("12324353", b'6', 64),
        ("71727", b'7', 200),
        ("11223", b'4', 200),
        ("41424", b'4', 200),
    ];
    for (columns, expected, simulations) in cases {
        for seed in 0..4 {
            for recipe in [best(simulations), Recipe::new(simulations, 7, 1.0).expect("within bounds")] {
                let found = decide(&ConnectFour, board(columns), &mut UniformEvaluator::default(), recipe, seed);
                assert_eq!(found.action, column(expected), "{columns}: {found:?}");
                assert_eq!(found.simulations_spent, simulations);
                assert_eq!(found.visits.iter().sum::<u32>(), simulations);
                assert!((found.improved_policy.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn a_found_win_shows_in_the_policy_and_in_the_value() {
    let found = decide(&ConnectFour, board("112233"), &mut UniformEvaluator::default(), best(64), 0);
    assert!(found.improved_policy[3] > 0.99, "{found:?}");
    assert!(found.root_value[0] > 0.99 && found.root_value[1] < 0.01, "{found:?}");
    assert_eq!(found.root_value[2..], [0.0, 0.0]);
    // Seat 0 has three in a row with both ends open: whatever seat 1 closes, the other end remains.
    let lost = decide(&ConnectFour, board("44556"), &mut UniformEvaluator::default(), best(200), 0);
    assert!(lost.root_value[0] > 0.6 && lost.root_value[1] < 0.4, "{lost:?}");
}

/// A choice among arms whose values the evaluator knows exactly; behind each arm lies a long road without any choice.
#[derive(Debug)]
struct Bandit {
    logits: Vec<f32>,
    q: Vec<f32>,
}

/// Length of the road behind an arm: no budget here reaches its end.
const ROAD: usize = 64;

impl Bandit {
    fn random(seed: u64) -> Bandit {
        let share = |index: u64| (derive(seed, index) >> 40) as f32 / (1u64 << 24) as f32;
        let arms = 2 + seed % 9;
        Bandit {
            logits: (0..arms).map(|arm| 4.0 * share(arm)).collect(),
            q: (0..arms).map(|arm| share(1000 + arm)).collect(),
        }
    }

    fn prior(&self) -> Vec<f32> {
        let sum: f32 = self.logits.iter().map(|logit| logit.exp()).sum();
        self.logits.iter().map(|logit| logit.exp() / sum).collect()
    }

    fn expected(&self, policy: &[f32]) -> f64 {
        policy.iter().zip(&self.q).map(|(&share, &q)| f64::from(share) * f64::from(q)).sum()
    }

    /// Line 0 chooses the arm; lines 1 + arm * ROAD and following are its road.
    fn game(&self) -> Script {
        let arms = self.q.len();
        let mut lines = vec![Line::Move(0, (0..arms).map(|arm| 1 + arm * ROAD).collect())];
        for line in 1..=arms * ROAD {
            lines.push(if line % ROAD == 0 { Line::End(1) } else { Line::Move(0, vec![line + 1]) });
        }
        Script { seats: 2, lines: lines.into() }
    }

    fn evaluate(&self, line: usize) -> Evaluation {
        let value = |q: f32| [q, 1.0 - q, 0.0, 0.0];
        match line {
            0 => Evaluation { logits: self.logits.clone(), value: value(self.expected(&self.prior()) as f32) },
            _ => Evaluation { logits: vec![0.0], value: value(self.q[(line - 1) / ROAD]) },
        }
    }

    fn decide(&self, recipe: Recipe, seed: u64) -> Decision<usize> {
        let mut search = Search::new(self.game(), recipe, 0, &mut generator(seed));
        while let Step::Evaluate(&line, _) = search.next_leaf() {
            search.supply(&self.evaluate(line)).expect("a sane answer");
        }
        search.finish().expect("done")
    }
}

#[test]
fn the_policy_improves_from_two_simulations_on() {
    for simulations in 2..=16 {
        let recipe = Recipe::new(simulations, 16, 1.0).expect("within bounds");
        let (mut prior, mut improved, mut played) = (0.0, 0.0, 0.0);
        for seed in 0..60 {
            let bandit = Bandit::random(seed);
            prior += bandit.expected(&bandit.prior());
            let (mut improved_here, mut played_here) = (0.0, 0.0);
            for draw in 0..20 {
                let decision = bandit.decide(recipe, derive(seed, draw));
                improved_here += bandit.expected(&decision.improved_policy) / 20.0;
                played_here += f64::from(bandit.q[decision.index]) / 20.0;
            }
            improved += improved_here;
            played += played_here;
        }
        assert!(improved > prior + 1.0, "{simulations} simulations: policy {improved}, prior {prior}");
        assert!(played > prior + 1.0, "{simulations} simulations: played {played}, prior {prior}");
    }
}

#[test]
fn without_simulations_the_gumbel_trick_samples_the_prior() {
    let bandit = Bandit { logits: vec![0.0, 1.0, 2.0], q: vec![0.1, 0.5, 0.2] };
    let recipe = Recipe::new(0, 16, 1.0).expect("within bounds");
    let mut counts = [0.0f32; 3];
    for seed in 0..4000 {
        let decision = bandit.decide(recipe, seed);
        counts[decision.index] += 1.0 / 4000.0;
        assert_eq!(decision.simulations_spent, 0);
    }
    for (count, prior) in counts.iter().zip(bandit.prior()) {
        assert!((count - prior).abs() < 0.03, "{counts:?}");
    }
}

#[test]
fn each_seat_seeks_its_own_good() {
    let game = three_seats();
    for seed in 0..5 {
        let recipe = Recipe::new(200, 2, 1.0).expect("within bounds");
        let found = decide(&game, 0, &mut UniformEvaluator::default(), recipe, seed);
        assert_eq!(found.action, 1, "{found:?}");
        assert!(found.improved_policy[1] > 0.99, "{found:?}");
        let [first, second, third, unused] = found.root_value;
        assert!((first - 0.5).abs() < 0.1 && (second - 0.5).abs() < 0.1 && third < 0.1, "{found:?}");
        assert_eq!(unused, 0.0);
    }
    assert_eq!(decide(&game, 2, &mut UniformEvaluator::default(), best(50), 0).action, 1, "seat 1 shares");
    assert_eq!(decide(&game, 5, &mut UniformEvaluator::default(), best(50), 0).action, 0, "seat 2 moves twice");
}

#[test]
fn a_seat_may_move_twice_in_a_row() {
    let found = decide(&twice_in_a_row(), 0, &mut UniformEvaluator::default(), best(64), 0);
    assert_eq!(found.action, 0, "{found:?}");
    assert!(found.root_value[0] > 0.9, "{found:?}");
}

#[test]
fn every_budget_is_deterministic_and_spent_to_the_last() {
    for simulations in [0, 1, 3, 16, 100, 300] {
        let recipe = Recipe::new(simulations, 4, 1.0).expect("within bounds");
        let run = |seed| decide(&ConnectFour, board("4433"), &mut Opinionated::default(), recipe, seed);
        assert_eq!(run(1), run(1));
        assert_eq!(run(1).simulations_spent, simulations);
        assert_eq!(run(1).visits.iter().sum::<u32>(), simulations);
        assert!(run(1).visits.iter().filter(|&&visits| visits > 0).count() <= 4);
    }
    let recipe = Recipe::new(8, 4, 1.0).expect("within bounds");
    let choices: std::collections::BTreeSet<_> =
        (0..40).map(|seed| decide(&ConnectFour, board(""), &mut Opinionated::default(), recipe, seed).index).collect();
    assert!(choices.len() > 1, "the noise explores");
}

#[test]
fn a_search_started_again_forgets_the_last_position() {
    let mut rng = generator(3);
    let mut used = Search::new(ConnectFour, best(50), board("4433"), &mut rng);
    let mut fresh = Search::new(ConnectFour, best(50), board("123"), &mut rng);
    let run = |search: &mut Search<ConnectFour>| {
        while let Step::Evaluate(state, legal) = search.next_leaf() {
            let answer =
                Opinionated::default().evaluate(&ConnectFour, &[(state, legal)]).expect("infallible").remove(0);
            search.supply(&answer).expect("a sane answer");
        }
        search.finish().expect("done")
    };
    run(&mut used);
    used.start(best(50), board("123"), &mut rng);
    assert_eq!(run(&mut used), run(&mut fresh));
}

#[test]
fn without_a_choice_only_the_value_is_asked_for() {
    let game = Script { seats: 2, lines: [Line::Move(0, vec![1]), Line::End(1)].into() };
    let found = decide(&game, 0, &mut UniformEvaluator::default(), best(50), 0);
    assert_eq!((found.action, found.simulations_spent, found.improved_policy), (0, 0, vec![1.0]));
    assert_eq!(found.root_value, [0.5, 0.5, 0.0, 0.0]);
}

#[test]
fn a_finished_game_has_no_decision() {
    let mut search = Search::new(ConnectFour, best(50), board("1122334"), &mut generator(0));
    assert!(matches!(search.next_leaf(), Step::Done));
    assert_eq!(search.finish(), None);
}

#[test]
fn senseless_answers_are_refused() {
    let mut search = Search::new(ConnectFour, best(50), board(""), &mut generator(0));
    assert_eq!(search.finish(), None, "nothing is decided before the first answer");
    let good = Evaluation { logits: vec![0.0; 7], value: [0.5, 0.5, 0.0, 0.0] };
    let with_value = |value: [f32; SEATS_MAX]| Evaluation { value, ..good.clone() };
    let cases = [
        (Evaluation { logits: vec![0.0; 6], ..good.clone() }, "the evaluator gave 6 logits, expected 7"),
        (Evaluation { logits: vec![f32::NAN; 7], ..good.clone() }, "the evaluator gave the logit NaN"),
        (Evaluation { logits: vec![f32::INFINITY; 7], ..good.clone() }, "the evaluator gave the logit inf"),
        (with_value([f32::NAN, 0.5, 0.0, 0.0]), "the evaluator gave the value NaN"),
        (with_value([0.5, -0.2, 0.0, 0.0]), "the evaluator gave the value -0.2"),
        (with_value([1.5, 0.5, 0.0, 0.0]), "the evaluator gave the value 1.5"),
    ];
    for (answer, expected) in cases {
        let error = search.supply(&answer).expect_err(expected).to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(matches!(search.next_leaf(), Step::Evaluate(..)), "it still waits");
    search.supply(&good).expect("a sane answer");
    assert_eq!(search.supply(&good), Err(SearchError::Unasked));
}
