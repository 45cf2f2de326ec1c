//! The registry of models, and the champion of each game.

use super::row::row;
use super::table::Table;
use super::training::Training;
use crate::event::config::PromotionGate;
use crate::event::evaluation::Score;
use crate::event::training::TrainingCompleted;
use crate::event::{DatasetId, Event, GameKey, GauntletId, Hash, Millis, ModelId, Record, RunId, Seq};

row! {
    /// A model.
    pub struct Model {
        /// The model.
        pub model: ModelId,
        /// The game.
        pub game: GameKey,
        /// Its generation.
        pub generation: u32,
        /// Its weights.
        pub weights: Hash,
        /// Trainable parameters.
        pub parameters: u64,
        /// What it is now.
        pub state: ModelState,
        /// The model that its training started from.
        pub parent: Option<ModelId>,
        /// The run that made it.
        pub run: Option<RunId>,
        /// What it learned from.
        pub dataset: Option<DatasetId>,
        /// The record that brought it.
        pub created_seq: Seq,
        /// When.
        pub created_at: Millis,
        /// The verdict on it; none while it is a candidate.
        pub verdict: Option<ModelVerdict>,
    }

    /// What a model is.
    #[derive(Copy, PartialOrd, Ord)]
    pub enum ModelState {
        /// It waits for its verdict.
        Candidate,
        /// It is champion.
        Champion,
        /// It was champion.
        Former,
        /// It was not better.
        Rejected,
    }

    /// Why a model was promoted or rejected.
    pub struct ModelVerdict {
        /// Whether it was promoted.
        pub promoted: bool,
        /// The gauntlet; none for generation 0.
        pub gauntlet: Option<GauntletId>,
        /// The evidence.
        pub evidence: Vec<Score>,
        /// The thresholds.
        pub gate: PromotionGate,
        /// What was not passed, in words.
        pub reasons: Vec<String>,
        /// The record.
        pub seq: Seq,
        /// When.
        pub at: Millis,
    }

    /// The champion of a game.
    pub struct Champion {
        /// The game.
        pub game: GameKey,
        /// The model.
        pub model: ModelId,
        /// Its weights.
        pub weights: Hash,
        /// Its generation.
        pub generation: u32,
        /// The champion before.
        pub previous: Option<ModelId>,
        /// The record that promoted it.
        pub seq: Seq,
        /// Since when.
        pub since: Millis,
    }
}

/// Models by id and champions by game.
#[derive(Clone, Debug, Default)]
pub struct Models {
    /// Every model ever made.
    pub table: Table<ModelId, Model>,
    /// The champion of each game.
    pub champions: Table<GameKey, Champion>,
}

impl Models {
    /// The model with this id.
    pub fn get(&self, model: &ModelId) -> Option<&Model> {
        self.table.get(model)
    }

    /// The champion of a game.
    pub fn champion(&self, game: &GameKey) -> Option<&Champion> {
        self.champions.get(game)
    }

    /// The models of a game's generation.
    pub fn of_generation(&self, game: &GameKey, generation: u32) -> impl Iterator<Item = &Model> {
        self.table.values().filter(move |model| model.game == *game && model.generation == generation)
    }

    /// Folds a record. `training` has folded it already.
    pub fn apply(&mut self, record: &Record, training: &Training) {
        match &record.draft.event {
            Event::ModelInitialized(body) if !self.table.contains(&body.model) => {
                let row = Model {
                    model: body.model.clone(),
                    game: body.game.clone(),
                    generation: 0,
                    weights: body.weights,
                    parameters: body.parameters,
                    state: ModelState::Candidate,
                    parent: None,
                    run: None,
                    dataset: None,
                    created_seq: record.seq,
                    created_at: record.draft.recorded_at,
                    verdict: None,
                };
                self.table.put(body.model.clone(), row);
            }
            Event::TrainingCompleted(body) if !self.table.contains(&body.model) => self.train(record, body, training),
            Event::ModelPromoted(body) => {
                let verdict = ModelVerdict {
                    promoted: true,
                    gauntlet: body.gauntlet.clone(),
                    evidence: body.evidence.clone(),
                    gate: body.gate.clone(),
                    reasons: vec![],
                    seq: record.seq,
                    at: record.draft.recorded_at,
                };
                if self.judge(&body.model, ModelState::Champion, verdict) {
                    self.crown(record, &body.model);
                }
            }
            Event::PromotionRejected(body) => {
                let verdict = ModelVerdict {
                    promoted: false,
                    gauntlet: Some(body.gauntlet.clone()),
                    evidence: body.evidence.clone(),
                    gate: body.gate.clone(),
                    reasons: body.reasons.clone(),
                    seq: record.seq,
                    at: record.draft.recorded_at,
                };
                self.judge(&body.model, ModelState::Rejected, verdict);
            }
            _ => {}
        }
    }

    fn train(&mut self, record: &Record, body: &TrainingCompleted, training: &Training) {
        let Some(run) = training.get(&body.run) else { return };
        let row = Model {
            model: body.model.clone(),
            game: run.game.clone(),
            generation: run.generation,
            weights: body.weights,
            parameters: body.parameters,
            state: ModelState::Candidate,
            parent: Some(run.parent.clone()),
            run: Some(run.run.clone()),
            dataset: Some(run.dataset.clone()),
            created_seq: record.seq,
            created_at: record.draft.recorded_at,
            verdict: None,
        };
        self.table.put(body.model.clone(), row);
    }

    /// A candidate is judged once. False when the model is none.
    fn judge(&mut self, model: &ModelId, state: ModelState, verdict: ModelVerdict) -> bool {
        if self.get(model).is_none_or(|row| row.state != ModelState::Candidate) {
            return false;
        }
        self.table.update(model, |row| {
            row.state = state;
            row.verdict = Some(verdict);
        })
    }

    fn crown(&mut self, record: &Record, model: &ModelId) {
        let Some(row) = self.get(model).cloned() else { return };
        let previous = self.champion(&row.game).map(|champion| champion.model.clone());
        if let Some(previous) = &previous {
            self.table.update(previous, |row| row.state = ModelState::Former);
        }
        let champion = Champion {
            game: row.game.clone(),
            model: row.model,
            weights: row.weights,
            generation: row.generation,
            previous,
            seq: record.seq,
            since: record.draft.recorded_at,
        };
        self.champions.put(row.game, champion);
    }
}
