//! Whether a worker may say what it says.

use std::path::{Component, Path, PathBuf};

use crate::event::evaluation::MatchTally;
use crate::event::jobs::{GauntletSpec, JobKind, JobSpec};
use crate::event::{JobId, Seq};
use crate::game::registry::facts;
use crate::judge::groups::adds_up;
use crate::policy::{attestation, provenance};
use crate::work::protocol::{Assignment, FromWorker, WorkerResult};

/// Files that a job may leave.
pub const FILES_MAX: usize = 64;
/// The longest output of an external job, as JSON text. It becomes part of the log; larger content belongs into files.
pub const OUTPUT_BYTES_MAX: usize = 256 << 10;

/// Checks a message that came while `assignment` runs.
pub(super) fn message(assignment: &Assignment, message: &FromWorker) -> Result<(), String> {
    match message {
        FromWorker::Hello { .. } => Err("it said hello twice".to_owned()),
        FromWorker::Progress { job, token, training, inference, .. } => {
            lease(assignment, job, *token)?;
            if training.is_some() && assignment.spec.kind() != JobKind::Train {
                return Err(format!("it reported training while it ran {}", assignment.job));
            }
            match inference.and_then(|usage| usage.senseless()) {
                Some((what, figure)) => Err(format!("it reported {what} {figure}")),
                None => Ok(()),
            }
        }
        FromWorker::Error { job, token, .. } => lease(assignment, job, *token),
        FromWorker::Result { job, token, result: brought } => {
            lease(assignment, job, *token)?;
            result(assignment, brought)
        }
    }
}

fn lease(assignment: &Assignment, job: &JobId, token: Seq) -> Result<(), String> {
    if *job != assignment.job {
        return Err(format!("it answered for {job} while it ran {}", assignment.job));
    }
    if token != assignment.token {
        return Err(format!("it answered for {job} with token {token} instead of {}", assignment.token));
    }
    Ok(())
}

fn result(assignment: &Assignment, result: &WorkerResult) -> Result<(), String> {
    let fits = matches!(
        (&assignment.spec, result),
        (JobSpec::SelfPlay(_), WorkerResult::SelfPlay { .. })
            | (
                JobSpec::InitModel(_),
                WorkerResult::Model { curve: None, manifest: None, dataset: None, parent: None, .. }
            )
            | (JobSpec::Train(_), WorkerResult::Model { .. })
            | (JobSpec::Gauntlet(_), WorkerResult::Gauntlet { .. })
            | (JobSpec::External(_), WorkerResult::External { .. })
    );
    if !fits {
        return Err(format!("its result is not what a job of kind {} brings", assignment.spec.kind().name()));
    }
    let files = files(result);
    if files.len() > FILES_MAX {
        return Err(format!("it left {} files; at most {FILES_MAX} are allowed", files.len()));
    }
    files.into_iter().try_for_each(|file| scratch_file(&assignment.scratch, file).map(drop))?;
    match (&assignment.spec, result) {
        (JobSpec::SelfPlay(spec), WorkerResult::SelfPlay { games, .. }) if !(1..=spec.games).contains(games) => {
            Err(format!("it brought {games} games; {} were asked for", spec.games))
        }
        (JobSpec::Train(_), WorkerResult::Model { dataset, parent, .. }) => {
            provenance::learned_as_planned(assignment.plan.as_deref(), dataset.as_ref(), parent.as_ref())
        }
        (JobSpec::Gauntlet(spec), gauntlet @ WorkerResult::Gauntlet { .. }) => tally(spec, gauntlet),
        (_, WorkerResult::External { output, .. }) => match output.to_string().len() {
            ..=OUTPUT_BYTES_MAX => Ok(()),
            bytes => Err(format!("its output has {bytes} bytes; at most {OUTPUT_BYTES_MAX} are allowed, use files")),
        },
        _ => Ok(()),
    }
}

/// The counts of a gauntlet must agree with each other and with what was asked for.
fn tally(spec: &GauntletSpec, result: &WorkerResult) -> Result<(), String> {
    let WorkerResult::Gauntlet { wins, draws, losses, pairs, candidate_weights, candidate_leaves, games } = result
    else {
        return Ok(());
    };
    let tally = MatchTally {
        wins: *wins,
        draws: *draws,
        losses: *losses,
        pairs: pairs.clone(),
        candidate_weights: *candidate_weights,
        candidate_leaves: *candidate_leaves,
    };
    let seats = facts(&spec.game.0).map_or(2, |facts| facts.seats as u32);
    if !adds_up(seats, spec.pairs, &tally) {
        return Err(format!("its counts are not those of {} groups of {seats} games", spec.pairs));
    }
    if *candidate_weights != spec.candidate.weights {
        let (loaded, asked) = (candidate_weights.short(), spec.candidate.weights.short());
        return Err(format!("it played with weights {loaded} instead of {asked}"));
    }
    attestation::check(spec, &tally, games)
}

fn files(result: &WorkerResult) -> Vec<&Path> {
    match result {
        WorkerResult::SelfPlay { file, .. } => vec![file],
        WorkerResult::Model { file, curve, manifest, .. } => {
            let others = curve.iter().map(|it| &it.file).chain(manifest.iter().map(|it| &it.file));
            [file].into_iter().chain(others).map(PathBuf::as_path).collect()
        }
        WorkerResult::External { files, .. } => files.iter().map(PathBuf::as_path).collect(),
        WorkerResult::Gauntlet { .. } => vec![],
    }
}

/// The path of a file that a worker left in `scratch`: a plain file, named by a relative path without `..`, with no
/// symbolic link on the way.
///
/// # Errors
/// What is wrong with it, in words.
pub fn scratch_file(scratch: &Path, name: &Path) -> Result<PathBuf, String> {
    let shown = name.display();
    let plain = |component| matches!(component, Component::Normal(_));
    if name.as_os_str().is_empty() || !name.components().all(plain) {
        return Err(format!("it named the file {shown:?}, which is not a relative path inside its scratch folder"));
    }
    let mut path = scratch.to_owned();
    let mut kind = None;
    for component in name.components() {
        path.push(component);
        let metadata = path.symlink_metadata().map_err(|error| format!("it named the file {shown:?}: {error}"))?;
        if metadata.is_symlink() {
            return Err(format!("it named the file {shown:?}, and {} is a symbolic link", path.display()));
        }
        kind = Some(metadata.file_type());
    }
    if kind.is_some_and(|kind| kind.is_file()) { Ok(path) } else { Err(format!("{shown:?} is not a plain file")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_inside_the_scratch_folder_are_taken() {
        let dir = tempfile::tempdir().expect("a folder");
        let scratch = dir.path().join("scratch");
        std::fs::create_dir_all(scratch.join("sub")).expect("a folder");
        std::fs::write(dir.path().join("secret"), "s").expect("a file");
        std::fs::write(scratch.join("sub/out"), "o").expect("a file");
        std::os::unix::fs::symlink("../secret", scratch.join("link")).expect("a link");
        std::os::unix::fs::symlink("..", scratch.join("up")).expect("a link");
        assert_eq!(scratch_file(&scratch, Path::new("sub/out")), Ok(scratch.join("sub/out")));
        let cases =
            ["", ".", "..", "../secret", "sub/../../secret", "/etc/passwd", "link", "up/secret", "sub", "missing"];
        for name in cases {
            assert!(scratch_file(&scratch, Path::new(name)).is_err(), "{name}");
        }
    }
}
