//! What one turn of the leader gathers.

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::event::{Draft, Seq};
use crate::replica::Batch;
use crate::replica::propose::Outcome;

/// Bytes set aside for a batch at first.
const BYTES_MIN: usize = 4 << 10;

/// Records that will be committed together, and the answers that wait for them.
#[derive(Default)]
pub(super) struct Gathered {
    count: u32,
    bytes: Vec<u8>,
    /// The last record; none when there are none.
    last: Option<Seq>,
    answers: Vec<Answer>,
}

/// The outcomes of one message of proposals, and where they go.
pub(super) struct Answer {
    pub reply: oneshot::Sender<Vec<Outcome>>,
    pub outcomes: Vec<Outcome>,
}

impl Answer {
    /// Gives it; whoever stopped waiting does not want to know.
    pub fn give(self) {
        self.reply.send(self.outcomes).ok();
    }
}

impl Gathered {
    /// Adds a record, as a cluster of this format version reads it.
    pub fn add(&mut self, seq: Seq, draft: &Draft, format: u32) {
        if self.bytes.is_empty() {
            self.bytes.reserve(BYTES_MIN);
        }
        draft.encode_for(format, &mut self.bytes);
        self.count += 1;
        self.last = Some(seq);
    }

    /// Adds an answer, to be given when the batch is committed.
    pub fn answer(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// Answers at once, for a batch that will not be committed: refusals stand, the rest may be asked again.
    pub fn give_up(self) {
        for Answer { reply, mut outcomes } in self.answers {
            for outcome in outcomes.iter_mut().filter(|outcome| matches!(outcome, Outcome::Admitted { .. })) {
                *outcome = Outcome::Unavailable { leader: None };
            }
            reply.send(outcomes).ok();
        }
    }

    pub fn records(&self) -> usize {
        self.count as usize
    }

    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing to commit and nobody to answer.
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.answers.is_empty()
    }

    /// The batch, its last record, and who waits for it.
    pub fn finish(mut self) -> (Option<(Batch, Seq)>, Vec<Answer>) {
        // The log keeps recent batches in memory; a small one must not hold what was set aside for a large one.
        self.bytes.shrink_to_fit();
        let batch = Batch { count: self.count, records: Bytes::from(self.bytes) };
        (self.last.map(|last| (batch, last)), self.answers)
    }
}
