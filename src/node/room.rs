//! How much room the disk of the data directory has left, as of a moment ago: for people, before it is full.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::log::Space;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What was seen last.
#[derive(Clone, Default)]
pub struct Room {
    seen: Arc<Mutex<Option<Space>>>,
}

impl Room {
    /// Looks at the disk of `folder` until `stop`, on a thread of its own: a disk that hangs must not hold up control.
    pub async fn watch(self, folder: PathBuf, stop: CancellationToken) {
        loop {
            let looked_at = folder.clone();
            let Ok(seen) = tokio::task::spawn_blocking(move || Space::of(&looked_at)).await else { return };
            match seen {
                Ok(space) => self.see(space),
                Err(error) => tracing::debug!(%error, "nobody says how much space the disk has"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Notes what was seen, and says when it becomes low or no longer is.
    fn see(&self, space: Space) {
        let before = self.seen.lock().unwrap_or_else(PoisonError::into_inner).replace(space);
        match (before.is_some_and(|before| before.is_low()), space.is_low()) {
            (false, true) => tracing::warn!(free_bytes = space.free_bytes, "the disk is nearly full: make space"),
            (true, false) => tracing::info!(free_bytes = space.free_bytes, "the disk has space again"),
            _ => {}
        }
    }

    /// The disk's space; none before the first look.
    pub fn space(&self) -> Option<Space> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that are left, when these are few.
    pub fn low(&self) -> Option<u64> {
        self.space().filter(Space::is_low).map(|space| space.free_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_disk_that_was_seen_to_be_low_is_low() {
        let room = Room::default();
        assert_eq!((room.space(), room.low()), (None, None), "unknown is not low");
        let space = |free_bytes| Space { free_bytes, total_bytes: 1 << 40 };
        room.see(space(1 << 30));
        assert_eq!(room.low(), Some(1 << 30));
        room.see(space(1 << 35));
        assert_eq!(room.low(), None);
    }
}
