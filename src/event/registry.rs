//! The registry of events: kind number, version, name and body of each. It only grows.
//!
//! A number is never reused and a released line never changes. A new shape of an event is a new version: its body gets
//! a struct of its own, and the old struct stays. `from v 1 since 1 room::Body` behind a line names an older version, the
//! newest of them first. [`Event::decode`] lifts every older body to the newest (`From`), so nobody else meets one; a cluster
//! whose members do not all read the newest yet is written the older one ([`Lower`]), and what that one cannot say is held back.

use serde_json::Value;

use super::error::EventError;
use super::{
    artifacts, campaign, cluster, config, config_v1, datasets, evaluation, games, history, identity, jobs, judgement,
    membership, models, notes, quality, training,
};

/// The format version of this build: it reads every version of a body that came with this version or an earlier one. It is raised with
/// the bodies of a release; one is written only when the cluster runs at its version (`CLUSTER_VERSION_RAISED`).
pub const FORMAT_VERSION: u32 = 3;

/// A body that members of an older build may have to read.
pub trait Lower<Old> {
    /// The same fact in the older shape; none where that shape cannot say all of it. What is lifted again (`From`) is the
    /// same as before: a cluster folds from what was written.
    fn lower(&self) -> Option<Old>;
}

/// The format version with which a version of a body came: 1 where its line says nothing.
macro_rules! since {
    () => {
        1
    };
    ($since:literal) => {
        $since
    };
}

/// A body from its rkyv bytes.
macro_rules! read {
    ($room:ident :: $body:ident, $bytes:ident) => {
        rkyv::access::<<$room::$body as rkyv::Archive>::Archived, rkyv::rancor::Error>($bytes)
            .and_then(|archived| rkyv::deserialize::<$room::$body, rkyv::rancor::Error>(archived))
    };
}

macro_rules! events {
    ($(
        $number:literal v $version:literal $(since $since:literal)? $name:literal $room:ident :: $body:ident
        $(from v $old:literal since $old_since:literal $old_room:ident :: $old_body:ident)*
    )*) => {
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

            /// The newest version of the body: that of every [`Event`], whatever it was written as.
            pub fn version(self) -> u16 {
                match self { $(Kind::$body => $version,)* }
            }

            /// Every version of the body, the newest first, with the format version with which it came (see [`FORMAT_VERSION`]).
            pub fn versions(self) -> &'static [(u16, u32)] {
                match self { $(Kind::$body => &[($version, since!($($since)?)), $(($old, $old_since)),*],)* }
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

            /// The JSON schema of a version of the body; none for a version that there is not.
            pub fn schema(self, version: u16) -> Option<schemars::Schema> {
                match (self, version) {
                    $(
                        (Kind::$body, $version) => Some(schemars::schema_for!($room::$body)),
                        $((Kind::$body, $old) => Some(schemars::schema_for!($old_room::$old_body)),)*
                    )*
                    _ => None,
                }
            }
        }

        impl Event {
            /// The event's kind.
            pub fn kind(&self) -> Kind {
                match self { $(Event::$body(_) => Kind::$body,)* }
            }

            /// The bytes of the body in its newest version. A pure function of the value.
            pub fn encode(&self) -> Vec<u8> {
                match self { $(Event::$body(body) => bytes_of(body),)* }
            }

            /// The bytes of the body in this version; none for a version that there is not, or that cannot say all of it.
            pub fn encode_as(&self, version: u16) -> Option<Vec<u8>> {
                match (self, version) {
                    $(
                        (Event::$body(body), $version) => Some(bytes_of(body)),
                        $((Event::$body(body), $old) => Lower::<$old_room::$old_body>::lower(body).map(|old| bytes_of(&old)),)*
                    )*
                    _ => None,
                }
            }

            /// The newest version of the body that members of this format version read, if one can say all of it.
            pub fn version_for(&self, format: u32) -> Option<u16> {
                match self {
                    $(Event::$body(_body) => {
                        if since!($($since)?) <= format {
                            return Some($version);
                        }
                        $(if $old_since <= format {
                            return Lower::<$old_room::$old_body>::lower(_body).map(|_| $old);
                        })*
                        None
                    })*
                }
            }

            /// Reads the body of a kind and version.
            ///
            /// # Errors
            /// [`EventError::Unknown`] for a kind or version that this build does not know, [`EventError::Body`] for
            /// bytes that do not form a value.
            pub fn decode(kind: u16, version: u16, bytes: &[u8]) -> Result<Event, EventError> {
                match (kind, version) {
                    $(
                        ($number, $version) => read!($room::$body, bytes).map(Event::$body),
                        $(($number, $old) => read!($old_room::$old_body, bytes).map(|old| Event::$body(old.into())),)*
                    )*
                    _ => return Err(EventError::Unknown { kind, version }),
                }
                .map_err(|error| EventError::Body {
                    kind: Kind::from_number(kind).map_or("", Kind::name),
                    version,
                    reason: error.to_string(),
                })
            }

            /// The body as JSON, in an older version; as [`Event::encode_as`].
            pub fn json_as(&self, version: u16) -> Option<Value> {
                match (self, version) {
                    $($((Event::$body(body), $old) => {
                        serde_json::to_value(Lower::<$old_room::$old_body>::lower(body)?).ok()
                    })*)*
                    (_, newest) if newest == self.kind().version() => Some(self.body_json()),
                    _ => None,
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
    0x0165 v 1 since 3 "MEMBER_MOVED" membership::MemberMoved
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
    0x0a01 v 2 since 3 "CONFIG_CHANGED" config::ConfigChanged from v 1 since 1 config_v1::ConfigChanged
    0x0b01 v 1 "GENERATION_OPENED" campaign::GenerationOpened
    0x0b02 v 1 "CAMPAIGN_COMPLETED" campaign::CampaignCompleted
    0x0b10 v 1 since 3 "STAGE_OVERDUE" campaign::StageOverdue
    0x0b11 v 1 since 3 "STAGE_CAUGHT_UP" campaign::StageCaughtUp
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
    0x0e20 v 1 since 3 "EVALUATOR_FAULTY" judgement::EvaluatorFaulty
    0x0f01 v 1 since 2 "TRAINING_PLANNED" training::TrainingPlanned
    0x0f10 v 1 since 2 "TRAINING_CURVE_RECORDED" training::TrainingCurveRecorded
}

impl Kind {
    /// The format version with which the kind came: that of its oldest version.
    pub fn since(self) -> u32 {
        self.versions().iter().map(|(_, since)| *since).min().unwrap_or(FORMAT_VERSION)
    }

    /// The format version with which a version of the body came; none for a version that there is not.
    pub fn since_version(self, version: u16) -> Option<u32> {
        self.versions().iter().find(|(known, _)| *known == version).map(|(_, since)| *since)
    }
}

impl Event {
    /// The lowest format version whose members can be told all of this.
    pub fn needs(&self) -> u32 {
        let oldest_first = self.kind().versions().iter().rev();
        let since = oldest_first.map(|(_, since)| *since).find(|since| self.version_for(*since).is_some());
        since.unwrap_or(FORMAT_VERSION)
    }
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
