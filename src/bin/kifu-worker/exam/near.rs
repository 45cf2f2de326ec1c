//! How well a model expects how near each seat comes to a win.

use std::io::{self, Write as _};
use std::ops::ControlFlow;

use kifu::event::Hash;
use kifu::game::Planes;
use kifu::game::registry::GameVisitor;
use kifu::learn::Weights;
use kifu::learn::margins::{MarginMarks, examine};
use kifu::search::{Judgement, Recipe, SelfPlayPlan, play_games};
use tch::Device;

use super::{Exam, ExamError, Output};

/// Seed of the games. They are the same for every model.
const SEED: u64 = 0x6d61_7267;
/// Simulations of the judgement's search: enough for games that are no random ones.
const SIMULATIONS: u32 = 16;
/// Actions that it considers.
const CONSIDERED: u32 = 16;
/// Plies at the start of a game that are sampled, so that games differ.
const SAMPLED_PLIES: u32 = 20;
/// Games at once; changes nothing in them.
const CONCURRENT: u32 = 64;

/// Asks a model about games of its own game's judgement.
pub struct Examiner<'a> {
    pub exam: &'a Exam,
    pub weights: &'a Weights,
    pub hash: Hash,
    pub device: Device,
}

impl GameVisitor for Examiner<'_> {
    type Output = Result<(), ExamError>;

    fn visit<G: Planes>(self, game: G) -> Self::Output {
        let Examiner { exam, weights, hash, device } = self;
        let recipe = Recipe::new(SIMULATIONS, CONSIDERED, 1.0);
        let plan = SelfPlayPlan {
            games: exam.games,
            seed: SEED,
            recipe: recipe.map_err(|error| ExamError::Nothing(error.to_string()))?,
            sampled_plies: SAMPLED_PLIES,
            opening_plies_max: 0,
            concurrent: exam.games.min(CONCURRENT) as usize,
            weights: None,
        };
        if weights.architecture().margins == 0 {
            let key = game.key();
            return Err(ExamError::Nothing(format!("this model of {key} has no margin head, and {key} is not solved")));
        }
        let games = play_games(&game, &mut Judgement::default(), &plan, |_| ControlFlow::Continue(()))
            .map_err(|error| ExamError::Nothing(error.to_string()))?;
        let marks = examine(&game, weights, &games, device).map_err(|error| exam.unusable(error))?;
        print(exam, &hash, game.key(), &marks)
    }
}

fn print(exam: &Exam, hash: &Hash, game: &str, marks: &MarginMarks) -> Result<(), ExamError> {
    let MarginMarks { positions, error, error_of_mean, winner_nearest } = *marks;
    let mut out = io::stdout().lock();
    match exam.output {
        Output::Json => {
            let row = serde_json::json!({
                "model": hash.to_string(), "game": game, "games": exam.games, "positions": positions,
                "margin": { "error": error, "error_of_mean": error_of_mean, "winner_nearest": winner_nearest },
            });
            writeln!(out, "{row}")?;
        }
        Output::Text => {
            writeln!(out, "{positions} positions of {} games that {game}'s own judgement played", exam.games)?;
            writeln!(out, "margins            {error:.3} off on average, always saying the mean {error_of_mean:.3}")?;
            writeln!(out, "winner             expected nearest to a win in {:.1}%", 100.0 * winner_nearest)?;
        }
    }
    Ok(())
}
