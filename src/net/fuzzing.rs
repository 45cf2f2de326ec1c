//! Doors for the fuzz suite and the golden files: decode, and encode again what was decoded.

use super::frame::{FrameLimits, read_frame};
use super::hello::Hello;

/// What two sides tell each other once each has proved who it is.
pub fn hello(bytes: &[u8]) -> Option<Vec<u8>> {
    Hello::decode(bytes).map(|hello| hello.encode())
}

/// The bytes that [`hello`] reads.
pub fn hello_of(wire_min: u16, wire_max: u16, format: u32) -> Vec<u8> {
    Hello { wire_min, wire_max, format, lease_ms: None }.encode()
}

/// The messages on a stream that ends after these bytes, up to the first that is refused; one that is larger than `bytes_max`
/// is. They come back as they would be written.
pub async fn frames(mut stream: &[u8], bytes_max: usize) -> Vec<u8> {
    let limits = FrameLimits::up_to(bytes_max);
    let mut written = vec![];
    while let Ok(Some(message)) = read_frame(&mut stream, &limits).await {
        written.extend_from_slice(&(message.len() as u32).to_le_bytes());
        written.extend_from_slice(&message);
    }
    written
}
