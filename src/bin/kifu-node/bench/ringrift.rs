//! `kifu-node bench ringrift`

use std::hint::black_box;
use std::time::{Duration, Instant};

use clap::Args;
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::game::planes::Planes;
use kifu::game::registry::{AnyGame, GameVisitor};
use kifu::search::{Playouts, seeds};
use serde_json::{Value, json};

use super::teller;

/// Copies of a position that are timed together.
const CLONES: u32 = 100_000;

/// Options of `bench ringrift`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node bench ringrift --seconds 5 --game hex8-2p -o jsonl")]
pub struct RingRift {
    /// Only configurations whose key contains this
    #[arg(long, value_name = "TEXT", default_value = "ringrift")]
    game: String,
    /// Seconds that each configuration takes
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Seed of the random games
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: OutputArgs,
}

impl RingRift {
    /// Measures.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let during = Duration::try_from_secs_f64(self.seconds).map_err(|error| Failure::new(ExitCode::Usage, error))?;
        let chosen =
            AnyGame::ALL.iter().filter(|game| game.key().starts_with("ringrift") && game.key().contains(&self.game));
        let columns =
            ["game", "moves_per_s", "moves_per_cpu_s", "games_per_s", "moves_per_game", "legal_per_move", "clone_ns"];
        let mut tell = teller(&self.output, &columns);
        let mut found = false;
        for game in chosen {
            found = true;
            tell(game.visit(Measure { during, seed: self.seed }));
        }
        if !found {
            return Err(Failure::new(
                ExitCode::NotFound,
                format!("no configuration of RingRift is called {:?}", self.game),
            ));
        }
        Ok(ExitCode::Ok)
    }
}

/// Plays random games on one core for a while.
struct Measure {
    during: Duration,
    seed: u64,
}

impl GameVisitor for Measure {
    type Output = Value;

    fn visit<G: Planes>(self, game: G) -> Value {
        let (mut playouts, mut rng) = (Playouts::new(), seeds::generator(self.seed));
        // Tables and memory of the first games are not what is measured.
        playouts.play(&game, &mut rng);
        playouts.counts = Default::default();
        let (began, cpu_before) = (Instant::now(), cpu_time());
        while began.elapsed() < self.during {
            black_box(playouts.play(&game, &mut rng));
        }
        let wall_s = began.elapsed().as_secs_f64();
        let cpu_s = cpu_time().zip(cpu_before).map(|(after, before)| after.saturating_sub(before).as_secs_f64());
        let counts = playouts.counts;
        let moves = counts.moves as f64;
        json!({
            "bench": "ringrift",
            "game": game.key(),
            "moves_per_s": (moves / wall_s).round(),
            "moves_per_cpu_s": cpu_s.map(|cpu_s| (moves / cpu_s).round()),
            "games_per_s": (counts.games as f64 / wall_s * 10.0).round() / 10.0,
            "moves_per_game": (moves / counts.games as f64 * 10.0).round() / 10.0,
            "legal_per_move": (counts.listed as f64 / moves * 10.0).round() / 10.0,
            "clone_ns": clone_ns(&game.start()),
            "longest_game": counts.longest,
            "games": counts.games,
            "moves": counts.moves,
            "state_bytes": size_of::<G::State>(),
            "seconds": wall_s,
            "seed": self.seed,
        })
    }
}

/// Nanoseconds that a copy of a position takes.
fn clone_ns<S: Clone>(state: &S) -> f64 {
    let began = Instant::now();
    for _ in 0..CLONES {
        black_box(black_box(state).clone());
    }
    (began.elapsed().as_nanos() as f64 / f64::from(CLONES) * 10.0).round() / 10.0
}

/// What this thread has spent on a processor, where the system says so. On a busy machine the wall clock says less.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
