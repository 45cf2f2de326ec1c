//! How many play a game.

use crate::event::GameKey;
use crate::game::Planes;
use crate::game::registry::{GameVisitor, dispatch};

/// Seats of the game with this key; 2 when this build does not know it.
pub fn seats(game: &GameKey) -> u32 {
    struct Seats;
    impl GameVisitor for Seats {
        type Output = usize;
        fn visit<G: Planes>(self, game: G) -> usize {
            game.seats()
        }
    }
    dispatch(&game.0, Seats).ok().and_then(|seats| u32::try_from(seats).ok()).unwrap_or(2)
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
