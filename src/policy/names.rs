//! Ids and seeds that policies give. Both follow from what they are for, so that no two leaders give different ones.

use crate::event::{DatasetId, GameKey, GauntletId, Hash, JobId, ModelId, RunId};

/// A self-play job of a generation; `number` counts from 1.
pub fn self_play_job(game: &GameKey, generation: u32, number: u32) -> JobId {
    JobId::new(format!("self_play-{game}-g{generation}-{number}"))
}

/// The job that replays a batch.
pub fn verify_job(batch: &Hash) -> JobId {
    JobId::new(format!("verify-{}", &batch.to_string()[..16]))
}

/// A job that makes generation 0; `number` counts from 1.
pub fn init_job(game: &GameKey, number: u32) -> JobId {
    JobId::new(format!("init_model-{game}-{number}"))
}

/// The job of a training run.
pub fn train_job(run: &RunId) -> JobId {
    JobId::new(format!("train-{}", &run.as_str()[RunId::PREFIX.len()..]))
}

/// A job of a gauntlet.
pub fn gauntlet_job(gauntlet: &GauntletId, opponent: usize, first_pair: u32) -> JobId {
    JobId::new(format!("gauntlet-{}-{opponent}-{first_pair}", &gauntlet.as_str()[GauntletId::PREFIX.len()..]))
}

/// A generation's dataset.
pub fn dataset(game: &GameKey, generation: u32) -> DatasetId {
    DatasetId::new(format!("{game}-g{generation}"))
}

/// A training run of a generation; `number` counts from 1.
pub fn run(game: &GameKey, generation: u32, number: usize) -> RunId {
    match number {
        1 => RunId::new(format!("{game}-g{generation}")),
        _ => RunId::new(format!("{game}-g{generation}-r{number}")),
    }
}

/// The gauntlet of a generation's candidate.
pub fn gauntlet(game: &GameKey, generation: u32) -> GauntletId {
    GauntletId::new(format!("{game}-g{generation}"))
}

/// The exam after this many generations.
pub fn exam(game: &GameKey, generations: u32) -> GauntletId {
    GauntletId::new(format!("{game}-exam-g{generations}"))
}

/// A model.
pub fn model(game: &GameKey, generation: u32, weights: &Hash) -> ModelId {
    ModelId::new(format!("{game}-g{generation}-{}", weights.short()))
}

/// The seed for one purpose: the start of BLAKE3 over the campaign's seed and the purpose's name.
pub fn seed(campaign: u64, purpose: &str) -> u64 {
    let mut bytes = campaign.to_le_bytes().to_vec();
    bytes.extend_from_slice(purpose.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&Hash::of(&bytes).0[..8]);
    u64::from_le_bytes(first)
}
