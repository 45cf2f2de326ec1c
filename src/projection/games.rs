//! Blobs of recorded games: which hold, which do not, and how many each generation has.

use std::collections::{BTreeMap, BTreeSet};

use super::key::GenerationKey;
use super::quality::Quality;
use super::row::row;
use super::table::Table;
use crate::event::games::{GamesMeasures, GamesRecorded, GamesTally};
use crate::event::jobs::JobSpec;
use crate::event::quality::QualityParts;
use crate::event::{Event, GameKey, Hash, JobId, Millis, ModelId, NodeId, Record, Seq};

row! {
    /// A blob of games.
    pub struct Batch {
        /// The blob.
        pub batch: Hash,
        /// The job that made it.
        pub job: JobId,
        /// The host that made it.
        pub host: NodeId,
        /// The game.
        pub game: GameKey,
        /// The generation that it is for.
        pub generation: u32,
        /// The model that played.
        pub model: ModelId,
        /// Games, as the host says.
        pub games: u32,
        /// Positions, as the host says.
        pub positions: u64,
        /// Simulations, as the host says.
        pub simulations: u64,
        /// What is known of it.
        pub state: BatchState,
        /// The record that brought it.
        pub recorded_seq: Seq,
        /// When.
        pub recorded_at: Millis,
        /// The job that replays it.
        pub verify_job: Option<JobId>,
        /// The record that verified or quarantined it.
        pub decided_seq: Option<Seq>,
        /// When.
        pub decided_at: Option<Millis>,
        /// The host that looked.
        pub decided_by: Option<NodeId>,
        /// What the replay counted.
        pub tally: Option<GamesTally>,
        /// What the replay counted for its quality, where it measured.
        pub measures: Option<GamesMeasures>,
        /// What its score is made of, besides what `QUALITY_SCORE_UPDATED` says.
        pub quality: Option<QualityParts>,
        /// Why it is in quarantine.
        pub reason: Option<String>,
    }

    /// What is known of a batch.
    #[derive(Copy, PartialOrd, Ord)]
    pub enum BatchState {
        /// Nobody has checked it.
        Recorded,
        /// A replay agreed.
        Verified,
        /// It is never used.
        Quarantined,
    }

    /// The games of a generation.
    pub struct GenerationGames {
        /// The game.
        pub game: GameKey,
        /// The generation.
        pub generation: u32,
        /// Batches recorded.
        pub batches: u32,
        /// Batches in quarantine.
        pub batches_quarantined: u32,
        /// Games recorded, as the hosts say.
        pub games_recorded: u64,
        /// Games that hold.
        pub games_verified: u64,
        /// Positions in games that hold.
        pub positions_verified: u64,
        /// Simulations that the verified records attest.
        pub simulations_verified: u64,
    }
}

/// Batches by hash and counts by generation, with indexes that follow from the rows.
#[derive(Clone, Debug, Default)]
pub struct Games {
    /// Every batch ever recorded.
    pub table: Table<Hash, Batch>,
    /// Counts of each generation.
    pub generations: Table<GenerationKey, GenerationGames>,
    by_generation: BTreeMap<GenerationKey, BTreeSet<(Seq, Hash)>>,
    open: BTreeSet<Hash>,
}

impl Games {
    /// The batch with this hash.
    pub fn get(&self, batch: &Hash) -> Option<&Batch> {
        self.table.get(batch)
    }

    /// The batches of a generation, oldest first.
    pub fn of_generation(&self, key: &GenerationKey) -> impl Iterator<Item = &Batch> {
        self.by_generation.get(key).into_iter().flatten().filter_map(|(_, batch)| self.table.get(batch))
    }

    /// Batches that somebody has to look at: not checked yet, or verified without a quality score.
    pub fn open(&self) -> impl Iterator<Item = &Batch> {
        self.open.iter().filter_map(|batch| self.table.get(batch))
    }

    /// Folds a record. `quality` has folded it already.
    pub fn apply(&mut self, record: &Record, quality: &Quality) {
        match &record.draft.event {
            Event::GamesRecorded(body) if !self.table.contains(&body.batch) => self.record(record, body),
            Event::JobQueued(body) => {
                if let JobSpec::Verify(spec) = &body.spec {
                    self.table.update(&spec.batch, |batch| batch.verify_job = Some(body.job.clone()));
                }
            }
            Event::GamesMeasured(body) if self.is_undecided(&body.batch) => {
                self.table.update(&body.batch, |batch| batch.measures = Some(body.measures.clone()));
            }
            Event::QualityExplained(body) => {
                self.table.update(&body.batch, |batch| batch.quality = Some(body.parts.clone()));
            }
            Event::GamesVerified(body) => self.decide(&body.batch, |batch, count| {
                batch.state = BatchState::Verified;
                (batch.decided_seq, batch.decided_by) = (Some(record.seq), Some(body.host));
                batch.decided_at = Some(record.draft.recorded_at);
                batch.tally = Some(body.tally.clone());
                count.games_verified = count.games_verified.saturating_add(u64::from(body.tally.games));
                count.positions_verified = count.positions_verified.saturating_add(body.tally.positions);
                count.simulations_verified = count.simulations_verified.saturating_add(body.tally.simulations);
            }),
            Event::GamesQuarantined(body) => {
                self.decide(&body.batch, |batch, count| {
                    batch.state = BatchState::Quarantined;
                    (batch.decided_seq, batch.decided_by) = (Some(record.seq), Some(body.host));
                    batch.decided_at = Some(record.draft.recorded_at);
                    batch.reason = Some(body.reason.clone());
                    count.batches_quarantined += 1;
                });
            }
            _ => {}
        }
        match &record.draft.event {
            Event::GamesVerified(body) => self.reopen(&body.batch, quality),
            Event::GamesQuarantined(body) => self.reopen(&body.batch, quality),
            Event::QualityScoreUpdated(body) => self.reopen(&body.batch, quality),
            _ => {}
        }
    }

    /// Builds the indexes from the rows.
    pub(super) fn reindex(&mut self, quality: &Quality) {
        (self.by_generation, self.open) = Default::default();
        for (hash, batch) in self.table.iter() {
            let key = GenerationKey::new(&batch.game, batch.generation);
            self.by_generation.entry(key).or_default().insert((batch.recorded_seq, *hash));
        }
        let all: Vec<Hash> = self.table.iter().map(|(hash, _)| *hash).collect();
        all.iter().for_each(|hash| self.reopen(hash, quality));
    }

    /// Puts a batch into the index of open ones, or takes it out.
    fn reopen(&mut self, hash: &Hash, quality: &Quality) {
        let open = match self.get(hash).map(|batch| batch.state) {
            Some(BatchState::Recorded) => true,
            Some(BatchState::Verified) => quality.get(hash).is_none(),
            Some(BatchState::Quarantined) | None => false,
        };
        if open {
            self.open.insert(*hash);
        } else {
            self.open.remove(hash);
        }
    }

    fn record(&mut self, record: &Record, body: &GamesRecorded) {
        let batch = Batch {
            batch: body.batch,
            job: body.job.clone(),
            host: body.host,
            game: body.game.clone(),
            generation: body.generation,
            model: body.model.clone(),
            games: body.games,
            positions: body.positions,
            simulations: body.simulations,
            state: BatchState::Recorded,
            recorded_seq: record.seq,
            recorded_at: record.draft.recorded_at,
            verify_job: None,
            decided_seq: None,
            decided_at: None,
            decided_by: None,
            tally: None,
            measures: None,
            quality: None,
            reason: None,
        };
        let key = GenerationKey::new(&body.game, body.generation);
        self.by_generation.entry(key.clone()).or_default().insert((record.seq, body.batch));
        self.open.insert(body.batch);
        self.table.put(body.batch, batch);
        let mut count = self.generations.get(&key).cloned().unwrap_or(GenerationGames {
            game: body.game.clone(),
            generation: body.generation,
            batches: 0,
            batches_quarantined: 0,
            games_recorded: 0,
            games_verified: 0,
            positions_verified: 0,
            simulations_verified: 0,
        });
        count.batches += 1;
        count.games_recorded = count.games_recorded.saturating_add(u64::from(body.games));
        self.generations.put(key, count);
    }

    fn is_undecided(&self, hash: &Hash) -> bool {
        self.get(hash).is_some_and(|batch| batch.state == BatchState::Recorded)
    }

    /// A batch is decided once: the first verdict counts.
    fn decide(&mut self, hash: &Hash, change: impl FnOnce(&mut Batch, &mut GenerationGames)) {
        let undecided = self.get(hash).filter(|batch| batch.state == BatchState::Recorded);
        let Some(mut batch) = undecided.cloned() else { return };
        let key = GenerationKey::new(&batch.game, batch.generation);
        let Some(mut count) = self.generations.get(&key).cloned() else { return };
        change(&mut batch, &mut count);
        self.table.put(*hash, batch);
        self.generations.put(key, count);
    }
}
