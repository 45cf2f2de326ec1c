//! From blobs of games to a manifest, and from a manifest to samples.

use std::collections::BTreeMap;

use super::error::DataError;
use super::manifest::{Filters, Manifest, ManifestGame};
use crate::event::{Hash, Real};
use crate::game::Planes;
use crate::game::record::{GameRecord, RecordReader, RecordWriter};
use crate::learn::error::LearnError;
use crate::learn::samples::Samples;

/// Draws up the manifest of the games in `batches`, oldest first. A game that is there twice is taken once, from its newest place.
///
/// # Errors
/// [`DataError::Batch`] when a file is damaged, for another game, or holds a game that does not replay.
pub fn draw_up<G: Planes>(
    game: &G,
    batches: &[(Hash, Vec<u8>)],
    filters: Filters,
    held_out_share: Real,
) -> Result<Manifest, DataError> {
    let mut taken: BTreeMap<Hash, ManifestGame> = BTreeMap::new();
    for (number, (hash, file)) in batches.iter().enumerate().rev() {
        let records = records(game, *hash, file)?;
        for (index, record) in records.iter().enumerate().rev() {
            if filters.games_max.is_some_and(|max| taken.len() as u64 >= max) {
                break;
            }
            let bad = |reason| DataError::Batch { batch: *hash, source: LearnError::Samples { game: index, reason } };
            let id = id_of(game, record).map_err(bad)?;
            if !filters.admit(record) || taken.contains_key(&id) {
                continue;
            }
            let mut samples = Samples::new(game);
            samples.add_game(game, record).map_err(bad)?;
            let line = samples.games()[0].line;
            let place = (number as u32, index as u32);
            let (batch, index, samples) = (place.0, place.1, samples.len() as u32);
            taken.insert(id, ManifestGame { id, line, batch, index, samples, weight: Real::ONE });
        }
    }
    let mut manifest = Manifest::new(game, filters, held_out_share);
    manifest.batches = batches.iter().map(|(hash, _)| *hash).collect();
    manifest.games = weighted(taken.into_values().collect());
    Ok(manifest)
}

/// Gives each game the inverse of how often its line is there.
fn weighted(mut games: Vec<ManifestGame>) -> Vec<ManifestGame> {
    let mut times: BTreeMap<Hash, u64> = BTreeMap::new();
    games.iter().for_each(|game| *times.entry(game.line).or_default() += 1);
    games.iter_mut().for_each(|game| game.weight = Real::ratio(1, times[&game.line]));
    games
}

/// The samples of a manifest: in its order, whatever `read` does and however many threads do it.
///
/// # Errors
/// [`DataError::Mismatch`] when the manifest is for something else, [`DataError::Batch`] and [`DataError::Manifest`] when the blobs
/// are not what it says. `read`'s own error otherwise.
pub fn build<G: Planes, E: From<DataError> + Send>(
    game: &G,
    manifest: &Manifest,
    threads: usize,
    read: impl Fn(&Hash) -> Result<Vec<u8>, E> + Sync,
) -> Result<Samples, E> {
    manifest.check_fits(game)?;
    let numbers: Vec<usize> = (0..manifest.batches.len()).collect();
    let share = numbers.len().div_ceil(threads.max(1)).max(1);
    let parts: Vec<Result<Vec<(usize, Samples)>, E>> = std::thread::scope(|scope| {
        let work = |chunk: &[usize]| -> Result<Vec<(usize, Samples)>, E> {
            let parts = chunk.iter().map(|number| of_batch(game, manifest, *number, &read));
            Ok(parts.collect::<Result<Vec<_>, E>>()?.into_iter().flatten().collect())
        };
        let workers: Vec<_> = numbers.chunks(share).map(|chunk| scope.spawn(move || work(chunk))).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect()
    });
    let mut by_place = BTreeMap::new();
    for part in parts {
        by_place.extend(part?);
    }
    let mut samples = Samples::new(game);
    by_place.into_values().for_each(|part| samples.append(&part));
    Ok(samples)
}

/// The samples of the games that the manifest takes from one blob, with their places in the manifest.
fn of_batch<G: Planes, E: From<DataError>>(
    game: &G,
    manifest: &Manifest,
    number: usize,
    read: &impl Fn(&Hash) -> Result<Vec<u8>, E>,
) -> Result<Vec<(usize, Samples)>, E> {
    let hash = manifest.batches[number];
    let file = read(&hash)?;
    if Hash::of(&file) != hash {
        return Err(DataError::Manifest(format!("batch {hash} has other bytes: its copy is damaged")).into());
    }
    let records = records(game, hash, &file)?;
    let named = manifest.games.iter().enumerate().filter(|(_, named)| named.batch as usize == number);
    let take = |(place, named): (usize, &ManifestGame)| {
        let wrong = || DataError::Manifest(format!("game {} of batch {hash} is another one", named.index));
        let record = records.get(named.index as usize).ok_or_else(wrong)?;
        let bad = |reason| DataError::Batch {
            batch: hash,
            source: LearnError::Samples { game: named.index as usize, reason },
        };
        if id_of(game, record).map_err(bad)? != named.id {
            return Err(wrong());
        }
        let mut samples = Samples::new(game);
        samples.add_game(game, record).map_err(bad)?;
        let same = samples.len() == named.samples as usize && samples.games()[0].line == named.line;
        if same { Ok((place, samples)) } else { Err(wrong()) }
    };
    Ok(named.map(take).collect::<Result<_, DataError>>()?)
}

/// BLAKE3 of a file with just this game.
fn id_of<G: Planes>(game: &G, record: &GameRecord) -> Result<Hash, String> {
    let mut file = RecordWriter::new(game);
    file.push(record).map_err(|fault| fault.to_string())?;
    Ok(Hash::of(&file.finish()))
}

fn records<G: Planes>(game: &G, batch: Hash, file: &[u8]) -> Result<Vec<GameRecord>, DataError> {
    let bad = |index, reason| DataError::Batch { batch, source: LearnError::Samples { game: index, reason } };
    let reader = RecordReader::open(file).map_err(|fault| bad(0, fault.to_string()))?;
    let header = reader.header();
    if header.game != game.key() || header.rules_version != game.rules_version() {
        return Err(bad(0, format!("it is of {} under rules version {}", header.game, header.rules_version)));
    }
    reader.enumerate().map(|(index, record)| record.map_err(|fault| bad(index, fault.to_string()))).collect()
}
