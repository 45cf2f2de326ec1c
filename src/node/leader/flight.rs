//! Batches on their way.

use std::collections::VecDeque;

use super::batch::{Answer, Gathered};
use crate::broken::{self, Defect};
use crate::event::{Seq, Term};
use crate::replica::submit::Submitted;
use crate::replica::{Replica, ReplicaError};

/// Batches that are on their way at a time. While all are, proposals wait and the next batch grows: two are enough to
/// keep the disk and the network busy, and more would only make batches smaller.
pub(super) const FLIGHTS_MAX: usize = 2;

/// Batches in the order in which they were appended.
#[derive(Default)]
pub(super) struct Flights {
    queue: VecDeque<Flight>,
}

struct Flight {
    /// None when nothing had to be recorded: its answers wait for those before it.
    submitted: Option<(Submitted, Seq)>,
    answers: Vec<Answer>,
}

impl Flights {
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.queue.len() >= FLIGHTS_MAX
    }

    /// Messages whose answers wait for these batches.
    pub fn messages(&self) -> usize {
        self.queue.iter().map(|flight| flight.answers.len()).sum()
    }

    /// Sends a batch on its way.
    pub async fn start(&mut self, replica: &Replica, term: Term, gathered: Gathered) -> Result<(), ReplicaError> {
        if gathered.is_empty() {
            return Ok(());
        }
        let (batch, mut answers) = gathered.finish();
        let submitted = match batch {
            Some((batch, last)) => Some((replica.submit(term, batch).await?, last)),
            None => None,
        };
        if broken::has(Defect::Quorum) {
            answers.drain(..).for_each(Answer::give);
        }
        self.queue.push_back(Flight { submitted, answers });
        self.land_empty();
        Ok(())
    }

    /// Waits until the first batch is committed and folded, and answers. Returns how many messages were answered. Pending
    /// for ever when there is no batch. May be dropped and called again.
    ///
    /// # Errors
    /// When nobody can say what became of the batch, or when it does not lie where the head has it.
    pub async fn land(&mut self) -> Result<usize, ReplicaError> {
        let Some(flight) = self.queue.front_mut() else { return std::future::pending().await };
        if let Some((submitted, last)) = &mut flight.submitted
            && submitted.applied().await?.last != *last
        {
            // Somebody else's records came between: the head is not what the log says.
            return Err(ReplicaError::NotLeader { leader: None });
        }
        let before = self.messages();
        self.pop();
        self.land_empty();
        Ok(before - self.messages())
    }

    /// Waits until all have landed.
    pub async fn land_all(&mut self) -> Result<(), ReplicaError> {
        while !self.is_empty() {
            self.land().await?;
        }
        Ok(())
    }

    fn land_empty(&mut self) {
        while self.queue.front().is_some_and(|flight| flight.submitted.is_none()) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        self.queue.pop_front().into_iter().flat_map(|flight| flight.answers).for_each(Answer::give);
    }
}
