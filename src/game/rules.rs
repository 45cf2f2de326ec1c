//! The contract of a game.

use std::fmt::Debug;
use std::hash::Hash;

use super::outcome::Outcome;
use super::seat::{SEATS_MAX, Seat};

/// The number of an action in its game's action table. Stable for ever: records hold these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(pub u32);

/// An action that the position does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("action {action} is not legal in phase {phase}")]
pub struct IllegalAction {
    /// The action as people write it, or its number.
    pub action: String,
    /// The phase of the position.
    pub phase: &'static str,
}

/// The rules of one game in one configuration (board and number of players).
///
/// A position is Markov: what may be played and who wins follow from [`Game::State`] alone. A turn may have phases, and the
/// same seat may move many times in a row; [`Game::to_move`] says who decides now. Legal actions only ever come from the
/// position before the move, in a canonical order, and there is at least one until the game is over.
pub trait Game: Clone + Send + Sync + 'static {
    /// A position. Small and cheap to clone.
    type State: Clone + Debug + PartialEq + Send + Sync;
    /// A typed move.
    type Action: Clone + Debug + Eq + Ord + Hash + Send + Sync;

    /// The configuration's name, such as `connect4` or `ringrift-hex8-2p`.
    fn key(&self) -> &'static str;

    /// Raised whenever the same actions would lead to another position or result.
    fn rules_version(&self) -> u32;

    /// Number of players, 2 to [`super::SEATS_MAX`].
    fn seats(&self) -> usize;

    /// The position before the first move.
    fn start(&self) -> Self::State;

    /// Who decides in `state`. Unspecified when the game is over.
    fn to_move(&self, state: &Self::State) -> Seat;

    /// The phase of the turn, for people and for records' errors.
    fn phase(&self, state: &Self::State) -> &'static str;

    /// Replaces `into` by the legal actions in canonical order; none if and only if the game is over.
    fn legal(&self, state: &Self::State, into: &mut Vec<Self::Action>);

    /// Plays a legal action.
    ///
    /// # Errors
    /// [`IllegalAction`] when `action` is not legal; `state` is unchanged then.
    fn play(&self, state: &mut Self::State, action: &Self::Action) -> Result<(), IllegalAction>;

    /// Plays an action that [`Game::legal`] listed for this very position, without asking again whether it is legal. Any other
    /// action may leave a position that no game has.
    fn play_listed(&self, state: &mut Self::State, action: &Self::Action) {
        self.play(state, action).expect("an action that the game listed can be played");
    }

    /// The result, once the game is over.
    fn outcome(&self, state: &Self::State) -> Option<Outcome>;

    /// What a simple judgement of a position that is not over gives each seat: shares of a win that sum to 1, 0 for unused seats.
    /// `None` in games that have no such judgement.
    fn estimate(&self, state: &Self::State) -> Option<[f32; SEATS_MAX]> {
        let _ = state;
        None
    }

    /// How near each seat has come to a win: from 0 to 1, 1 for whoever has won, 0 for unused seats. `None` in games that know nothing but who won.
    fn progress(&self, state: &Self::State) -> Option<[f32; SEATS_MAX]> {
        let _ = state;
        None
    }

    /// The most actions a game can last; records that are longer are refused unread.
    fn plies_max(&self) -> usize;

    /// The length of the action table. Distinct legal actions of a position never share an id.
    fn action_count(&self) -> usize;

    /// The action's place in the table.
    fn action_id(&self, action: &Self::Action) -> ActionId;

    /// The legal action with this id in `state`, or `None` when there is none.
    fn action(&self, state: &Self::State, id: ActionId) -> Option<Self::Action>;

    /// An action that is legal in `state`, as people write it.
    fn notation(&self, state: &Self::State, action: &Self::Action) -> String;

    /// The position as an SVG document; `None` in games that have no picture.
    fn picture(&self, state: &Self::State) -> Option<String> {
        let _ = state;
        None
    }

    /// The position drawn for a terminal.
    fn draw(&self, state: &Self::State) -> String;
}
