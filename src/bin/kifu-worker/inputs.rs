//! A job's input blobs: read whole, and checked against their names.

use std::fs::File;
use std::io::Read as _;

use kifu::event::Hash;
use kifu::game::Planes;
use kifu::learn::Weights;
use kifu::work::protocol::Assignment;

use super::job::JobError;

/// The largest blob that is read: far above any net or batch of games here, far below any machine's memory.
const BLOB_BYTES_MAX: u64 = 1 << 30;

/// The bytes of an input. Damage is worth another attempt: another copy may be intact.
pub fn read(assignment: &Assignment, hash: &Hash) -> Result<Vec<u8>, JobError> {
    let path = assignment
        .inputs
        .get(hash)
        .ok_or_else(|| JobError::passing(format!("the node named no file for input {hash}")))?;
    let failed = |error| JobError::passing(format!("cannot read input {}: {error}", path.display()));
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(BLOB_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > BLOB_BYTES_MAX {
        return Err(JobError::lasting(format!("input {} is larger than {BLOB_BYTES_MAX} bytes", path.display())));
    }
    if Hash::of(&bytes) != *hash {
        let message = format!("input {} is damaged: its bytes do not have the hash {hash}", path.display());
        return Err(JobError::passing(message));
    }
    Ok(bytes)
}

/// The weights of an input, which must fit the game. What was loaded has the hash that was asked for.
pub fn weights<G: Planes>(assignment: &Assignment, hash: &Hash, game: &G) -> Result<Weights, JobError> {
    let weights = Weights::from_bytes(&read(assignment, hash)?)
        .map_err(|error| JobError { message: format!("weights {hash}: {error}"), ..JobError::from(error) })?;
    weights.architecture().check_fits(game)?;
    Ok(weights)
}
