//! The job that no worker is trusted with: replaying games that a worker recorded.

use std::fs::File;
use std::io::Read;

use crate::artifact::{ArtifactError, BlobStore};
use crate::event::Hash;
use crate::event::command::{JobResult, MeasuredResult, QuarantineResult};
use crate::event::games::{GamesMeasures, GamesTally};
use crate::event::jobs::VerifySpec;
use crate::game::record::{Due, Generator, Tally, verify_file};

/// The largest blob of games that is read. A larger one is quarantined unread.
pub const GAMES_BYTES_MAX: u64 = 256 << 20;

/// Replays every game of a blob. It reads and computes: call it on a thread where that is allowed.
///
/// A blob whose games do not hold is a result, [`JobResult::Quarantined`], not an error; and so is one whose games somebody else than the player who
/// was due played, in any seat, when that is known.
///
/// # Errors
/// When this host's copy is missing or damaged, which says nothing about the games.
#[tracing::instrument(skip_all, fields(batch = %spec.batch.short(), game = %spec.game))]
pub fn verify_games(store: &BlobStore, spec: &VerifySpec, due: Option<Due>) -> Result<JobResult, ArtifactError> {
    let quarantined = |game, reason| JobResult::Quarantined(QuarantineResult { game, reason });
    let Some(bytes) = read(store, &spec.batch)? else {
        return Ok(quarantined(None, format!("the blob is larger than {GAMES_BYTES_MAX} bytes")));
    };
    let opening_plies_max = due.map_or(0, |due| due.opening_plies_max);
    Ok(match verify_file(&bytes, &spec.game.0, opening_plies_max) {
        Ok(tally) => match due.and_then(|due| other_player(&tally, due.player)) {
            None => JobResult::Measured(measured(tally)),
            Some(reason) => quarantined(None, reason),
        },
        Err(fault) => quarantined(fault.game_index, fault.to_string()),
    })
}

/// Who played although somebody else was to, in words.
fn other_player(tally: &Tally, due: Generator) -> Option<String> {
    let other = tally.generators.iter().find(|generator| **generator != due)?;
    Some(format!("played by {other}; the job was for {due}"))
}

/// The blob's bytes, checked against its name; none when it is too large.
fn read(store: &BlobStore, hash: &Hash) -> Result<Option<Vec<u8>>, ArtifactError> {
    let path = store.path(hash).ok_or(ArtifactError::Missing { hash: *hash })?;
    let fail = |source| ArtifactError::File { action: "read", path: path.clone(), source };
    let file = File::open(&path).map_err(fail)?;
    if file.metadata().map_err(fail)?.len() > GAMES_BYTES_MAX {
        return Ok(None);
    }
    let mut bytes = vec![];
    file.take(GAMES_BYTES_MAX).read_to_end(&mut bytes).map_err(fail)?;
    if Hash::of(&bytes) != *hash {
        // Moves the copy aside and says so; a copy that is well after all was read while the disk failed.
        store.verify(hash)?;
        return Err(fail(std::io::Error::other("its bytes changed while they were read")));
    }
    Ok(Some(bytes))
}

fn measured(counted: Tally) -> MeasuredResult {
    let Tally { games, positions, wins, draws, distinct, targets, simulations, .. } = counted;
    let Tally { choices, choices_targeted, targets_of_seats, simulations_of_seats, length_squares, sketch, .. } =
        counted;
    MeasuredResult {
        tally: GamesTally { games, positions, wins, draws, distinct, targets, simulations },
        measures: GamesMeasures {
            choices,
            choices_targeted,
            targets_of_seats,
            simulations_of_seats,
            length_squares,
            sketch,
        },
    }
}
