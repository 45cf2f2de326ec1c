//! The solver against plain minimax, and against positions whose values others have published.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use super::*;
use crate::game::Game;
use crate::game::connect4::{Board, Column, ConnectFour};

/// Minimax by the rules alone: no bounds, no order, no symmetry.
#[derive(Default)]
struct Minimax(HashMap<Board, Value>);

impl Minimax {
    fn actions(&mut self, board: &Board) -> Vec<(Column, Value)> {
        let mut legal = Vec::new();
        ConnectFour.legal(board, &mut legal);
        let value = |action: Column| {
            let mut after = *board;
            ConnectFour.play(&mut after, &action).expect("a legal action");
            let value = match ConnectFour.outcome(&after).map(|outcome| outcome.winner()) {
                Some(Some(_)) => Value::Win,
                Some(None) => Value::Draw,
                None => self.value(&after).flipped(),
            };
            (action, value)
        };
        legal.into_iter().map(value).collect()
    }

    fn value(&mut self, board: &Board) -> Value {
        if let Some(value) = self.0.get(board) {
            return *value;
        }
        let best = self.actions(board).into_iter().map(|(_, value)| value).max().expect("not over");
        self.0.insert(*board, best);
        best
    }
}

/// The board after these columns, counted from 1.
fn after(columns: &str) -> Board {
    columns.bytes().fold(ConnectFour.start(), |mut board, digit| {
        let column = Column::new(usize::from(digit - b'1')).expect("a column");
        ConnectFour.play(&mut board, &column).expect("a legal action");
        board
    })
}

#[test]
fn endings_have_the_values_of_plain_minimax() {
    let (mut solver, mut minimax) = (Solver::default(), Minimax::default());
    let (mut rng, mut seen) = (ChaCha8Rng::seed_from_u64(1), [0; 3]);
    let mut compared = 0;
    while compared < 150 {
        let (mut board, mut legal) = (ConnectFour.start(), Vec::new());
        // 31 to 41 stones.
        for _ in 0..31 + rng.next_u32() % 11 {
            ConnectFour.legal(&board, &mut legal);
            if legal.is_empty() {
                break;
            }
            let action = legal[rng.next_u32() as usize % legal.len()];
            ConnectFour.play(&mut board, &action).expect("a legal action");
        }
        if ConnectFour.outcome(&board).is_some() {
            assert_eq!((solver.value(&board), solver.actions(&board)), (None, vec![]));
            continue;
        }
        assert_eq!(solver.value(&board), Some(minimax.value(&board)), "{board:?}");
        assert_eq!(solver.actions(&board), minimax.actions(&board), "{board:?}");
        seen[solver.value(&board).expect("not over") as usize] += 1;
        compared += 1;
    }
    assert!(seen.iter().all(|count| *count > 5), "wins, draws and losses all occur: {seen:?}");
}

#[test]
fn published_positions_have_their_published_values() {
    let mut solver = Solver::default();
    // From the test sets that P. Pons publishes beside his solver (signs of the scores).
    for (columns, value) in [
        ("2252576253462244111563365343671351441", Value::Loss),
        ("7422341735647741166133573473242566", Value::Win),
        ("23163416124767223154467471272416755633", Value::Draw),
    ] {
        assert_eq!(solver.value(&after(columns)), Some(value), "{columns}");
    }
}

#[test]
fn an_open_three_wins() {
    let mut solver = Solver::default();
    // X has 3 and 4 at the bottom, O answered above: 2 or 5 makes a three that is open on both sides.
    assert_eq!(solver.value(&after("3344")), Some(Value::Win));
    assert_eq!(solver.value(&after("33442")), Some(Value::Loss));
    assert_eq!(solver.value(&after("33445")), Some(Value::Loss));
}

/// A position and its mirror image are one entry of the table, and worth the same.
#[test]
fn mirror_images_are_solved_once() {
    let mut solver = Solver::default();
    let value = solver.value(&after("2252576253462244111563365343"));
    let visited = solver.visited();
    assert_eq!(solver.value(&after("6636312635426644777325523545")), value);
    assert!(solver.visited() - visited <= 2, "the mirror image was searched anew");
}
