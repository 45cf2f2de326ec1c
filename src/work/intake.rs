//! Takes in what a worker brought: its files become blobs, its figures a result for the leader.

use std::path::Path;

use super::protocol::{Assignment, CurveFile, ManifestFile, WorkerResult};
use super::worker::scratch_file;
use crate::artifact::{ArtifactError, BlobStore, Source};
use crate::event::artifacts::ArtifactKind;
use crate::event::command::{
    AttestedResult, BlobRef, CurveResult, ExternalResult, JobResult, LearnedResult, ManifestResult, ModelResult,
    SelfPlayResult,
};
use crate::event::evaluation::MatchTally;

/// A result could not be taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// A file is not what it was when the worker handed it in.
    #[error("the result was not taken in: {0}")]
    File(String),
    /// The store refused.
    #[error("the result was not taken in: {0}")]
    Store(#[from] ArtifactError),
}

/// Stores the files of a result and turns it into what the leader is told. When it returns, every blob in it is durable.
/// It reads and writes files: call it where blocking is allowed.
///
/// Files are copied, not moved: the worker lives on and may still hold them open.
///
/// # Errors
/// [`IntakeError`]; blobs that were stored before the error stay, harmless and without a name in the log.
pub fn take_in(store: &BlobStore, assignment: &Assignment, result: WorkerResult) -> Result<JobResult, IntakeError> {
    let keep = |file: &Path, kind: ArtifactKind| -> Result<BlobRef, IntakeError> {
        let path = scratch_file(&assignment.scratch, file).map_err(IntakeError::File)?;
        let (hash, bytes) = store.put_file(&path, Source::Copy)?;
        Ok(BlobRef { hash, bytes, kind })
    };
    Ok(match result {
        WorkerResult::SelfPlay { file, games, positions, simulations } => {
            let blob = keep(&file, ArtifactKind::Games)?;
            JobResult::SelfPlay(SelfPlayResult { blob, games, positions, simulations })
        }
        WorkerResult::Model { file, parameters, samples, progress, curve, manifest, dataset, parent } => {
            let model = ModelResult { blob: keep(&file, ArtifactKind::Model)?, parameters, samples, progress };
            let Some((dataset, parent)) = dataset.zip(parent) else { return Ok(JobResult::Model(model)) };
            let drawn = |CurveFile { file, best, last }| -> Result<_, IntakeError> {
                Ok(Box::new(CurveResult { picture: keep(&file, ArtifactKind::External)?, best, last }))
            };
            let named = |ManifestFile { file, encoder, games, held_out }| -> Result<_, IntakeError> {
                let blob = keep(&file, ArtifactKind::External)?;
                Ok(Box::new(ManifestResult { blob, encoder, games, held_out }))
            };
            let curve = curve.map(drawn).transpose()?;
            let manifest = manifest.map(|manifest| named(*manifest)).transpose()?;
            JobResult::Learned(LearnedResult { model, dataset, parent, curve, manifest })
        }
        WorkerResult::Gauntlet { wins, draws, losses, pairs, candidate_weights, candidate_leaves, games } => {
            let tally = MatchTally { wins, draws, losses, pairs, candidate_weights, candidate_leaves };
            JobResult::Attested(AttestedResult { tally, games })
        }
        WorkerResult::External { output, files } => {
            let blobs = files.iter().map(|file| keep(file, ArtifactKind::External)).collect::<Result<_, _>>()?;
            JobResult::External(ExternalResult { output: output.to_string(), blobs })
        }
    })
}
