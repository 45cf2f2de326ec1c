//! Fixed opponents against plain minimax, and in games that are not for two alternating seats.

use std::collections::BTreeSet;

use super::*;
use crate::game::Seat;
use crate::game::connect4::{Board, Column, ConnectFour};
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
