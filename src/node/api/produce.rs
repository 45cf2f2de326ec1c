//! Takes a producer's notes, on the node that leads.
//!
//! One stream a producer. Frames are admitted in the order in which they come, several at a time; answers come in the same
//! order. When nobody can say what became of a frame, the producer sends it again: its notes are numbered, so each counts once.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::footer::Footing;
use super::notes::{NOTES_FRAME_BYTES_MAX, Settled, Status, read_notes, settled_frame};
use super::request::Response;
use crate::event::command::{RecordNote, RegisterProducer};
use crate::event::{Command, NodeId, Proposal};
use crate::net::{FrameLimits, NetError, RecvStream, SendStream, read_frame, write_frame};
use crate::replica::Replica;
use crate::replica::propose::Outcome;

/// Frames of one producer that wait for their answers at a time. Beyond it the next is not read.
const FRAMES_MAX: usize = 64;

/// A producer's stream, from its second frame on.
pub struct Produce {
    /// The replica.
    pub replica: Arc<Replica>,
    /// This node and its clock.
    pub footing: Footing,
}

struct Waiting {
    first: u64,
    answer: oneshot::Receiver<Vec<Outcome>>,
}

impl Produce {
    /// Registers a producer under a new id, or finds the one that goes on, and says what was its last note.
    pub async fn open(&self, name: String, producer: Option<NodeId>, actor: &str) -> Response {
        let leader = self.replica.leadership().borrow().leader;
        if leader != Some(self.footing.node()) {
            let address = self.replica.fold().read(|state| Some(state.hosts.get(leader?)?.address.clone()));
            return Response::Elsewhere { leader, address };
        }
        if let Some(producer) = producer {
            let known = self.replica.fold().read(|state| state.producers.get(producer).cloned());
            return match known.filter(|row| row.actor == actor) {
                None => error("not_found", format!("{producer} is no producer of {actor}'s; begin a new one")),
                Some(_) => Response::Producer { producer, last: self.last(producer) },
            };
        }
        let producer = NodeId(rand::random::<u64>().max(1));
        let command = RegisterProducer { producer, name, actor: actor.to_owned() };
        let proposal = self.proposal(self.footing.node(), 0, Command::RegisterProducer(command));
        match self.replica.propose(vec![proposal]).await.pop() {
            Some(Outcome::Admitted { .. } | Outcome::Already) => Response::Producer { producer, last: 0 },
            Some(Outcome::Refused { message, .. }) => error("refused", message),
            _ => error("unavailable", "nobody could say whether the producer was registered; try again"),
        }
    }

    /// Takes frames until the producer finishes the stream.
    ///
    /// # Errors
    /// When the stream breaks or a frame is malformed.
    pub async fn serve(
        &self,
        producer: NodeId,
        send: &mut SendStream,
        receive: &mut RecvStream,
    ) -> Result<(), NetError> {
        let (queue, waiting) = mpsc::channel(FRAMES_MAX);
        let (read, written) = tokio::join!(self.read(producer, receive, queue), self.answer(waiting, send));
        written.and(read)
    }

    async fn read(
        &self,
        producer: NodeId,
        receive: &mut RecvStream,
        queue: mpsc::Sender<Waiting>,
    ) -> Result<(), NetError> {
        let limits = FrameLimits::up_to(NOTES_FRAME_BYTES_MAX);
        while let Some(frame) = read_frame(receive, &limits).await? {
            let (first, texts) = read_notes(frame)
                .map_err(|reason| NetError::Stream { doing: "reading notes", reason: reason.to_owned() })?;
            let note = |(number, text)| {
                let command = Command::RecordNote(RecordNote { actor: String::new(), text });
                self.proposal(producer, number, command)
            };
            let proposals = (first..).zip(texts).map(note).collect();
            let answer = match self.replica.offer(proposals).await {
                Ok(answer) => answer,
                // A receiver without a sender: unknown.
                Err(_) => oneshot::channel().1,
            };
            if queue.send(Waiting { first, answer }).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn answer(&self, mut waiting: mpsc::Receiver<Waiting>, send: &mut SendStream) -> Result<(), NetError> {
        let limits = FrameLimits::up_to(NOTES_FRAME_BYTES_MAX);
        while let Some(Waiting { first, answer }) = waiting.recv().await {
            let outcomes = answer.await.unwrap_or_else(|_| vec![Outcome::Unavailable { leader: None }]);
            write_frame(send, &settled_frame(&settle(first, &outcomes)), &limits).await?;
        }
        Ok(())
    }

    fn last(&self, producer: NodeId) -> u64 {
        self.replica.fold().read(|state| state.dedupe.last(producer))
    }

    fn proposal(&self, origin: NodeId, origin_seq: u64, command: Command) -> Proposal {
        Proposal { origin, origin_seq, observed_at: self.footing.clock().now(), caused_by: vec![], command }
    }
}

/// The answer to a frame whose first note has the number `first`.
fn settle(first: u64, outcomes: &[Outcome]) -> Settled {
    let mut settled = Settled { status: Status::All, upto: first - 1, seq: 0, words: String::new() };
    for outcome in outcomes {
        match outcome {
            Outcome::Admitted { last } => settled.seq = last.0,
            Outcome::Already => {}
            Outcome::Refused { code, message } => {
                // A gap follows a frame whose fate is unknown, or a note that was refused: that one is what to look at.
                settled.status = if code == "gap" { Status::Unknown } else { Status::Refused };
                settled.words = message.clone();
                return settled;
            }
            Outcome::Unavailable { .. } => {
                settled.status = Status::Unknown;
                "nobody can say what became of it".clone_into(&mut settled.words);
                return settled;
            }
        }
        settled.upto += 1;
    }
    settled
}

fn error(code: &str, message: impl Into<String>) -> Response {
    Response::Error { code: code.to_owned(), message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Seq;

    #[test]
    fn an_answer_goes_as_far_as_all_is_settled() {
        let admitted = |seq| Outcome::Admitted { last: Seq(seq) };
        let refused = |code: &str| Outcome::Refused { code: code.into(), message: "words".into() };
        let cases = [
            (vec![Outcome::Already, admitted(9), admitted(10)], (Status::All, 7, 10)),
            (vec![admitted(9), refused("bad_note"), refused("gap")], (Status::Refused, 5, 9)),
            (vec![refused("gap")], (Status::Unknown, 4, 0)),
            (vec![admitted(9), Outcome::Unavailable { leader: None }], (Status::Unknown, 5, 9)),
        ];
        for (outcomes, (status, upto, seq)) in cases {
            let settled = settle(5, &outcomes);
            assert_eq!((settled.status, settled.upto, settled.seq), (status, upto, seq), "{outcomes:?}");
        }
    }
}
