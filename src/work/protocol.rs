//! The worker protocol, version 1: JSON Lines over stdin (node to worker) and stdout (worker to node).
//!
//! The worker says `hello` first. Then the node sends one `job` at a time; the worker answers with any number of
//! `progress` lines and exactly one `result` or `error`. `cancel` asks it to stop the job with an `error`; `shutdown`, or the
//! end of stdin, asks it to exit. A line is at most [`LINE_BYTES_MAX`] bytes. What a worker writes to stderr goes to the node's log.
//! A worker that breaks the protocol is killed, and its job counts as failed. See `docs/workers.md`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::jobs::{JobKind, JobSpec};
use crate::event::judgement::GameAttestation;
use crate::event::training::{TrainingPlan, TrainingProgress, ValidationLosses};
use crate::event::{Hash, JobId, Real, Seq};
use crate::work::inference::InferenceUsage;

/// The protocol's version.
pub const PROTOCOL: u32 = 1;
/// The longest line. A worker that sends a longer one is killed.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// What a node tells a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToWorker {
    /// Do this.
    Job(Box<Assignment>),
    /// Stop doing this.
    Cancel {
        /// The job.
        job: JobId,
    },
    /// Exit.
    Shutdown,
}

/// A job for a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The job.
    pub job: JobId,
    /// The lease's fencing token; every answer repeats it.
    pub token: Seq,
    /// What is to be done.
    pub spec: JobSpec,
    /// All that the result of a training run depends on: its recipe holds, and not that of `spec`. A training job without one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<TrainingPlan>>,
    /// Where the job's input blobs lie, by hash. Read-only.
    pub inputs: BTreeMap<Hash, PathBuf>,
    /// An empty folder for the worker's files, removed after the job.
    pub scratch: PathBuf,
    /// What a game of a batch weighs in training; batches that are not named weigh 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<Hash, Real>,
    /// True for self-play in which the game's own judgement plays, with the search of `spec`, and not the model.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taught: bool,
    /// Where a training run keeps its checkpoint. The file outlives the attempt: one that is there already is of an earlier
    /// attempt of the same job on this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<PathBuf>,
}

/// What a worker tells its node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromWorker {
    /// The first line.
    Hello {
        /// The protocol's version: [`PROTOCOL`].
        protocol: u32,
        /// The program and its version, for people.
        worker: String,
        /// Kinds of jobs that it runs.
        kinds: Vec<JobKind>,
        /// Which programs it is, for external jobs.
        #[serde(default)]
        programs: Vec<String>,
    },
    /// The job goes on. Also a sign of life: a job without any line for its stall limit is given up.
    Progress {
        /// The job.
        job: JobId,
        /// The lease's fencing token.
        token: Seq,
        /// Figures of a training run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        training: Option<TrainingProgress>,
        /// Share done, from 0 to 1, when the worker knows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        done: Option<f64>,
        /// How the worker has used its net since its last word.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inference: Option<InferenceUsage>,
    },
    /// The job is done.
    Result {
        /// The job.
        job: JobId,
        /// The lease's fencing token.
        token: Seq,
        /// What it brought.
        result: WorkerResult,
    },
    /// The job failed.
    Error {
        /// The job.
        job: JobId,
        /// The lease's fencing token.
        token: Seq,
        /// What went wrong, in words.
        message: String,
        /// False when another attempt cannot help.
        retry: bool,
    },
}

/// What a job brought. Files are names inside the scratch folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerResult {
    /// Games were played.
    SelfPlay {
        /// The file of game records.
        file: PathBuf,
        /// Games in it.
        games: u32,
        /// Positions in it.
        positions: u64,
        /// Simulations spent.
        simulations: u64,
    },
    /// Weights were made, by chance or by training.
    Model {
        /// The file of weights.
        file: PathBuf,
        /// Trainable parameters.
        parameters: u64,
        /// Samples in the dataset; 0 for random weights.
        samples: u64,
        /// The run's last figures; none for random weights.
        progress: Option<TrainingProgress>,
        /// The picture of the run's losses; none for random weights, and of workers that draw none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        curve: Option<CurveFile>,
        /// What the run learned from; none for random weights, and of workers that do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manifest: Option<Box<ManifestFile>>,
        /// The identity of the content of the dataset that was really read; none for random weights. Without it a training run is void.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<Hash>,
        /// Hash of the weights that training really started from; none for random weights. Without it a training run is void.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<Hash>,
    },
    /// Matches were played.
    Gauntlet {
        /// Games that the candidate won.
        wins: u32,
        /// Games without a single winner.
        draws: u32,
        /// Games that the candidate lost.
        losses: u32,
        /// Groups by the candidate's score: with two players in halves (0 to 4), with three in sixths (0 to 18), with four in twelfths (0 to 48).
        pairs: Vec<u32>,
        /// Hash of the weights file that was really loaded for the candidate.
        candidate_weights: Hash,
        /// Net evaluations that the candidate really made.
        candidate_leaves: u64,
        /// Who really played each game, in order of group and turn: without it the matches are void.
        #[serde(default)]
        games: Vec<GameAttestation>,
    },
    /// A user's own program ended well.
    External {
        /// Whatever it wants to say.
        output: Value,
        /// Files that it left.
        #[serde(default)]
        files: Vec<PathBuf>,
    },
}

/// What a training run learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// The file of the manifest, as JSON.
    pub file: PathBuf,
    /// What turned positions into inputs.
    pub encoder: Hash,
    /// Games in it.
    pub games: u64,
    /// Games of these that were held out.
    pub held_out: u64,
}

/// The losses of a training run: a picture, and what the run looked like on the held-out games.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurveFile {
    /// The file of the picture, an SVG.
    pub file: PathBuf,
    /// The best look at the held-out games; none without validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<ValidationLosses>,
    /// The last look; none without validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<ValidationLosses>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::jobs::ExternalSpec;

    #[test]
    fn lines_look_as_documented() {
        let job = ToWorker::Job(Box::new(Assignment {
            job: JobId::new("a"),
            token: Seq(7),
            spec: JobSpec::External(ExternalSpec { program: "p".into(), params: "{}".into(), inputs: vec![] }),
            plan: None,
            inputs: BTreeMap::new(),
            scratch: "/tmp/s".into(),
            weights: BTreeMap::new(),
            taught: false,
            checkpoint: None,
        }));
        assert_eq!(
            serde_json::to_string(&job).expect("plain data"),
            r#"{"type":"job","job":"job/a","token":7,"spec":{"external":{"program":"p","params":"{}","inputs":[]}},"inputs":{},"scratch":"/tmp/s"}"#
        );
        let line = r#"{"type":"result","job":"job/a","token":7,"result":{"external":{"output":{"n":1}}}}"#;
        assert!(matches!(
            serde_json::from_str(line).expect("documented form"),
            FromWorker::Result { result: WorkerResult::External { .. }, .. }
        ));
    }
}
