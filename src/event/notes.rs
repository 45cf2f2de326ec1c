//! Notes: what programs and people write into the log beside what the cluster does.

use super::body::body;
use super::id::NodeId;

body! {
    /// `PRODUCER_REGISTERED`: a program may record notes under this id, numbered from 1 without gaps.
    pub struct ProducerRegistered {
        /// The id under which its notes are numbered. Drawn at random, used for nothing else.
        pub producer: NodeId,
        /// What people call it.
        pub name: String,
        /// On whose authority it writes.
        pub actor: String,
    }

    /// `NOTE_RECORDED`: somebody wanted this remembered. It decides nothing.
    pub struct NoteRecorded {
        /// On whose authority it was written.
        pub author: String,
        /// The note.
        pub text: String,
    }
}
