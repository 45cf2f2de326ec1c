//! Fixed opponents against plain minimax, and in games that are not for two alternating seats.

use std::collections::BTreeSet;

use super::*;
use crate::game::connect4::{Board, Column, ConnectFour};
use crate::game::ringrift::RingRift;
use crate::game::{Outcome, Seat};
use crate::search::seeds::{derive, generator};
use crate::search::testing::{board, column, three_seats, twice_in_a_row};

/// Everything that the player chooses in this position, over many seeds.
fn choices<G: Game>(player: &mut impl Player<G>, game: &G, state: &G::State, seeds: u64) -> BTreeSet<G::Action> {
    (0..seeds).map(|seed| player.choose(game, state, &mut generator(seed)).expect("not over")).collect()
}

/// Minimax without any cleverness: seat 0's value, where sooner wins are better.
fn minimax(board: &Board, depth: u32, ply: i32) -> i32 {
    if let Some(outcome) = ConnectFour.outcome(board) {
        return match outcome.winner() {
            Some(Seat::FIRST) => 100 - ply,
            Some(_) => ply - 100,
            None => 0,
        };
    }
    if depth == 0 {
        return 0;
    }
    let values = children(board).into_iter().map(|(_, child)| minimax(&child, depth - 1, ply + 1));
    let best = if ConnectFour.to_move(board) == Seat::FIRST { values.max() } else { values.min() };
    best.expect("a game that is not over has actions")
}

fn children(board: &Board) -> Vec<(Column, Board)> {
    let mut legal = Vec::new();
    ConnectFour.legal(board, &mut legal);
    let play = |action: Column| {
        let mut child = *board;
        ConnectFour.play(&mut child, &action).expect("a legal action");
        (action, child)
    };
    legal.into_iter().map(play).collect()
}

#[test]
fn alpha_beta_plays_exactly_the_best_actions_of_minimax() {
    for seed in 0..60 {
        let depth = 1 + seed as u32 % 4;
        let mut rng = generator(derive(77, seed));
        let mut state = ConnectFour.start();
        for _ in 0..6 + seed % 20 {
            let action = UniformRandom::new().choose(&ConnectFour, &state, &mut rng).expect("not over");
            let before = state;
            ConnectFour.play(&mut state, &action).expect("a legal action");
            if ConnectFour.outcome(&state).is_some() {
                state = before;
                break;
            }
        }
        let sign = if ConnectFour.to_move(&state) == Seat::FIRST { 1 } else { -1 };
        let values: Vec<_> = children(&state).iter().map(|(a, s)| (*a, sign * minimax(s, depth - 1, 1))).collect();
        let best = values.iter().map(|(_, value)| *value).max().expect("not over");
        let expected: BTreeSet<_> = values.iter().filter(|(_, value)| *value == best).map(|(a, _)| *a).collect();
        let mut player = AlphaBeta::new(depth).expect("within bounds");
        assert_eq!(
            choices(&mut player, &ConnectFour, &state, 100),
            expected,
            "depth {depth}\n{}",
            ConnectFour.draw(&state)
        );
    }
}

#[test]
fn alpha_beta_wins_blocks_and_prepares() {
    // Columns so far, depth, and all answers that are allowed.
    let cases = [
        ("112233", 1, "4"),
        ("11223", 2, "4"),
        ("71727", 2, "7"),
        ("4455", 3, "36"),
        ("445", 4, "2356"),
        ("44", 1, "1234567"),
    ];
    for (columns, depth, expected) in cases {
        let mut player = AlphaBeta::new(depth).expect("within bounds");
        let found = choices(&mut player, &ConnectFour, &board(columns), 100);
        let allowed: BTreeSet<_> = expected.bytes().map(column).collect();
        assert!(found.is_subset(&allowed), "{columns}: {found:?}");
    }
}

#[test]
fn seats_need_not_alternate() {
    let mut player = AlphaBeta::new(3).expect("within bounds");
    assert_eq!(choices(&mut player, &twice_in_a_row(), &0, 20), BTreeSet::from([0]));
    assert_eq!(choices(&mut player, &twice_in_a_row(), &1, 20), BTreeSet::from([1]));
}

#[test]
fn three_seats_each_seek_their_own_good() {
    let mut player = AlphaBeta::new(4).expect("within bounds");
    assert_eq!(choices(&mut player, &three_seats(), &0, 20), BTreeSet::from([1]));
    assert_eq!(choices(&mut player, &three_seats(), &2, 20), BTreeSet::from([1]));
    assert_eq!(choices(&mut player, &three_seats(), &5, 20), BTreeSet::from([0]));
}

#[test]
fn random_play_reaches_every_action() {
    let found = choices(&mut UniformRandom::new(), &ConnectFour, &board("44"), 200);
    assert_eq!(found.len(), 7);
}

#[test]
fn nobody_chooses_when_the_game_is_over() {
    let over = board("1122334");
    assert_eq!(UniformRandom::new().choose(&ConnectFour, &over, &mut generator(0)), None);
    assert_eq!(AlphaBeta::new(4).expect("within bounds").choose(&ConnectFour, &over, &mut generator(0)), None);
}

#[test]
fn depths_out_of_bounds_are_refused() {
    for depth in [0, DEPTH_MAX + 1] {
        assert!(AlphaBeta::<ConnectFour>::new(depth).is_err());
    }
}

/// Games of `players` seats in which the seat moves on from game to game and the others play at random; how many it wins.
fn wins_against_random<G: Game>(game: &G, games: u64, mut player: impl Player<G>) -> u64 {
    let mut random = UniformRandom::new();
    let seats = game.seats();
    let play = |number: u64| {
        let (mut rng, mut state) = (generator(derive(31, number)), game.start());
        let seat = number as usize % seats;
        while game.outcome(&state).is_none() {
            let mine = game.to_move(&state).index() == seat;
            let action =
                if mine { player.choose(game, &state, &mut rng) } else { random.choose(game, &state, &mut rng) };
            game.play_listed(&mut state, &action.expect("not over"));
        }
        u64::from(game.outcome(&state).and_then(Outcome::winner) == Seat::new(seat))
    };
    (0..games).map(play).sum()
}

/// The seeds are fixed, so these games always end alike. The long suite plays more of them, on the large boards too.
#[test]
fn greedy_players_beat_random_ones() {
    let long = std::env::var_os("KIFU_TEST_LONG").is_some();
    let (games, needed) = if long { (1000, 95) } else { (10, 90) };
    for game in [RingRift::SQUARE8[0], RingRift::HEX8[0]] {
        let wins = wins_against_random(&game, games, Greedy::new());
        assert!(wins * 100 >= games * needed, "{}: {wins} of {games}", game.key());
    }
    // Three seats: 1 in 3 would be luck. Four seats: 1 in 4.
    for (game, share) in [(RingRift::SQUARE8[1], 60), (RingRift::HEX8[2], 45)] {
        let wins = wins_against_random(&game, games, Greedy::new());
        assert!(wins * 100 >= games * share, "{}: {wins} of {games}", game.key());
    }
    if long {
        let wins = wins_against_random(&RingRift::SQUARE19[0], 100, Greedy::new());
        assert!(wins >= 95, "square19: {wins} of 100");
        let wins = wins_against_random(&RingRift::HEXAGONAL[0], 100, Greedy::new());
        assert!(wins >= 95, "hexagonal: {wins} of 100");
    }
}

#[test]
fn players_with_a_judgement_depend_on_the_seed_alone() {
    let game = RingRift::HEX8[1];
    let mut state = game.start();
    let mut planner = Planner::new(&game, 16, 4).expect("within bounds");
    for ply in 0..24 {
        let choose = |player: &mut dyn Player<RingRift<1>>| player.choose(&game, &state, &mut generator(ply));
        let greedy = choose(&mut Greedy::new());
        assert_eq!(greedy, choose(&mut Greedy::new()));
        let planned = choose(&mut planner);
        assert_eq!(planned, choose(&mut Planner::new(&game, 16, 4).expect("within bounds")));
        let chosen = if ply % 2 == 0 { greedy } else { planned };
        game.play(&mut state, &chosen.expect("not over")).expect("a legal action");
    }
}

#[test]
fn a_greedy_player_takes_a_win() {
    for seed in 0..20 {
        let state = board("121212");
        assert_eq!(Greedy::new().choose(&ConnectFour, &state, &mut generator(seed)), Some(column(b'1')));
    }
}

#[test]
fn judgements_are_shares() {
    let game = RingRift::SQUARE8[2];
    let (mut state, mut random, mut rng) = (game.start(), UniformRandom::new(), generator(8));
    while game.outcome(&state).is_none() {
        let shares = game.estimate(&state).expect("RingRift has a judgement");
        assert!(
            (shares.iter().sum::<f32>() - 1.0).abs() < 1e-4 && shares.iter().all(|share| *share >= 0.0),
            "{shares:?}"
        );
        let action = random.choose(&game, &state, &mut rng).expect("not over");
        game.play_listed(&mut state, &action);
    }
}

#[test]
fn one_ply_of_alpha_beta_is_the_heuristic_of_a_game_that_has_one() {
    for game in [RingRift::HEX8[0], RingRift::SQUARE8[1]] {
        let (mut state, mut random, mut rng) = (game.start(), UniformRandom::new(), generator(21));
        for _ in 0..30 {
            let greedy = choices(&mut Greedy::new(), &game, &state, 6);
            let mut one = AlphaBeta::new(1).expect("within bounds");
            assert!(choices(&mut one, &game, &state, 6).is_superset(&greedy), "{}", game.draw(&state));
            let action = random.choose(&game, &state, &mut rng).expect("not over");
            game.play_listed(&mut state, &action);
        }
    }
}
