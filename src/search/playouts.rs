//! Uniformly random games for their own sake: how fast are the rules?

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use crate::game::Game;

/// Plays random games one after the other. Every legal list is complete; nothing is allocated once the first games have been played.
#[derive(Clone, Debug)]
pub struct Playouts<G: Game> {
    legal: Vec<G::Action>,
    /// What was played so far.
    pub counts: PlayoutCounts,
}

/// What a run of random games comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayoutCounts {
    /// Games played to their end.
    pub games: u64,
    /// Moves in them.
    pub moves: u64,
    /// Legal moves listed.
    pub listed: u64,
    /// Moves of the longest game.
    pub longest: u64,
}

impl<G: Game> Default for Playouts<G> {
    fn default() -> Self {
        Playouts::new()
    }
}

impl<G: Game> Playouts<G> {
    /// Nothing played yet.
    pub fn new() -> Playouts<G> {
        Playouts { legal: Vec::new(), counts: PlayoutCounts::default() }
    }

    /// Plays one game to its end and returns the last position.
    pub fn play(&mut self, game: &G, rng: &mut ChaCha8Rng) -> G::State {
        let mut state = game.start();
        let mut moves = 0;
        loop {
            game.legal(&state, &mut self.legal);
            let Some(last) = self.legal.len().checked_sub(1) else { break };
            self.counts.listed += self.legal.len() as u64;
            game.play_listed(&mut state, &self.legal[rng.random_range(0..=last as u32) as usize]);
            moves += 1;
        }
        self.counts.games += 1;
        self.counts.moves += moves;
        self.counts.longest = self.counts.longest.max(moves);
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::connect4::ConnectFour;
    use crate::search::seeds;

    #[test]
    fn games_end_and_are_counted() {
        let mut playouts = Playouts::new();
        let mut rng = seeds::generator(4);
        for games in 1..=20 {
            let end = playouts.play(&ConnectFour, &mut rng);
            assert!(ConnectFour.outcome(&end).is_some());
            assert_eq!(playouts.counts.games, games);
        }
        let counts = playouts.counts;
        assert!(counts.longest <= 42 && counts.moves >= 7 * 20 && counts.listed >= counts.moves, "{counts:?}");
    }
}
