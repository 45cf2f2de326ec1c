//! The state: all projections at one position of the log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::halt::{Halt, Halts, panic_words};
use super::table::AnyTable;
use super::{
    api_tokens::ApiTokens, artifacts::Artifacts, campaign::Campaign, certificates::Certificates, cluster::Cluster,
    config::ConfigInForce, counts::Counts, datasets::Datasets, dedupe::Dedupe, digests::Digests,
    divergences::Divergences, games::Games, gauntlets::Gauntlets, hosts::Hosts, jobs::Jobs, leadership::Leadership,
    membership::Membership, models::Models, producers::Producers, quality::Quality, quorum::Quorum, tokens::Tokens,
    training::Training,
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
    /// Roles of members, and the format version that all of them read.
    pub membership: Membership,
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
    /// Projections that failed.
    pub(super) halts: Halts,
    /// For tests: a projection that fails at a record.
    #[cfg(test)]
    pub(crate) injected: Option<(Projection, Seq)>,
}

/// Lists every projection in the order in which a record is folded: its tables, the projections that it looks into, and how
/// it folds. Two that change each other's rows are one here.
macro_rules! projections {
    ($state:ident $record:ident; $($name:ident $text:literal [$($table:literal)+] ($($read:ident)*) $apply:block)*) => {
        /// A projection, in the order in which a record is folded.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Projection {
            $(#[doc = concat!("The projection `", $text, "`.")] $name,)*
        }

        impl Projection {
            /// Every projection.
            pub const ALL: &'static [Projection] = &[$(Projection::$name),*];

            /// Its name on every surface.
            pub fn name(self) -> &'static str {
                match self { $(Projection::$name => $text,)* }
            }

            /// Its tables.
            pub fn tables(self) -> &'static [&'static str] {
                match self { $(Projection::$name => &[$($table),+],)* }
            }

            /// The projections that its fold reads. They come before it in the order.
            pub fn looks_into(self) -> &'static [Projection] {
                match self { $(Projection::$name => &[$(Projection::$read),*],)* }
            }
        }

        impl State {
            /// Gives the record to each projection from `at` on that has not stopped; `at` names the one at work.
            fn apply_from(&mut self, $record: &Record, at: &mut usize) {
                let $state = self;
                $(
                    if *at <= Projection::$name as usize && !$state.halts.has(Projection::$name) {
                        *at = Projection::$name as usize;
                        #[cfg(test)]
                        $state.fail_as_injected(Projection::$name, $record.seq);
                        $apply
                    }
                )*
            }
        }
    };
}

projections! { state record;
    Cluster "cluster" ["cluster"] () { state.cluster.apply(record); }
    Leadership "leadership" ["leadership"] () { state.leadership.apply(record); }
    Hosts "hosts" ["hosts"] () { state.hosts.apply(record); }
    Quorum "quorum" ["quorum"] () { state.quorum.apply(record); }
    Membership "membership" ["members" "membership"] () { state.membership.apply(record); }
    Tokens "tokens" ["tokens"] () { state.tokens.apply(record); }
    ApiTokens "api_tokens" ["api_tokens"] () { state.api_tokens.apply(record); }
    Certificates "certificates" ["certificates"] () { state.certificates.apply(record); }
    Config "config" ["config"] () { state.config.apply(record); }
    Jobs "jobs" ["jobs"] () { state.jobs.apply(record); }
    Quality "quality" ["quality"] () { state.quality.apply(record); }
    Games "games" ["games" "games_by_generation"] (Quality) { state.games.apply(record, &state.quality); }
    Datasets "datasets" ["datasets"] () { state.datasets.apply(record); }
    Training "training" ["training"] () { state.training.apply(record); }
    Gauntlets "gauntlets" ["gauntlets"] () { state.gauntlets.apply(record); }
    Models "models" ["champions" "models"] (Training) { state.models.apply(record, &state.training); }
    Artifacts "artifacts" ["artifacts"] () { state.artifacts.apply(record); }
    Campaign "campaign" ["campaign" "generations"] (Training Models) {
        state.campaign.apply(record, &state.training, &state.models);
    }
    Dedupe "dedupe" ["dedupe" "producers"] (Hosts) {
        state.producers.apply(record, &mut state.dedupe, &state.hosts);
        state.dedupe.apply(record, &state.hosts, &state.producers);
    }
    Counts "counts" ["counts"] () { state.counts.apply(record); }
    Digests "digests" ["digests"] () { state.digests.apply(record); }
    Divergences "divergences" ["divergences"] () { state.divergences.apply(record); }
}

impl Projection {
    /// The projection that the table belongs to.
    pub fn of_table(table: &str) -> Option<Projection> {
        Projection::ALL.iter().copied().find(|projection| projection.tables().contains(&table))
    }

    /// Whether commands are checked against it or policies look at it. A leader decides nothing while one of these
    /// has stopped.
    pub fn is_decided_from(self) -> bool {
        self != Projection::Counts
    }
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
    "members" => membership.members,
    "membership" => membership.rules,
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

    /// Folds the next record. Never fails: what a record refers to and is not there is ignored. A projection that
    /// panics nevertheless stops (see [`Halt`]); the others go on.
    pub fn apply(&mut self, record: &Record) {
        debug_assert_eq!(record.seq, self.seq.next(), "records are applied in order, without gaps");
        let mut at = 0;
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.apply_from(record, &mut at))) {
            let failed = Projection::ALL[at];
            self.halts.stop(failed, record.seq, record.draft.event.kind(), &panic_words(panic.as_ref()));
        }
        self.seq = record.seq;
        self.term = record.term;
        self.recorded_at = record.draft.recorded_at;
    }

    /// The projections that stopped, the first to stop first. Empty in a healthy node.
    pub fn halted(&self) -> &[Halt] {
        self.halts.list()
    }

    /// Whether the projection's rows are those of this position.
    ///
    /// # Errors
    /// Why and where it stopped. Its rows must not be shown then: they are old, and may be those of half a record.
    pub fn check(&self, projection: Projection) -> Result<(), &Halt> {
        match self.halted().iter().find(|halt| halt.projection == projection) {
            Some(halt) => Err(halt),
            None => Ok(()),
        }
    }

    /// Whether everything that decisions are made from is that of this position.
    ///
    /// # Errors
    /// The first projection that is not.
    pub fn check_decided_from(&self) -> Result<(), &Halt> {
        self.halted().iter().find(|halt| halt.projection.is_decided_from()).map_or(Ok(()), Err)
    }

    #[cfg(test)]
    fn fail_as_injected(&self, projection: Projection, seq: Seq) {
        assert!(self.injected != Some((projection, seq)), "injected failure");
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

    /// How many rows changed since they were saved.
    pub fn dirty_rows(&self) -> usize {
        self.tables().into_iter().map(|(_, table)| table.dirty_len()).sum()
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
