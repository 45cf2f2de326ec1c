//! The registry of events: kind number, version, name and body of each. It only grows.
//!
//! A number is never reused and a released line never changes. A new shape of an event is a new version: its body gets
//! a struct of its own, the old struct stays, and [`Event::decode`] lifts the old one to the new.

use serde_json::Value;

use super::error::EventError;
use super::{
    artifacts, campaign, cluster, config, datasets, evaluation, games, history, identity, jobs, judgement, membership,
    models, notes, quality, training,
};

/// The format version of this build: it reads every kind that came with this version or an earlier one. It is raised with
/// the kinds of a release; a kind is written only when the cluster runs at its version (`CLUSTER_VERSION_RAISED`).
pub const FORMAT_VERSION: u32 = 2;

/// The format version with which a kind came: 1 where its line says nothing.
macro_rules! since {
    () => {
        1
    };
    ($since:literal) => {
        $since
    };
}

macro_rules! events {
    ($($number:literal v $version:literal $(since $since:literal)? $name:literal $room:ident :: $body:ident)*) => {
        /// Every fact that the log can hold.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Event {
            $(
                #[doc = concat!("`", $name, "`: see [`", stringify!($room), "::", stringify!($body), "`].")]
                $body($room::$body),
            )*
        }

        /// What kind of fact an event is, without its body.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $(#[doc = concat!("`", $name, "`.")] $body,)*
        }

        impl Kind {
            /// Every kind, in order of number.
            pub const ALL: &'static [Kind] = &[$(Kind::$body),*];

            /// The number in the record's header.
            pub fn number(self) -> u16 {
                match self { $(Kind::$body => $number,)* }
            }

            /// The version that this build writes.
            pub fn version(self) -> u16 {
                match self { $(Kind::$body => $version,)* }
            }

            /// The format version with which the kind came; see [`FORMAT_VERSION`].
            pub fn since(self) -> u32 {
                match self { $(Kind::$body => since!($($since)?),)* }
            }

            /// The name on every surface.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$body => $name,)* }
            }

            /// The kind with this number.
            pub fn from_number(number: u16) -> Option<Kind> {
                match number { $($number => Some(Kind::$body),)* _ => None }
            }

            /// The domain (file) of the event.
            pub fn domain(self) -> &'static str {
                match self { $(Kind::$body => stringify!($room),)* }
            }

            /// The JSON schema of the body.
            pub fn schema(self) -> schemars::Schema {
                match self { $(Kind::$body => schemars::schema_for!($room::$body),)* }
            }
        }

        impl Event {
            /// The event's kind.
            pub fn kind(&self) -> Kind {
                match self { $(Event::$body(_) => Kind::$body,)* }
            }

            /// The bytes of the body. A pure function of the value.
            pub fn encode(&self) -> Vec<u8> {
                match self { $(Event::$body(body) => bytes_of(body),)* }
            }

            /// Reads the body of a kind and version.
            ///
            /// # Errors
            /// [`EventError::Unknown`] for a kind or version that this build does not know, [`EventError::Body`] for
            /// bytes that do not form a value.
            pub fn decode(kind: u16, version: u16, bytes: &[u8]) -> Result<Event, EventError> {
                match (kind, version) {
                    $(($number, $version) => {
                        let archived = rkyv::access::<<$room::$body as rkyv::Archive>::Archived, rkyv::rancor::Error>(bytes)
                            .map_err(|error| EventError::Body { kind: $name, version, reason: error.to_string() })?;
                        rkyv::deserialize::<$room::$body, rkyv::rancor::Error>(archived)
                            .map(Event::$body)
                            .map_err(|error| EventError::Body { kind: $name, version, reason: error.to_string() })
                    })*
                    _ => Err(EventError::Unknown { kind, version }),
                }
            }

            /// The body as JSON.
            pub fn body_json(&self) -> Value {
                let value = match self { $(Event::$body(body) => serde_json::to_value(body),)* };
                value.expect("event bodies are plain data with text keys")
            }

            /// Reads the body of a kind from JSON.
            ///
            /// # Errors
            /// What serde says when `body` is not a value of the kind.
            pub fn from_json(kind: Kind, body: Value) -> Result<Event, serde_json::Error> {
                match kind { $(Kind::$body => serde_json::from_value(body).map(Event::$body),)* }
            }
        }

        $(
            impl From<$room::$body> for Event {
                fn from(body: $room::$body) -> Event {
                    Event::$body(body)
                }
            }
        )*
    };
}

events! {
    0x0101 v 1 "CLUSTER_CREATED" cluster::ClusterCreated
    0x0102 v 1 "NODE_JOINED" cluster::NodeJoined
    0x0103 v 1 "HOST_ONLINE" cluster::HostOnline
    0x0104 v 1 "HOST_OFFLINE" cluster::HostOffline
    0x0105 v 1 "LEADER_ELECTED" cluster::LeaderElected
    0x0106 v 1 "VOTERS_CHANGED" cluster::VotersChanged
    0x0107 v 1 "QUORUM_HEALTH_CHANGED" cluster::QuorumHealthChanged
    0x0108 v 1 "STATE_DIGESTED" cluster::StateDigested
    0x0109 v 1 "PROJECTION_DIVERGED" cluster::ProjectionDiverged
    0x010a v 1 "TOKEN_CREATED" cluster::TokenCreated
    0x0160 v 1 since 2 "MEMBER_ROLE_CHANGED" membership::MemberRoleChanged
    0x0161 v 1 since 2 "MEMBER_REMOVED" membership::MemberRemoved
    0x0162 v 1 since 2 "MEMBERSHIP_CONFIGURED" membership::MembershipConfigured
    0x0163 v 1 since 2 "LEADER_TRANSFER_REQUESTED" membership::LeaderTransferRequested
    0x0164 v 1 since 2 "CLUSTER_VERSION_RAISED" membership::ClusterVersionRaised
    0x0170 v 1 since 2 "LOG_REPAIRED" history::LogRepaired
    0x0180 v 1 "CLUSTER_RESTORED" cluster::ClusterRestored
    0x0190 v 1 since 2 "CERTIFICATE_RENEWED" identity::CertificateRenewed
    0x0191 v 1 since 2 "API_TOKEN_CREATED" identity::ApiTokenCreated
    0x0192 v 1 since 2 "API_TOKEN_REVOKED" identity::ApiTokenRevoked
    0x0201 v 1 "JOB_QUEUED" jobs::JobQueued
    0x0202 v 1 "JOB_CLAIMED" jobs::JobClaimed
    0x0203 v 1 "JOB_STARTED" jobs::JobStarted
    0x0204 v 1 "JOB_COMPLETED" jobs::JobCompleted
    0x0205 v 1 "JOB_FAILED" jobs::JobFailed
    0x0206 v 1 "JOB_LEASE_EXPIRED" jobs::JobLeaseExpired
    0x0207 v 1 "JOB_RESULT_REFUSED" jobs::JobResultRefused
    0x0208 v 1 "JOB_CANCELLED" jobs::JobCancelled
    0x0209 v 1 "EXTERNAL_RESULT_RECORDED" jobs::ExternalResultRecorded
    0x0290 v 1 since 2 "JOB_SUBMITTED" jobs::JobSubmitted
    0x0301 v 1 "GAMES_RECORDED" games::GamesRecorded
    0x0302 v 1 "GAMES_VERIFIED" games::GamesVerified
    0x0303 v 1 "GAMES_QUARANTINED" games::GamesQuarantined
    0x0401 v 1 "QUALITY_SCORE_UPDATED" quality::QualityScoreUpdated
    0x0501 v 1 "DATASET_SEALED" datasets::DatasetSealed
    0x0601 v 1 "TRAINING_TRIGGERED" training::TrainingTriggered
    0x0602 v 1 "TRAINING_STARTED" training::TrainingStarted
    0x0603 v 1 "TRAINING_PROGRESSED" training::TrainingProgressed
    0x0604 v 1 "TRAINING_COMPLETED" training::TrainingCompleted
    0x0605 v 1 "TRAINING_FAILED" training::TrainingFailed
    0x0701 v 1 "GAUNTLET_STARTED" evaluation::GauntletStarted
    0x0702 v 1 "MATCHES_PLAYED" evaluation::MatchesPlayed
    0x0703 v 1 "GAUNTLET_CONCLUDED" evaluation::GauntletConcluded
    0x0801 v 1 "MODEL_INITIALIZED" models::ModelInitialized
    0x0802 v 1 "MODEL_PROMOTED" models::ModelPromoted
    0x0803 v 1 "PROMOTION_REJECTED" models::PromotionRejected
    0x0901 v 1 "ARTIFACT_STORED" artifacts::ArtifactStored
    0x0902 v 1 "ARTIFACT_ASSIGNED" artifacts::ArtifactAssigned
    0x0903 v 1 "ARTIFACT_VERIFIED" artifacts::ArtifactVerified
    0x0904 v 1 "ARTIFACT_LOST" artifacts::ArtifactLost
    0x0a01 v 1 "CONFIG_CHANGED" config::ConfigChanged
    0x0b01 v 1 "GENERATION_OPENED" campaign::GenerationOpened
    0x0b02 v 1 "CAMPAIGN_COMPLETED" campaign::CampaignCompleted
    0x0c01 v 1 "PRODUCER_REGISTERED" notes::ProducerRegistered
    0x0c02 v 1 "NOTE_RECORDED" notes::NoteRecorded
    0x0d01 v 1 since 2 "HISTORY_ARCHIVED" history::HistoryArchived
    0x0e01 v 1 since 2 "SEQUENTIAL_TEST_PLANNED" judgement::SequentialTestPlanned
    0x0e02 v 1 since 2 "SEQUENTIAL_TEST_CONCLUDED" judgement::SequentialTestConcluded
    0x0e10 v 1 since 2 "MATCHES_ATTESTED" judgement::MatchesAttested
    0x0e11 v 1 since 2 "CAMPAIGN_STALLED" judgement::CampaignStalled
    0x0e14 v 1 since 2 "DATASET_WEIGHED" datasets::DatasetWeighed
    0x0e15 v 1 since 2 "TRAINING_MANIFEST_RECORDED" training::TrainingManifestRecorded
    0x0e16 v 1 since 2 "GENERATION_TAUGHT" campaign::GenerationTaught
    0x0e17 v 1 since 2 "GAMES_MEASURED" games::GamesMeasured
    0x0e18 v 1 since 2 "QUALITY_EXPLAINED" quality::QualityExplained
    0x0e20 v 1 since 2 "EVALUATOR_FAULTY" judgement::EvaluatorFaulty
    0x0f01 v 1 since 2 "TRAINING_PLANNED" training::TrainingPlanned
    0x0f10 v 1 since 2 "TRAINING_CURVE_RECORDED" training::TrainingCurveRecorded
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Kind {
    type Err = EventError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kind::ALL
            .iter()
            .copied()
            .find(|kind| kind.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| EventError::BadId { what: "event kind", text: text.to_owned() })
    }
}

/// The rkyv bytes of plain data.
pub(crate) fn bytes_of<T>(value: &T) -> Vec<u8>
where
    T: for<'a> rkyv::Serialize<
            rkyv::api::high::HighSerializer<
                rkyv::util::AlignedVec,
                rkyv::ser::allocator::ArenaHandle<'a>,
                rkyv::rancor::Error,
            >,
        >,
{
    rkyv::to_bytes::<rkyv::rancor::Error>(value).expect("plain data always serialises").into_vec()
}
