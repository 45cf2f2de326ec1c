//! What can be wrong with the bytes or the text of an event.

/// An event, a record or an id could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The kind or version is not in this build's registry. The node must be upgraded before it goes on.
    #[error("event kind {kind:#06x} version {version} is unknown to this build: upgrade this program")]
    Unknown {
        /// The kind's number in the registry.
        kind: u16,
        /// The version of the body.
        version: u16,
    },
    /// The body's bytes do not form a value of its type.
    #[error("the body of {kind} version {version} is malformed: {reason}")]
    Body {
        /// The kind's name.
        kind: &'static str,
        /// The version of the body.
        version: u16,
        /// What the decoder said.
        reason: String,
    },
    /// A record is cut short, too long, or its checksum is wrong.
    #[error("malformed record at byte {offset}: {reason}")]
    Record {
        /// Where the record begins in the bytes that were given.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// Text that should be an id is not one.
    #[error("{text:?} is not a valid {what}")]
    BadId {
        /// Which id was expected.
        what: &'static str,
        /// The text that was given.
        text: String,
    },
}
