//! The campaign of each game, generation after generation.

use super::key::GenerationKey;
use super::models::Models;
use super::row::row;
use super::table::Table;
use super::training::Training;
use crate::event::campaign::{Stage, StageOverdue, Teaching};
use crate::event::evaluation::{GauntletPurpose, Score};
use crate::event::jobs::{JobQueued, JobSpec};
use crate::event::{DatasetId, Event, GameKey, GauntletId, JobId, Millis, ModelId, Record, RunId, Seq};

row! {
    /// The campaign of a game.
    pub struct CampaignRow {
        /// The game.
        pub game: GameKey,
        /// The generation that is being made; 0 before the first was opened.
        pub generation: u32,
        /// What it is at.
        pub phase: Phase,
        /// Jobs that were to make generation 0.
        pub init_jobs: u32,
        /// The last of them.
        pub init_job: Option<JobId>,
        /// The gauntlet of the last exam.
        pub exam_gauntlet: Option<GauntletId>,
        /// Generations after which it was last completed.
        pub completed: Option<u32>,
        /// The scores of the last exam.
        pub exam: Vec<Score>,
        /// The record that says that it stalled last.
        pub stalled_seq: Option<Seq>,
        /// Stages that took longer than their limits, the last [`OVERDUE_MAX`] of them.
        pub overdue: Vec<Overdue>,
        /// The last record that changed the phase.
        pub changed_seq: Seq,
        /// When.
        pub changed_at: Millis,
    }

    /// A stage that took longer than its limit.
    pub struct Overdue {
        /// The generation.
        pub generation: u32,
        /// The stage.
        pub stage: Stage,
        /// Since when it had been at it.
        pub since: Millis,
        /// The limit, in milliseconds.
        pub limit_ms: u64,
        /// The record that says so.
        pub seq: Seq,
        /// The record that says that it is over; none while it is not.
        pub ended_seq: Option<Seq>,
    }

    /// What a campaign is at.
    #[derive(Copy, PartialOrd, Ord)]
    pub enum Phase {
        /// Random weights are being made.
        Starting,
        /// Games are played and verified.
        SelfPlay,
        /// The next net is trained.
        Training,
        /// The candidate is judged.
        Gauntlet,
        /// The generation is decided.
        Decided,
        /// The last champion is examined.
        Exam,
        /// All generations are decided.
        Completed,
    }

    /// A generation.
    pub struct Generation {
        /// The game.
        pub game: GameKey,
        /// The generation.
        pub generation: u32,
        /// The model that plays for it.
        pub champion: ModelId,
        /// The teacher that plays in its place, if there is one.
        pub taught: Option<Teaching>,
        /// Self-play jobs queued for it.
        pub self_play_jobs: u32,
        /// Its dataset, once sealed.
        pub dataset: Option<DatasetId>,
        /// Its training runs, in order.
        pub runs: Vec<RunId>,
        /// The model that it made.
        pub candidate: Option<ModelId>,
        /// The candidate's gauntlet.
        pub gauntlet: Option<GauntletId>,
        /// What came of it.
        pub verdict: Option<Verdict>,
        /// The record that opened it.
        pub opened_seq: Seq,
        /// When.
        pub opened_at: Millis,
        /// The record that decided it.
        pub decided_seq: Option<Seq>,
        /// When.
        pub decided_at: Option<Millis>,
    }

    /// What came of a generation.
    #[derive(Copy, PartialOrd, Ord)]
    pub enum Verdict {
        /// Its candidate is champion.
        Promoted,
        /// Its candidate was not better.
        Rejected,
        /// It made no candidate.
        Failed,
    }
}

/// Overdue stages that a campaign remembers. Beyond it the oldest one that is over is forgotten, and would be told anew.
pub const OVERDUE_MAX: usize = 64;

impl Overdue {
    /// Whether it is this stage.
    pub fn is(&self, generation: u32, stage: Stage) -> bool {
        (self.generation, self.stage) == (generation, stage)
    }
}

fn add_overdue(row: &mut CampaignRow, seq: Seq, body: &StageOverdue) {
    if row.overdue.iter().any(|known| known.is(body.generation, body.stage)) {
        return;
    }
    if row.overdue.len() >= OVERDUE_MAX {
        let oldest = row.overdue.iter().position(|known| known.ended_seq.is_some()).unwrap_or(0);
        row.overdue.remove(oldest);
    }
    let StageOverdue { generation, stage, since, limit_ms, .. } = *body;
    row.overdue.push(Overdue { generation, stage, since, limit_ms, seq, ended_seq: None });
}

/// Campaigns by game, and their generations.
#[derive(Clone, Debug, Default)]
pub struct Campaign {
    /// One row for each game that was ever configured to be learned.
    pub table: Table<GameKey, CampaignRow>,
    /// One row for each generation opened.
    pub generations: Table<GenerationKey, Generation>,
}

impl Campaign {
    /// The campaign of a game.
    pub fn get(&self, game: &GameKey) -> Option<&CampaignRow> {
        self.table.get(game)
    }

    /// A generation of a game.
    pub fn generation(&self, game: &GameKey, generation: u32) -> Option<&Generation> {
        self.generations.get(&GenerationKey::new(game, generation))
    }

    /// The generation of a game that was opened last.
    pub fn current(&self, game: &GameKey) -> Option<&Generation> {
        self.generation(game, self.get(game)?.generation)
    }

    /// Folds a record. `training` and `models` have folded it already.
    pub fn apply(&mut self, record: &Record, training: &Training, models: &Models) {
        match &record.draft.event {
            Event::JobQueued(body) => self.count_job(record, body),
            Event::GenerationOpened(body) => self.open(record, &body.game, body.generation, &body.champion),
            Event::GenerationTaught(body) => {
                self.advance(record, &body.game, body.generation, None, |generation| {
                    generation.taught = Some(body.teaching.clone());
                });
            }
            Event::DatasetSealed(body) => self.advance(record, &body.game, body.generation, None, |generation| {
                generation.dataset = Some(body.dataset.clone());
            }),
            Event::TrainingTriggered(body) => {
                self.advance(record, &body.game, body.generation, Some(Phase::Training), |generation| {
                    generation.runs.push(body.run.clone());
                });
            }
            Event::TrainingCompleted(body) => {
                let Some(run) = training.get(&body.run) else { return };
                self.advance(record, &run.game, run.generation, None, |generation| {
                    generation.candidate = Some(body.model.clone());
                });
            }
            Event::GauntletStarted(body) => match body.purpose {
                GauntletPurpose::Promotion => {
                    self.advance(record, &body.game, body.generation, Some(Phase::Gauntlet), |generation| {
                        generation.gauntlet = Some(body.gauntlet.clone());
                    });
                }
                GauntletPurpose::Exam => {
                    self.close_undecided(record, &body.game);
                    self.change(record, &body.game, Phase::Exam, |row| row.exam_gauntlet = Some(body.gauntlet.clone()));
                }
            },
            Event::ModelPromoted(body) => self.decide(record, &body.model, models, Verdict::Promoted),
            Event::PromotionRejected(body) => self.decide(record, &body.model, models, Verdict::Rejected),
            Event::CampaignStalled(body) => {
                self.table.update(&body.game, |row| row.stalled_seq = Some(record.seq));
            }
            Event::StageOverdue(body) => {
                self.table.update(&body.game, |row| add_overdue(row, record.seq, body));
            }
            Event::StageCaughtUp(body) => {
                self.table.update(&body.game, |row| {
                    let open = row.overdue.iter_mut().filter(|known| known.ended_seq.is_none());
                    for known in open.filter(|known| known.is(body.generation, body.stage)) {
                        known.ended_seq = Some(record.seq);
                    }
                });
            }
            Event::CampaignCompleted(body) => self.change(record, &body.game, Phase::Completed, |row| {
                row.completed = Some(body.generations);
                row.exam.clone_from(&body.exam);
            }),
            _ => {}
        }
    }

    fn count_job(&mut self, record: &Record, body: &JobQueued) {
        match &body.spec {
            JobSpec::InitModel(spec) => {
                self.change(record, &spec.game, Phase::Starting, |row| {
                    row.init_jobs = row.init_jobs.saturating_add(1);
                    row.init_job = Some(body.job.clone());
                });
            }
            JobSpec::SelfPlay(spec) => {
                self.generations.update(&GenerationKey::new(&spec.game, spec.generation), |generation| {
                    generation.self_play_jobs = generation.self_play_jobs.saturating_add(1);
                });
            }
            _ => {}
        }
    }

    fn open(&mut self, record: &Record, game: &GameKey, generation: u32, champion: &ModelId) {
        let key = GenerationKey::new(game, generation);
        if self.generations.contains(&key) {
            return;
        }
        self.close_undecided(record, game);
        let row = Generation {
            game: game.clone(),
            generation,
            champion: champion.clone(),
            taught: None,
            self_play_jobs: 0,
            dataset: None,
            runs: vec![],
            candidate: None,
            gauntlet: None,
            verdict: None,
            opened_seq: record.seq,
            opened_at: record.draft.recorded_at,
            decided_seq: None,
            decided_at: None,
        };
        self.generations.put(key, row);
        self.change(record, game, Phase::SelfPlay, |row| row.generation = generation);
    }

    /// A generation that is left behind without a verdict made no candidate.
    fn close_undecided(&mut self, record: &Record, game: &GameKey) {
        let Some(last) = self.get(game).map(|row| row.generation) else { return };
        self.verdict(record, game, last, Verdict::Failed);
    }

    fn decide(&mut self, record: &Record, model: &ModelId, models: &Models, verdict: Verdict) {
        let Some(model) = models.get(model) else { return };
        if self.verdict(record, &model.game, model.generation, verdict) {
            self.change(record, &model.game, Phase::Decided, |_| {});
        }
    }

    /// A generation is decided once. False when there is nothing to decide.
    fn verdict(&mut self, record: &Record, game: &GameKey, generation: u32, verdict: Verdict) -> bool {
        let key = GenerationKey::new(game, generation);
        if self.generations.get(&key).is_none_or(|row| row.verdict.is_some()) {
            return false;
        }
        self.generations.update(&key, |row| {
            row.verdict = Some(verdict);
            (row.decided_seq, row.decided_at) = (Some(record.seq), Some(record.draft.recorded_at));
        })
    }

    /// Changes an undecided generation, and the phase of its campaign.
    fn advance(
        &mut self,
        record: &Record,
        game: &GameKey,
        generation: u32,
        phase: Option<Phase>,
        change: impl FnOnce(&mut Generation),
    ) {
        let key = GenerationKey::new(game, generation);
        if self.generations.get(&key).is_none_or(|row| row.verdict.is_some()) {
            return;
        }
        self.generations.update(&key, change);
        if let Some(phase) = phase {
            self.change(record, game, phase, |_| {});
        }
    }

    fn change(&mut self, record: &Record, game: &GameKey, phase: Phase, change: impl FnOnce(&mut CampaignRow)) {
        let mut row = self.get(game).cloned().unwrap_or(CampaignRow {
            game: game.clone(),
            generation: 0,
            phase,
            init_jobs: 0,
            init_job: None,
            exam_gauntlet: None,
            completed: None,
            exam: vec![],
            stalled_seq: None,
            overdue: vec![],
            changed_seq: record.seq,
            changed_at: record.draft.recorded_at,
        });
        row.phase = phase;
        change(&mut row);
        (row.changed_seq, row.changed_at) = (record.seq, record.draft.recorded_at);
        self.table.put(game.clone(), row);
    }
}
