//! Connect Four as a [`Game`].

use super::board::{Board, CELLS, HEIGHT, WIDTH};
use crate::game::{ActionId, Game, IllegalAction, Outcome, Seat};

/// The rules of Connect Four. There is only one configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectFour;

/// A move: the column that a stone is dropped into, counted from 0. People write `1` to `7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Column(u8);

impl Column {
    /// The column with this index, or `None` when the board has no such column.
    pub fn new(index: usize) -> Option<Column> {
        (index < WIDTH).then_some(Column(index as u8))
    }

    /// The index, from 0.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All columns from left to right.
    fn all() -> impl Iterator<Item = Column> {
        (0..WIDTH as u8).map(Column)
    }
}

impl ConnectFour {
    /// The one phase of a turn.
    const PHASE: &'static str = "drop";
}

impl Game for ConnectFour {
    type State = Board;
    type Action = Column;

    fn key(&self) -> &'static str {
        "connect4"
    }

    fn rules_version(&self) -> u32 {
        1
    }

    fn seats(&self) -> usize {
        2
    }

    fn start(&self) -> Board {
        Board::default()
    }

    fn to_move(&self, state: &Board) -> Seat {
        state.mover()
    }

    fn phase(&self, _: &Board) -> &'static str {
        Self::PHASE
    }

    fn legal(&self, state: &Board, into: &mut Vec<Column>) {
        into.clear();
        if state.winner().is_none() {
            into.extend(Column::all().filter(|column| state.has_room(column.index())));
        }
    }

    fn play(&self, state: &mut Board, action: &Column) -> Result<(), IllegalAction> {
        if !state.has_room(action.index()) || state.winner().is_some() {
            return Err(IllegalAction { action: self.notation(state, action), phase: Self::PHASE });
        }
        state.drop_stone(action.index());
        Ok(())
    }

    fn outcome(&self, state: &Board) -> Option<Outcome> {
        match state.winner() {
            Some(seat) => Some(Outcome::won_by(seat)),
            None => state.is_full().then(|| Outcome::shared_by_all(2)),
        }
    }

    fn plies_max(&self) -> usize {
        CELLS
    }

    fn action_count(&self) -> usize {
        WIDTH
    }

    fn action_id(&self, action: &Column) -> ActionId {
        ActionId(u32::from(action.0))
    }

    fn action(&self, state: &Board, id: ActionId) -> Option<Column> {
        let column = Column::new(usize::try_from(id.0).ok()?)?;
        (state.has_room(column.index()) && state.winner().is_none()).then_some(column)
    }

    fn notation(&self, _: &Board, action: &Column) -> String {
        (action.0 + 1).to_string()
    }

    fn draw(&self, state: &Board) -> String {
        let mut text = String::new();
        for row in (0..HEIGHT).rev() {
            for column in 0..WIDTH {
                let mark = match state.at(column, row) {
                    Some(Seat::FIRST) => 'X',
                    Some(_) => 'O',
                    None => '.',
                };
                text.push(mark);
                text.push(if column + 1 < WIDTH { ' ' } else { '\n' });
            }
        }
        text.push_str("1 2 3 4 5 6 7\n");
        text.push_str(match self.outcome(state) {
            None if state.mover() == Seat::FIRST => "X to move\n",
            None => "O to move\n",
            Some(outcome) => match outcome.winner() {
                Some(Seat::FIRST) => "X won\n",
                Some(_) => "O won\n",
                None => "draw\n",
            },
        });
        text
    }
}
