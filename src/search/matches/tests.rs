//! Matches: what is counted, and that pairs are fair and independent of each other.

use super::*;
use crate::game::connect4::ConnectFour;
use crate::game::ringrift::RingRift;
use crate::search::testing::{Opinionated, three_seats};
use crate::search::uniform::UniformEvaluator;

type NoNet<'e> = Contender<'e, UniformEvaluator>;

fn plan(pairs: u32) -> MatchPlan {
    MatchPlan { seed: 5, first_group: 0, groups: pairs, opening_plies: 4, concurrent: 8 }
}

fn play<G: Game, E: Evaluator<G>>(
    game: &G,
    plan: &MatchPlan,
    candidate: Contender<'_, E>,
    opponent: Contender<'_, E>,
) -> MatchResult {
    let result = play_groups(game, plan, candidate, opponent, |_| ControlFlow::Continue(())).expect("sane evaluators");
    let seats = game.seats() as u32;
    assert_eq!(result.wins + result.draws + result.losses, seats * plan.groups);
    assert_eq!((result.groups.iter().sum::<u32>(), result.void_games), (plan.groups, 0));
    let units: u32 = (0..).zip(&result.groups).map(|(score, groups)| score * groups).sum();
    let won = units_per_game(seats) * result.wins;
    let shared = units_per_game(seats) / seats * result.draws..=units_per_game(seats) / 2 * result.draws;
    assert!(shared.contains(&(units - won)), "{result:?}");
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
    assert_eq!(result.groups, [0, 0, 12, 0, 0]);
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
    let (head, tail) = (run(&plan(4)), run(&MatchPlan { first_group: 4, ..plan(6) }));
    assert_eq!(whole.wins, head.wins + tail.wins);
    assert_eq!(whole.candidate_leaves, head.candidate_leaves + tail.candidate_leaves);
    let sum: Vec<u32> = head.groups.iter().zip(tail.groups).map(|(a, b)| a + b).collect();
    assert_eq!(whole.groups, sum);
}

/// Results of two-player matches as the first release played them: openings, seats and games depend on the seed alone.
#[test]
fn pairs_of_two_players_are_those_of_the_first_release() {
    let result = play(&ConnectFour, &plan(12), net(&mut Opinionated::default()), Contender::AlphaBeta(2));
    let counts = [result.wins, result.draws, result.losses];
    assert_eq!((counts, result.groups, result.candidate_leaves), ([3, 0, 21], vec![9, 0, 3, 0, 0], 2_769));
}

#[test]
fn the_candidate_holds_every_seat_once_in_a_group() {
    fn check<G: Game>(game: &G) {
        let plan = MatchPlan { opening_plies: 0, ..plan(6) };
        let seats = game.seats() as u32;
        for group in 0..6 {
            let candidate =
                |turn| Table::new(game, &plan, seats * group + turn).expect("an opening").candidate().index() as u32;
            let held: std::collections::BTreeSet<u32> = (0..seats).map(candidate).collect();
            assert_eq!(held.into_iter().collect::<Vec<_>>(), (0..seats).collect::<Vec<_>>(), "group {group}");
            assert_eq!(candidate(0), group % seats, "places move on with the group");
        }
    }
    check(&ConnectFour);
    check(&three_seats());
    check(&RingRift::SQUARE8[1]);
    check(&RingRift::HEX8[2]);
}

#[test]
fn three_and_four_seats_are_one_candidate_against_copies_of_one_opponent() {
    let game = three_seats();
    let result =
        play(&game, &MatchPlan { opening_plies: 0, ..plan(30) }, net(&mut Opinionated::default()), Contender::Random);
    assert_eq!(result.groups.len(), 19);
    for game in [RingRift::SQUARE8[1], RingRift::HEX8[2]] {
        let seats = game.seats() as u32;
        let result = play(&game, &MatchPlan { opening_plies: 6, ..plan(3) }, NoNet::Greedy, NoNet::Random);
        assert!(result.wins * 2 > 3 * seats, "one against {} random players: {result:?}", seats - 1);
        let result = play(&game, &MatchPlan { opening_plies: 6, ..plan(2) }, NoNet::Random, NoNet::Greedy);
        assert!(result.wins <= 2, "one random player against {} others: {result:?}", seats - 1);
    }
}

#[test]
fn an_opening_that_leaves_no_game_is_refused() {
    let long = MatchPlan { opening_plies: 42, ..plan(1) };
    let error = play_groups(&ConnectFour, &long, NoNet::Random, NoNet::Random, |_| ControlFlow::Continue(()));
    assert!(matches!(error, Err(PlayError::Search(SearchError::NoOpening { plies: 42, .. }))));
}

#[test]
fn plans_out_of_bounds_are_refused() {
    for bad in [MatchPlan { concurrent: 0, ..plan(1) }, MatchPlan { groups: GROUPS_MAX + 1, ..plan(1) }] {
        let error = play_groups(&ConnectFour, &bad, NoNet::Random, NoNet::Random, |_| ControlFlow::Continue(()));
        assert!(matches!(error, Err(PlayError::Search(SearchError::Bounds { .. }))), "{bad:?}");
    }
    let error = play_groups(&ConnectFour, &plan(1), NoNet::AlphaBeta(0), NoNet::Random, |_| ControlFlow::Continue(()));
    assert!(matches!(error, Err(PlayError::Search(SearchError::Bounds { what: "depth", .. }))));
}

#[test]
fn a_match_stops_when_asked() {
    let stop = play_groups(&ConnectFour, &plan(50), net(&mut Opinionated::default()), Contender::Random, |progress| {
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
