//! Matches: what is counted, and that pairs are fair and independent of each other.

use super::*;
use crate::game::connect4::ConnectFour;
use crate::game::ringrift::RingRift;
use crate::search::testing::{Opinionated, three_seats};
use crate::search::uniform::UniformEvaluator;

type NoNet<'e> = Contender<'e, UniformEvaluator>;

fn plan(pairs: u32) -> MatchPlan {
    MatchPlan { seed: 5, first_pair: 0, pairs, opening_plies: 4, concurrent: 8 }
}

fn play<G: Game, E: Evaluator<G>>(
    game: &G,
    plan: &MatchPlan,
    candidate: Contender<'_, E>,
    opponent: Contender<'_, E>,
) -> MatchResult {
    let result = play_pairs(game, plan, candidate, opponent, |_| ControlFlow::Continue(())).expect("sane evaluators");
    assert_eq!(result.wins + result.draws + result.losses, 2 * plan.pairs);
    assert_eq!(result.pairs.iter().sum::<u32>(), plan.pairs);
    let halves: u32 = (0..).zip(result.pairs).map(|(score, pairs)| score * pairs).sum();
    assert_eq!(halves, 2 * result.wins + result.draws);
    result
}

fn net(evaluator: &mut Opinionated) -> Contender<'_, Opinionated> {
    Contender::Model { evaluator, recipe: Recipe::new(16, 4, 0.0).expect("within bounds") }
}

#[test]
fn looking_ahead_beats_chance() {
    let result = play(&ConnectFour, &plan(20), NoNet::AlphaBeta(4), NoNet::Random);
    assert!(result.wins >= 38, "{result:?}");
    let result = play(&ConnectFour, &plan(20), NoNet::Random, NoNet::AlphaBeta(4));
    assert!(result.losses >= 38, "{result:?}");
    let mut evaluator = UniformEvaluator::default();
    let recipe = Recipe::new(200, 7, 0.0).expect("within bounds");
    let result = play(&ConnectFour, &plan(20), Contender::Model { evaluator: &mut evaluator, recipe }, NoNet::Random);
    assert!(result.wins >= 36, "{result:?}");
}

#[test]
fn equal_players_without_chance_share_every_pair() {
    let (mut one, mut other) = (Opinionated::default(), Opinionated::default());
    let result = play(&ConnectFour, &plan(12), net(&mut one), net(&mut other));
    assert_eq!(result.pairs, [0, 0, 12, 0, 0]);
    assert_eq!((result.candidate_leaves, result.opponent_leaves), (one.leaves, other.leaves));
    assert!(one.leaves > 0 && other.leaves > 0 && one.batch_max > 1);
}

#[test]
fn leaves_are_those_of_this_match_alone() {
    let mut evaluator = Opinionated { leaves: 1000, ..Opinionated::default() };
    let result = play(&ConnectFour, &plan(2), net(&mut evaluator), Contender::Random);
    assert_eq!(result.candidate_leaves + 1000, evaluator.leaves);
    assert_eq!(result.opponent_leaves, 0);
}

#[test]
fn pairs_depend_only_on_their_number() {
    let run = |plan: &MatchPlan| play(&ConnectFour, plan, net(&mut Opinionated::default()), Contender::AlphaBeta(2));
    let whole = run(&plan(10));
    assert_eq!(whole, run(&MatchPlan { concurrent: 1, ..plan(10) }));
    let (head, tail) = (run(&plan(4)), run(&MatchPlan { first_pair: 4, ..plan(6) }));
    assert_eq!(whole.wins, head.wins + tail.wins);
    assert_eq!(whole.candidate_leaves, head.candidate_leaves + tail.candidate_leaves);
    let sum: Vec<u32> = head.pairs.iter().zip(tail.pairs).map(|(a, b)| a + b).collect();
    assert_eq!(whole.pairs.to_vec(), sum);
}

#[test]
fn three_seats_are_shared_between_two_sides() {
    let plan = MatchPlan { opening_plies: 0, ..plan(30) };
    play(&three_seats(), &plan, net(&mut Opinionated::default()), Contender::Random);
    let table = |number| Table::new(&three_seats(), &plan, number).expect("an opening");
    for pair in 0..6 {
        let (first, second) = (table(2 * pair), table(2 * pair + 1));
        assert!(first.side_of().iter().zip(second.side_of()).all(|(a, b)| a + b == 1));
    }
    let held: usize = (0..3).map(|pair| table(2 * pair).side_of()[0]).sum();
    assert_eq!(held, 1, "places move on with the pair");
}

#[test]
fn an_opening_that_leaves_no_game_is_refused() {
    let long = MatchPlan { opening_plies: 42, ..plan(1) };
    let error = play_pairs(&ConnectFour, &long, NoNet::Random, NoNet::Random, |_| ControlFlow::Continue(()));
    assert!(matches!(error, Err(PlayError::Search(SearchError::NoOpening { plies: 42, .. }))));
}

#[test]
fn plans_out_of_bounds_are_refused() {
    for bad in [MatchPlan { concurrent: 0, ..plan(1) }, MatchPlan { pairs: PAIRS_MAX + 1, ..plan(1) }] {
        let error = play_pairs(&ConnectFour, &bad, NoNet::Random, NoNet::Random, |_| ControlFlow::Continue(()));
        assert!(matches!(error, Err(PlayError::Search(SearchError::Bounds { .. }))), "{bad:?}");
    }
    let error = play_pairs(&ConnectFour, &plan(1), NoNet::AlphaBeta(0), NoNet::Random, |_| ControlFlow::Continue(()));
    assert!(matches!(error, Err(PlayError::Search(SearchError::Bounds { what: "depth", .. }))));
}

#[test]
fn a_match_stops_when_asked() {
    let stop = play_pairs(&ConnectFour, &plan(50), net(&mut Opinionated::default()), Contender::Random, |progress| {
        if progress.games >= 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(stop, Err(PlayError::Stopped)));
}

#[test]
fn players_with_a_judgement_meet_in_games_of_several_phases() {
    let game = RingRift::HEX8[0];
    let result = play(&game, &plan(4), NoNet::Greedy, NoNet::Random);
    assert!(result.wins >= 7, "{result:?}");
    let result = play(&game, &plan(1), NoNet::Planner { simulations: 8, considered: 4 }, NoNet::Random);
    assert_eq!((result.wins, result.candidate_leaves), (2, 0), "{result:?}");
}
