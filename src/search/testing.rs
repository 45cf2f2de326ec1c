//! What the tests of this room share: a game written as a table, an evaluator with opinions, Connect Four positions.

use std::convert::Infallible;
use std::sync::Arc;

use super::evaluator::{Evaluation, Evaluator};
use crate::game::connect4::{Board, Column, ConnectFour};
use crate::game::{ActionId, Game, IllegalAction, Outcome, SEATS_MAX, Seat};

/// A line of a [`Script`].
#[derive(Debug)]
pub enum Line {
    /// The seat with this index moves to one of these lines.
    Move(usize, Vec<usize>),
    /// The game is over; bit s is set when seat s has won.
    End(u8),
}

/// A game whose whole tree is a table; the game starts at line 0 and actions are the places in a line's list.
#[derive(Clone, Debug)]
pub struct Script {
    pub seats: usize,
    pub lines: Arc<[Line]>,
}

impl Game for Script {
    type State = usize;
    type Action = usize;

    fn key(&self) -> &'static str {
        "script"
    }
    fn rules_version(&self) -> u32 {
        1
    }
    fn seats(&self) -> usize {
        self.seats
    }
    fn start(&self) -> usize {
        0
    }
    fn to_move(&self, state: &usize) -> Seat {
        match self.lines[*state] {
            Line::Move(seat, _) => Seat::new(seat).expect("a seat"),
            Line::End(_) => Seat::FIRST,
        }
    }
    fn phase(&self, _: &usize) -> &'static str {
        "choose"
    }
    fn legal(&self, state: &usize, into: &mut Vec<usize>) {
        into.clear();
        if let Line::Move(_, next) = &self.lines[*state] {
            into.extend(0..next.len());
        }
    }
    fn play(&self, state: &mut usize, action: &usize) -> Result<(), IllegalAction> {
        match &self.lines[*state] {
            Line::Move(_, next) if *action < next.len() => *state = next[*action],
            _ => return Err(IllegalAction { action: action.to_string(), phase: "choose" }),
        }
        Ok(())
    }
    fn outcome(&self, state: &usize) -> Option<Outcome> {
        match self.lines[*state] {
            Line::Move(..) => None,
            Line::End(mask) => Some(Outcome::from_winners(mask, self.seats).expect("a mask")),
        }
    }
    fn plies_max(&self) -> usize {
        self.lines.len()
    }
    fn action_count(&self) -> usize {
        8
    }
    fn action_id(&self, action: &usize) -> ActionId {
        ActionId(*action as u32)
    }
    fn action(&self, state: &usize, id: ActionId) -> Option<usize> {
        let mut legal = Vec::new();
        self.legal(state, &mut legal);
        legal.get(id.0 as usize).copied()
    }
    fn notation(&self, _: &usize, action: &usize) -> String {
        action.to_string()
    }
    fn draw(&self, state: &usize) -> String {
        format!("line {state}\n")
    }
}

/// Three seats. Seat 0 should choose 1: then seat 1 shares with it rather than let seat 2 win, who moves twice in a row there.
/// Who believes that the others only want to hurt seat 0 finds no difference between its two actions.
pub fn three_seats() -> Script {
    let lines = [
        Line::Move(0, vec![1, 2]),
        Line::Move(1, vec![3, 4]),
        Line::Move(1, vec![5, 6]),
        Line::End(0b010),
        Line::End(0b001),
        Line::Move(2, vec![7, 8]),
        Line::End(0b011),
        Line::Move(2, vec![9, 8]),
        Line::End(0b001),
        Line::End(0b100),
    ];
    Script { seats: 3, lines: lines.into() }
}

/// Two seats, of which the first moves twice in a row: 0 then 1 wins, all else loses against a seat 1 that pays attention.
pub fn twice_in_a_row() -> Script {
    let lines = [
        Line::Move(0, vec![1, 2]),
        Line::Move(0, vec![3, 4]),
        Line::Move(1, vec![4, 3]),
        Line::End(0b10),
        Line::End(0b01),
    ];
    Script { seats: 2, lines: lines.into() }
}

/// Has opinions that look random but are a pure function of the position.
#[derive(Clone, Debug, Default)]
pub struct Opinionated {
    pub leaves: u64,
    pub batch_max: usize,
}

impl<G: Game> Evaluator<G> for Opinionated {
    type Error = Infallible;

    fn evaluate(&mut self, game: &G, batch: &[(&G::State, &[G::Action])]) -> Result<Vec<Evaluation>, Infallible> {
        self.leaves += batch.len() as u64;
        self.batch_max = self.batch_max.max(batch.len());
        Ok(batch.iter().map(|(state, legal)| opinion(game.seats(), &format!("{state:?}"), legal.len())).collect())
    }

    fn leaves(&self) -> u64 {
        self.leaves
    }
}

fn opinion(seats: usize, text: &str, legal: usize) -> Evaluation {
    let seed = text.bytes().fold(7, |hash, byte| super::seeds::derive(hash, u64::from(byte)));
    let share = |index: usize| (super::seeds::derive(seed, index as u64) >> 40) as f32 / (1u64 << 24) as f32;
    let mut value = [0.0; SEATS_MAX];
    let sum: f32 = (0..seats).map(share).sum();
    (0..seats).for_each(|seat| value[seat] = share(seat) / sum.max(1e-3));
    Evaluation { logits: (0..legal).map(|index| 3.0 * share(100 + index)).collect(), value }
}

/// The Connect Four position after these columns, counted from 1 as people do.
pub fn board(columns: &str) -> Board {
    let mut board = ConnectFour.start();
    for digit in columns.bytes() {
        ConnectFour.play(&mut board, &column(digit)).expect("a legal game");
    }
    board
}

/// The column with this digit.
pub fn column(digit: u8) -> Column {
    Column::new(usize::from(digit - b'1')).expect("a column")
}
