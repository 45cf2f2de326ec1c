//! Doors for the fuzz suite and the golden files: decode, and encode again what was decoded.

use super::hello::Hello;

/// What two sides tell each other once each has proved who it is.
pub fn hello(bytes: &[u8]) -> Option<Vec<u8>> {
    Hello::decode(bytes).map(|hello| hello.encode())
}

/// The bytes that [`hello`] reads.
pub fn hello_of(wire_min: u16, wire_max: u16, format: u32) -> Vec<u8> {
    Hello { wire_min, wire_max, format, lease_ms: None }.encode()
}
