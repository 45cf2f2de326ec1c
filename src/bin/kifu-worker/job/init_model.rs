//! Makes generation 0.

use kifu::event::jobs::InitModelSpec;
use kifu::game::Planes;
use kifu::learn::{Architecture, Family, Weights, precision};
use kifu::work::protocol::WorkerResult;

use super::error::JobError;
use super::run::Workshop;

/// Name of the file of weights.
pub const MODEL_FILE: &str = "model.safetensors";

pub fn run<G: Planes>(game: &G, spec: &InitModelSpec, workshop: &Workshop<'_>) -> Result<WorkerResult, JobError> {
    let architecture = Architecture::of(game, Family::named(&spec.net)?);
    let parameters = architecture.parameters()?;
    precision::sign(game, Weights::random(architecture, spec.seed)?)?.write(&workshop.scratch(MODEL_FILE))?;
    Ok(WorkerResult::Model {
        file: MODEL_FILE.into(),
        parameters,
        samples: 0,
        progress: None,
        curve: None,
        manifest: None,
        dataset: None,
        parent: None,
    })
}
