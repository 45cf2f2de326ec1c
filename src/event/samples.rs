//! One hand-written sample of every kind of event, for golden bytes, property tests and fuzzing.
//!
//! Together they tell one small story of one node, so that a fold of them reaches most rows. A released sample is never
//! changed: its bytes are the golden bytes in `schema/`.

mod config;

pub use config::{config, config_v1};

use super::artifacts::{ArtifactAssigned, ArtifactKind, ArtifactLost, ArtifactStored, ArtifactVerified, AssignReason};
use super::campaign::{
    CampaignCompleted, GenerationOpened, GenerationTaught, Stage, StageCaughtUp, StageOverdue, Teaching,
};
use super::cluster::{
    ClusterCreated, ClusterRestored, HostOffline, HostOnline, LeaderElected, NodeJoined, OfflineReason,
    ProjectionDigest, ProjectionDiverged, QuorumHealth, QuorumHealthChanged, StateDigested, TokenCreated,
    VotersChanged,
};
use super::config::ConfigChanged;
use super::datasets::{BatchWeight, DatasetSealed, DatasetWeighed};
use super::evaluation::{
    GauntletConcluded, GauntletPurpose, GauntletStarted, MatchPlan, MatchTally, MatchesPlayed, Score,
};
use super::games::{GamesMeasured, GamesMeasures, GamesQuarantined, GamesRecorded, GamesTally, GamesVerified};
use super::history::{HistoryArchived, LogRepaired};
use super::identity::{ApiRole, ApiTokenCreated, ApiTokenRevoked, CertificateRenewed};
use super::jobs::{
    Contender, ExternalResultRecorded, ExternalSpec, GauntletSpec, InitModelSpec, JobCancelled, JobClaimed,
    JobCompleted, JobFailed, JobLeaseExpired, JobQueued, JobResultRefused, JobSpec, JobStarted, JobSubmitted,
    ModelContender, SearchRecipe, SelfPlaySpec, TrainSpec, VerifySpec,
};
use super::judgement::{
    CampaignStalled, EvaluatorFaulty, GameAttestation, MatchesAttested, SeatAttestation, SequentialRule,
    SequentialTestConcluded, SequentialTestPlanned, TestVerdict,
};
use super::membership::{
    ClusterVersionRaised, LeaderTransferRequested, MemberMoved, MemberRemoved, MemberRole, MemberRoleChanged,
    MembershipConfig, MembershipConfigured, RoleReason,
};
use super::models::{ModelInitialized, ModelPromoted, PromotionRejected};
use super::notes::{NoteRecorded, ProducerRegistered};
use super::quality::{QualityExplained, QualityParts, QualityScoreUpdated};
use super::training::{
    AdamW, Optimizer, TrainingCompleted, TrainingCurve, TrainingCurveRecorded, TrainingFailed, TrainingManifest,
    TrainingManifestRecorded, TrainingPlan, TrainingPlanned, TrainingProgress, TrainingProgressed, TrainingRecipe,
    TrainingStarted, TrainingTriggered, Validation, ValidationLosses,
};
use super::{
    ApiTokenId, ClusterId, DatasetId, Event, GameKey, GauntletId, Hash, JobId, Kind, Millis, ModelId, NodeId, Real,
    RunId, Seq, Term, TokenId,
};

/// The node of the story.
pub const NODE: NodeId = NodeId(0x0102_0304_0506_0708);
/// Another node.
pub const PEER: NodeId = NodeId(0xf1f2_f3f4_f5f6_f7f8);
/// The token of the story's only lease.
pub const TOKEN: Seq = Seq(13);

/// The game of the story.
pub fn game() -> GameKey {
    GameKey("connect4".into())
}

/// A recognisable hash.
pub fn hash(of: &str) -> Hash {
    Hash::of(of.as_bytes())
}

/// How the models of the story think.
pub fn search() -> SearchRecipe {
    SearchRecipe { simulations: 48, considered: 7, gumbel_scale: Real::ONE }
}

/// One sample of every kind, in order of number.
pub fn all() -> Vec<Event> {
    Kind::ALL.iter().map(|kind| sample(*kind)).collect()
}

/// One job spec of every kind.
pub fn specs() -> Vec<JobSpec> {
    vec![
        JobSpec::SelfPlay(SelfPlaySpec {
            game: game(),
            generation: 1,
            model: origin(),
            weights: hash("weights 0"),
            games: 40,
            seed: 7,
            search: search(),
            sampled_plies: 10,
        }),
        JobSpec::Verify(VerifySpec { game: game(), batch: hash("batch") }),
        JobSpec::InitModel(InitModelSpec { game: game(), net: "tiny".into(), seed: 7 }),
        JobSpec::Train(TrainSpec {
            run: run(),
            game: game(),
            generation: 1,
            dataset: dataset(),
            batches: vec![hash("batch")],
            parent: origin(),
            parent_weights: hash("weights 0"),
            recipe: config_v1().train,
            seed: 7,
        }),
        JobSpec::Gauntlet(GauntletSpec {
            gauntlet: gauntlet(),
            game: game(),
            candidate: contender(),
            opponent: Contender::AlphaBeta(4),
            first_pair: 10,
            pairs: 10,
            opening_plies: 4,
            seed: 7,
        }),
        JobSpec::External(ExternalSpec {
            program: "count-words".into(),
            params: "{\"text\":\"a b\"}".into(),
            inputs: vec![hash("text")],
        }),
    ]
}

/// The sample of a version of a kind: an event that is written as the golden bytes of that version.
pub fn of_version(kind: Kind, version: u16) -> Event {
    match (kind, version) {
        (Kind::ConfigChanged, 1) => ConfigChanged { config: config(), actor: "ada".into() }.into(),
        _ => sample(kind),
    }
}

/// The sample of one kind, in its newest version.
pub fn sample(kind: Kind) -> Event {
    match kind.domain() {
        "cluster" => cluster(kind),
        "identity" => identity(kind),
        "history" if kind == Kind::HistoryArchived => archived(),
        "history" => history(),
        "membership" => membership(kind),
        "jobs" => jobs(kind),
        "games" | "quality" | "datasets" => games(kind),
        "training" => training(kind),
        "evaluation" | "models" => evaluation(kind),
        "judgement" => judgement(kind),
        _ => rest(kind),
    }
}

fn job() -> JobId {
    JobId::new("self_play-connect4-g1-1")
}

fn teaching() -> Teaching {
    let search = SearchRecipe { simulations: 32, considered: 16, gumbel_scale: Real::ONE };
    Teaching { search, games: 3_000, games_per_job: 250, steps: 1_250 }
}

fn origin() -> ModelId {
    ModelId::new("connect4-g0-00112233")
}

fn candidate() -> ModelId {
    ModelId::new("connect4-g1-44556677")
}

fn contender() -> ModelContender {
    ModelContender { model: candidate(), weights: hash("weights 1"), search: search() }
}

fn run() -> RunId {
    RunId::new("connect4-g1")
}

fn dataset() -> DatasetId {
    DatasetId::new("connect4-g1")
}

fn gauntlet() -> GauntletId {
    GauntletId::new("connect4-g1")
}

fn token() -> TokenId {
    TokenId::new("2f6c1a")
}

fn score() -> Score {
    Score {
        opponent: "random".into(),
        games: 40,
        wins: 36,
        draws: 1,
        losses: 3,
        rate: Real(912_500),
        low: Real(786_041),
        high: Real(967_320),
    }
}

fn progress() -> TrainingProgress {
    TrainingProgress {
        step: 150,
        steps: 300,
        policy_loss: Real(1_234_567),
        value_loss: Real(654_321),
        samples_per_second: Real(9_876_500_000),
    }
}

fn tally() -> GamesTally {
    GamesTally {
        games: 40,
        positions: 1_000,
        wins: vec![22, 16],
        draws: 2,
        distinct: 39,
        targets: 990,
        simulations: 47_520,
    }
}

fn measures() -> GamesMeasures {
    GamesMeasures {
        choices: 980,
        choices_targeted: 970,
        targets_of_seats: vec![500, 490],
        simulations_of_seats: vec![24_000, 23_520],
        length_squares: 25_400,
        sketch: vec![3, 5, 8],
    }
}

fn cluster(kind: Kind) -> Event {
    match kind {
        Kind::ClusterCreated => {
            ClusterCreated { cluster: ClusterId::new("9b1c22aa77e0d1f3"), name: "demo".into(), ca: hash("ca") }.into()
        }
        Kind::ClusterRestored => ClusterRestored {
            cluster: ClusterId::new("77aa00112233ffee"),
            name: "demo".into(),
            ca: hash("another ca"),
            previous: ClusterId::new("9b1c22aa77e0d1f3"),
            position: Seq(4711),
            chain: hash("chain"),
            state: hash("state"),
            host: NODE,
            missing: vec![hash("gone")],
        }
        .into(),
        Kind::NodeJoined => NodeJoined {
            node: NODE,
            name: "n1".into(),
            address: "127.0.0.1:7001".into(),
            fingerprint: hash("key of n1"),
            token: Some(token()),
        }
        .into(),
        Kind::HostOnline => HostOnline { host: NODE, incarnation: 1_700_000_000_123, slots: 2 }.into(),
        Kind::HostOffline => {
            HostOffline { host: NODE, last_heard_at: Millis(1_700_000_005_000), reason: OfflineReason::Silent }.into()
        }
        Kind::LeaderElected => LeaderElected { leader: NODE, term: Term(3), previous: Some(PEER) }.into(),
        Kind::VotersChanged => VotersChanged { voters: vec![NODE], learners: vec![PEER] }.into(),
        Kind::QuorumHealthChanged => {
            QuorumHealthChanged { from: QuorumHealth::Healthy, to: QuorumHealth::Minimum, online: 2, voters: 3 }.into()
        }
        Kind::StateDigested => StateDigested {
            position: Seq(41),
            digests: vec![ProjectionDigest { projection: "jobs".into(), digest: hash("rows") }],
        }
        .into(),
        Kind::TokenCreated => TokenCreated {
            token: token(),
            secret: hash("secret"),
            expires_at: Millis(1_700_003_600_000),
            actor: "ada".into(),
        }
        .into(),
        _ => ProjectionDiverged {
            host: PEER,
            position: Seq(41),
            projection: "jobs".into(),
            expected: hash("rows"),
            found: hash("other rows"),
        }
        .into(),
    }
}

fn history() -> Event {
    LogRepaired {
        host: NODE,
        segment: "00000000000000004711.seg".into(),
        first_index: 4_711,
        last_index: 5_000,
        first_seq: Seq(9_000),
        last_seq: Seq(9_400),
        reason: "checksum mismatch".into(),
        source: PEER,
    }
    .into()
}

fn archived() -> Event {
    HistoryArchived {
        host: NODE,
        first_index: 4_711,
        last_index: 5_000,
        first_seq: Seq(9_000),
        last_seq: Seq(9_400),
        blob: hash("segment"),
        bytes: 16_000_000,
        chain_before: hash("chain before"),
        chain: hash("chain"),
    }
    .into()
}

fn identity(kind: Kind) -> Event {
    let token = ApiTokenId::new("5f0e1c2299ab3d47");
    match kind {
        Kind::CertificateRenewed => CertificateRenewed {
            host: NODE,
            fingerprint: hash("certificate"),
            not_after: Millis(1_763_000_000_000),
            actor: "n1".into(),
        }
        .into(),
        Kind::ApiTokenCreated => ApiTokenCreated {
            token,
            key: hash("key of a token"),
            name: "grace".into(),
            role: ApiRole::Operator,
            expires_at: Millis(1_700_003_600_000),
            actor: "ada".into(),
        }
        .into(),
        _ => ApiTokenRevoked { token, actor: "ada".into() }.into(),
    }
}

fn membership(kind: Kind) -> Event {
    match kind {
        Kind::MemberRoleChanged => MemberRoleChanged {
            node: PEER,
            role: MemberRole::Voter,
            reason: RoleReason::VoterGone,
            instead_of: Some(NODE),
            offline_ms: Some(600_100),
            actor: None,
            forced: false,
        }
        .into(),
        Kind::MemberRemoved => {
            MemberRemoved { node: PEER, name: "n2".into(), actor: "ada".into(), forced: true }.into()
        }
        Kind::MemberMoved => {
            MemberMoved { node: PEER, from: "10.0.0.2:7001".into(), to: "10.0.7.2:7001".into() }.into()
        }
        Kind::MembershipConfigured => MembershipConfigured {
            config: MembershipConfig { voters: 5, voter_gone_ms: 300_000, learner_stable_ms: 30_000 },
            actor: "ada".into(),
        }
        .into(),
        Kind::LeaderTransferRequested => LeaderTransferRequested { to: PEER, actor: "ada".into() }.into(),
        _ => ClusterVersionRaised { from: 1, to: 2 }.into(),
    }
}

fn jobs(kind: Kind) -> Event {
    let (host, token) = (NODE, TOKEN);
    match kind {
        Kind::JobQueued => JobQueued {
            job: job(),
            spec: specs().swap_remove(0),
            priority: -5,
            lease_ms: 15_000,
            attempts_max: 5,
            avoid: vec![PEER],
        }
        .into(),
        Kind::JobClaimed => JobClaimed { job: job(), host, attempt: 1 }.into(),
        Kind::JobSubmitted => JobSubmitted { job: job(), actor: "ada".into() }.into(),
        Kind::JobStarted => JobStarted { job: job(), host, token }.into(),
        Kind::JobCompleted => JobCompleted { job: job(), host, token, elapsed_ms: 4_200 }.into(),
        Kind::JobFailed => JobFailed { job: job(), host, token, error: "the worker died".into(), retry: true }.into(),
        Kind::JobLeaseExpired => JobLeaseExpired { job: job(), host, token }.into(),
        Kind::JobResultRefused => JobResultRefused {
            job: job(),
            host,
            token,
            current: Some(Seq(29)),
            reason: "the lease expired".into(),
            artifacts: vec![hash("batch")],
        }
        .into(),
        Kind::JobCancelled => JobCancelled { job: job(), reason: "enough games".into() }.into(),
        _ => ExternalResultRecorded { job: job(), output: "{\"words\":2}".into(), artifacts: vec![hash("report")] }
            .into(),
    }
}

fn games(kind: Kind) -> Event {
    let batch = hash("batch");
    match kind {
        Kind::GamesRecorded => GamesRecorded {
            batch,
            job: job(),
            host: NODE,
            game: game(),
            generation: 1,
            model: origin(),
            games: 40,
            positions: 1_000,
            simulations: 47_520,
        }
        .into(),
        Kind::GamesVerified => GamesVerified { batch, host: PEER, tally: tally() }.into(),
        Kind::GamesMeasured => GamesMeasured { batch, host: PEER, measures: measures() }.into(),
        Kind::QualityExplained => {
            let (budget, novelty, length_z) = (Real::ONE, Real(800_000), Some(Real(-1_500_000)));
            QualityExplained { batch, parts: QualityParts { budget, novelty, length_z, length_is_odd: false } }.into()
        }
        Kind::GamesQuarantined => {
            GamesQuarantined { batch, host: PEER, game: Some(3), reason: "ply 7 is illegal".into() }.into()
        }
        Kind::QualityScoreUpdated => QualityScoreUpdated {
            batch,
            score: Real(965_250),
            games: 40,
            coverage: Real(990_000),
            diversity: Real(975_000),
        }
        .into(),
        Kind::DatasetWeighed => {
            let (elo, quality, weight) = (Some(Real(212_000_000)), Real(965_250), Real(740_000));
            let batches = vec![BatchWeight { batch, model: origin(), elo, quality, weight }];
            DatasetWeighed { dataset: dataset(), batches }.into()
        }
        _ => DatasetSealed {
            dataset: dataset(),
            game: game(),
            generation: 1,
            batches: vec![batch],
            games: 40,
            positions: 1_000,
            quality: Real(965_250),
            content: hash("content"),
        }
        .into(),
    }
}

fn plan() -> TrainingPlan {
    let adam_w =
        AdamW { learning_rate: Real(3_000), beta1: Real(900_000), beta2: Real(999_000), weight_decay: Real(20_000) };
    let recipe = TrainingRecipe {
        steps: 250,
        batch: 256,
        warmup_steps: 20,
        optimizer: Optimizer::AdamW(adam_w),
        value_weight: Real::ONE,
        gradient_norm_max: Real(5_000_000),
        loss_growth_max: Real(10_000_000),
        average_decay: Real(990_000),
        validation: Validation { share: Real(50_000), samples_max: 4_096, every_steps: 25, patience: 6 },
    };
    TrainingPlan {
        dataset: dataset(),
        content: hash("content"),
        parent: origin(),
        parent_weights: hash("weights 0"),
        recipe_hash: recipe.hash(),
        recipe,
    }
}

fn training(kind: Kind) -> Event {
    match kind {
        Kind::TrainingTriggered => TrainingTriggered {
            run: run(),
            game: game(),
            generation: 1,
            dataset: dataset(),
            parent: origin(),
            recipe: config_v1().train,
        }
        .into(),
        Kind::TrainingPlanned => TrainingPlanned { run: run(), plan: plan() }.into(),
        Kind::TrainingManifestRecorded => {
            let (artifact, encoder) = (hash("manifest"), hash("encoder"));
            let manifest = TrainingManifest { artifact, encoder, games: 40, held_out: 2 };
            TrainingManifestRecorded { run: run(), manifest }.into()
        }
        Kind::TrainingCurveRecorded => {
            let losses = |step| ValidationLosses { step, policy_loss: Real(1_400_000), value_loss: Real(650_000) };
            let curve = TrainingCurve { artifact: hash("curve"), best: Some(losses(60)), last: Some(losses(90)) };
            TrainingCurveRecorded { run: run(), curve }.into()
        }
        Kind::TrainingStarted => TrainingStarted { run: run(), job: job(), host: NODE, token: TOKEN }.into(),
        Kind::TrainingProgressed => TrainingProgressed { run: run(), progress: progress() }.into(),
        Kind::TrainingCompleted => TrainingCompleted {
            run: run(),
            model: candidate(),
            weights: hash("weights 1"),
            parameters: 31_415,
            samples: 990,
            progress: progress(),
        }
        .into(),
        _ => TrainingFailed { run: run(), reason: "the loss is not a number".into() }.into(),
    }
}

fn evaluation(kind: Kind) -> Event {
    let gate = config().gate;
    match kind {
        Kind::GauntletStarted => GauntletStarted {
            gauntlet: gauntlet(),
            game: game(),
            generation: 1,
            purpose: GauntletPurpose::Promotion,
            candidate: contender(),
            matches: vec![
                MatchPlan { opponent: Contender::Random, pairs: 20 },
                MatchPlan { opponent: Contender::AlphaBeta(4), pairs: 20 },
            ],
            seed: 7,
        }
        .into(),
        Kind::MatchesPlayed => MatchesPlayed {
            gauntlet: gauntlet(),
            job: job(),
            host: NODE,
            opponent: 1,
            first_pair: 10,
            tally: MatchTally {
                wins: 11,
                draws: 1,
                losses: 8,
                pairs: vec![1, 0, 6, 1, 2],
                candidate_weights: hash("weights 1"),
                candidate_leaves: 12_345,
            },
        }
        .into(),
        Kind::GauntletConcluded => {
            GauntletConcluded { gauntlet: gauntlet(), candidate: candidate(), scores: vec![score()] }.into()
        }
        Kind::ModelInitialized => ModelInitialized {
            model: origin(),
            game: game(),
            weights: hash("weights 0"),
            net: "tiny".into(),
            parameters: 31_415,
        }
        .into(),
        Kind::ModelPromoted => ModelPromoted {
            model: candidate(),
            generation: 1,
            previous: Some(origin()),
            gauntlet: Some(gauntlet()),
            evidence: vec![score()],
            gate,
        }
        .into(),
        _ => PromotionRejected {
            model: candidate(),
            generation: 1,
            gauntlet: gauntlet(),
            evidence: vec![score()],
            gate,
            reasons: vec!["not surely better than the champion".into()],
        }
        .into(),
    }
}

fn judgement(kind: Kind) -> Event {
    let (gauntlet, opponent, chance) = (gauntlet(), 1, Real(50_000));
    match kind {
        Kind::SequentialTestPlanned => SequentialTestPlanned {
            gauntlet,
            opponent,
            seats: 2,
            rule: SequentialRule {
                elo0: Real::ZERO,
                elo1: Real(20_000_000),
                alpha: chance,
                beta: chance,
                groups_min: 20,
                groups_max: 800,
            },
            voids_max: Real(20_000),
        }
        .into(),
        Kind::EvaluatorFaulty => {
            EvaluatorFaulty { gauntlet, share: Real(200_000), parity: Real(500_000), games: 40 }.into()
        }
        Kind::CampaignStalled => CampaignStalled {
            game: game(),
            generation: 5,
            failed: 5,
            reasons: vec!["not surely better than the champion".into()],
        }
        .into(),
        Kind::MatchesAttested => {
            let net = SeatAttestation { weights: Some(hash("weights 1")), decisions: 12, leaves: 612 };
            let other = SeatAttestation { weights: None, decisions: 0, leaves: 0 };
            let game = |turn, units, seats| GameAttestation { group: 10, turn, units, plies: 25, seats };
            let games = vec![game(0, 2, vec![net, other]), game(1, 1, vec![other, net])];
            MatchesAttested { gauntlet, job: job(), host: NODE, games }.into()
        }
        _ => SequentialTestConcluded {
            gauntlet,
            opponent,
            verdict: TestVerdict::Better,
            groups: 60,
            llr: Real(3_012_345),
            lower: Real(-2_944_439),
            upper: Real(2_944_439),
            voids: 0,
            games: 200,
        }
        .into(),
    }
}

fn rest(kind: Kind) -> Event {
    let (artifact, host) = (hash("batch"), NODE);
    match kind {
        Kind::ArtifactStored => ArtifactStored { artifact, kind: ArtifactKind::Games, bytes: 65_536, host }.into(),
        Kind::ArtifactAssigned => ArtifactAssigned { artifact, host: PEER, reason: AssignReason::Replication }.into(),
        Kind::ArtifactVerified => ArtifactVerified { artifact, host: PEER }.into(),
        Kind::ArtifactLost => ArtifactLost { artifact, host, reason: "the file is gone".into() }.into(),
        Kind::ConfigChanged => ConfigChanged { config: config::that_says_more(), actor: "ada".into() }.into(),
        Kind::ProducerRegistered => {
            ProducerRegistered { producer: NodeId(0x77), name: "provider-watch".into(), actor: "ada".into() }.into()
        }
        Kind::NoteRecorded => NoteRecorded { author: "ada".into(), text: "the provider of PEER changed".into() }.into(),
        Kind::GenerationOpened => GenerationOpened { game: game(), generation: 1, champion: origin() }.into(),
        Kind::StageOverdue => {
            let (since, limit_ms) = (Millis(1_700_000_000_000), 21_600_000);
            StageOverdue { game: game(), generation: 1, stage: Stage::Dataset, since, limit_ms }.into()
        }
        Kind::StageCaughtUp => StageCaughtUp { game: game(), generation: 1, stage: Stage::Dataset }.into(),
        Kind::GenerationTaught => GenerationTaught { game: game(), generation: 1, teaching: teaching() }.into(),
        _ => CampaignCompleted { game: game(), generations: 1, champion: candidate(), exam: vec![score()] }.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_sample_of_its_own() {
        for kind in Kind::ALL {
            assert_eq!(sample(*kind).kind(), *kind);
        }
    }
}
