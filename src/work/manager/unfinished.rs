//! Checkpoints of training jobs that have not ended: they outlive the attempt, the worker and the node's process, so that the
//! next attempt on this node goes on from there.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::jobs::Assigned;
use crate::event::Hash;
use crate::event::jobs::JobSpec;

/// Files that are kept at most. Beyond it the oldest go; their jobs would start anew.
const FILES_MAX: usize = 16;
/// How long a file is kept after its last change. By then the job has most likely ended elsewhere.
const KEEP_FOR: Duration = Duration::from_secs(48 * 60 * 60);

/// Where the job of a lease keeps its checkpoint; none for jobs without one. It follows from the job and everything that its
/// result depends on, and not from the lease.
pub(super) fn path(folder: &Path, lease: &Assigned) -> Option<PathBuf> {
    if !matches!(lease.spec, JobSpec::Train(_)) {
        return None;
    }
    let bytes =
        serde_json::to_vec(&(&lease.job, &lease.spec, &lease.plan, &lease.weights)).expect("a lease is plain data");
    Some(folder.join(format!("{}.checkpoint", Hash::of(&bytes))))
}

/// Makes the folder, and removes from it what is too old or too much. Blocks.
pub(super) fn tidy(folder: &Path, now: SystemTime) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let changed = |entry: &DirEntry| entry.metadata().and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut files: Vec<(SystemTime, PathBuf)> =
        fs::read_dir(folder)?.flatten().map(|entry| (changed(&entry), entry.path())).collect();
    files.sort();
    let surplus = files.len().saturating_sub(FILES_MAX);
    let is_old = |at: &SystemTime| now.duration_since(*at).is_ok_and(|age| age > KEEP_FOR);
    for (_, path) in files.iter().enumerate().filter(|(place, (at, _))| *place < surplus || is_old(at)).map(|it| it.1) {
        forget(path);
    }
    Ok(())
}

/// Removes a checkpoint, if there is one.
pub(super) fn forget(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "cannot remove an old checkpoint");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples::specs;
    use crate::event::{JobId, Seq};

    fn lease(spec: usize, job: u64, token: u64) -> Assigned {
        let spec = specs().swap_remove(spec);
        Assigned {
            job: JobId::new(job),
            token: Seq(token),
            spec,
            plan: None,
            weights: Default::default(),
            taught: false,
            due: None,
            started: false,
        }
    }

    #[test]
    fn another_lease_of_the_same_job_finds_the_same_checkpoint() {
        let folder = Path::new("unfinished");
        let first = path(folder, &lease(3, 1, 10)).expect("training");
        assert_eq!(path(folder, &lease(3, 1, 11)), Some(first.clone()));
        assert_ne!(path(folder, &lease(3, 2, 10)), Some(first));
        assert_eq!(path(folder, &lease(0, 1, 10)), None, "self-play keeps none");
    }

    #[test]
    fn what_is_old_or_too_much_is_removed_oldest_first() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("unfinished");
        let now = SystemTime::now();
        tidy(&folder, now).expect("made");
        for age in 0..20 {
            let file = fs::File::create(folder.join(age.to_string())).expect("a file");
            file.set_modified(now - Duration::from_secs(age)).expect("a time");
        }
        let names = || {
            let files = fs::read_dir(&folder).expect("a folder").flatten();
            let mut names: Vec<u64> =
                files.map(|file| file.file_name().to_string_lossy().parse().expect("a number")).collect();
            names.sort_unstable();
            names
        };
        tidy(&folder, now).expect("tidied");
        assert_eq!(names(), (0..16).collect::<Vec<_>>());
        tidy(&folder, now + KEEP_FOR - Duration::from_secs(3)).expect("tidied");
        assert_eq!(names(), [0, 1, 2, 3]);
        forget(&folder.join("0"));
        forget(&folder.join("0"));
        assert_eq!(names(), [1, 2, 3]);
    }
}
