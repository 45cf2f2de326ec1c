//! How many play a game.

use crate::event::GameKey;
use crate::game::registry::facts;

/// Seats of the game with this key; 2 when this build does not know it.
pub fn seats(game: &GameKey) -> u32 {
    facts(&game.0).and_then(|facts| u32::try_from(facts.seats).ok()).unwrap_or(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_their_seats() {
        let of = |key: &str| seats(&GameKey(key.into()));
        assert_eq!([of("connect4"), of("ringrift-square8-3p"), of("ringrift-hex8-4p"), of("go")], [2, 3, 4, 2]);
    }
}
