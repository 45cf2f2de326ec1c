//! The client side of producing notes.

use super::client::{Client, ClientError};
use super::notes::{NOTES_FRAME_BYTES_MAX, Settled, notes_frame, read_settled};
use super::request::{FRAME_BYTES_MAX, Request, Response};
use crate::event::NodeId;
use crate::net::{Connection, FrameLimits, RecvStream, SendStream, read_frame, write_frame};

/// A program that records notes over one stream. Notes are numbered from 1 without gaps; a note counts once however often it
/// is sent, so after a failure [`Producer::resume`] and send everything after [`Producer::last`] again.
pub struct Producer {
    id: NodeId,
    last: u64,
    sender: NoteSender,
    answers: NoteAnswers,
}

/// The sending half.
pub struct NoteSender {
    _connection: Connection,
    send: SendStream,
    next: u64,
}

/// The half that hears what became of the notes.
pub struct NoteAnswers {
    receive: RecvStream,
}

/// What opening a producer led to.
pub enum Opened {
    /// It is open.
    Here(Producer),
    /// Another node leads: ask there.
    Elsewhere {
        /// Where it listens, if that is known. Otherwise ask again later.
        address: Option<String>,
    },
}

impl Producer {
    /// Registers a new producer with the node, which must lead.
    ///
    /// # Errors
    /// When the connection fails or the node says no.
    pub async fn open(client: &Client, name: &str) -> Result<Opened, ClientError> {
        Producer::begin(client, name, None).await
    }

    /// Goes on as a producer that was opened before.
    ///
    /// # Errors
    /// When the connection fails or the cluster does not know the producer (any more).
    pub async fn resume(client: &Client, name: &str, id: NodeId) -> Result<Opened, ClientError> {
        Producer::begin(client, name, Some(id)).await
    }

    async fn begin(client: &Client, name: &str, producer: Option<NodeId>) -> Result<Opened, ClientError> {
        let (mut send, mut receive) = client.connection().open().await?;
        let request = Request::Produce { name: name.to_owned(), producer };
        let frame = serde_json::to_vec(&request).expect("requests are plain data");
        write_frame(&mut send, &frame, &FrameLimits::up_to(FRAME_BYTES_MAX)).await?;
        let answer = read_frame(&mut receive, &FrameLimits::up_to(FRAME_BYTES_MAX)).await?;
        let answer = answer.ok_or_else(|| ClientError::BadAnswer { reason: "there was none".to_owned() })?;
        match serde_json::from_slice(&answer) {
            Ok(Response::Producer { producer, last }) => {
                let sender = NoteSender { _connection: client.connection().clone(), send, next: last + 1 };
                Ok(Opened::Here(Producer { id: producer, last, sender, answers: NoteAnswers { receive } }))
            }
            Ok(Response::Elsewhere { address, .. }) => Ok(Opened::Elsewhere { address }),
            Ok(Response::Error { code, message }) => Err(ClientError::Refused { code, message }),
            Ok(other) => Err(ClientError::BadAnswer { reason: format!("unexpected {other:?}") }),
            Err(error) => Err(ClientError::BadAnswer { reason: error.to_string() }),
        }
    }

    /// Its id, for [`Producer::resume`].
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The number of the last note that was in the log when it was opened.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Sends notes and waits until they are durable on a quorum.
    ///
    /// # Errors
    /// When the connection fails. Whether the notes are in the log is unknown then.
    pub async fn record<T: AsRef<str>>(&mut self, texts: &[T]) -> Result<Settled, ClientError> {
        self.sender.send(texts).await?;
        self.answers.next().await
    }

    /// The two halves, to send while answers are on their way.
    pub fn split(self) -> (NoteSender, NoteAnswers) {
        (self.sender, self.answers)
    }
}

impl NoteSender {
    /// Sends one frame of notes. There will be one answer. Returns the number of its last note.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn send<T: AsRef<str>>(&mut self, texts: &[T]) -> Result<u64, ClientError> {
        let frame = notes_frame(self.next, texts);
        write_frame(&mut self.send, &frame, &FrameLimits::up_to(NOTES_FRAME_BYTES_MAX)).await?;
        self.next += texts.len() as u64;
        Ok(self.next - 1)
    }
}

impl NoteAnswers {
    /// The answer to the next frame, in order.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn next(&mut self) -> Result<Settled, ClientError> {
        let frame = read_frame(&mut self.receive, &FrameLimits::up_to(NOTES_FRAME_BYTES_MAX)).await?;
        let frame = frame.ok_or_else(|| ClientError::BadAnswer { reason: "the node ended the stream".to_owned() })?;
        read_settled(frame).map_err(|reason| ClientError::BadAnswer { reason: reason.to_owned() })
    }
}
