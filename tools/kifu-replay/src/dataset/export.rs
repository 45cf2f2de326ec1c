//! `dataset export`: recorded games become an NPZ file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use kifu::cli::{ExitCode, Failure, Printer};
use kifu::event::{DatasetId, Hash, Real};
use kifu::game::planes::Planes;
use kifu::game::record::RecordReader;
use kifu::game::registry::{self, GameVisitor};
use kifu::learn::data::{DataError, Filters, Terms, build, draw_up, npz};
use kifu::projection::Projection;

use super::{print, unusable};
use crate::args::Cli;
use crate::data::Data;
use crate::fold::Fold;

/// Write samples as NPZ: planes, legal actions, policies, values
///
/// Takes a sealed dataset of the log at --data, with the blobs beside it and the weights that the log gave them, or files of
/// recorded games. Every game is replayed. The same games give the same bytes. docs/datasets.md says what the arrays are.
///
/// Examples:
///   kifu-replay --data /var/lib/kifu/n1 dataset export connect4-g1 --npz g1.npz
///   kifu-replay dataset export --file games.kgr --npz games.npz --games-max 10000
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Export {
    /// A dataset of the log, with or without `dataset/`
    #[arg(value_name = "DATASET", required_unless_present = "files")]
    dataset: Option<String>,

    /// A file of recorded games, oldest first; may be repeated
    #[arg(long = "file", value_name = "FILE", conflicts_with = "dataset")]
    files: Vec<PathBuf>,

    /// Where to write
    #[arg(long, value_name = "OUT")]
    npz: PathBuf,

    /// Where to write the manifest alone, as JSON
    #[arg(long, value_name = "OUT")]
    manifest: Option<PathBuf>,

    /// Only the newest so many games
    #[arg(long, value_name = "N")]
    games_max: Option<u64>,

    /// Only games with at least so many simulations a move: a number, or THROUGHPUT, STANDARD, QUALITY, ULTIMATE or MASTER
    #[arg(long, value_name = "BUDGET", default_value_t = 0, value_parser = kifu::search::budget::simulations)]
    simulations_min: u32,

    /// Only games between models with these weights; may be repeated
    #[arg(long = "generator", value_name = "HASH")]
    generators: Vec<Hash>,

    /// Share of the games that is held out, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    held_out: f64,

    /// Threads that replay games
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
}

/// Files of games with their hashes, oldest first.
type Batches = Vec<(Hash, Vec<u8>)>;

/// What games of a batch weigh.
type Weights = BTreeMap<Hash, Real>;

impl Export {
    pub fn run(&self, cli: &Cli, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let (batches, weights) = match &self.dataset {
            Some(dataset) => of_log(cli, dataset)?,
            None => (self.files.iter().map(|path| read(path)).collect::<Result<_, _>>()?, BTreeMap::new()),
        };
        let Some((_, first)) = batches.first() else { return Err(Failure::usage("the dataset holds no games")) };
        let reader = RecordReader::open(first).map_err(|fault| Failure::new(ExitCode::Unhealthy, fault))?;
        let key = reader.header().game.clone();
        let writing = Writing { verb: self, batches: &batches, weights, printer };
        registry::dispatch(&key, writing).map_err(|error| Failure::new(ExitCode::NotFound, error))?
    }

    fn filters(&self) -> Filters {
        let generators = self.generators.clone();
        Filters { games_max: self.games_max, simulations_min: self.simulations_min, generators }
    }
}

struct Writing<'a> {
    verb: &'a Export,
    batches: &'a Batches,
    weights: Weights,
    printer: &'a mut Printer,
}

impl GameVisitor for Writing<'_> {
    type Output = Result<ExitCode, Failure>;

    fn visit<G: Planes>(self, game: G) -> Self::Output {
        let Writing { verb, batches, weights, printer } = self;
        let share = Real::from_f64(verb.held_out).filter(|share| (Real::ZERO..Real::ONE).contains(share));
        let share = share.ok_or_else(|| Failure::usage("--held-out must be at least 0 and below 1"))?;
        let terms = Terms { filters: verb.filters(), held_out_share: share, weights, ..Terms::default() };
        let manifest = draw_up(&game, batches, &terms).map_err(|error| unusable(&error))?;
        let find = |hash: &Hash| -> Result<Vec<u8>, DataError> {
            let found = batches.iter().find(|(batch, _)| batch == hash);
            Ok(found.expect("the manifest was made of these batches").1.clone())
        };
        let samples = build(&game, &manifest, verb.threads.into(), find).map_err(|error| unusable(&error))?;
        let bytes = npz::write(&manifest, &samples).map_err(|error| unusable(&error))?;
        put(&verb.npz, &bytes)?;
        if let Some(path) = &verb.manifest {
            put(path, &manifest.to_bytes())?;
        }
        print(printer, &game, &manifest, &samples)?;
        Ok(ExitCode::Ok)
    }
}

/// The blobs of a sealed dataset, and what their games weigh.
fn of_log(cli: &Cli, dataset: &str) -> Result<(Batches, Weights), Failure> {
    let data = Data::open(cli)?;
    let state = Fold::at(&data, data.last)?.state;
    state.check(Projection::Datasets).map_err(|halt| Failure::new(ExitCode::Unhealthy, halt))?;
    let id = DatasetId::new(dataset.strip_prefix(DatasetId::PREFIX).unwrap_or(dataset));
    let row = state.datasets.get(&id);
    let row = row.ok_or_else(|| Failure::new(ExitCode::NotFound, format!("the log has no dataset {id}")))?;
    let blobs = cli.data.clone().unwrap_or_default().join("blobs");
    let batches = row
        .batches
        .iter()
        .map(|hash| {
            let name = hash.to_string();
            let (found, bytes) = read(&blobs.join(&name[..2]).join(&name))?;
            let damaged = || Failure::new(ExitCode::Unhealthy, format!("blob {hash} is damaged"));
            if found == *hash { Ok((found, bytes)) } else { Err(damaged()) }
        })
        .collect::<Result<_, _>>()?;
    Ok((batches, row.weights.iter().map(|of| (of.batch, of.weight)).collect()))
}

fn read(path: &Path) -> Result<(Hash, Vec<u8>), Failure> {
    let missing = |error| Failure::new(ExitCode::NotFound, format!("cannot read {}: {error}", path.display()));
    let bytes = fs::read(path).map_err(missing)?;
    Ok((Hash::of(&bytes), bytes))
}

/// Writes beside the path and moves there: whoever reads it sees all of it or nothing.
fn put(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error| Failure::general(format!("cannot write {}: {error}", path.display()));
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    fs::write(&fresh, bytes).map_err(failed)?;
    fs::rename(&fresh, path).map_err(failed)
}
