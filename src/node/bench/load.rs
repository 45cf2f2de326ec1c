//! Clients that write notes as fast as they are taken.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::node::api::notes::Status;
use crate::node::api::producer::{Opened, Producer};
use crate::node::api::{Client, ClientError, Target};

/// Connections that all clients share at most, as programs would.
const CONNECTIONS_MAX: usize = 8;
/// Frames that a client with many notes outstanding divides them into.
const FRAMES_OUTSTANDING: usize = 4;
/// The longest latency that is told apart, in microseconds.
const LATENCY_US_MAX: u64 = 60_000_000;

/// What to write.
#[derive(Clone, Debug)]
pub struct Load {
    /// Clients, each with a producer of its own.
    pub clients: usize,
    /// Notes that each has outstanding.
    pub window: usize,
    /// Bytes of a note.
    pub bytes: usize,
    /// How long to write …
    pub during: Duration,
    /// … or how many notes in all, if that comes first.
    pub notes_max: u64,
}

/// What came of it.
pub struct Written {
    /// Notes that were acknowledged: durable on a quorum.
    pub notes: u64,
    /// From the first to the last.
    pub elapsed: Duration,
    /// From sending a note's frame to its answer, in microseconds; one count a frame.
    pub latency_us: Histogram<u64>,
}

/// An empty histogram of latencies.
///
/// # Panics
/// Never: the bounds are constants that fit.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("constant bounds")
}

/// A client of the node that leads, whichever of `machines` (data directories) it is.
///
/// # Errors
/// When none of them can be asked.
pub async fn open_producer(machines: &[PathBuf]) -> Result<(Client, Producer), ClientError> {
    let mut refused = ClientError::Unreachable { reason: "no node leads".to_owned() };
    for data in machines {
        let opened = async {
            let client = Client::connect(&Target::of_this_data_dir(data)?).await?;
            Ok::<_, ClientError>((Producer::open(&client, "bench").await?, client))
        };
        match opened.await {
            Ok((Opened::Here(producer), client)) => return Ok((client, producer)),
            Ok((Opened::Elsewhere { .. }, _)) => {}
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Writes notes to the leader among `machines`.
///
/// # Errors
/// When the leader is lost or refuses a note.
pub async fn write(machines: &[PathBuf], load: &Load) -> Result<Written, ClientError> {
    let mut clients: Vec<Client> = vec![];
    let mut producers = vec![];
    for index in 0..load.clients {
        if clients.len() < CONNECTIONS_MAX {
            let (client, producer) = open_producer(machines).await?;
            clients.push(client);
            producers.push(producer);
            continue;
        }
        match Producer::open(&clients[index % CONNECTIONS_MAX], "bench").await? {
            Opened::Here(producer) => producers.push(producer),
            Opened::Elsewhere { .. } => {
                return Err(ClientError::Unreachable { reason: "the leader changed".to_owned() });
            }
        }
    }
    let begun = Instant::now();
    let left = Arc::new(AtomicU64::new(load.notes_max));
    let tasks: Vec<_> = producers
        .into_iter()
        .enumerate()
        .map(|(index, producer)| tokio::spawn(write_one(producer, load.clone(), begun, left.clone(), index)))
        .collect();
    let bad = |error: &dyn std::fmt::Display| ClientError::BadAnswer { reason: error.to_string() };
    let mut ended = vec![];
    for task in tasks {
        ended.push(task.await.map_err(|error| bad(&error))??);
    }
    let mut written = Written { notes: 0, elapsed: begun.elapsed(), latency_us: histogram() };
    for (notes, latencies_us) in ended {
        written.notes += notes;
        latencies_us.into_iter().for_each(|latency| written.latency_us.saturating_record(u64::from(latency)));
    }
    Ok(written)
}

/// The notes of one client, and the latency of each frame in microseconds. A histogram of its own for each of hundreds of clients would be
/// a few random writes into megabytes for each answer.
async fn write_one(
    producer: Producer,
    load: Load,
    begun: Instant,
    left: Arc<AtomicU64>,
    index: usize,
) -> Result<(u64, Vec<u32>), ClientError> {
    let per_frame = load.window.div_ceil(FRAMES_OUTSTANDING).max(1);
    let frames_max = load.window.div_ceil(per_frame);
    let (mut sender, mut answers) = producer.split();
    let mut latencies_us = vec![];
    let mut outstanding: VecDeque<(Instant, u64)> = VecDeque::new();
    let mut texts = Texts::new(index as u64, load.bytes);
    let mut notes = 0;
    loop {
        while begun.elapsed() < load.during && outstanding.len() < frames_max {
            let frame = take(&left, per_frame as u64);
            if frame == 0 {
                break;
            }
            let sent = Instant::now();
            sender.send(texts.next(frame as usize)).await?;
            outstanding.push_back((sent, frame));
        }
        let Some((sent, frame)) = outstanding.pop_front() else { return Ok((notes, latencies_us)) };
        let settled = answers.next().await?;
        if settled.status != Status::All {
            return Err(ClientError::Refused { code: "unavailable".to_owned(), message: settled.words });
        }
        notes += frame;
        latencies_us.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}

/// Takes up to `wanted` from what is left.
fn take(left: &AtomicU64, wanted: u64) -> u64 {
    let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left - left.min(wanted)));
    before.map_or(0, |before| before.min(wanted))
}

/// Texts that no compression makes small: letters and digits from a fast generator.
struct Texts {
    state: u64,
    bytes: usize,
    frame: Vec<String>,
}

impl Texts {
    fn new(seed: u64, bytes: usize) -> Texts {
        Texts { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, bytes, frame: vec![] }
    }

    /// The next `count` texts. Their beginnings differ from call to call; the rest is drawn once, for speed.
    fn next(&mut self, count: usize) -> &[String] {
        while self.frame.len() < count {
            let text = self.text();
            self.frame.push(text);
        }
        for text in &mut self.frame[..count] {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let stamp = format!("{:016x}", self.state);
            text.replace_range(..stamp.len().min(text.len()), &stamp[..stamp.len().min(text.len())]);
        }
        &self.frame[..count]
    }

    fn text(&mut self) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut letter = || {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            char::from(ALPHABET[(self.state >> 58) as usize])
        };
        (0..self.bytes.max(1)).map(|_| letter()).collect()
    }
}
