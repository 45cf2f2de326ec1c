//! Alpha-beta search over win, draw and loss.

use super::super::board::{Board, WIDTH};
use super::super::rules::{Column, ConnectFour};
use super::position::Position;
use super::table::{Bound, Table};
use crate::game::Game;

/// Entries of the table: a prime near 2^20, so 8 MiB.
const TABLE_ENTRIES: usize = 1_048_573;
/// Columns from the middle outwards: the middle takes part in the most lines of four.
const CENTRE_FIRST: [usize; WIDTH] = [3, 2, 4, 1, 5, 0, 6];

/// What a position is worth for its mover when both sides play perfectly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// The other seat wins.
    Loss,
    /// Nobody wins.
    Draw,
    /// The mover wins.
    Win,
}

impl Value {
    /// The same for the other seat.
    pub fn flipped(self) -> Value {
        match self {
            Value::Loss => Value::Win,
            Value::Draw => Value::Draw,
            Value::Win => Value::Loss,
        }
    }
}

/// Solves positions. Remembers what it found, so one solver for many related positions is faster than one for each.
///
/// Null-window alpha-beta on bitboards, as is usual for this game (J. Tromp's and P. Pons's solvers describe the parts): a
/// transposition table in which mirror images are one position, moves that lose at once left out, and of the others first those
/// that make the most threats, then the most central.
pub struct Solver {
    table: Table,
    visited: u64,
}

impl Default for Solver {
    fn default() -> Solver {
        Solver { table: Table::new(TABLE_ENTRIES), visited: 0 }
    }
}

impl Solver {
    /// Positions that the search visited so far.
    pub fn visited(&self) -> u64 {
        self.visited
    }

    /// The value for the mover; none when the game is over. A full board is a draw long before, so every other position has one.
    pub fn value(&mut self, board: &Board) -> Option<Value> {
        ConnectFour.outcome(board).is_none().then(|| self.solve(Position::of(board)))
    }

    /// Every legal action with its value for the mover, from left to right; none when the game is over.
    pub fn actions(&mut self, board: &Board) -> Vec<(Column, Value)> {
        let mut legal = Vec::new();
        ConnectFour.legal(board, &mut legal);
        legal.into_iter().map(|action| (action, self.value_of(board, action))).collect()
    }

    /// The value of a legal action.
    fn value_of(&mut self, board: &Board, action: Column) -> Value {
        let mut after = *board;
        ConnectFour.play_listed(&mut after, &action);
        match ConnectFour.outcome(&after) {
            Some(outcome) if outcome.winner().is_some() => Value::Win,
            Some(_) => Value::Draw,
            None => self.solve(Position::of(&after)).flipped(),
        }
    }

    fn solve(&mut self, position: Position) -> Value {
        if position.wins_now() {
            return Value::Win;
        }
        if self.exceeds(position, Value::Draw) {
            Value::Win
        } else if self.exceeds(position, Value::Loss) {
            Value::Draw
        } else {
            Value::Loss
        }
    }

    /// Whether the mover, who cannot win at once, gets more than `floor`, which is a loss or a draw.
    fn exceeds(&mut self, position: Position, floor: Value) -> bool {
        self.visited += 1;
        let safe = position.safe_landings();
        if safe == 0 {
            return false;
        }
        if position.nearly_full() {
            return floor == Value::Loss;
        }
        let key = position.key();
        match (self.table.get(key), floor) {
            (Some(Bound::Lost), _) | (Some(Bound::NotWon), Value::Draw) => return false,
            (Some(Bound::Won), _) | (Some(Bound::NotLost), Value::Loss) => return true,
            _ => {}
        }
        // The other must not get more than what leaves us more than the floor.
        let other_floor = if floor == Value::Draw { Value::Loss } else { Value::Draw };
        let (landings, count) = ordered(position, safe);
        let exceeds = landings[..count].iter().any(|landing| !self.exceeds(position.after(*landing), other_floor));
        let bound = match (exceeds, floor) {
            (true, Value::Draw) => Bound::Won,
            (true, _) => Bound::NotLost,
            (false, Value::Draw) => Bound::NotWon,
            (false, _) => Bound::Lost,
        };
        self.table.put(key, bound);
        exceeds
    }
}

/// The landings in the order in which they are tried, and their number.
fn ordered(position: Position, safe: u64) -> ([u64; WIDTH], usize) {
    let (mut landings, mut scores, mut count) = ([0; WIDTH], [0; WIDTH], 0);
    for column in CENTRE_FIRST {
        let landing = position.landing(column) & safe;
        if landing == 0 {
            continue;
        }
        let score = position.threats_after(landing);
        let mut place = count;
        while place > 0 && scores[place - 1] < score {
            landings[place] = landings[place - 1];
            scores[place] = scores[place - 1];
            place -= 1;
        }
        (landings[place], scores[place]) = (landing, score);
        count += 1;
    }
    (landings, count)
}
