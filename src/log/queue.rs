//! What waits for the writer thread.

use std::collections::VecDeque;

use super::entry::{Entry, Tip};
use super::pending::Done;
use super::vote::Vote;

/// The most bytes that wait. An append that finds more waits until the writer has caught up.
pub(super) const QUEUE_BYTES_MAX: usize = 64 << 20;
/// The most requests that wait; beyond it requests wait to be queued.
pub(super) const QUEUE_JOBS_MAX: usize = 65_536;
/// The most bytes that are written with one sync: what a slow disk takes in well under a heartbeat.
pub(super) const BATCH_BYTES_MAX: usize = 8 << 20;
/// The most appends that are written with one sync.
pub(super) const BATCH_JOBS_MAX: usize = 4096;

/// Entries that are to be written.
pub(super) struct Append {
    pub entries: Vec<Entry>,
    /// The state's generation when they were stamped.
    pub generation: u64,
    pub done: Done,
}

/// A request to the writer thread.
pub(super) enum Job {
    Append(Append),
    /// Remove all that follows `tip`.
    Rewind {
        tip: Tip,
        done: Done,
    },
    SaveVote {
        vote: Vote,
        done: Done,
    },
    /// Drop the segments that end before `index`.
    Trim {
        index: u64,
        done: Done,
    },
    /// Let the log begin anew at `tip`, which lies beyond its end.
    Rebase {
        tip: Tip,
        done: Done,
    },
}

/// What the writer does next.
pub(super) enum Work {
    Append(Vec<Append>),
    Rewind { tip: Tip, done: Done },
    SaveVote { vote: Vote, done: Done },
    Trim { index: u64, done: Done },
    Rebase { tip: Tip, done: Done },
}

/// Requests in order.
#[derive(Default)]
pub(super) struct Queue {
    jobs: VecDeque<Job>,
    bytes: usize,
    /// The first request waits for space, which the next trim may make: that comes before it.
    trims_first: bool,
}

impl Append {
    fn weight(&self) -> usize {
        self.entries.iter().map(Entry::weight).sum()
    }
}

impl Job {
    pub(super) fn into_done(self) -> Done {
        match self {
            Job::Append(Append { done, .. })
            | Job::Rewind { done, .. }
            | Job::SaveVote { done, .. }
            | Job::Trim { done, .. }
            | Job::Rebase { done, .. } => done,
        }
    }
}

impl Queue {
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= QUEUE_BYTES_MAX || self.jobs.len() >= QUEUE_JOBS_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    pub(super) fn push(&mut self, job: Job) {
        if let Job::Append(append) = &job {
            self.bytes += append.weight();
        }
        self.jobs.push_back(job);
    }

    /// Puts what was taken, and found the disk full, back to the front. It takes turns with trims: it may need the space that a trim
    /// makes, and appends may find space prepared where a trim, which writes a small file, finds none.
    pub(super) fn put_back(&mut self, work: Work) {
        self.trims_first = !matches!(work, Work::Trim { .. });
        match work {
            Work::Append(appends) => {
                for append in appends.into_iter().rev() {
                    self.bytes += append.weight();
                    self.jobs.push_front(Job::Append(append));
                }
            }
            Work::Trim { index, done } => {
                let appends = self.jobs.iter().take_while(|job| matches!(job, Job::Append(_))).count();
                self.jobs.insert(appends.max(1).min(self.jobs.len()), Job::Trim { index, done });
            }
            Work::Rewind { tip, done } => self.jobs.push_front(Job::Rewind { tip, done }),
            Work::SaveVote { vote, done } => self.jobs.push_front(Job::SaveVote { vote, done }),
            Work::Rebase { tip, done } => self.jobs.push_front(Job::Rebase { tip, done }),
        }
    }

    /// The next request, or all appends that are next within the bounds of a batch.
    pub(super) fn next(&mut self) -> Option<Work> {
        if let Some(trim) = self.overtaking() {
            return Some(trim);
        }
        match self.jobs.pop_front()? {
            Job::Append(append) => Some(Work::Append(self.batch(append))),
            Job::Rewind { tip, done } => Some(Work::Rewind { tip, done }),
            Job::SaveVote { vote, done } => Some(Work::SaveVote { vote, done }),
            Job::Trim { index, done } => Some(Work::Trim { index, done }),
            Job::Rebase { tip, done } => Some(Work::Rebase { tip, done }),
        }
    }

    /// The first trim, when what stands before it waits for space. It overtakes appends and votes, because it leaves the last segment
    /// alone, and a rewind that ends at its index or later; never a new beginning.
    fn overtaking(&mut self) -> Option<Work> {
        if !std::mem::take(&mut self.trims_first) {
            return None;
        }
        let at = self.jobs.iter().position(|job| matches!(job, Job::Trim { .. }))?;
        let Job::Trim { index, done } = self.jobs.remove(at)? else { return None };
        let may_wait = |job: &Job| match job {
            Job::Append(_) | Job::SaveVote { .. } => true,
            Job::Rewind { tip, .. } => tip.next_index >= index,
            Job::Trim { .. } | Job::Rebase { .. } => false,
        };
        if self.jobs.iter().take(at).all(may_wait) {
            return Some(Work::Trim { index, done });
        }
        self.jobs.insert(at, Job::Trim { index, done });
        None
    }

    fn batch(&mut self, first: Append) -> Vec<Append> {
        let mut bytes = first.weight();
        self.bytes -= bytes;
        let mut batch = vec![first];
        while bytes < BATCH_BYTES_MAX && batch.len() < BATCH_JOBS_MAX {
            match self.jobs.pop_front() {
                Some(Job::Append(append)) => {
                    let weight = append.weight();
                    self.bytes -= weight;
                    bytes += weight;
                    batch.push(append);
                }
                Some(other) => {
                    self.jobs.push_front(other);
                    break;
                }
                None => break,
            }
        }
        batch
    }

    /// Takes out what builds on entries that were not written. Votes and trims stay.
    pub(super) fn take_entries(&mut self) -> Vec<Job> {
        let stays = |job: &Job| matches!(job, Job::SaveVote { .. } | Job::Trim { .. });
        let (staying, entries) = std::mem::take(&mut self.jobs).into_iter().partition(stays);
        self.jobs = staying;
        self.trims_first = false;
        self.bytes = 0;
        Vec::from(entries)
    }

    /// Takes everything out.
    pub(super) fn take_all(&mut self) -> Vec<Job> {
        self.bytes = 0;
        std::mem::take(&mut self.jobs).into()
    }
}
