//! How much space a file system has.

use std::io;
use std::path::Path;

/// Below so much free space a disk counts as nearly full …
const LOW_BYTES: u64 = 2 << 30;
/// … or below this part of it, on a small one.
const LOW_PART: u64 = 10;

/// With less free space nothing goes to sled: it grows by segments of half a megabyte, and does not survive a write that finds no space.
pub const ROOM_BYTES_MIN: u64 = 4 << 20;

/// The space of the file system that a folder lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What this process may still write.
    pub free_bytes: u64,
    /// All there is.
    pub total_bytes: u64,
}

impl Space {
    /// The space where `folder` lies, now.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(folder: &Path) -> io::Result<Space> {
        let found = rustix::fs::statvfs(folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Space { free_bytes: bytes(found.f_bavail), total_bytes: bytes(found.f_blocks) })
    }

    /// Whether `bytes` more leave enough for small files.
    pub fn has_room_for(&self, bytes: u64) -> bool {
        self.free_bytes >= ROOM_BYTES_MIN.saturating_add(bytes)
    }

    /// Whether somebody should make space, or will have to.
    pub fn is_low(&self) -> bool {
        self.free_bytes < LOW_BYTES.min(self.total_bytes / LOW_PART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_nearly_full_below_two_gibibytes_or_a_tenth() {
        let is_low = |free_bytes, total_bytes| Space { free_bytes, total_bytes }.is_low();
        let (mib, gib) = (1 << 20, 1 << 30);
        assert!(is_low(2 * gib - 1, 500 * gib) && !is_low(2 * gib, 500 * gib));
        assert!(is_low(6 * mib, 64 * mib) && !is_low(7 * mib, 64 * mib));
        assert!(!is_low(0, 0), "a file system that counts nothing has no end");
    }

    #[test]
    fn what_can_wait_leaves_room_for_small_files() {
        let has_room_for = |free_bytes, bytes| Space { free_bytes, total_bytes: 1 << 40 }.has_room_for(bytes);
        assert!(has_room_for(ROOM_BYTES_MIN + 5, 5) && !has_room_for(ROOM_BYTES_MIN + 4, 5));
        assert!(!has_room_for(u64::MAX - 1, u64::MAX));
    }

    #[test]
    fn a_folder_lies_somewhere() {
        let space = Space::of(&std::env::temp_dir()).expect("it is there");
        assert!(space.free_bytes <= space.total_bytes);
        assert!(Space::of(Path::new("/does/not/exist")).is_err());
    }
}
