//! The state: all projections at one position of the log.

use serde_json::Value;

use super::table::AnyTable;
use super::{
    api_tokens::ApiTokens, artifacts::Artifacts, campaign::Campaign, certificates::Certificates, cluster::Cluster,
    config::ConfigInForce, counts::Counts, datasets::Datasets, dedupe::Dedupe, digests::Digests,
    divergences::Divergences, games::Games, gauntlets::Gauntlets, hosts::Hosts, jobs::Jobs, leadership::Leadership,
    models::Models, producers::Producers, quality::Quality, quorum::Quorum, tokens::Tokens, training::Training,
};
use crate::event::cluster::ProjectionDigest;
use crate::event::config::Config;
use crate::event::{Hash, Millis, Record, Seq, Term};

/// What follows from the records up to `seq`, and nothing else.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Tokens for the client API.
    pub api_tokens: ApiTokens,
    /// Blobs and their copies.
    pub artifacts: Artifacts,
    /// Campaigns and generations.
    pub campaign: Campaign,
    /// Renewed certificates of members.
    pub certificates: Certificates,
    /// The cluster's identity.
    pub cluster: Cluster,
    /// The configuration in force.
    pub config: ConfigInForce,
    /// Records by kind.
    pub counts: Counts,
    /// Sealed datasets.
    pub datasets: Datasets,
    /// Last proposal of each origin.
    pub dedupe: Dedupe,
    /// The last recorded digests.
    pub digests: Digests,
    /// Nodes whose fold differed.
    pub divergences: Divergences,
    /// Blobs of games.
    pub games: Games,
    /// Gauntlets.
    pub gauntlets: Gauntlets,
    /// Members, online or not.
    pub hosts: Hosts,
    /// Jobs and leases.
    pub jobs: Jobs,
    /// Who leads.
    pub leadership: Leadership,
    /// Models and champions.
    pub models: Models,
    /// Programs that record notes.
    pub producers: Producers,
    /// Quality scores.
    pub quality: Quality,
    /// Voters and their health.
    pub quorum: Quorum,
    /// Join tokens.
    pub tokens: Tokens,
    /// Training runs.
    pub training: Training,
    /// The last record applied; 0 before the first.
    pub seq: Seq,
    /// Its term.
    pub term: Term,
    /// When it was recorded.
    pub recorded_at: Millis,
    /// The position from which on the tables know their changed rows; none when they do not know them all.
    pub(super) dirty_since: Option<Seq>,
}

/// Lists every table of the state in order of name. A projection with two tables has two names.
macro_rules! tables {
    ($($name:literal => $($field:ident).+),* $(,)?) => {
        impl State {
            /// The names of all tables, in order.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// All tables, in order of name.
            pub fn tables(&self) -> Vec<(&'static str, &dyn AnyTable)> {
                vec![$(($name, &self.$($field).+)),*]
            }

            /// All tables, in order of name.
            pub(super) fn tables_mut(&mut self) -> Vec<(&'static str, &mut dyn AnyTable)> {
                vec![$(($name, &mut self.$($field).+)),*]
            }
        }
    };
}

tables! {
    "api_tokens" => api_tokens.table,
    "artifacts" => artifacts.table,
    "campaign" => campaign.table,
    "certificates" => certificates.table,
    "champions" => models.champions,
    "cluster" => cluster.table,
    "config" => config.table,
    "counts" => counts.table,
    "datasets" => datasets.table,
    "dedupe" => dedupe.table,
    "digests" => digests.table,
    "divergences" => divergences.table,
    "games" => games.table,
    "games_by_generation" => games.generations,
    "gauntlets" => gauntlets.table,
    "generations" => campaign.generations,
    "hosts" => hosts.table,
    "jobs" => jobs.table,
    "leadership" => leadership.table,
    "models" => models.table,
    "producers" => producers.table,
    "quality" => quality.table,
    "quorum" => quorum.table,
    "tokens" => tokens.table,
    "training" => training.table,
}

impl State {
    /// The state before the first record.
    pub fn new() -> State {
        State { dirty_since: Some(Seq(0)), ..State::default() }
    }

    /// The state after these records.
    pub fn fold<'a>(records: impl IntoIterator<Item = &'a Record>) -> State {
        let mut state = State::new();
        records.into_iter().for_each(|record| state.apply(record));
        state
    }

    /// Folds the next record. Never fails: what a record refers to and is not there is ignored.
    ///
    /// The order matters where one projection looks into another: `quality` before `games`, `training` before `models`
    /// before `campaign`.
    pub fn apply(&mut self, record: &Record) {
        debug_assert_eq!(record.seq, self.seq.next(), "records are applied in order, without gaps");
        self.cluster.apply(record);
        self.leadership.apply(record);
        self.hosts.apply(record);
        self.quorum.apply(record);
        self.tokens.apply(record);
        self.api_tokens.apply(record);
        self.certificates.apply(record);
        self.config.apply(record);
        self.jobs.apply(record);
        self.quality.apply(record);
        self.games.apply(record, &self.quality);
        self.datasets.apply(record);
        self.training.apply(record);
        self.gauntlets.apply(record);
        self.models.apply(record, &self.training);
        self.artifacts.apply(record);
        self.campaign.apply(record, &self.training, &self.models);
        self.producers.apply(record, &mut self.dedupe);
        self.dedupe.apply(record);
        self.counts.apply(record);
        self.digests.apply(record);
        self.divergences.apply(record);
        self.seq = record.seq;
        self.term = record.term;
        self.recorded_at = record.draft.recorded_at;
    }

    /// The configuration in force, once there is one.
    pub fn config(&self) -> Option<&Config> {
        self.config.get().map(|row| &row.config)
    }

    /// The digest of every table, in order of name.
    pub fn digests(&self) -> Vec<ProjectionDigest> {
        let digest = |(name, table): (&str, &dyn AnyTable)| ProjectionDigest {
            projection: name.to_owned(),
            digest: table.digest(),
        };
        self.tables().into_iter().map(digest).collect()
    }

    /// One digest of the whole state: of all tables' names and digests in order, and of the position.
    pub fn digest(&self) -> Hash {
        let mut bytes = self.seq.0.to_le_bytes().to_vec();
        for (name, table) in self.tables() {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(&table.digest().0);
        }
        Hash::of(&bytes)
    }

    /// The rows of a table as JSON, in order of key. `None` when there is no table of this name.
    pub fn projection_json(&self, name: &str) -> Option<Value> {
        self.tables().into_iter().find(|(table, _)| *table == name).map(|(_, table)| table.json())
    }

    /// Forgets which rows changed. For programs that fold and never save.
    pub fn forget_changes(&mut self) {
        self.tables_mut().into_iter().for_each(|(_, table)| drop(table.take_dirty()));
        self.dirty_since = None;
    }

    /// Builds the indexes that follow from the rows.
    pub(super) fn reindex(&mut self) {
        self.jobs.reindex();
        self.games.reindex(&self.quality);
    }
}
