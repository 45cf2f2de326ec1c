//! From blobs of games to a manifest, and from a manifest to samples.

use std::collections::BTreeMap;

use super::error::DataError;
use super::manifest::{Filters, Manifest, ManifestGame, Terms};
use crate::event::{Hash, Real};
use crate::game::Planes;
use crate::game::record::{GameRecord, RecordReader, RecordWriter};
use crate::learn::error::LearnError;
use crate::learn::samples::{SAMPLES_MAX, Samples};

/// Draws up the manifest of the games in `batches`, oldest first. A game that is there twice is taken once, from its newest place.
///
/// # Errors
/// [`DataError::Batch`] when a file is damaged, for another game, or holds a game that does not replay.
pub fn draw_up<G: Planes>(game: &G, batches: &[(Hash, Vec<u8>)], terms: &Terms) -> Result<Manifest, DataError> {
    list(
        game,
        batches,
        terms,
        || Ok(()),
        |record| {
            let mut samples = Samples::new(game);
            samples.add_game(game, record)?;
            Ok((samples.games()[0].line, samples.len()))
        },
    )
}

/// Draws up a manifest as [`draw_up`] does, and makes its samples as [`build`] does, but replays each game only once. Between games
/// it asks `go_on`.
///
/// # Errors
/// As [`draw_up`], and for a dataset of more than [`SAMPLES_MAX`] positions. `go_on`'s own error otherwise.
pub fn gather<G: Planes, E: From<DataError>>(
    game: &G,
    batches: &[(Hash, Vec<u8>)],
    terms: &Terms,
    go_on: impl FnMut() -> Result<(), E>,
) -> Result<(Manifest, Samples), E> {
    let mut samples = Samples::new(game).with_search_share(terms.search_share).with_margins(game, terms.margins);
    let manifest = list(game, batches, terms, go_on, |record| {
        let before = samples.len();
        samples.add_game(game, record)?;
        if samples.len() > SAMPLES_MAX {
            return Err(format!("the dataset has more than {SAMPLES_MAX} positions"));
        }
        Ok((samples.games()[samples.games().len() - 1].line, samples.len() - before))
    })?;
    manifest.games.iter().enumerate().for_each(|(index, named)| samples.weigh(index, named.weight));
    Ok((manifest, samples))
}

/// The manifest of the games that are taken. `replay` sees them in its order, and says which line each is and how many samples follow.
fn list<G: Planes, E: From<DataError>>(
    game: &G,
    batches: &[(Hash, Vec<u8>)],
    terms: &Terms,
    mut go_on: impl FnMut() -> Result<(), E>,
    mut replay: impl FnMut(&GameRecord) -> Result<(Hash, usize), String>,
) -> Result<Manifest, E> {
    let mut files = Vec::with_capacity(batches.len());
    for (hash, file) in batches {
        files.push(records(game, *hash, file)?);
        go_on()?;
    }
    let mut manifest = Manifest::new(game, terms);
    manifest.batches = batches.iter().map(|(hash, _)| *hash).collect();
    if !terms.weights.is_empty() {
        let weight = |batch: &Hash| terms.weights.get(batch).copied().unwrap_or(Real::ONE);
        manifest.batch_weights = manifest.batches.iter().map(weight).collect();
    }
    for (id, (number, index)) in choose(game, batches, &files, &terms.filters)? {
        let (line, samples) = replay(&files[number][index]).map_err(|reason| bad(batches[number].0, index, reason))?;
        let (batch, index, samples) = (number as u32, index as u32, samples as u32);
        manifest.games.push(ManifestGame { id, line, batch, index, samples, weight: Real::ONE });
        go_on()?;
    }
    weigh(&mut manifest);
    Ok(manifest)
}

/// Blob and place of each game that is taken, by id. Of a game that is there twice the newest place counts.
fn choose<G: Planes>(
    game: &G,
    batches: &[(Hash, Vec<u8>)],
    files: &[Vec<GameRecord>],
    filters: &Filters,
) -> Result<BTreeMap<Hash, (usize, usize)>, DataError> {
    let mut taken = BTreeMap::new();
    for (number, records) in files.iter().enumerate().rev() {
        for (index, record) in records.iter().enumerate().rev() {
            if filters.games_max.is_some_and(|max| taken.len() as u64 >= max) {
                return Ok(taken);
            }
            if filters.admit(record) {
                let id = id_of(game, record).map_err(|reason| bad(batches[number].0, index, reason))?;
                taken.entry(id).or_insert((number, index));
            }
        }
    }
    Ok(taken)
}

/// Gives each game its blob's weight over how often its line is there.
fn weigh(manifest: &mut Manifest) {
    let mut times: BTreeMap<Hash, i64> = BTreeMap::new();
    manifest.games.iter().for_each(|game| *times.entry(game.line).or_default() += 1);
    for game in &mut manifest.games {
        let of_batch = manifest.batch_weights.get(game.batch as usize).copied().unwrap_or(Real::ONE);
        game.weight = Real((of_batch.0 / times[&game.line]).max(1));
    }
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
    let mut samples = Samples::new(game).with_search_share(manifest.search_share).with_margins(game, manifest.margins);
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
        let bad = |reason| bad(hash, named.index as usize, reason);
        if id_of(game, record).map_err(bad)? != named.id {
            return Err(wrong());
        }
        let mut samples =
            Samples::new(game).with_search_share(manifest.search_share).with_margins(game, manifest.margins);
        samples.add_game(game, record).map_err(bad)?;
        samples.weigh(0, named.weight);
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
    let bad = |index, reason| bad(batch, index, reason);
    let reader = RecordReader::open(file).map_err(|fault| bad(0, fault.to_string()))?;
    let header = reader.header();
    if header.game != game.key() || header.rules_version != game.rules_version() {
        return Err(bad(0, format!("it is of {} under rules version {}", header.game, header.rules_version)));
    }
    reader.enumerate().map(|(index, record)| record.map_err(|fault| bad(index, fault.to_string()))).collect()
}

fn bad(batch: Hash, index: usize, reason: String) -> DataError {
    DataError::Batch { batch, source: LearnError::Samples { game: index, reason } }
}
