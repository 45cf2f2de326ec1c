//! Gauntlets: plans of matches, and what was played of them.

use super::row::row;
use super::table::Table;
use crate::event::evaluation::{GauntletPurpose, GauntletStarted, MatchPlan, MatchTally, MatchesPlayed, Score};
use crate::event::jobs::{GauntletSpec, JobSpec, ModelContender};
use crate::event::judgement::{MatchesAttested, SequentialTestConcluded, SequentialTestPlanned};
use crate::event::{Event, GameKey, GauntletId, JobId, Millis, Record, Seq};

row! {
    /// A gauntlet.
    pub struct Gauntlet {
        /// The gauntlet.
        pub gauntlet: GauntletId,
        /// The game.
        pub game: GameKey,
        /// The candidate's generation.
        pub generation: u32,
        /// What the result is for.
        pub purpose: GauntletPurpose,
        /// Who is judged.
        pub candidate: ModelContender,
        /// Its opponents, in order of the plan.
        pub opponents: Vec<Opponent>,
        /// The jobs that carry it, in order of queueing.
        pub chunks: Vec<Chunk>,
        /// Seed of openings and players.
        pub seed: u64,
        /// The record that started it.
        pub started_seq: Seq,
        /// When.
        pub started_at: Millis,
        /// The record that concluded it.
        pub concluded_seq: Option<Seq>,
        /// When.
        pub concluded_at: Option<Millis>,
        /// The scores, as concluded.
        pub scores: Vec<Score>,
        /// The sequential test, in a gauntlet that has one.
        pub test: Option<SequentialTestPlanned>,
        /// What the test found.
        pub found: Option<SequentialTestConcluded>,
        /// The record that says so.
        pub found_seq: Option<Seq>,
    }

    /// An opponent and the games against it so far.
    pub struct Opponent {
        /// The plan.
        pub plan: MatchPlan,
        /// The sum of all tallies; weights and leaves stay empty here.
        pub tally: MatchTally,
        /// The last record that counted.
        pub last_seq: Option<Seq>,
    }

    /// Part of a gauntlet: one job.
    pub struct Chunk {
        /// The job.
        pub job: JobId,
        /// Index of the opponent in the plan.
        pub opponent: u32,
        /// Number of the first pair.
        pub first_pair: u32,
        /// Number of pairs.
        pub pairs: u32,
        /// The record that brought its results.
        pub played_seq: Option<Seq>,
        /// The results.
        pub tally: Option<MatchTally>,
        /// The candidate's units in every game, in order of group and turn, where they are attested.
        pub games: Vec<u8>,
    }
}

/// Gauntlets by id.
#[derive(Clone, Debug, Default)]
pub struct Gauntlets {
    /// One row for each gauntlet.
    pub table: Table<GauntletId, Gauntlet>,
}

impl Gauntlets {
    /// The gauntlet with this id.
    pub fn get(&self, gauntlet: &GauntletId) -> Option<&Gauntlet> {
        self.table.get(gauntlet)
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        match &record.draft.event {
            Event::GauntletStarted(body) if !self.table.contains(&body.gauntlet) => {
                self.table.put(body.gauntlet.clone(), started(record, body));
            }
            Event::JobQueued(body) => {
                if let JobSpec::Gauntlet(spec) = &body.spec {
                    self.table.update(&spec.gauntlet, |row| add_chunk(row, &body.job, spec));
                }
            }
            Event::MatchesPlayed(body) => {
                self.table.update(&body.gauntlet, |row| count(row, record.seq, body));
            }
            Event::MatchesAttested(body) => {
                self.table.update(&body.gauntlet, |row| attest(row, body));
            }
            Event::SequentialTestPlanned(body) => {
                self.table.update(&body.gauntlet, |row| {
                    if row.test.is_none() && row.chunks.is_empty() {
                        row.test = Some(body.clone());
                    }
                });
            }
            Event::SequentialTestConcluded(body) => {
                self.table.update(&body.gauntlet, |row| {
                    if row.test.is_some() && row.found.is_none() {
                        row.found = Some(body.clone());
                        row.found_seq = Some(record.seq);
                    }
                });
            }
            Event::GauntletConcluded(body) => {
                self.table.update(&body.gauntlet, |row| {
                    if row.concluded_seq.is_none() {
                        row.concluded_seq = Some(record.seq);
                        row.concluded_at = Some(record.draft.recorded_at);
                        row.scores.clone_from(&body.scores);
                    }
                });
            }
            _ => {}
        }
    }
}

fn started(record: &Record, body: &GauntletStarted) -> Gauntlet {
    let opponent = |plan: &MatchPlan| Opponent {
        plan: plan.clone(),
        tally: MatchTally { pairs: vec![0; 5], ..MatchTally::default() },
        last_seq: None,
    };
    Gauntlet {
        gauntlet: body.gauntlet.clone(),
        game: body.game.clone(),
        generation: body.generation,
        purpose: body.purpose,
        candidate: body.candidate.clone(),
        opponents: body.matches.iter().map(opponent).collect(),
        chunks: vec![],
        seed: body.seed,
        started_seq: record.seq,
        started_at: record.draft.recorded_at,
        concluded_seq: None,
        concluded_at: None,
        scores: vec![],
        test: None,
        found: None,
        found_seq: None,
    }
}

fn add_chunk(row: &mut Gauntlet, job: &JobId, spec: &GauntletSpec) {
    let opponent = row.opponents.iter().position(|opponent| opponent.plan.opponent == spec.opponent);
    let Some(opponent) = opponent.and_then(|index| u32::try_from(index).ok()) else { return };
    if row.concluded_seq.is_none() && !row.chunks.iter().any(|chunk| chunk.job == *job) {
        let (first_pair, pairs) = (spec.first_pair, spec.pairs);
        row.chunks.push(Chunk {
            job: job.clone(),
            opponent,
            first_pair,
            pairs,
            played_seq: None,
            tally: None,
            games: vec![],
        });
    }
}

/// Adds a tally once for each chunk.
fn count(row: &mut Gauntlet, seq: Seq, body: &MatchesPlayed) {
    let open = row.concluded_seq.is_none();
    let chunk = row.chunks.iter_mut().find(|chunk| open && chunk.job == body.job && chunk.played_seq.is_none());
    let Some(chunk) = chunk else { return };
    let Some(opponent) = row.opponents.get_mut(chunk.opponent as usize) else { return };
    chunk.played_seq = Some(seq);
    chunk.tally = Some(body.tally.clone());
    opponent.last_seq = Some(seq);
    opponent.tally.add(&body.tally);
}

/// Keeps the score of each game of a chunk whose tally counts: a test that is decided within the chunk stops there.
fn attest(row: &mut Gauntlet, body: &MatchesAttested) {
    let is_its = |chunk: &&mut Chunk| chunk.job == body.job && chunk.played_seq.is_some() && chunk.games.is_empty();
    if let Some(chunk) = row.chunks.iter_mut().find(is_its).filter(|_| row.concluded_seq.is_none()) {
        chunk.games = body.games.iter().map(|game| u8::try_from(game.units).unwrap_or(u8::MAX)).collect();
    }
}
