//! RingRift as a [`Game`].

use std::cell::RefCell;
use std::sync::LazyLock;

use super::actions::Block;
use super::board::{Board, Config};
use super::geometry::{Geometry, HEX8, HEXAGONAL, SQUARE8, SQUARE19};
use super::moves::Move;
use super::notation::NotationError;
use super::rules::Rules;
use super::state::State;
use super::text::StateTextError;
use crate::game::{ActionId, Game, IllegalAction, Outcome, SEATS_MAX, Seat};

thread_local! {
    /// Room for a legal list that only one question needs.
    static LISTED: RefCell<Vec<Move>> = const { RefCell::new(Vec::new()) };
}

/// RingRift in one configuration, on a board with at most `64 W` cells.
#[derive(Clone, Copy)]
pub struct RingRift<const W: usize> {
    pub(super) key: &'static str,
    pub(super) config: Config,
    pub(super) geometry: &'static LazyLock<Geometry<W>>,
}

/// RingRift on a board with at most 64 cells.
pub type SmallRingRift = RingRift<1>;
/// RingRift on 19 × 19 squares.
pub type Square19RingRift = RingRift<6>;
/// RingRift on the hexagon of radius 12.
pub type HexagonalRingRift = RingRift<8>;

const fn config(board: Board, seats: usize) -> Config {
    Config { board, seats, swap: false }
}

impl RingRift<1> {
    /// The configurations on 8 × 8 squares, for 2, 3 and 4 players.
    pub const SQUARE8: [RingRift<1>; 3] = [
        RingRift { key: "ringrift-square8-2p", config: config(Board::Square8, 2), geometry: &SQUARE8 },
        RingRift { key: "ringrift-square8-3p", config: config(Board::Square8, 3), geometry: &SQUARE8 },
        RingRift { key: "ringrift-square8-4p", config: config(Board::Square8, 4), geometry: &SQUARE8 },
    ];

    /// The configurations on the hexagon of radius 4, for 2, 3 and 4 players.
    pub const HEX8: [RingRift<1>; 3] = [
        RingRift { key: "ringrift-hex8-2p", config: config(Board::Hex8, 2), geometry: &HEX8 },
        RingRift { key: "ringrift-hex8-3p", config: config(Board::Hex8, 3), geometry: &HEX8 },
        RingRift { key: "ringrift-hex8-4p", config: config(Board::Hex8, 4), geometry: &HEX8 },
    ];
}

impl RingRift<6> {
    /// The configurations on 19 × 19 squares, for 2, 3 and 4 players.
    pub const SQUARE19: [RingRift<6>; 3] = [
        RingRift { key: "ringrift-square19-2p", config: config(Board::Square19, 2), geometry: &SQUARE19 },
        RingRift { key: "ringrift-square19-3p", config: config(Board::Square19, 3), geometry: &SQUARE19 },
        RingRift { key: "ringrift-square19-4p", config: config(Board::Square19, 4), geometry: &SQUARE19 },
    ];
}

impl RingRift<8> {
    /// The configurations on the hexagon of radius 12, for 2, 3 and 4 players.
    pub const HEXAGONAL: [RingRift<8>; 3] = [
        RingRift { key: "ringrift-hexagonal-2p", config: config(Board::Hexagonal, 2), geometry: &HEXAGONAL },
        RingRift { key: "ringrift-hexagonal-3p", config: config(Board::Hexagonal, 3), geometry: &HEXAGONAL },
        RingRift { key: "ringrift-hexagonal-4p", config: config(Board::Hexagonal, 4), geometry: &HEXAGONAL },
    ];
}

impl<const W: usize> RingRift<W> {
    /// The same game with or without the pie rule. Games of the registry are without; it means nothing to more than two players.
    #[must_use]
    pub fn with_swap(mut self, swap: bool) -> RingRift<W> {
        self.config.swap = swap;
        self
    }

    /// Board, number of players and the thresholds that follow.
    pub fn config(&self) -> Config {
        self.config
    }

    #[inline]
    pub(super) fn rules(&self) -> Rules<W> {
        Rules { config: self.config, geometry: self.geometry }
    }

    /// Is the move legal in this position?
    pub fn is_legal(&self, state: &State<W>, action: Move) -> bool {
        LISTED.with_borrow_mut(|listed| {
            self.rules().legal(state, listed);
            listed.contains(&action)
        })
    }

    /// Numbers of one kind of move in the action table.
    pub fn block_count(&self, block: Block) -> usize {
        self.geometry.actions.block_count(block)
    }

    /// The position as text, in the form that the rules fix.
    pub fn state_text(&self, state: &State<W>) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.rules().write_state(state, &mut text);
        text
    }

    /// The position that a text describes.
    ///
    /// # Errors
    /// When it describes none of this configuration, or one that is over.
    pub fn read_state(&self, text: &str) -> Result<State<W>, StateTextError> {
        self.rules().read_state(text)
    }

    /// The hash of [`RingRift::state_text`].
    pub fn state_hash(&self, state: &State<W>) -> u64 {
        self.rules().state_hash(state)
    }

    /// Appends the text of a move that is legal in `state`.
    pub fn write_move(&self, state: &State<W>, legal: Move, into: &mut String) {
        self.rules().write_move(state, legal, into);
    }

    /// The move that a text names, legal or not.
    ///
    /// # Errors
    /// When it names none.
    pub fn read_move(&self, state: &State<W>, text: &str) -> Result<Move, NotationError> {
        self.rules().read_move(state, text)
    }

    /// The seats of the game.
    pub fn all_seats(&self) -> impl DoubleEndedIterator<Item = Seat> + ExactSizeIterator {
        Seat::all(self.config.seats)
    }
}

impl<const W: usize> Game for RingRift<W> {
    type State = State<W>;
    type Action = Move;

    fn key(&self) -> &'static str {
        self.key
    }

    fn rules_version(&self) -> u32 {
        1
    }

    fn seats(&self) -> usize {
        self.config.seats
    }

    fn start(&self) -> State<W> {
        self.rules().start()
    }

    fn to_move(&self, state: &State<W>) -> Seat {
        state.turn().player
    }

    fn phase(&self, state: &State<W>) -> &'static str {
        state.turn().phase.name()
    }

    fn legal(&self, state: &State<W>, into: &mut Vec<Move>) {
        self.rules().legal(state, into);
    }

    fn play(&self, state: &mut State<W>, action: &Move) -> Result<(), IllegalAction> {
        if !self.is_legal(state, *action) {
            return Err(IllegalAction { action: format!("{action:?}"), phase: self.phase(state) });
        }
        self.rules().apply(state, *action);
        Ok(())
    }

    fn play_listed(&self, state: &mut State<W>, action: &Move) {
        debug_assert!(self.is_legal(state, *action), "{action:?} is not legal in {}", self.state_text(state));
        self.rules().apply(state, *action);
    }

    fn outcome(&self, state: &State<W>) -> Option<Outcome> {
        state.end().map(|end| Outcome::won_by(end.winner))
    }

    fn estimate(&self, state: &State<W>) -> Option<[f32; SEATS_MAX]> {
        Some(self.judge(state))
    }

    fn progress(&self, state: &State<W>) -> Option<[f32; SEATS_MAX]> {
        let mut near = [0.0; SEATS_MAX];
        for seat in self.all_seats() {
            near[seat.index()] = match state.end() {
                Some(end) if end.winner == seat => 1.0,
                _ => self.shares_of_win(state, seat).into_iter().fold(0.0, f32::max).min(1.0),
            };
        }
        Some(near)
    }

    fn plies_max(&self) -> usize {
        self.config.plies_max()
    }

    fn action_count(&self) -> usize {
        self.geometry.actions.count()
    }

    fn action_id(&self, action: &Move) -> ActionId {
        let geometry = self.rules().geometry;
        ActionId(geometry.actions.encode(geometry, *action) as u32)
    }

    fn action(&self, state: &State<W>, id: ActionId) -> Option<Move> {
        let geometry = self.rules().geometry;
        geometry.actions.decode(geometry, id.0 as usize).filter(|&action| self.is_legal(state, action))
    }

    fn notation(&self, state: &State<W>, action: &Move) -> String {
        let mut text = String::new();
        self.write_move(state, *action, &mut text);
        text
    }

    fn picture(&self, state: &State<W>) -> Option<String> {
        Some(RingRift::picture(self, state))
    }

    fn draw(&self, state: &State<W>) -> String {
        self.drawing(state)
    }
}

impl<const W: usize> std::fmt::Debug for RingRift<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RingRift").field("key", &self.key).field("config", &self.config).finish_non_exhaustive()
    }
}
