//! One manifest, the same samples and the same training batches: for two, three and four players, on squares and hexagons.

use std::collections::BTreeSet;

use expect_test::expect;

use super::{DataError, Filters, Manifest, Terms, build, gather};
use crate::event::{Hash, Real};
use crate::game::connect4::ConnectFour;
use crate::game::ringrift::RingRift;
use crate::game::{Game, Planes};
use crate::learn::batch::{Batch, Sampler, Scale};
use crate::learn::split::{is_held_out, split};
use crate::learn::{Samples, fixtures};

/// Games of each configuration, in batches of three.
const GAMES: u64 = 9;

fn batches<G: Planes>(rules: &G, games: u64) -> Vec<(Hash, Vec<u8>)> {
    let game = |seed| fixtures::game_of(rules, seed, |action| rules.action_id(action).0.wrapping_mul(0x9e37_79b1));
    let games: Vec<_> = (0..games).map(game).collect();
    let files = games.chunks(3).map(|games| fixtures::file_of(rules, games));
    files.map(|file| (Hash::of(&file), file)).collect()
}

/// A third of the games held out; the first batch weighs less than the others.
fn terms(batches: &[(Hash, Vec<u8>)]) -> Terms {
    let weights = [(batches[0].0, Real(250_000)), (batches[1].0, Real(700_000))].into();
    Terms { filters: Filters::default(), held_out_share: Real(330_000), weights, ..Terms::default() }
}

fn gathered<G: Planes>(rules: &G, batches: &[(Hash, Vec<u8>)]) -> (Manifest, Samples) {
    gather(rules, batches, &terms(batches), || Ok::<(), DataError>(())).expect("games replay")
}

/// The first batches of a run over the games that are learned from, each under random symmetries.
fn first_batches<G: Planes>(rules: &G, samples: &Samples, manifest: &Manifest) -> Vec<Batch> {
    let pool = split(samples, manifest.held_out_share).expect("games on both sides").train;
    let mut sampler = Sampler::new(rules, samples, pool, 48, 11);
    (0..3).map(|step| sampler.batch(step)).collect()
}

fn check<G: Planes>(rules: &G) {
    let name = rules.key();
    let batches = batches(rules, GAMES);
    let (manifest, samples) = gathered(rules, &batches);
    assert_eq!(manifest.games.len() as u64, GAMES, "{name}");
    assert_eq!(samples.seats(), rules.seats(), "{name}");

    // From the bytes alone, on several threads.
    let again = Manifest::from_bytes(&manifest.to_bytes()).expect("own bytes");
    let read = |hash: &Hash| {
        let found = batches.iter().find(|(batch, _)| batch == hash);
        found.map(|(_, file)| file.clone()).ok_or_else(|| DataError::Manifest(format!("no blob {hash}")))
    };
    let rebuilt = build(rules, &again, 3, read).expect("builds");
    assert_eq!((again.hash(), rebuilt.hash()), (manifest.hash(), samples.hash()), "{name}");
    assert_eq!(rebuilt, samples, "{name}");

    // With augmentation: the same symmetries of the same samples, and some of them are really images.
    let augmented = first_batches(rules, &samples, &manifest);
    assert_eq!(first_batches(rules, &rebuilt, &again), augmented, "{name}");
    let plain: BTreeSet<Vec<u32>> = (0..samples.len()).map(|index| bits(samples.get(index).planes)).collect();
    let length = samples.shape().len();
    let images = augmented[0].planes.chunks(length).filter(|planes| !plain.contains(&bits(planes))).count();
    assert!(images > 5 && images < 43, "{name}: {images} of 48 are images");

    // No game is on both sides, and the sides follow from the manifest alone.
    let sides = split(&samples, manifest.held_out_share).expect("games on both sides");
    let games_of = |side: &[u32]| -> BTreeSet<Hash> {
        let game = |index: &u32| samples.games().partition_point(|game| game.first <= *index as usize) - 1;
        side.iter().map(|index| samples.games()[game(index)].line).collect()
    };
    let (train, held_out) = (games_of(&sides.train), games_of(&sides.validation));
    assert!(train.is_disjoint(&held_out), "{name}");
    assert_eq!(train.len() + held_out.len(), manifest.games.len(), "{name}");
    let named = manifest.games.iter().map(|game| game.line).filter(|line| is_held_out(line, manifest.held_out_share));
    assert_eq!(named.collect::<BTreeSet<_>>(), held_out, "{name}");
}

fn bits(planes: &[f32]) -> Vec<u32> {
    planes.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn one_manifest_gives_the_same_samples_and_batches_for_any_number_of_players() {
    check(&ConnectFour);
    RingRift::SQUARE8.iter().for_each(check);
    RingRift::HEX8.iter().for_each(check);
}

#[test]
fn the_samples_of_a_dataset_are_what_they_were() {
    let hashes = |(rules, margins): (&RingRift<1>, bool)| {
        let batches = batches(rules, 3);
        let terms = Terms { held_out_share: Real(330_000), margins, ..Terms::default() };
        let (manifest, samples) = gather(rules, &batches, &terms, || Ok::<(), DataError>(())).expect("games replay");
        format!("{} {} {} {}\n", rules.key(), samples.len(), manifest.hash().short(), samples.hash().short())
    };
    // Manifests that do not speak of margins go on to mean what they meant.
    let (hex8, square8) = (&RingRift::HEX8[1], &RingRift::SQUARE8[2]);
    let found: String = [(hex8, false), (hex8, true), (square8, false), (square8, true)].map(hashes).concat();
    expect![[r#"
        ringrift-hex8-3p 599 18c15388 161e86d0
        ringrift-hex8-3p 599 99075176 ca8702df
        ringrift-square8-4p 476 a9d9a96c 6ee4759d
        ringrift-square8-4p 476 de454b05 df30858f
    "#]]
    .assert_eq(&found);
}

#[test]
fn a_games_weight_reaches_every_sample_of_it() {
    let rules = &RingRift::HEX8[1];
    let batches = batches(rules, GAMES);
    let (manifest, samples) = gathered(rules, &batches);
    let wanted = [Real(250_000), Real(700_000), Real::ONE];
    assert_eq!(manifest.batch_weights, wanted);
    for (game, named) in samples.games().iter().zip(&manifest.games) {
        assert_eq!((game.weight, game.line), (wanted[named.batch as usize], named.line));
    }
    let all: Vec<u32> = (0..samples.len() as u32).collect();
    let batch = Batch::of(rules, &samples, &all, &Scale::of(&samples, &all));
    let mean = batch.weight.iter().map(|weight| f64::from(*weight)).sum::<f64>() / all.len() as f64;
    assert!((mean - 1.0).abs() < 1e-4, "{mean}");
    let of_batch = |number: u32| {
        let game = manifest.games.iter().position(|game| game.batch == number).expect("nine games");
        f64::from(batch.weight[samples.of_game(game).start])
    };
    assert!((of_batch(0) / of_batch(2) - 0.25).abs() < 1e-6);
    assert!((of_batch(1) / of_batch(2) - 0.7).abs() < 1e-6);
    let train = &first_batches(rules, &samples, &manifest)[0];
    assert_eq!(train.weight.len(), train.len);
}

#[test]
fn samples_that_all_weigh_the_same_carry_no_weights() {
    let samples = fixtures::samples(4, 1);
    let all: Vec<u32> = (0..samples.len() as u32).collect();
    assert_eq!(Scale::of(&samples, &all), Scale::default());
    assert!(Batch::of(&ConnectFour, &samples, &all, &Scale::of(&samples, &all)).weight.is_empty());
}

#[test]
fn weights_beyond_the_bounds_are_refused() {
    let (manifest, _) = gathered(&ConnectFour, &batches(&ConnectFour, 9));
    let mut none = manifest.clone();
    none.games[0].weight = Real::ZERO;
    let mut huge = manifest.clone();
    huge.batch_weights[1] = Real(2_000 * Real::SCALE);
    let mut few = manifest.clone();
    few.batch_weights.pop();
    for wrong in [none, huge, few] {
        let error = Manifest::from_bytes(&wrong.to_bytes()).expect_err("bad weights").to_string();
        assert!(error.contains("weights are not above 0"), "{error}");
    }
    assert_eq!(Manifest::from_bytes(&manifest.to_bytes()).expect("own bytes"), manifest);
}
