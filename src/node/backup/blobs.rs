//! Copies of blobs: from the node's own store, or from the members that hold them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::artifact::{BlobStore, FetchLimits, Source, fetch_from_any};
use crate::event::{Hash, NodeId};
use crate::net::{Endpoint, EndpointLimits, Identity, Role, resolve};
use crate::node::NodeError;
use crate::projection::State;

/// What became of the blobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Blobs that are there.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that were copied now.
    pub copied: u64,
    /// Blobs that nobody had.
    pub missing: Vec<Hash>,
}

/// Where a data directory or a backup keeps a blob.
pub fn place(root: &Path, hash: &Hash) -> PathBuf {
    let name = hash.to_string();
    root.join("blobs").join(&name[..2]).join(name)
}

/// Puts every blob that the state refers to and that has a copy anywhere into the store, from the files below `root` where
/// they are good. The blobs that are not there are returned as missing.
///
/// # Errors
/// When the store cannot be written.
pub fn gather(state: &State, root: &Path, store: &BlobStore) -> Result<Gathered, NodeError> {
    let mut gathered = Gathered::default();
    for artifact in state.artifacts.table.values().filter(|artifact| !artifact.copies.is_empty()) {
        let hash = artifact.artifact;
        let own = place(root, &hash);
        // A copy of an earlier backup may have rotted; it is moved aside then.
        if store.verify(&hash).is_err() && own.is_file() {
            let (found, _) = store.put_file(&own, Source::Copy)?;
            if found != hash {
                tracing::warn!(%hash, path = %own.display(), "this copy does not match its name");
                store.remove(&found)?;
            } else {
                gathered.copied += 1;
            }
        }
        match store.bytes(&hash) {
            Some(bytes) => {
                gathered.blobs += 1;
                gathered.bytes += bytes;
            }
            None => gathered.missing.push(hash),
        }
    }
    Ok(gathered)
}

/// Fetches what is missing from the members that hold it, with the identity of the node in `root`.
///
/// # Errors
/// When the store cannot be written or the identity not be used. A member that does not answer is no error.
pub async fn fetch(state: &State, root: &Path, store: &BlobStore, gathered: &mut Gathered) -> Result<(), NodeError> {
    if gathered.missing.is_empty() {
        return Ok(());
    }
    let identity = Identity::load(root, Role::Node)?;
    let endpoint = Endpoint::dialer(&identity, EndpointLimits::default())?;
    for hash in std::mem::take(&mut gathered.missing) {
        let Some(artifact) = state.artifacts.table.get(&hash) else { continue };
        let sources = sources(state, &artifact.copies, identity.node()).await;
        let limits = FetchLimits { bytes_max: artifact.bytes, ..FetchLimits::default() };
        match fetch_from_any(&endpoint, &sources, hash, store, &limits).await {
            Ok(bytes) => {
                gathered.blobs += 1;
                gathered.copied += 1;
                gathered.bytes += bytes;
            }
            Err(error) if error.is_local() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%hash, %error, "a blob is not in the backup");
                gathered.missing.push(hash);
            }
        }
    }
    Ok(())
}

async fn sources(state: &State, copies: &[NodeId], own: NodeId) -> Vec<(NodeId, SocketAddr)> {
    let mut sources = vec![];
    for host in copies.iter().filter(|host| **host != own).filter_map(|host| state.hosts.get(*host)) {
        if let Ok(address) = resolve(&host.address).await {
            sources.push((host.host, address));
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::artifacts::ArtifactStored;
    use crate::event::samples::sample;
    use crate::event::{Event, Kind};
    use crate::projection::testing::given;

    fn stored(bytes: &[u8]) -> Event {
        let Event::ArtifactStored(body) = sample(Kind::ArtifactStored) else { unreachable!() };
        ArtifactStored { artifact: Hash::of(bytes), bytes: bytes.len() as u64, ..body }.into()
    }

    #[test]
    fn blobs_that_are_referred_to_come_along_once_and_damaged_ones_are_missing() {
        let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let state = given([stored(b"good"), stored(b"damaged"), stored(b"gone")]);
        let own = BlobStore::open(from.path()).expect("a store");
        own.put_bytes(b"good").expect("put");
        own.put_bytes(b"not referred to").expect("put");
        let damaged = place(from.path(), &Hash::of(b"damaged"));
        std::fs::create_dir_all(damaged.parent().expect("a folder")).expect("made");
        std::fs::write(&damaged, b"other bytes").expect("written");
        let store = BlobStore::open(to.path()).expect("a store");
        let mut missing = vec![Hash::of(b"damaged"), Hash::of(b"gone")];
        missing.sort();
        let gathered = gather(&state, from.path(), &store).expect("gathered");
        assert_eq!(gathered, Gathered { blobs: 1, bytes: 4, copied: 1, missing: missing.clone() });
        assert!(!store.contains(&Hash::of(b"other bytes")) && !store.contains(&Hash::of(b"not referred to")));
        let again = gather(&state, from.path(), &store).expect("gathered");
        assert_eq!(again, Gathered { blobs: 1, bytes: 4, copied: 0, missing: missing.clone() });
        std::fs::write(place(to.path(), &Hash::of(b"good")), b"rot!").expect("written");
        let again = gather(&state, from.path(), &store).expect("gathered");
        assert_eq!(again, Gathered { blobs: 1, bytes: 4, copied: 1, missing }, "what has rotted is copied again");
        assert!(store.verify(&Hash::of(b"good")).is_ok());
    }
}
