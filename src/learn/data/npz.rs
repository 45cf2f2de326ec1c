//! Samples as one NPZ file, for those who train elsewhere. `docs/datasets.md` says what the arrays are.

use std::collections::BTreeMap;

use super::error::DataError;
use super::manifest::Manifest;
use super::npy::{self, Element};
use super::zip;
use crate::event::Hash;
use crate::game::Planes;
use crate::learn::samples::{Arrays, SampledGame, Samples};
use crate::learn::split::is_held_out;

/// The bytes of the file. The same manifest gives the same bytes.
///
/// # Errors
/// [`DataError::TooLarge`].
pub fn write(manifest: &Manifest, samples: &Samples) -> Result<Vec<u8>, DataError> {
    let (count, shape, seats) = (samples.len(), samples.shape(), samples.seats());
    let float_bytes = 4 * count as u64 * shape.len() as u64;
    if float_bytes > zip::ARCHIVE_BYTES_MAX {
        return Err(DataError::TooLarge { bytes: float_bytes, max: zip::ARCHIVE_BYTES_MAX });
    }
    let parts = samples.parts();
    let offsets: Vec<u64> = parts.starts.iter().map(|start| *start as u64).collect();
    let (mut games, mut held_out, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for (index, game) in samples.games().iter().enumerate() {
        let of_game = samples.of_game(index).len();
        games.resize(games.len() + of_game, index as u32);
        held_out.resize(games.len(), u8::from(is_held_out(&game.line, manifest.held_out_share)));
        weights.resize(games.len(), game.weight.to_f64() as f32);
    }
    let lines: Vec<u8> = samples.games().iter().flat_map(|game| game.line.0).collect();
    let text = manifest.to_bytes();
    let mut arrays = vec![
        ("planes.npy", npy::encode(&[count, shape.channels, shape.height, shape.width], parts.planes)),
        ("action_offsets.npy", npy::encode(&[count + 1], &offsets)),
        ("action_ids.npy", npy::encode(&[parts.ids.len()], parts.ids)),
        ("policy.npy", npy::encode(&[parts.policy.len()], parts.policy)),
        ("value.npy", npy::encode(&[count, seats], parts.value)),
        ("game.npy", npy::encode(&[count], &games)),
        ("held_out.npy", npy::encode(&[count], &held_out)),
        ("weight.npy", npy::encode(&[count], &weights)),
        ("game_lines.npy", npy::encode(&[samples.games().len(), 32], &lines)),
        ("manifest.npy", npy::encode(&[text.len()], &text)),
    ];
    if manifest.margins {
        arrays.push(("margin.npy", npy::encode(&[count, seats], parts.margin)));
    }
    zip::write(&arrays)
}

/// Reads a file: its manifest and its samples, checked as those of recorded games are: shapes, legal policies that sum to 1, values
/// that sum to 1, games on the side that their line says.
///
/// # Errors
/// [`DataError::Npz`] for what does not hold, [`DataError::Mismatch`] for another game or encoder.
pub fn read<G: Planes>(game: &G, bytes: &[u8]) -> Result<(Manifest, Samples), DataError> {
    let members = zip::read(bytes, zip::ARCHIVE_BYTES_MAX)?;
    let (_, text) = array::<u8>(&members, "manifest")?;
    let manifest = Manifest::from_bytes(&text)?;
    manifest.check_fits(game)?;
    let shape = game.plane_shape();
    let (sides, planes) = array::<f32>(&members, "planes")?;
    let count = sides.first().copied().unwrap_or(0);
    let expect = |name: &str, found: Vec<usize>, wanted: Vec<usize>| {
        if found == wanted { Ok(()) } else { Err(bad(format!("{name} has shape {found:?}, and {wanted:?} is needed"))) }
    };
    expect("planes", sides, vec![count, shape.channels, shape.height, shape.width])?;
    let (sides, offsets) = array::<u64>(&members, "action_offsets")?;
    expect("action_offsets", sides, vec![count + 1])?;
    let (sides, ids) = array::<u32>(&members, "action_ids")?;
    expect("action_ids", sides, vec![offsets.last().map_or(0, |last| *last as usize)])?;
    let (sides, policy) = array::<f32>(&members, "policy")?;
    expect("policy", sides, vec![ids.len()])?;
    let (sides, value) = array::<f32>(&members, "value")?;
    expect("value", sides, vec![count, game.seats()])?;
    let margin = if manifest.margins {
        let (sides, margin) = array::<f32>(&members, "margin")?;
        expect("margin", sides, vec![count, game.seats()])?;
        margin
    } else {
        vec![]
    };
    let (sides, numbers) = array::<u32>(&members, "game")?;
    expect("game", sides, vec![count])?;
    let (sides, lines) = array::<u8>(&members, "game_lines")?;
    expect("game_lines", sides, vec![manifest.games.len(), 32])?;
    let (sides, held_out) = array::<u8>(&members, "held_out")?;
    expect("held_out", sides, vec![count])?;
    let games = games(&manifest, &lines, &numbers, &held_out)?;
    let starts = offsets.into_iter().map(|start| start as usize).collect();
    let arrays = Arrays { planes, value, margin, starts, ids, policy };
    let samples = Samples::from_parts(game, arrays, games).map_err(bad)?.with_search_share(manifest.search_share);
    Ok((manifest, samples))
}

/// The manifest of a file alone: which game it is for.
///
/// # Errors
/// [`DataError::Npz`] and [`DataError::Manifest`].
pub fn manifest(bytes: &[u8]) -> Result<Manifest, DataError> {
    let (_, text) = array::<u8>(&zip::read(bytes, zip::ARCHIVE_BYTES_MAX)?, "manifest")?;
    Manifest::from_bytes(&text)
}

/// The games of the samples, as the manifest lists them.
fn games(manifest: &Manifest, lines: &[u8], numbers: &[u32], held_out: &[u8]) -> Result<Vec<SampledGame>, DataError> {
    let mut games = Vec::with_capacity(manifest.games.len());
    let mut first = 0_usize;
    for (index, (named, line)) in manifest.games.iter().zip(lines.as_chunks::<32>().0).enumerate() {
        let side = u8::from(is_held_out(&named.line, manifest.held_out_share));
        let end = first + named.samples as usize;
        let mine = numbers.get(first..end).zip(held_out.get(first..end));
        let (mine, sides) =
            mine.ok_or_else(|| bad(format!("game {index} has fewer samples than its manifest says")))?;
        if *line != named.line.0 || mine.iter().any(|it| *it as usize != index) || sides.iter().any(|it| *it != side) {
            return Err(bad(format!("the samples of game {index} are not where its manifest puts them")));
        }
        games.push(SampledGame { line: Hash(*line), first, weight: named.weight });
        first = end;
    }
    if first == numbers.len() {
        Ok(games)
    } else {
        Err(bad("there are more samples than the manifest says".to_owned()))
    }
}

fn array<T: Element>(members: &BTreeMap<String, Vec<u8>>, name: &str) -> Result<(Vec<usize>, Vec<T>), DataError> {
    let bytes = members.get(&format!("{name}.npy")).ok_or_else(|| bad(format!("array {name} is missing")))?;
    npy::decode(name, bytes)
}

fn bad(what: String) -> DataError {
    DataError::Npz(what)
}
