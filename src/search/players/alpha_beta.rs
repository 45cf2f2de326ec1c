//! Search to a fixed depth.
//!
//! Ends of the game count (sooner wins and later losses are better). A position at the horizon is worth what the game itself judges
//! ([`Game::estimate`]), always less than a sure result; in games without a judgement, as much as a draw. So at a depth of one ply this is
//! the one-ply heuristic of games that have one.
//! For two seats this is alpha-beta; for more it is max-n, where each seat seeks its own good. Among equally good actions the
//! seed decides. A seat may move several times in a row.

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::Player;
use crate::game::{Game, Outcome, SEATS_MAX, Seat};
use crate::search::error::SearchError;

/// The greatest depth in plies. Beyond it a move of a game with few actions takes minutes.
pub const DEPTH_MAX: u32 = 12;

/// A win before the first ply. Above every depth, so that a late win still beats a draw.
const WIN: i32 = 1_000_000;
/// A position that is judged as won: less than the latest sure win.
const JUDGED_WIN: f32 = 900_000.0;

/// Alpha-beta (or max-n) to a fixed depth.
#[derive(Clone, Debug)]
pub struct AlphaBeta<G: Game> {
    depth: usize,
    /// Memory for the children of one node at each ply.
    levels: Vec<Level<G>>,
}

/// The children of a node, reused from node to node.
#[derive(Clone, Debug)]
struct Level<G: Game> {
    legal: Vec<G::Action>,
    /// Position and result behind each action.
    children: Vec<(G::State, Option<Outcome>)>,
}

impl<G: Game> AlphaBeta<G> {
    /// A player that looks `depth` plies ahead.
    ///
    /// # Errors
    /// When the depth is 0 or above [`DEPTH_MAX`].
    pub fn new(depth: u32) -> Result<AlphaBeta<G>, SearchError> {
        if !(1..=DEPTH_MAX).contains(&depth) {
            return Err(SearchError::Bounds { what: "depth", found: depth.to_string(), allowed: "1 to 12" });
        }
        let depth = depth as usize;
        let levels = (0..depth).map(|_| Level { legal: Vec::new(), children: Vec::new() }).collect();
        Ok(AlphaBeta { depth, levels })
    }

    /// The children of `state` at `ply`. Give the level back with [`AlphaBeta::put_back`].
    fn look(&mut self, game: &G, state: &G::State, ply: usize) -> Level<G> {
        let mut level = std::mem::replace(&mut self.levels[ply], Level { legal: Vec::new(), children: Vec::new() });
        game.legal(state, &mut level.legal);
        level.children.clear();
        for action in &level.legal {
            let mut child = state.clone();
            game.play_listed(&mut child, action);
            let outcome = game.outcome(&child);
            level.children.push((child, outcome));
        }
        level
    }

    fn put_back(&mut self, ply: usize, level: Level<G>) {
        self.levels[ply] = level;
    }

    /// The value of `state` at `ply` for its mover, exact between `alpha` and `beta`, else a bound. Two seats only.
    fn value(&mut self, game: &G, state: &G::State, ply: usize, alpha: i32, beta: i32) -> i32 {
        let mover = game.to_move(state);
        let level = self.look(game, state, ply);
        // A win on the spot needs no look at the rest.
        let wins = |(_, outcome): &(_, Option<Outcome>)| outcome.is_some_and(|it| it.winner() == Some(mover));
        let best = if level.children.iter().any(wins) {
            WIN - ply as i32 - 1
        } else {
            let mut best = -WIN;
            for (child, outcome) in &level.children {
                best = best.max(self.child_value(game, mover, child, *outcome, ply + 1, alpha.max(best), beta));
                if best >= beta {
                    break;
                }
            }
            best
        };
        self.put_back(ply, level);
        best
    }

    /// The value of a child at `ply`, for the seat that moved before it.
    #[expect(clippy::too_many_arguments, reason = "the window and the place of one recursive step")]
    fn child_value(
        &mut self,
        game: &G,
        mover: Seat,
        child: &G::State,
        outcome: Option<Outcome>,
        ply: usize,
        alpha: i32,
        beta: i32,
    ) -> i32 {
        match outcome.map(Outcome::winner) {
            Some(None) => 0,
            Some(Some(winner)) if winner == mover => WIN - ply as i32,
            Some(Some(_)) => ply as i32 - WIN,
            None if ply == self.depth => horizon(game, child, mover),
            None if game.to_move(child) == mover => self.value(game, child, ply, alpha, beta),
            None => -self.value(game, child, ply, -beta, -alpha),
        }
    }

    /// The value of `state` at `ply` for each seat, when each seeks its own good.
    fn values(&mut self, game: &G, state: &G::State, ply: usize) -> [i32; SEATS_MAX] {
        let mover = game.to_move(state).index();
        let level = self.look(game, state, ply);
        let mut best: Option<[i32; SEATS_MAX]> = None;
        for (child, outcome) in &level.children {
            let values = self.child_values(game, child, *outcome, ply + 1);
            if best.is_none_or(|best| values[mover] > best[mover]) {
                best = Some(values);
            }
        }
        self.put_back(ply, level);
        best.unwrap_or([0; SEATS_MAX])
    }

    fn child_values(&mut self, game: &G, child: &G::State, outcome: Option<Outcome>, ply: usize) -> [i32; SEATS_MAX] {
        let seats = game.seats();
        let late = ply as i32;
        let outcome = match outcome {
            Some(outcome) => outcome,
            None if ply == self.depth => match game.estimate(child) {
                Some(shares) => return shares.map(|share| (share * JUDGED_WIN) as i32),
                None => Outcome::shared_by_all(seats),
            },
            None => return self.values(game, child, ply),
        };
        let mut values = [0; SEATS_MAX];
        for seat in Seat::all(seats) {
            values[seat.index()] = match outcome.winner() {
                Some(winner) if winner == seat => WIN - late,
                Some(_) => late,
                None => (outcome.share(seat) * WIN as f32) as i32,
            };
        }
        values
    }
}

/// What a position that is not over is worth for `seat` of two.
fn horizon<G: Game>(game: &G, state: &G::State, seat: Seat) -> i32 {
    game.estimate(state).map_or(0, |shares| ((2.0 * shares[seat.index()] - 1.0) * JUDGED_WIN) as i32)
}

impl<G: Game> Player<G> for AlphaBeta<G> {
    fn choose(&mut self, game: &G, state: &G::State, rng: &mut ChaCha8Rng) -> Option<G::Action> {
        let mover = game.to_move(state);
        let level = self.look(game, state, 0);
        let mut best = i32::MIN;
        let mut equals = Vec::new();
        for (index, (child, outcome)) in level.children.iter().enumerate() {
            let value = if game.seats() == 2 {
                // One below the best so far: an equally good action is told from a worse one.
                let alpha = if equals.is_empty() { -WIN } else { best - 1 };
                self.child_value(game, mover, child, *outcome, 1, alpha, WIN)
            } else {
                self.child_values(game, child, *outcome, 1)[mover.index()]
            };
            if value > best {
                best = value;
                equals.clear();
            }
            if value == best {
                equals.push(index);
            }
        }
        let chosen = (!equals.is_empty()).then(|| equals[rng.random_range(0..equals.len() as u32) as usize]);
        let action = chosen.map(|index| level.legal[index].clone());
        self.put_back(0, level);
        action
    }
}
