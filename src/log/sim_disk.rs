//! A disk in memory that forgets what was not synced, and fails on demand. For tests and simulations.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{LogDisk, LogFile};

/// What a real disk writes at once.
const SECTOR_BYTES: usize = 512;

/// What a crash leaves of the writes that were not synced.
#[derive(Clone, Copy, Debug)]
pub enum Crash {
    /// Nothing.
    LoseAll,
    /// Everything: the process died, not the machine. What was not synced still is not.
    KeepAll,
    /// The first so many bytes of them, file by file.
    KeepBytes(usize),
    /// A part of the sectors, chosen by the seed.
    KeepSectors(u64),
}

/// A folder in memory. Clones share it.
#[derive(Clone, Default)]
pub struct SimDisk {
    folder: Arc<Mutex<Folder>>,
}

#[derive(Default)]
struct Folder {
    names: BTreeMap<String, Arc<MemoryFile>>,
    /// The names as of the last sync of the folder.
    durable_names: BTreeMap<String, Arc<MemoryFile>>,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Default)]
struct Faults {
    /// Bytes that may still be created or written beyond; none: no limit.
    space: Option<u64>,
    /// Writes until one fails, and with what.
    write: Option<(u32, io::ErrorKind)>,
    /// Syncs until one fails, and with what.
    sync: Option<(u32, io::ErrorKind)>,
    /// Changes until the power fails; from 0 on nothing reaches the disk any more.
    power: Option<u32>,
    syncs: u64,
}

struct MemoryFile {
    content: Mutex<Content>,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Bytes that were written since the last sync.
    dirty: BTreeSet<(usize, usize)>,
    /// Bytes that cannot be read.
    lost: Option<Range<usize>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimDisk {
    /// An empty disk without faults.
    pub fn new() -> SimDisk {
        SimDisk::default()
    }

    /// Limits the space for what is created from now on; none lifts the limit. Files that go give theirs back.
    pub fn set_space(&self, bytes: Option<u64>) {
        lock(&self.faults()).space = bytes;
    }

    /// Lets a write fail, after `after` that succeed.
    pub fn fail_write(&self, after: u32, kind: io::ErrorKind) {
        lock(&self.faults()).write = Some((after, kind));
    }

    /// Lets a sync fail, after `after` that succeed.
    pub fn fail_sync(&self, after: u32, kind: io::ErrorKind) {
        lock(&self.faults()).sync = Some((after, kind));
    }

    /// Lets the power fail after `changes` more writes, syncs, renames and the like: from then on they fail, and nothing
    /// becomes durable. What is found afterwards is what [`SimDisk::crashed`] returns.
    pub fn cut_power(&self, changes: u32) {
        lock(&self.faults()).power = Some(changes);
    }

    /// Whether the power has failed.
    pub fn is_cut(&self) -> bool {
        lock(&self.faults()).power == Some(0)
    }

    /// Whether it fails now, or will.
    pub fn has_faults(&self) -> bool {
        let faults = self.faults();
        let faults = lock(&faults);
        faults.space.is_some() || faults.write.is_some() || faults.sync.is_some() || faults.power.is_some()
    }

    /// How many syncs of files have succeeded.
    pub fn syncs(&self) -> u64 {
        lock(&self.faults()).syncs
    }

    /// The disk as it is found after a crash at this moment. This one stays as it is.
    #[must_use]
    pub fn crashed(&self, crash: Crash) -> SimDisk {
        let folder = lock(&self.folder);
        let faults = Arc::new(Mutex::new(Faults::default()));
        let mut found = BTreeMap::new();
        let mut find = |names: &BTreeMap<String, Arc<MemoryFile>>| -> BTreeMap<String, Arc<MemoryFile>> {
            let mut file_after = |file: &Arc<MemoryFile>| {
                let content = || Mutex::new(lock(&file.content).after(crash));
                let file = found
                    .entry(Arc::as_ptr(file))
                    .or_insert_with(|| Arc::new(MemoryFile { content: content(), faults: faults.clone() }));
                file.clone()
            };
            names.iter().map(|(name, file)| (name.clone(), file_after(file))).collect()
        };
        let durable_names = find(&folder.durable_names);
        let names = if matches!(crash, Crash::KeepAll) { find(&folder.names) } else { durable_names.clone() };
        let folder = Folder { names, durable_names, faults };
        SimDisk { folder: Arc::new(Mutex::new(folder)) }
    }

    /// The bytes of a file.
    pub fn bytes_of(&self, name: &str) -> Option<Vec<u8>> {
        lock(&self.folder).names.get(name).map(|file| lock(&file.content).now.clone())
    }

    /// Replaces the bytes of a file, durably: damage, a cut, a foreign file.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut folder = lock(&self.folder);
        let content = Content { now: bytes.clone(), durable: bytes, ..Content::default() };
        let file = Arc::new(MemoryFile { content: Mutex::new(content), faults: folder.faults.clone() });
        folder.names.insert(name.to_owned(), file.clone());
        folder.durable_names.insert(name.to_owned(), file);
    }

    /// Lets no byte of `range` of a file be read any more, as a bad sector does.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn lose(&self, name: &str, range: Range<usize>) {
        let file = lock(&self.folder).names.get(name).cloned().expect("there is such a file");
        lock(&file.content).lost = Some(range);
    }

    fn faults(&self) -> Arc<Mutex<Faults>> {
        lock(&self.folder).faults.clone()
    }
}

impl Faults {
    /// A change is about to be made.
    fn change(&mut self) -> io::Result<()> {
        match &mut self.power {
            Some(0) => Err(io::Error::other("the power is off")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A file is gone.
    fn give_back(&mut self, gone: Option<Arc<MemoryFile>>) {
        if let (Some(space), Some(file)) = (&mut self.space, gone) {
            *space += lock(&file.content).now.len() as u64;
        }
    }

    fn take_space(&mut self, bytes: u64) -> io::Result<()> {
        let Some(space) = &mut self.space else { return Ok(()) };
        *space = space.checked_sub(bytes).ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
        Ok(())
    }
}

/// Counts down to a failure.
fn due(fault: &mut Option<(u32, io::ErrorKind)>) -> io::Result<()> {
    match fault {
        Some((0, kind)) => {
            let error = io::Error::from(*kind);
            *fault = None;
            Err(error)
        }
        Some((after, _)) => {
            *after -= 1;
            Ok(())
        }
        None => Ok(()),
    }
}

impl Content {
    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        if self.now.len() < end {
            self.now.resize(end, 0);
        }
        self.now[offset..end].copy_from_slice(bytes);
        self.dirty.insert((offset, end));
    }

    fn after(&self, crash: Crash) -> Content {
        let mut bytes = self.durable.clone();
        bytes.resize(self.now.len().max(bytes.len()), 0);
        let mut keep = |from: usize, to: usize| bytes[from..to].copy_from_slice(&self.now[from..to]);
        match crash {
            Crash::LoseAll => {}
            Crash::KeepAll => return self.clone(),
            Crash::KeepBytes(mut left) => {
                for (from, to) in &self.dirty {
                    let part = left.min(to - from);
                    keep(*from, from + part);
                    left -= part;
                }
            }
            Crash::KeepSectors(seed) => {
                for (from, to) in &self.dirty {
                    for sector in from / SECTOR_BYTES..to.div_ceil(SECTOR_BYTES) {
                        if blake3::hash(&[seed.to_le_bytes(), (sector as u64).to_le_bytes()].concat()).as_bytes()[0] & 1
                            == 0
                        {
                            keep((sector * SECTOR_BYTES).max(*from), ((sector + 1) * SECTOR_BYTES).min(*to));
                        }
                    }
                }
            }
        }
        Content { now: bytes.clone(), durable: bytes, ..Content::default() }
    }
}

impl LogDisk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.folder).names.keys().cloned().collect())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn LogFile>> {
        let mut folder = lock(&self.folder);
        lock(&folder.faults).change()?;
        lock(&folder.faults).take_space(bytes)?;
        let zeros = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
        let content = Content { now: zeros.clone(), durable: zeros, ..Content::default() };
        let file = Arc::new(MemoryFile { content: Mutex::new(content), faults: folder.faults.clone() });
        let replaced = folder.names.insert(name.to_owned(), file.clone());
        lock(&folder.faults).give_back(replaced);
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        let file = lock(&self.folder).names.get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut folder = lock(&self.folder);
        lock(&folder.faults).change()?;
        let file = folder.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        let replaced = folder.names.insert(to.to_owned(), file);
        lock(&folder.faults).give_back(replaced);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut folder = lock(&self.folder);
        lock(&folder.faults).change()?;
        let file = folder.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        lock(&folder.faults).give_back(Some(file));
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut folder = lock(&self.folder);
        lock(&folder.faults).change()?;
        folder.durable_names = folder.names.clone();
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        lock(&self.faults()).space
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("memory").join(name)
    }
}

impl LogFile for MemoryFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(lock(&self.content).now.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = lock(&self.content);
        let rest = usize::try_from(offset).ok().and_then(|offset| content.now.get(offset..)).unwrap_or(&[]);
        let read = rest.len().min(into.len());
        if content
            .lost
            .as_ref()
            .is_some_and(|lost| (lost.start as u64) < offset + read as u64 && offset < lost.end as u64)
        {
            return Err(rustix::io::Errno::IO.into());
        }
        into[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let mut faults = lock(&self.faults);
        let fault = faults.change().and_then(|()| due(&mut faults.write));
        drop(faults);
        // A write that fails may have written a part.
        let written = if fault.is_ok() { bytes.len() } else { bytes.len() / 2 };
        lock(&self.content).write(&bytes[..written], offset);
        fault
    }

    fn sync(&self) -> io::Result<()> {
        let mut faults = lock(&self.faults);
        faults.change()?;
        due(&mut faults.sync)?;
        faults.syncs += 1;
        let mut content = lock(&self.content);
        let Content { now, durable, dirty, .. } = &mut *content;
        durable.resize(now.len(), 0);
        for (from, to) in std::mem::take(dirty) {
            durable[from..to].copy_from_slice(&now[from..to]);
        }
        Ok(())
    }
}
