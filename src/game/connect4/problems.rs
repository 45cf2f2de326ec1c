//! Solved positions: the examination of nets that play Connect Four.
//!
//! [`Problem::all`] are those that come with the source, as [`generate`] made them once from [`SEED`]. An action is optimal when no
//! other has a better [`Value`]; how far away a win is plays no part.

use std::collections::BTreeSet;
use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use super::board::{Board, WIDTH};
use super::rules::{Column, ConnectFour};
use super::solver::{Solver, Value};
use crate::game::Game;

/// The seed of the problems that come with the source.
pub const SEED: u64 = 20;
/// The number of problems that come with the source.
pub const COUNT: usize = 1_000;
/// The fewest stones of a problem.
const STONES_MIN: u32 = 11;
/// The most stones of a problem.
const STONES_MAX: u32 = 30;
/// The problems that come with the source.
const TEXT: &str = include_str!("../../../fixtures/connect4/solved.txt");

/// A solved position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    moves: Vec<Column>,
    values: [Option<Value>; WIDTH],
}

/// A line that is not a problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{line:?} is not a solved position: columns from 1 to 7 that can be played, a space, and for each column one of + = - or ."
)]
pub struct BadProblem {
    /// The line.
    pub line: String,
}

impl Problem {
    /// The problems that come with the source.
    pub fn all() -> Vec<Problem> {
        TEXT.lines().map(|line| line.parse().expect("a test reads every line")).collect()
    }

    /// The problem of the position after these moves; none when the game is over then or one of them is not legal.
    fn solve(moves: Vec<Column>, solver: &mut Solver) -> Option<Problem> {
        let mut values = [None; WIDTH];
        for (action, value) in solver.actions(&after(&moves)?) {
            values[action.index()] = Some(value);
        }
        values.iter().any(Option::is_some).then_some(Problem { moves, values })
    }

    /// The position.
    pub fn board(&self) -> Board {
        after(&self.moves).expect("checked when the problem was made")
    }

    /// The value of an action for the mover; none when it is not legal.
    pub fn value(&self, action: Column) -> Option<Value> {
        self.values[action.index()]
    }

    /// True when no action has a better value.
    pub fn is_optimal(&self, action: Column) -> bool {
        self.value(action).is_some() && self.value(action) == self.values.iter().copied().max().flatten()
    }

    /// True when some legal action is not optimal. Other positions ask nothing.
    pub fn is_question(&self) -> bool {
        let legal = || self.values.iter().flatten();
        legal().min() != legal().max()
    }
}

/// The board after these moves; none when one cannot be played.
fn after(moves: &[Column]) -> Option<Board> {
    let mut board = ConnectFour.start();
    moves.iter().try_for_each(|action| ConnectFour.play(&mut board, action)).ok()?;
    Some(board)
}

/// The moves, and what each column is worth: `+` wins, `=` draws, `-` loses, `.` is full.
impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.moves.iter().try_for_each(|action| write!(out, "{}", action.index() + 1))?;
        out.write_str(" ")?;
        self.values.iter().try_for_each(|value| {
            out.write_str(match value {
                Some(Value::Win) => "+",
                Some(Value::Draw) => "=",
                Some(Value::Loss) => "-",
                None => ".",
            })
        })
    }
}

impl std::str::FromStr for Problem {
    type Err = BadProblem;

    fn from_str(line: &str) -> Result<Problem, BadProblem> {
        parse(line).ok_or_else(|| BadProblem { line: line.chars().take(80).collect() })
    }
}

fn parse(line: &str) -> Option<Problem> {
    let (moves, marks) = line.split_once(' ')?;
    let column = |digit: u8| Column::new(usize::from(digit.checked_sub(b'1')?));
    let moves = moves.bytes().map(column).collect::<Option<Vec<_>>>()?;
    let value = |mark: u8| match mark {
        b'+' => Some(Some(Value::Win)),
        b'=' => Some(Some(Value::Draw)),
        b'-' => Some(Some(Value::Loss)),
        b'.' => Some(None),
        _ => None,
    };
    let values: [Option<Value>; WIDTH] = marks.bytes().map(value).collect::<Option<Vec<_>>>()?.try_into().ok()?;
    let board = after(&moves)?;
    let fits = |column: usize| {
        let legal = ConnectFour.outcome(&board).is_none() && board.has_room(column);
        values[column].is_some() == legal
    };
    ((0..WIDTH).all(fits) && values.iter().any(Option::is_some)).then_some(Problem { moves, values })
}

/// So many problems from a seed, all different and none the mirror image of another, with 11 to 30 stones. Half of the games are
/// random; in the other half both sides take a win and stop the other's, as play does that is worth looking at.
pub fn generate(seed: u64, count: usize) -> Vec<Problem> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut solver, mut seen, mut problems) = (Solver::default(), BTreeSet::new(), Vec::new());
    while problems.len() < count {
        let careful = problems.len() % 2 == 0;
        let stones = STONES_MIN + rng.next_u32() % (STONES_MAX - STONES_MIN + 1);
        let moves = random_moves(stones, careful, &mut rng);
        let Some(board) = after(&moves).filter(|board| board.plies() == stones as usize) else { continue };
        if ConnectFour.outcome(&board).is_some() || !seen.insert(board.key()) {
            continue;
        }
        problems.extend(Problem::solve(moves, &mut solver));
    }
    problems
}

/// Up to so many moves of one game.
fn random_moves(stones: u32, careful: bool, rng: &mut ChaCha8Rng) -> Vec<Column> {
    let (mut board, mut moves, mut legal) = (ConnectFour.start(), Vec::new(), Vec::new());
    for _ in 0..stones {
        ConnectFour.legal(&board, &mut legal);
        if legal.is_empty() {
            break;
        }
        let any = legal[rng.next_u32() as usize % legal.len()];
        let action = if careful { urgent(&board, &legal).unwrap_or(any) } else { any };
        ConnectFour.play_listed(&mut board, &action);
        moves.push(action);
    }
    moves
}

/// An action that wins at once, else one where the other would.
fn urgent(board: &Board, legal: &[Column]) -> Option<Column> {
    let mine = legal.iter().find(|action| board.completes_four(board.mover(), action.index()));
    mine.or_else(|| legal.iter().find(|action| board.completes_four(board.mover().next(2), action.index()))).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `KIFU_BLESS=1` writes the file anew (minutes; with optimisation, seconds).
    #[test]
    fn the_problems_are_those_of_the_seed() {
        if std::env::var_os("KIFU_BLESS").is_some_and(|value| value == "1") {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/connect4/solved.txt");
            let text: String = generate(SEED, COUNT).iter().map(|problem| format!("{problem}\n")).collect();
            std::fs::write(path, text).expect("written");
            return;
        }
        let count = if std::env::var_os("KIFU_TEST_LONG").is_some() { COUNT } else { 8 };
        let problems = Problem::all();
        assert_eq!(problems.len(), COUNT);
        assert_eq!(generate(SEED, count), problems[..count]);
    }

    #[test]
    fn a_sample_is_solved_again() {
        let mut solver = Solver::default();
        let late = Problem::all().into_iter().filter(|problem| problem.moves.len() >= 18);
        for problem in late.step_by(12) {
            assert_eq!(Problem::solve(problem.moves.clone(), &mut solver), Some(problem));
        }
    }

    #[test]
    fn the_problems_are_varied() {
        let problems = Problem::all();
        let questions: Vec<_> = problems.iter().filter(|problem| problem.is_question()).collect();
        assert!(questions.len() * 2 > problems.len(), "{} questions", questions.len());
        for stones in STONES_MIN..=STONES_MAX {
            let count = questions.iter().filter(|problem| problem.moves.len() == stones as usize).count();
            assert!(count >= 5, "{count} questions with {stones} stones");
        }
        let boards: BTreeSet<_> = problems.iter().map(|problem| problem.board().key()).collect();
        assert_eq!(boards.len(), problems.len(), "no position is there twice");
        for problem in &problems {
            let optimal = (0..WIDTH).filter_map(Column::new).filter(|action| problem.is_optimal(*action)).count();
            assert!(optimal >= 1);
            assert_eq!(problem.to_string().parse().as_ref(), Ok(problem));
        }
    }

    #[test]
    fn lines_that_are_no_problems_are_refused() {
        assert!("44 +++-+++".parse::<Problem>().is_ok());
        for bad in [
            "",
            "44",
            "48 +++++++",
            "44 ++++++",
            "44 ++++++++",
            "44 +++x+++",
            "44 +++.+++",
            "4444444 ++++++++",
            "é =======",
            "1212121 .......",
        ] {
            assert!(bad.parse::<Problem>().is_err(), "{bad}");
        }
    }
}
