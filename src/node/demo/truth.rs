//! What the solver says of the champion: the worker program examines its weights on solved positions of Connect Four.

use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::fleet::Machine;
use crate::event::Hash;
use crate::node::backup::blobs::place;

/// The game that has a solver.
const SOLVED_GAME: &str = "connect4";
/// The program that examines, beside this one.
pub(super) const WORKER: &str = "kifu-worker";

/// How often a model finds an optimal move, as `kifu-worker exam` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Hash of the weights.
    pub model: String,
    /// Solved positions in which not every move is optimal.
    pub questions: u32,
    /// By the net's policy alone.
    pub policy: Marks,
    /// With a search.
    pub search: Marks,
    /// Simulations of that search.
    pub simulations: u32,
}

/// Optimal answers, and their share with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Marks {
    /// Optimal answers.
    pub optimal: u32,
    /// Their share.
    pub rate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Truth {
    /// One line for people.
    pub fn line(&self) -> String {
        let percent =
            |marks: &Marks| format!("{:.1}% ({:.1} to {:.1})", 100. * marks.rate, 100. * marks.low, 100. * marks.high);
        format!(
            "against the truth, {} solved positions: optimal by policy alone {}, with {} simulations {}",
            self.questions,
            percent(&self.policy),
            self.simulations,
            percent(&self.search)
        )
    }
}

/// Whether there is a truth to be asked about this game.
pub fn is_solved(game: &str) -> bool {
    game == SOLVED_GAME
}

/// Examines weights that lie among the blobs of one of these machines.
///
/// # Errors
/// Why it could not be done, in words.
pub fn examine(machines: &[Machine], weights: &str) -> Result<Truth, String> {
    let hash: Hash = weights.parse().map_err(|error| format!("{weights} is no hash: {error}"))?;
    let copies = machines.iter().map(|machine| place(&machine.data, &hash));
    let model = copies.into_iter().find(|path| path.is_file()).ok_or("no machine has its weights")?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?.with_file_name(WORKER);
    let output = Command::new(&program)
        .args(["exam", "--output", "json", "--model"])
        .arg(&model)
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} ended with {}: {}", program.display(), output.status, words.trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{} printed no result: {error}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_worker_prints_is_understood_and_told() {
        let printed = r#"{"model":"ab","questions":742,"all_optimal_left_out":258,"simulations":200,
            "policy":{"optimal":500,"rate":0.673854,"low":0.639,"high":0.707},
            "search":{"optimal":690,"rate":0.929919,"low":0.9091,"high":0.9462}}"#;
        let truth: Truth = serde_json::from_str(printed).expect("the worker's own words");
        assert_eq!(
            truth.line(),
            "against the truth, 742 solved positions: optimal by policy alone 67.4% (63.9 to 70.7), \
             with 200 simulations 93.0% (90.9 to 94.6)"
        );
    }

    #[test]
    fn what_cannot_be_examined_is_said() {
        assert!(is_solved("connect4") && !is_solved("ringrift-hex8-2p"));
        assert!(examine(&[], "nonsense").unwrap_err().contains("nonsense is no hash"));
        assert_eq!(examine(&[], &Hash::of(b"nobody has it").to_string()).unwrap_err(), "no machine has its weights");
    }
}
