//! A node's archive: old segments of its log as content-addressed blobs, and the file that names them.
//!
//! ```text
//! ARCHIVE/archive.json   the segments in order: which entries and records, the blob, the hash chain before and behind
//! ARCHIVE/blobs/         the blobs
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::ArtifactError;
use super::incoming::Incoming;
use super::store::{BUFFER_BYTES, BlobStore, place_in, sync_dir};
use crate::event::{Hash, Seq};
use crate::log::{ArchiveDisk, LogReader, SealedPart};

/// The version of `archive.json`.
const VERSION: u32 = 1;
/// The file that names the segments.
const MANIFEST: &str = "archive.json";

/// A segment in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedSegment {
    /// Its first entry.
    pub first_index: u64,
    /// Its last entry.
    pub last_index: u64,
    /// Its first record, or the one that the next record has.
    pub first_seq: Seq,
    /// Its last record, or the one before it.
    pub last_seq: Seq,
    /// Its bytes: the segment's file without the zeros at its end.
    pub bytes: u64,
    /// BLAKE3 of them: the blob's name.
    pub blob: Hash,
    /// The hash chain before it.
    pub chain_before: Hash,
    /// The hash chain up to its end.
    pub chain: Hash,
}

impl ArchivedSegment {
    /// The entry after its last one. Whatever the file says, a number.
    fn next_index(&self) -> u64 {
        self.last_index.saturating_add(1)
    }
}

/// `archive.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    version: u32,
    /// The cluster, as its log names it.
    cluster: Hash,
    /// In order; each begins where the one before it ends, or later where the log began anew behind a snapshot.
    segments: Vec<ArchivedSegment>,
}

/// An archive of one log.
pub struct Archive {
    root: PathBuf,
    manifest: Manifest,
}

impl Archive {
    /// The archive in `root`; none when there is none.
    ///
    /// # Errors
    /// [`ArtifactError::Archive`] when its manifest cannot be understood.
    pub fn load(root: &Path) -> Result<Option<Archive>, ArtifactError> {
        let path = root.join(MANIFEST);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ArtifactError::file("read", &path, error)),
        };
        let wrong = |reason: String| ArtifactError::Archive { path: path.clone(), reason };
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if manifest.version > VERSION {
            return Err(wrong(format!(
                "it has version {}, this program reads {VERSION}: upgrade it",
                manifest.version
            )));
        }
        for pair in manifest.segments.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            if !follows(before, after.first_index, after.chain_before) {
                return Err(wrong(format!("entry {} does not follow from the segment before it", after.first_index)));
            }
        }
        Ok(Some(Archive { root: root.to_owned(), manifest }))
    }

    /// The archive of the cluster's log in `root`, begun where there is none.
    ///
    /// # Errors
    /// As [`Archive::load`], and when it is of another cluster.
    pub fn open(root: &Path, cluster: Hash) -> Result<Archive, ArtifactError> {
        let empty = Manifest { version: VERSION, cluster, segments: vec![] };
        let archive = Archive::load(root)?.unwrap_or_else(|| Archive { root: root.to_owned(), manifest: empty });
        if archive.manifest.cluster == cluster {
            return Ok(archive);
        }
        let reason = "it is the archive of another cluster: choose another folder".to_owned();
        Err(ArtifactError::Archive { path: root.join(MANIFEST), reason })
    }

    /// The segments, in order.
    pub fn segments(&self) -> &[ArchivedSegment] {
        &self.manifest.segments
    }

    /// The segments behind the last gap.
    fn whole(&self) -> &[ArchivedSegment] {
        let mut pairs = self.segments().windows(2);
        let gap = pairs.rposition(|pair| pair[0].next_index() != pair[1].first_index);
        &self.segments()[gap.map_or(0, |before| before + 1)..]
    }

    /// The entry after the last one that is here; none in an empty archive.
    pub fn next_index(&self) -> Option<u64> {
        self.segments().last().map(ArchivedSegment::next_index)
    }

    /// Puts a segment into the archive, reads the copy back, and only then names it. All is durable on return. A segment that
    /// is here already is left as it is, if it is still whole.
    ///
    /// # Errors
    /// [`ArtifactError::Archive`] when it does not go with what is here; when it cannot be written or is not what was
    /// written.
    pub fn put(&mut self, part: &SealedPart) -> Result<ArchivedSegment, ArtifactError> {
        let place = self.segments().iter().position(|found| found.first_index == part.first_index);
        let found = place.map(|place| &self.segments()[place]);
        let fits = match (found, self.segments().last()) {
            (Some(found), _) => (found.last_index, found.chain) == (part.last.index, part.last.chain),
            (None, Some(last)) => follows(last, part.first_index, part.before),
            (None, None) => true,
        };
        if !fits {
            let reason = format!(
                "the entries {} to {} of the log here do not go with it: choose another folder for this node",
                part.first_index, part.last.index
            );
            return Err(ArtifactError::Archive { path: self.root.join(MANIFEST), reason });
        }
        fs::create_dir_all(&self.root).map_err(|error| ArtifactError::file("create", &self.root, error))?;
        let store = BlobStore::open(&self.root)?;
        if let Some(found) = found
            && store.holds_good(&found.blob)?
        {
            return Ok(found.clone());
        }
        let blob = copy_in(&store, part)?;
        store.verify(&blob)?;
        let segment = ArchivedSegment {
            first_index: part.first_index,
            last_index: part.last.index,
            first_seq: part.first_seq,
            last_seq: part.last.seq,
            bytes: part.bytes,
            blob,
            chain_before: part.before,
            chain: part.last.chain,
        };
        match place {
            Some(place) => self.manifest.segments[place] = segment.clone(),
            None => self.manifest.segments.push(segment.clone()),
        }
        self.save()?;
        Ok(segment)
    }

    fn save(&self) -> Result<(), ArtifactError> {
        let path = self.root.join(MANIFEST);
        let temporary = path.with_extension("tmp");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(&serde_json::to_vec_pretty(&self.manifest).expect("plain data"))?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().map_err(|error| ArtifactError::file("write", &path, error))?;
        sync_dir(&self.root)
    }

    /// The archived segments and the log in the folder `live`, as one log.
    ///
    /// # Errors
    /// [`ArtifactError::Archive`] when a blob is not there or the archive is of another log; what is wrong with the log.
    pub fn reader(&self, live: &Path) -> Result<LogReader, ArtifactError> {
        let mut files = BTreeMap::new();
        for segment in self.whole() {
            let path = place_in(&self.root.join("blobs"), &segment.blob);
            if fs::metadata(&path).map_or(0, |found| found.len()) != segment.bytes {
                let (first, last) = (segment.first_index, segment.last_index);
                let reason =
                    format!("the entries {first} to {last} are missing or cut short: bring {} back", path.display());
                return Err(ArtifactError::Archive { path: self.root.join(MANIFEST), reason });
            }
            files.insert(segment.first_index, path);
        }
        let reader = LogReader::open_on(Arc::new(ArchiveDisk::open(live, files)?))?;
        if reader.cluster() == self.manifest.cluster {
            return Ok(reader);
        }
        let reason = "it is the archive of another cluster's log".to_owned();
        Err(ArtifactError::Archive { path: self.root.join(MANIFEST), reason })
    }
}

/// The log in the folder `live`, with what an archive holds before it if there is one.
///
/// # Errors
/// As [`Archive::reader`].
pub fn whole_log(live: &Path, archive: Option<&Path>) -> Result<LogReader, ArtifactError> {
    match archive.map(Archive::load).transpose()?.flatten() {
        Some(archive) => archive.reader(live),
        None => Ok(LogReader::open(live)?),
    }
}

/// Whether a segment that begins there comes after `before`: right behind it, or behind a gap.
fn follows(before: &ArchivedSegment, first_index: u64, chain: Hash) -> bool {
    let next = before.next_index();
    first_index > next || (first_index == next && chain == before.chain)
}

fn copy_in(store: &BlobStore, part: &SealedPart) -> Result<Hash, ArtifactError> {
    let failed = |error| ArtifactError::file("read", &part.path, error);
    let mut incoming = Incoming::unnamed(store)?;
    let mut from = File::open(&part.path).map_err(failed)?.take(part.bytes);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match from.read(&mut buffer).map_err(failed)? {
            0 => break,
            read => incoming.append(&buffer[..read])?,
        }
    }
    incoming.keep(store)
}
