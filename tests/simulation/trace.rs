//! One hash of everything that happened, in order. Two runs of a seed must have the same.

use std::io::Write;
use std::time::Duration;

/// The hash so far.
#[derive(Default)]
pub struct Trace {
    hasher: blake3::Hasher,
    now: Duration,
    /// Where it is written out, for people.
    file: Option<std::io::BufWriter<std::fs::File>>,
}

impl Trace {
    /// Writes everything but the packets to a file, too.
    pub fn write_to(&mut self, path: &str) {
        self.file = Some(std::io::BufWriter::new(std::fs::File::create(path).expect("a writable file")));
    }

    /// The time of what follows.
    pub fn at(&mut self, now: Duration) {
        self.now = now;
    }

    /// Something happened.
    pub fn note(&mut self, what: &str) {
        let line = format!("{} {what}\n", self.now.as_millis());
        self.hasher.update(line.as_bytes());
        if let Some(file) = self.file.as_mut().filter(|_| !what.starts_with("packet")) {
            file.write_all(line.as_bytes()).expect("a writable file");
        }
    }

    /// A packet was sent, and so many copies of it got through.
    pub fn packet(&mut self, from: usize, to: usize, bytes: usize, copies: usize) {
        self.note(&format!("packet {from} {to} {bytes} {copies}"));
    }

    /// The hash, in short.
    pub fn digest(&self) -> String {
        self.hasher.finalize().to_hex()[..16].to_owned()
    }
}
