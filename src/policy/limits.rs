//! Every number that decides something and is not in the configuration, in one place.

/// How often a node says that it lives, in milliseconds.
pub const HEARTBEAT_EVERY_MS: u64 = 200;
/// Heartbeats that a host may miss at least before it counts as offline: one lost datagram, or two, must never do it.
pub const HEARTBEATS_MISSED_MIN: u64 = 3;

/// Priority of jobs that make generation 0: nothing goes on without it.
pub const PRIORITY_INIT: i32 = 50;
/// Priority of verification: games count only when they are verified.
pub const PRIORITY_VERIFY: i32 = 40;
/// Priority of training.
pub const PRIORITY_TRAIN: i32 = 30;
/// Priority of gauntlets: before self-play, so that candidates never starve.
pub const PRIORITY_GAUNTLET: i32 = 20;
/// Priority of self-play.
pub const PRIORITY_SELF_PLAY: i32 = 10;
/// The highest priority of jobs that people submit, whatever they ask for: before self-play, behind everything that a candidate waits for.
pub const PRIORITY_EXTERNAL_MAX: i32 = PRIORITY_GAUNTLET - 1;

/// Self-play jobs that wait at a time. More are queued as they are claimed.
pub const SELF_PLAY_QUEUED_MAX: usize = 64;
/// Gauntlet jobs that wait at a time.
pub const GAUNTLET_QUEUED_MAX: usize = 64;
/// External jobs that wait at a time. Beyond it a submission is refused.
pub const EXTERNAL_QUEUED_MAX: usize = 10_000;
/// Groups of a gauntlet's job at most: the attestation of every game of them stands in one record, below 64 KiB with four seats.
pub const GAUNTLET_JOB_GROUPS_MAX: u32 = 64;
/// Jobs of the node itself (verification) that a host runs beside its slots.
pub const VERIFY_SLOTS: usize = 1;
/// Jobs given out in one claim at most.
pub const CLAIM_JOBS_MAX: u32 = 64;

/// After a failed attempt a job waits this long, twice as long after each further one, up to the maximum.
pub const RETRY_DELAY_MS: u64 = 500;
/// The longest wait of a job after a failed attempt.
pub const RETRY_DELAY_MS_MAX: u64 = 30_000;
/// After a job failed for good, no other of its kind is queued in its place for this long.
pub const REPLACE_DELAY_MS: u64 = 10_000;
/// A job that waited this long is given to hosts that should avoid it too: perhaps nobody else can run it.
pub const AVOID_MS_MAX: u64 = 30_000;

/// Simulations of a teacher: four times as many as beat its judgement in nine games of ten cost four times as much and teach hardly more.
pub const TEACHER_SIMULATIONS: u32 = 32;
/// Actions that a teacher considers at the root.
pub const TEACHER_CONSIDERED: u32 = 16;

/// Training runs for a generation. When all have failed, the generation ends without a candidate.
pub const RUNS_MAX: usize = 3;
/// Generations in a row without a champion after which a campaign stalls: more of the same costs and brings nothing, so a person has
/// to change the configuration.
pub const FAILED_GENERATIONS_MAX: u32 = 5;
/// Earlier batches with whose positions those of a batch are compared.
pub const NOVELTY_BATCHES_MAX: usize = 1_024;
/// Batches in a dataset: their names must fit into one record. The oldest are left out.
pub const DATASET_BATCHES_MAX: usize = 16_384;
/// Copies for safety that a host is asked to fetch at a time. Champions do not count.
pub const ASSIGNED_MAX: usize = 8;
/// A host that was asked for a copy and does not have it after this long counts as one that will not get it: somebody else is asked too.
pub const ASSIGNED_MS_MAX: u64 = 10 * 60_000;
/// Decisions of one call of one policy. The rest follows in the next call.
pub const DECISIONS_MAX: usize = 1_024;
/// Bytes of a text in an event that comes from a worker. The rest is cut off.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// Bytes of an external job's parameters or output.
pub const EXTERNAL_BYTES_MAX: usize = 256 << 10;
/// Blobs that an external job may name, as inputs or as results.
pub const EXTERNAL_BLOBS_MAX: usize = 1_024;
/// Bytes of the picture of a training run's losses.
pub const CURVE_BYTES_MAX: u64 = 1 << 20;
/// Bytes of the manifest of what a training run learned from: some hundred for each game.
pub const MANIFEST_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a note.
pub const NOTE_BYTES_MAX: usize = 16 << 10;
/// Seats of a game that a verifier may count wins for.
pub const SEATS_MAX: usize = 8;
/// Bytes of a name, an address or an id.
pub const NAME_BYTES_MAX: usize = 128;
/// The longest that a join token is valid: 30 days.
pub const TOKEN_TTL_MS_MAX: u64 = 30 * 24 * 3_600_000;
/// Bytes of the name of whoever asks for something.
pub const ACTOR_BYTES_MAX: usize = NAME_BYTES_MAX;
/// Bytes of the name of a token's holder: it stands in actors' names, and in a certificate.
pub const API_TOKEN_NAME_BYTES_MAX: usize = 64;
/// The longest that a token for the client API is valid: a year.
pub const API_TOKEN_TTL_MS_MAX: u64 = 366 * 24 * 3_600_000;
/// Tokens for the client API that are valid at a time. Beyond it a new one is refused.
pub const API_TOKENS_OPEN_MAX: usize = 500;
/// Tokens that are neither used nor expired. Beyond it a new one is refused.
pub const TOKENS_OPEN_MAX: usize = 500;

/// Voters at most: more make every write slower and tolerate hardly more failures.
pub const VOTERS_MAX: u32 = 7;
/// Learners at most: the leader sends the log to each of them. A node that would be one more may not join; members that are
/// more all the same (because fewer of them are to vote) wait without the log.
pub const LEARNERS_MAX: usize = 50;
/// A learner that is at most this many records behind has caught up.
pub const CAUGHT_UP_RECORDS: u64 = 1_000;
/// Nodes that one command names at most.
pub const NODES_PER_COMMAND_MAX: usize = 64;
/// Blobs that a restored cluster may lack: their names stand in one record. A backup that lacks more is no backup.
pub const MISSING_BLOBS_MAX: usize = 10_000;
