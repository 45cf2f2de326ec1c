//! What the two sides of a connection tell each other once each has proved who it is, and not before: the versions of the
//! wire protocol and of the events' format that their builds know, and how long the node keeps its word to a leader.
//!
//! ```text
//! "kifu" | u16 lowest wire version | u16 highest wire version | u32 format version | u32 lease in ms | what later builds add
//! ```
//! Older builds, and programs that never vote, leave out the lease.
//! The connection speaks the highest wire version that both know. All integers are little endian.

use super::error::{NetError, Refusal};
use crate::event::FORMAT_VERSION;

const MAGIC: &[u8; 4] = b"kifu";
const BYTES: usize = 12;
/// The longest hello that is read: room for what later builds add.
pub(super) const HELLO_BYTES_MAX: usize = 64;

/// What a build speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The lowest version of the wire protocol.
    pub wire_min: u16,
    /// The highest.
    pub wire_max: u16,
    /// The format version of events that it reads.
    pub format: u32,
    /// How long this process, having answered a leader, votes for nobody else. None: it does not say.
    pub lease_ms: Option<u32>,
}

impl Default for Hello {
    /// What this build speaks.
    fn default() -> Self {
        Hello { wire_min: 1, wire_max: 1, format: FORMAT_VERSION, lease_ms: None }
    }
}

impl Hello {
    /// The hello as bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let (wire_min, wire_max) = (self.wire_min.to_le_bytes(), self.wire_max.to_le_bytes());
        let lease = self.lease_ms.map(u32::to_le_bytes);
        let lease = lease.as_ref().map(<[u8; 4]>::as_slice).unwrap_or_default();
        [&MAGIC[..], &wire_min, &wire_max, &self.format.to_le_bytes(), lease].concat()
    }

    /// Reads a hello; what follows the known part is for later builds.
    pub(super) fn decode(bytes: &[u8]) -> Option<Hello> {
        let (bytes, more): (&[u8; BYTES], _) = bytes.split_first_chunk()?;
        let [magic @ .., _, _, _, _, _, _, _, _] = bytes;
        let [.., a, b, c, d, e, f, g, h] = *bytes;
        (magic == MAGIC).then(|| Hello {
            wire_min: u16::from_le_bytes([a, b]),
            wire_max: u16::from_le_bytes([c, d]),
            format: u32::from_le_bytes([e, f, g, h]),
            lease_ms: more.first_chunk().copied().map(u32::from_le_bytes),
        })
    }

    /// The wire version that both sides speak.
    pub(super) fn agree(&self, other: &Hello) -> Result<u16, Refusal> {
        let highest = self.wire_max.min(other.wire_max);
        if highest >= self.wire_min.max(other.wire_min) {
            return Ok(highest);
        }
        let words = |hello: &Hello| format!("{} to {}", hello.wire_min, hello.wire_max);
        Err(Refusal::Version(format!("this side speaks protocol versions {}, the other {}", words(self), words(other))))
    }
}

/// Says hello on a stream of its own.
pub(super) async fn say(quic: &quinn::Connection, hello: &Hello) -> Result<(), quinn::ConnectionError> {
    let mut stream = quic.open_uni().await?;
    match stream.write_all(&hello.encode()).await {
        Ok(()) => drop(stream.finish()),
        Err(_) => return Err(quic.closed().await),
    }
    Ok(())
}

/// Hears the other side's hello.
pub(super) async fn hear(quic: &quinn::Connection) -> Result<Result<Hello, NetError>, quinn::ConnectionError> {
    let mut stream = quic.accept_uni().await?;
    let strange =
        || NetError::Stream { doing: "greeting the peer", reason: "it said something else than hello".into() };
    match stream.read_to_end(HELLO_BYTES_MAX).await {
        Ok(bytes) => Ok(Hello::decode(&bytes).ok_or_else(strange)),
        Err(quinn::ReadToEndError::TooLong) => Ok(Err(strange())),
        Err(_) => Err(quic.closed().await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(wire_min: u16, wire_max: u16) -> Hello {
        Hello { wire_min, wire_max, format: 7, lease_ms: Some(1_300) }
    }

    #[test]
    fn hellos_read_back_also_with_what_later_builds_add() {
        let bytes = hello(1, 3).encode();
        assert_eq!(Hello::decode(&bytes), Some(hello(1, 3)));
        assert_eq!(Hello::decode(&[&bytes[..], b"more"].concat()), Some(hello(1, 3)));
        let older = Hello { lease_ms: None, ..hello(1, 3) };
        assert_eq!(older.encode(), bytes[..BYTES]);
        for length in BYTES..bytes.len() {
            assert_eq!(Hello::decode(&bytes[..length]), Some(older));
        }
        for length in 0..BYTES {
            assert_eq!(Hello::decode(&bytes[..length]), None);
        }
        assert_eq!(Hello::decode(b"kifx00000000"), None);
    }

    #[test]
    fn both_sides_agree_on_the_highest_version_that_both_speak() {
        for (one, other, agreed) in [((1, 1), (1, 1), 1), ((1, 3), (2, 5), 3), ((2, 2), (1, 9), 2)] {
            let (one, other) = (hello(one.0, one.1), hello(other.0, other.1));
            assert_eq!((one.agree(&other), other.agree(&one)), (Ok(agreed), Ok(agreed)));
        }
        let refusal = hello(1, 1).agree(&hello(2, 3)).expect_err("nothing in common");
        assert!(refusal.to_string().contains("1 to 1, the other 2 to 3"), "{refusal}");
    }
}
