//! The games that this build knows: a closed list, found by key.
//!
//! Code that works for any game is a [`GameVisitor`]; [`dispatch`] calls it with the game of a key. So a game's rules stay
//! static types inside (no boxed states or moves), and a key stays plain text outside.

use super::connect4::ConnectFour;
use super::planes::Planes;
use super::ringrift::{HexagonalRingRift, RingRift, SmallRingRift, Square19RingRift};

/// A game of the closed list.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum AnyGame {
    /// Connect Four.
    ConnectFour(ConnectFour),
    /// RingRift on a small board.
    SmallRingRift(SmallRingRift),
    /// RingRift on 19 × 19 squares.
    Square19RingRift(Square19RingRift),
    /// RingRift on the large hexagon.
    HexagonalRingRift(HexagonalRingRift),
}

/// Something to do with a game, whichever it is.
pub trait GameVisitor {
    /// What comes out of it.
    type Output;

    /// Does it.
    fn visit<G: Planes>(self, game: G) -> Self::Output;
}

/// No game has this key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown game {key:?}{}; known games: {}", self.hint(), keys().join(", "))]
pub struct UnknownGame {
    /// The key that was asked for.
    pub key: String,
}

impl AnyGame {
    /// Every game, in the order in which lists show them.
    pub const ALL: &'static [AnyGame] = {
        use AnyGame as G;
        let [small_2, small_3, small_4] = RingRift::SQUARE8;
        let [hex_2, hex_3, hex_4] = RingRift::HEX8;
        let [square_2, square_3, square_4] = RingRift::SQUARE19;
        let [large_2, large_3, large_4] = RingRift::HEXAGONAL;
        &[
            G::ConnectFour(ConnectFour),
            G::SmallRingRift(small_2),
            G::SmallRingRift(small_3),
            G::SmallRingRift(small_4),
            G::Square19RingRift(square_2),
            G::Square19RingRift(square_3),
            G::Square19RingRift(square_4),
            G::SmallRingRift(hex_2),
            G::SmallRingRift(hex_3),
            G::SmallRingRift(hex_4),
            G::HexagonalRingRift(large_2),
            G::HexagonalRingRift(large_3),
            G::HexagonalRingRift(large_4),
        ]
    };

    /// The game's key.
    pub fn key(self) -> &'static str {
        struct Key;
        impl GameVisitor for Key {
            type Output = &'static str;
            fn visit<G: Planes>(self, game: G) -> &'static str {
                game.key()
            }
        }
        self.visit(Key)
    }

    /// Calls `visitor` with the game.
    pub fn visit<V: GameVisitor>(self, visitor: V) -> V::Output {
        match self {
            AnyGame::ConnectFour(game) => visitor.visit(game),
            AnyGame::SmallRingRift(game) => visitor.visit(game),
            AnyGame::Square19RingRift(game) => visitor.visit(game),
            AnyGame::HexagonalRingRift(game) => visitor.visit(game),
        }
    }
}

/// What can be said about a game without playing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Players.
    pub seats: usize,
    /// Whether it judges positions that are not over ([`super::Game::estimate`]).
    pub has_judgement: bool,
}

/// The facts about the game with this key; `None` when there is none.
pub fn facts(key: &str) -> Option<Facts> {
    struct Look;
    impl GameVisitor for Look {
        type Output = Facts;
        fn visit<G: Planes>(self, game: G) -> Facts {
            Facts { seats: game.seats(), has_judgement: game.estimate(&game.start()).is_some() }
        }
    }
    dispatch(key, Look).ok()
}

/// The keys of all games.
pub fn keys() -> Vec<&'static str> {
    AnyGame::ALL.iter().map(|game| game.key()).collect()
}

/// The game with this key.
///
/// # Errors
/// When there is none; the error names those that exist.
pub fn by_key(key: &str) -> Result<AnyGame, UnknownGame> {
    AnyGame::ALL.iter().copied().find(|game| game.key() == key).ok_or_else(|| UnknownGame { key: key.to_owned() })
}

/// Calls `visitor` with the game of this key.
///
/// # Errors
/// When there is none.
pub fn dispatch<V: GameVisitor>(key: &str, visitor: V) -> Result<V::Output, UnknownGame> {
    Ok(by_key(key)?.visit(visitor))
}

impl UnknownGame {
    /// The known key that was probably meant, or nothing.
    fn hint(&self) -> String {
        /// Longer texts are not typing errors.
        const KEY_BYTES_MAX: usize = 64;
        if self.key.len() > KEY_BYTES_MAX {
            return String::new();
        }
        keys()
            .into_iter()
            .map(|known| (distance(&self.key.to_lowercase(), known), known))
            .filter(|&(distance, known)| distance <= known.len() / 3)
            .min()
            .map_or_else(String::new, |(_, known)| format!(" (did you mean {known:?}?)"))
    }
}

/// Insertions, deletions and replacements from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Actions;
    impl GameVisitor for Actions {
        type Output = usize;
        fn visit<G: Planes>(self, game: G) -> usize {
            game.action_count()
        }
    }

    #[test]
    fn every_game_is_found_by_its_key() {
        for game in AnyGame::ALL {
            assert_eq!(by_key(game.key()).expect("listed").key(), game.key());
        }
        assert_eq!(dispatch("connect4", Actions), Ok(7));
        assert_eq!(facts("connect4"), Some(Facts { seats: 2, has_judgement: false }));
        assert_eq!(facts("ringrift-hex8-4p"), Some(Facts { seats: 4, has_judgement: true }));
        assert_eq!(facts("go"), None);
    }

    #[test]
    fn an_unknown_key_is_answered_with_those_that_exist() {
        let message = |key| by_key(key).expect_err("unknown").to_string();
        let known = "known games: connect4, ringrift-square8-2p, ringrift-square8-3p, ringrift-square8-4p, ringrift-square19-2p, \
            ringrift-square19-3p, ringrift-square19-4p, ringrift-hex8-2p, ringrift-hex8-3p, ringrift-hex8-4p, \
            ringrift-hexagonal-2p, ringrift-hexagonal-3p, ringrift-hexagonal-4p";
        assert_eq!(message("Conect4"), format!(r#"unknown game "Conect4" (did you mean "connect4"?); {known}"#));
        assert_eq!(message("chess"), format!(r#"unknown game "chess"; {known}"#));
        assert!(message("ringrift-hex-2p").contains(r#"did you mean "ringrift-hex8-2p"?"#));
        assert!(!message(&"x".repeat(1000)).contains("did you mean"));
    }

    #[test]
    fn distances_count_single_edits() {
        for (from, to, edits) in [("", "", 0), ("", "ab", 2), ("ab", "", 2), ("kitten", "sitting", 3), ("a", "a", 0)] {
            assert_eq!(distance(from, to), edits, "{from} {to}");
        }
    }
}
