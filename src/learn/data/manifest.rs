//! What a dataset consists of: an immutable list of games, and all that decides which samples follow from them.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::error::DataError;
use crate::event::{Hash, Real};
use crate::game::Planes;
use crate::game::record::{GameRecord, Generator};

/// What the manifest calls itself.
const FORMAT: &str = "kifu-dataset-1";
/// The most that a game may weigh.
pub const WEIGHT_MAX: Real = Real(1_000 * Real::SCALE);
/// Share of the search's expectation in the targets of values, where nothing else is said. Willemsen, Baier and Kaisers (2020) study such mixtures;
/// `docs/performance.md` says what this one brought.
pub const SEARCH_SHARE: Real = Real(500_000);
/// Plies of the random game whose encodings are part of an encoder's hash.
const PROBE_PLIES: usize = 40;

/// A dataset. Its JSON bytes are a blob; their hash is the dataset's identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `kifu-dataset-1`.
    pub format: String,
    /// Key of the game.
    pub game: String,
    /// Version of its rules.
    pub rules_version: u32,
    /// See [`encoder_hash`].
    pub encoder: Hash,
    /// Which games were taken.
    pub filters: Filters,
    /// Share of the games that is held out.
    pub held_out_share: Real,
    /// Share of the search's own expectation in the target of a position's value; the rest is who won.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub search_share: Real,
    /// Whether samples hold how near each seat had come to a win at the end.
    #[serde(default, skip_serializing_if = "is_false")]
    pub margins: bool,
    /// The blobs, oldest first.
    pub batches: Vec<Hash>,
    /// What a game of each blob weighs, by the strength of who played and the quality of the games; none: all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batch_weights: Vec<Real>,
    /// The games, in order of their id.
    pub games: Vec<ManifestGame>,
}

/// A game of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestGame {
    /// BLAKE3 of the record.
    pub id: Hash,
    /// BLAKE3 of the actions; decides the side.
    pub line: Hash,
    /// Which blob holds it.
    pub batch: u32,
    /// Its place in the blob.
    pub index: u32,
    /// Samples that follow from it.
    pub samples: u32,
    /// How much its samples count in the loss: its blob's weight over how often the same line was taken, so that repeats do not
    /// count.
    pub weight: Real,
}

/// Which games a dataset takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    /// The newest so many games; all of them when none.
    pub games_max: Option<u64>,
    /// Games in which every searching seat was given at least so many simulations a move.
    pub simulations_min: u32,
    /// Games between models with just these weights; of anybody when empty. Whoever calls picks them by rating.
    pub generators: Vec<Hash>,
}

/// How a dataset is drawn up from blobs of games.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Which games are taken.
    pub filters: Filters,
    /// Share of the games that is held out.
    pub held_out_share: Real,
    /// Share of the search's expectation in the targets of values, from 0 to 1.
    pub search_share: Real,
    /// Whether samples hold how near each seat had come to a win at the end, in games that can say so.
    pub margins: bool,
    /// What a game of a blob weighs; one that is not named weighs 1.
    pub weights: BTreeMap<Hash, Real>,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            filters: Filters::default(),
            held_out_share: Real::ZERO,
            search_share: SEARCH_SHARE,
            margins: true,
            weights: BTreeMap::new(),
        }
    }
}

fn is_zero(share: &Real) -> bool {
    *share == Real::ZERO
}

fn is_false(wanted: &bool) -> bool {
    !wanted
}

impl Filters {
    /// Whether a game may be taken.
    pub fn admit(&self, record: &GameRecord) -> bool {
        record.generators.iter().all(|generator| self.admits(generator))
    }

    fn admits(&self, generator: &Generator) -> bool {
        match generator {
            Generator::Model { weights, simulations, .. } => {
                *simulations >= self.simulations_min
                    && (self.generators.is_empty() || self.generators.contains(&Hash(*weights)))
            }
            Generator::Planner { simulations, .. } => {
                *simulations >= self.simulations_min && self.generators.is_empty()
            }
            _ => self.generators.is_empty(),
        }
    }
}

impl Manifest {
    /// An empty dataset of a game.
    pub fn new<G: Planes>(game: &G, terms: &Terms) -> Manifest {
        Manifest {
            format: FORMAT.to_owned(),
            game: game.key().to_owned(),
            rules_version: game.rules_version(),
            encoder: encoder_hash(game),
            filters: terms.filters.clone(),
            held_out_share: terms.held_out_share,
            search_share: terms.search_share,
            margins: terms.margins && game.progress(&game.start()).is_some(),
            batches: vec![],
            batch_weights: vec![],
            games: vec![],
        }
    }

    /// The bytes of the blob.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest is plain data with text keys")
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// [`DataError::Manifest`] when it is no manifest.
    pub fn from_bytes(bytes: &[u8]) -> Result<Manifest, DataError> {
        let manifest: Manifest =
            serde_json::from_slice(bytes).map_err(|error| DataError::Manifest(error.to_string()))?;
        let ordered = manifest.games.is_sorted_by(|a, b| a.id < b.id);
        let weighed = [0, manifest.batches.len()].contains(&manifest.batch_weights.len());
        let in_bounds = |weight: &Real| (Real(1)..=WEIGHT_MAX).contains(weight);
        let mut weights = manifest.batch_weights.iter().chain(manifest.games.iter().map(|game| &game.weight));
        match () {
            () if manifest.format != FORMAT => Err(DataError::Manifest(format!("its format is {}", manifest.format))),
            () if !weighed || !weights.all(in_bounds) => Err(DataError::Manifest(format!(
                "its weights are not above 0 and at most {WEIGHT_MAX}, one for each batch and game"
            ))),
            () if !(Real::ZERO..=Real::ONE).contains(&manifest.search_share) => {
                Err(DataError::Manifest(format!("its search share is {}, which is no share", manifest.search_share)))
            }
            () if !ordered => Err(DataError::Manifest("its games are not in order, or repeat".to_owned())),
            () => Ok(manifest),
        }
    }

    /// The dataset's identity.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.to_bytes())
    }

    /// Refuses another game, other rules or another encoder.
    ///
    /// # Errors
    /// [`DataError::Mismatch`].
    pub fn check_fits<G: Planes>(&self, game: &G) -> Result<(), DataError> {
        let same = [
            ("game", self.game.clone(), game.key().to_owned()),
            ("rules version", self.rules_version.to_string(), game.rules_version().to_string()),
            ("encoder", self.encoder.to_string(), encoder_hash(game).to_string()),
        ];
        match same.into_iter().find(|(_, found, wanted)| found != wanted) {
            Some((field, found, wanted)) => Err(DataError::Mismatch { field, found, wanted }),
            None => Ok(()),
        }
    }
}

/// What an encoder is: game, versions and shapes, and what it really writes for the positions of one random game, so that a change
/// without a new version does not pass unseen.
pub fn encoder_hash<G: Planes>(game: &G) -> Hash {
    let mut hasher = blake3::Hasher::new();
    let shape = game.plane_shape();
    hasher.update(game.key().as_bytes()).update(&[0]);
    let sizes = [shape.channels, shape.height, shape.width, game.action_count(), game.seats()].map(|it| it as u64);
    let versions = [u64::from(game.rules_version()), u64::from(game.encoder_version())];
    sizes.iter().chain(&versions).for_each(|value| {
        hasher.update(&value.to_le_bytes());
    });
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let (mut state, mut legal, mut planes) = (game.start(), Vec::new(), vec![0.0; shape.len()]);
    for _ in 0..PROBE_PLIES {
        game.legal(&state, &mut legal);
        if legal.is_empty() {
            break;
        }
        game.encode(&state, &mut planes);
        planes.iter().for_each(|value| {
            hasher.update(&value.to_le_bytes());
        });
        let action = &legal[rng.random_range(0..legal.len())];
        game.play_listed(&mut state, action);
    }
    Hash(*hasher.finalize().as_bytes())
}
