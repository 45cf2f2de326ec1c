//! Datasets: the same samples always, and out to Python and back.

use super::{DataError, Filters, Manifest, Terms, build, draw_up, npz};
use crate::event::{Hash, Real};
use crate::game::connect4::ConnectFour;
use crate::game::record::{GameRecord, Generator};
use crate::game::ringrift::RingRift;
use crate::learn::{Samples, fixtures, python};

const SHARE: Real = Real(250_000);

fn terms(filters: Filters) -> Terms {
    Terms { filters, held_out_share: SHARE, ..Terms::default() }
}

/// Batches of a few games each.
fn batches(games: &[GameRecord]) -> Vec<(Hash, Vec<u8>)> {
    let files = games.chunks(5).map(fixtures::file);
    files.map(|file| (Hash::of(&file), file)).collect()
}

fn games(count: u64) -> Vec<GameRecord> {
    (0..count).map(fixtures::game).collect()
}

fn rebuild(manifest: &Manifest, batches: &[(Hash, Vec<u8>)], threads: usize) -> Result<Samples, DataError> {
    build(&ConnectFour, manifest, threads, |hash| {
        let found = batches.iter().find(|(batch, _)| batch == hash);
        found.map(|(_, file)| file.clone()).ok_or_else(|| DataError::Manifest(format!("no blob {hash}")))
    })
}

fn dataset(count: u64) -> (Manifest, Vec<(Hash, Vec<u8>)>) {
    let batches = batches(&games(count));
    (draw_up(&ConnectFour, &batches, &terms(Filters::default())).expect("games replay"), batches)
}

#[test]
fn a_manifest_gives_the_same_samples_whatever_the_threads_and_the_order_of_arrival() {
    let (manifest, mut batches) = dataset(23);
    let again = Manifest::from_bytes(&manifest.to_bytes()).expect("own bytes");
    assert_eq!((&again, again.hash()), (&manifest, manifest.hash()));
    let one = rebuild(&manifest, &batches, 1).expect("builds");
    batches.reverse();
    for threads in [1, 2, 5, 64] {
        assert_eq!(rebuild(&again, &batches, threads).expect("builds").hash(), one.hash(), "{threads} threads");
    }
    assert_eq!(one.len() as u64, manifest.games.iter().map(|game| u64::from(game.samples)).sum::<u64>());
    assert_eq!(npz::write(&manifest, &one).expect("small"), npz::write(&again, &one).expect("small"));
    assert_ne!(rebuild(&dataset(22).0, &batches, 1).ok().map(|it| it.hash()), Some(one.hash()));
}

#[test]
fn a_blob_that_is_not_what_the_manifest_says_is_refused() {
    let (manifest, batches) = dataset(10);
    let mut damaged = batches.clone();
    damaged[1].1[200] ^= 1;
    assert!(matches!(rebuild(&manifest, &damaged, 1), Err(DataError::Manifest(_))));
    assert!(rebuild(&manifest, &batches[..1], 1).is_err());
    let mut swapped = manifest.clone();
    let place = |game: &super::ManifestGame| (game.batch, game.index);
    let (first, second) = (place(&swapped.games[0]), place(&swapped.games[1]));
    (swapped.games[0].batch, swapped.games[0].index) = second;
    (swapped.games[1].batch, swapped.games[1].index) = first;
    assert!(matches!(rebuild(&swapped, &batches, 1), Err(DataError::Manifest(_))));
    let other = Manifest { encoder: Hash::of(b"another encoder"), ..manifest.clone() };
    assert!(matches!(rebuild(&other, &batches, 1), Err(DataError::Mismatch { field: "encoder", .. })));
    let fit = manifest.check_fits(&RingRift::HEX8[0]);
    assert!(matches!(fit, Err(DataError::Mismatch { field: "game", .. })));
}

#[test]
fn the_window_takes_the_newest_games_and_the_wanted_generators_and_repeats_count_once() {
    let weak = Generator::Model { weights: [1; 32], simulations: 64, considered: 7, gumbel_scale_millionths: 0 };
    let strong = Generator::Model { weights: [2; 32], simulations: 200, considered: 7, gumbel_scale_millionths: 0 };
    let mut games = games(20);
    games[..10].iter_mut().for_each(|game| game.generators = vec![weak; 2]);
    games[10..].iter_mut().for_each(|game| game.generators = vec![strong; 2]);
    games.push(games[19].clone());
    let mut replayed_line = games[19].clone();
    replayed_line.seed += 1;
    games.push(replayed_line);
    let batches = batches(&games);
    let take = |filters| draw_up(&ConnectFour, &batches, &terms(filters)).expect("games replay").games;
    assert_eq!(take(Filters::default()).len(), 21, "the same game twice is one game");
    let halves: Vec<_> = take(Filters::default()).into_iter().filter(|game| game.weight == Real(500_000)).collect();
    assert_eq!(halves.len(), 2, "two games with one line share its weight");
    let newest = take(Filters { games_max: Some(4), ..Filters::default() });
    assert_eq!(newest.len(), 4);
    assert!(newest.iter().all(|game| game.batch >= 3), "{newest:?}");
    assert_eq!(take(Filters { simulations_min: 100, ..Filters::default() }).len(), 11);
    assert_eq!(take(Filters { generators: vec![Hash([1; 32])], ..Filters::default() }).len(), 10);
}

#[test]
fn samples_come_back_from_npz_as_they_went() {
    let (manifest, batches) = dataset(12);
    let samples = rebuild(&manifest, &batches, 1).expect("builds");
    let bytes = npz::write(&manifest, &samples).expect("small");
    let (read, back) = npz::read(&ConnectFour, &bytes).expect("own bytes");
    assert_eq!((read, back.hash()), (manifest, samples.hash()));
    assert_eq!(back, samples);
    assert!(npz::read(&RingRift::HEX8[0], &bytes).is_err());
}

#[test]
fn no_damaged_npz_is_read_as_another_dataset() {
    let (manifest, batches) = dataset(3);
    let samples = rebuild(&manifest, &batches, 1).expect("builds");
    let bytes = npz::write(&manifest, &samples).expect("small");
    for cut in (0..bytes.len()).step_by(97) {
        assert!(npz::read(&ConnectFour, &bytes[..cut]).is_err(), "cut at {cut}");
    }
    for place in (0..bytes.len()).step_by(61) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x40;
        if let Ok((read, back)) = npz::read(&ConnectFour, &damaged) {
            assert_eq!((read.hash(), back.hash()), (manifest.hash(), samples.hash()), "bit at {place}");
        }
    }
}

#[test]
fn samples_that_are_no_samples_are_refused() {
    let (manifest, batches) = dataset(3);
    let samples = rebuild(&manifest, &batches, 1).expect("builds");
    let mut wrong = samples.clone();
    wrong.spoil();
    let bytes = npz::write(&manifest, &wrong).expect("small");
    let error = npz::read(&ConnectFour, &bytes).expect_err("no distribution").to_string();
    assert!(error.contains("sample 0 has a policy that is no distribution"), "{error}");
}

#[test]
fn numpy_reads_what_is_exported_and_writes_what_is_imported() {
    const SCRIPT: &str = r#"
import json, sys
import numpy as np
data = np.load(sys.argv[1])
planes, offsets, ids = data["planes"], data["action_offsets"], data["action_ids"]
policy, value, held_out = data["policy"], data["value"], data["held_out"]
n = len(planes)
assert planes.dtype == np.float32 and planes.shape[1:] == (3, 6, 7), planes.shape
assert len(offsets) == n + 1 and offsets[-1] == len(ids) == len(policy)
sums = np.add.reduceat(policy, offsets[:-1].astype(np.int64))
assert np.allclose(sums, 1.0, atol=1e-4), sums
assert value.shape == (n, 2) and np.allclose(value.sum(1), 1.0)
assert set(np.unique(held_out)) <= {0, 1} and len(held_out) == len(data["weight"]) == n
manifest = json.loads(data["manifest"].tobytes())
assert manifest["format"] == "kifu-dataset-1" and sum(g["samples"] for g in manifest["games"]) == n
np.savez_compressed(sys.argv[2], **{name: data[name] for name in data.files})
print(n)
"#;
    let Some(mut python) = python::with("numpy") else { return };
    let (manifest, batches) = dataset(9);
    let samples = rebuild(&manifest, &batches, 1).expect("builds");
    let folder = tempfile::tempdir().expect("a folder");
    let (out, back) = (folder.path().join("out.npz"), folder.path().join("back.npz"));
    std::fs::write(&out, npz::write(&manifest, &samples).expect("small")).expect("written");
    let run = python.args(["-c", SCRIPT]).arg(&out).arg(&back).output().expect("python starts");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(String::from_utf8_lossy(&run.stdout).trim(), samples.len().to_string());
    let (_, read) = npz::read(&ConnectFour, &std::fs::read(&back).expect("written")).expect("numpy's own file");
    assert_eq!(read.hash(), samples.hash());
}
