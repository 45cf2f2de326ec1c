//! Answers that are too large for one message. Their rows come in parts, to a client that said it puts them together: one of an
//! earlier build would take the first part for all of it, and gets an error instead.

use serde_json::Value;

use super::request::{FRAME_BYTES_MAX, PARTS_MAX, Response};

/// A response as it is sent: messages of at most [`FRAME_BYTES_MAX`], made one at a time.
pub(super) struct Messages {
    /// The rows that are still to be sent before the last message.
    rows: std::vec::IntoIter<Value>,
    /// A row that did not fit into the last part.
    held: Option<Vec<u8>>,
    /// The last message: the response, without the rows that went before it.
    last: Option<Vec<u8>>,
    bytes_max: usize,
}

impl Messages {
    /// The messages of a response, in `parts` if the client takes them.
    pub fn of(response: Response, parts: bool) -> Messages {
        Messages::up_to(response, parts, FRAME_BYTES_MAX)
    }

    fn up_to(response: Response, parts: bool, bytes_max: usize) -> Messages {
        let bytes = encoded(&response);
        let fits = |row: &Value| encoded(row).len() + FRAMING_BYTES <= bytes_max;
        let (rows, last) = match response {
            _ if bytes.len() <= bytes_max => (vec![], bytes),
            Response::Rows { rows, footer }
                if parts && bytes.len() / bytes_max < PARTS_MAX / 2 && rows.iter().all(fits) =>
            {
                (rows, encoded(&Response::Rows { rows: vec![], footer }))
            }
            Response::Rows { rows, .. } => (vec![], encoded(&too_large(rows.len(), bytes.len(), bytes_max))),
            _ => (vec![], encoded(&too_large(1, bytes.len(), bytes_max))),
        };
        Messages { rows: rows.into_iter(), held: None, last: Some(last), bytes_max }
    }

    /// The next part: as many rows as fit.
    fn part(&mut self) -> Option<Vec<u8>> {
        let mut part = PART_BEGIN.to_vec();
        while let Some(row) = self.held.take().or_else(|| self.rows.next().map(|row| encoded(&row))) {
            let empty = part.len() == PART_BEGIN.len();
            if !empty && part.len() + row.len() + FRAMING_BYTES > self.bytes_max {
                self.held = Some(row);
                break;
            }
            if !empty {
                part.push(b',');
            }
            part.extend(row);
        }
        if part.len() == PART_BEGIN.len() {
            return None;
        }
        part.extend(PART_END);
        Some(part)
    }
}

impl Iterator for Messages {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.part().or_else(|| self.last.take())
    }
}

/// What stands before and behind the rows of a [`Response::Part`].
const PART_BEGIN: &[u8] = br#"{"type":"part","rows":["#;
const PART_END: &[u8] = b"]}";
/// Bytes of a part that are no rows, and some to spare.
const FRAMING_BYTES: usize = 64;

fn too_large(rows: usize, bytes: usize, bytes_max: usize) -> Response {
    let (size, most) = (bytes >> 20, bytes_max >> 20);
    Response::error(
        "failed",
        format!(
            "the answer has {rows} rows and {size} MiB, more than the {most} MiB that one answer holds for this client: \
             ask for some by the beginning of their id (`get`), or with a program of this node's version"
        ),
    )
}

fn encoded(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("responses are plain data")
}

/// An answer that is put together from its parts.
#[derive(Default)]
pub(super) struct Gathered {
    rows: Vec<Value>,
    parts: usize,
}

impl Gathered {
    /// Takes a response; returns the whole one once it is there, or why the answer makes no sense.
    pub fn take(&mut self, response: Response) -> Result<Option<Response>, String> {
        match response {
            Response::Part { .. } if self.parts == PARTS_MAX => Err(format!("it has more than {PARTS_MAX} parts")),
            Response::Part { rows } => {
                self.parts += 1;
                self.rows.extend(rows);
                Ok(None)
            }
            Response::Rows { rows, footer } => {
                let mut all = std::mem::take(&mut self.rows);
                all.extend(rows);
                Ok(Some(Response::Rows { rows: all, footer }))
            }
            other => Ok(Some(other)),
        }
    }

    /// Whether a part has come: the answer is not whole when nothing follows.
    pub fn has_begun(&self) -> bool {
        self.parts > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Hash;
    use crate::event::samples::sample;
    use crate::event::{Event, Kind, Seq};
    use crate::node::api::rows;
    use crate::node::api::{Footer, Noun};
    use crate::projection::State;
    use crate::projection::testing::record;

    /// The answer to a list of so many batches.
    fn games(batches: u64) -> Response {
        let mut state = State::new();
        let Event::GamesRecorded(mut body) = sample(Kind::GamesRecorded) else { panic!("a sample of its kind") };
        for seq in 1..=batches {
            body.batch = Hash::of(&seq.to_le_bytes());
            state.apply(&record(seq, body.clone()));
        }
        let rows = rows::list(&state, Noun::Games).expect("no projection stopped").render();
        Response::Rows { rows, footer: Footer { seq: Seq(batches), ..Footer::default() } }
    }

    fn gathered(messages: Messages, bytes_max: usize) -> (Response, usize) {
        let mut gathered = Gathered::default();
        for (before, message) in messages.enumerate() {
            assert!(message.len() <= bytes_max, "{} bytes", message.len());
            let response = serde_json::from_slice(&message).expect("a response");
            if let Some(whole) = gathered.take(response).expect("it makes sense") {
                return (whole, before);
            }
        }
        panic!("there is no last message");
    }

    #[test]
    fn rows_that_are_too_many_for_one_message_come_in_parts_and_are_whole_again() {
        let response = games(10_000);
        let Response::Rows { rows, .. } = &response else { panic!("rows") };
        assert_eq!(rows.len(), 10_000);
        let bytes = encoded(&response).len();
        for bytes_max in [bytes / 3, bytes / 2, bytes - 1] {
            let (whole, parts) = gathered(Messages::up_to(response.clone(), true, bytes_max), bytes_max);
            assert!(whole == response, "not the same rows");
            assert!((1..=4).contains(&parts), "{parts} parts");
        }
        let (whole, parts) = gathered(Messages::up_to(response.clone(), true, bytes), bytes);
        assert!(whole == response && parts == 0, "what fits goes as ever");
    }

    #[test]
    fn a_client_that_takes_no_parts_is_told_that_there_is_too_much() {
        let response = games(100);
        let bytes_max = encoded(&response).len() - 1;
        for (response, parts) in [(response.clone(), false), (Response::error("failed", "x".repeat(bytes_max)), true)] {
            let messages: Vec<Vec<u8>> = Messages::up_to(response, parts, bytes_max).collect();
            assert_eq!(messages.len(), 1);
            let told: Response = serde_json::from_slice(&messages[0]).expect("a response");
            assert!(matches!(&told, Response::Error { code, message } if code == "failed" && message.contains("rows")));
        }
        let one = Response::Rows { rows: vec!["x".repeat(200).into(), "y".into()], footer: Footer::default() };
        let messages: Vec<Vec<u8>> = Messages::up_to(one, true, 150).collect();
        assert_eq!(messages.len(), 1, "a row that fits into no message");
    }

    #[test]
    fn an_answer_of_too_many_parts_is_given_up() {
        let mut gathered = Gathered::default();
        for _ in 0..PARTS_MAX {
            assert_eq!(gathered.take(Response::Part { rows: vec![] }), Ok(None));
        }
        assert!(gathered.take(Response::Part { rows: vec![] }).is_err());
    }
}
