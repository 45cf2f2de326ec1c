//! Verifies a whole file.

use std::collections::{BTreeSet, HashSet};

use super::fault::{FileFault, PlyFault, RecordFault};
use super::file::RecordReader;
use super::game_record::{GameRecord, Generator};
use super::opening::opening_of;
use super::positions::PositionSketch;
use super::replay::walk;
use crate::game::registry::{GameVisitor, dispatch};
use crate::game::{Game, Planes, Seat};

/// What the replay of a file counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Games.
    pub games: u32,
    /// Positions in which somebody moved.
    pub positions: u64,
    /// Games that a seat won alone, for each seat in order.
    pub wins: Vec<u32>,
    /// Games without a single winner.
    pub draws: u32,
    /// Distinct sequences of actions.
    pub distinct: u32,
    /// Positions that carry a policy target.
    pub targets: u64,
    /// Simulations that the records attest.
    pub simulations: u64,
    /// Positions with a choice between at least two actions, openings apart.
    pub choices: u64,
    /// Positions with a choice that carry a policy target.
    pub choices_targeted: u64,
    /// Positions that carry a policy target, for each seat in order.
    pub targets_of_seats: Vec<u64>,
    /// Simulations that the records attest, for each seat in order.
    pub simulations_of_seats: Vec<u64>,
    /// Sum over games of the squares of their positions.
    pub length_squares: u64,
    /// The smallest hashes of some of the positions, up to the board's symmetries.
    pub sketch: Vec<u64>,
    /// Who played, in any seat of any game.
    pub generators: BTreeSet<Generator>,
}

/// What the games of a file were to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Who was to choose every action behind the opening.
    pub player: Generator,
    /// Plies that an opening may have.
    pub opening_plies_max: u32,
}

/// Replays every game of a file, which must hold games of `game` (a key of the registry). Their openings may have `opening_plies_max` plies:
/// without a policy target later ones are choices whose target is missing.
///
/// Memory is bounded by the file's own length. Nothing in the file is believed that the replay can decide.
///
/// # Errors
/// The first fault, with its game and ply. A file with a fault has no tally: none of it may be used.
pub fn verify_file(file: &[u8], game: &str, opening_plies_max: u32) -> Result<Tally, FileFault> {
    let header_fault = |reason| FileFault { game_index: None, ply: None, reason };
    let reader = RecordReader::open(file)?;
    if reader.header().game != game {
        let (found, expected) = (reader.header().game.clone(), game.to_owned());
        return Err(header_fault(RecordFault::WrongGame { found, expected }));
    }
    dispatch(game, VerifyGames { reader, opening_plies_max }).map_err(|unknown| header_fault(unknown.into()))?
}

struct VerifyGames<'a> {
    reader: RecordReader<'a>,
    opening_plies_max: u32,
}

impl GameVisitor for VerifyGames<'_> {
    type Output = Result<Tally, FileFault>;

    #[tracing::instrument(skip_all, fields(game = game.key(), games = self.reader.header().games))]
    fn visit<G: Planes>(self, game: G) -> Self::Output {
        check_header(&self.reader, &game).map_err(|reason| FileFault { game_index: None, ply: None, reason })?;
        let seats = game.seats();
        let (targets_of_seats, simulations_of_seats) = (vec![0; seats], vec![0; seats]);
        let mut tally = Tally { wins: vec![0; seats], targets_of_seats, simulations_of_seats, ..Tally::default() };
        let (mut sequences, mut sketch) = (HashSet::new(), PositionSketch::new(&game));
        for record in self.reader {
            let record = record?;
            let opening = opening_of(&record, self.opening_plies_max);
            count_game(&game, &record, opening, &mut tally, &mut sketch).map_err(|(ply, reason)| FileFault {
                game_index: Some(tally.games),
                ply,
                reason,
            })?;
            sequences.insert(sequence_hash(&record));
            tally.games += 1;
        }
        tally.distinct = sequences.len() as u32;
        tally.sketch = sketch.into_hashes();
        Ok(tally)
    }
}

fn check_header<G: Game>(reader: &RecordReader<'_>, game: &G) -> Result<(), RecordFault> {
    let header = reader.header();
    if header.rules_version != game.rules_version() {
        return Err(RecordFault::RulesVersion { found: header.rules_version, known: game.rules_version() });
    }
    if header.seats != game.seats() {
        return Err(RecordFault::Seats { what: "the header's games", found: header.seats, seats: game.seats() });
    }
    Ok(())
}

fn count_game<G: Planes>(
    game: &G,
    record: &GameRecord,
    opening: usize,
    tally: &mut Tally,
    sketch: &mut PositionSketch,
) -> Result<(), PlyFault> {
    let before = tally.positions;
    let outcome = walk(game, record, |view| {
        let is_choice = u64::from(view.legal.len() > 1 && view.ply >= opening);
        tally.positions += 1;
        tally.choices += is_choice;
        sketch.see(game, view.ply, view.state);
        if let Some(findings) = &view.record.findings {
            let simulations = u64::from(findings.simulations);
            tally.targets += 1;
            tally.choices_targeted += is_choice;
            tally.simulations += simulations;
            tally.targets_of_seats[view.mover.index()] += 1;
            tally.simulations_of_seats[view.mover.index()] += simulations;
        }
    })?;
    tally.length_squares += (tally.positions - before).pow(2);
    match outcome.winner().map(Seat::index) {
        Some(seat) => tally.wins[seat] += 1,
        None => tally.draws += 1,
    }
    tally.generators.extend(&record.generators);
    Ok(())
}

/// Stands for the sequence of actions; two sequences never share one.
fn sequence_hash(record: &GameRecord) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    record.plies.iter().for_each(|ply| {
        hasher.update(&ply.action.0.to_le_bytes());
    });
    *hasher.finalize().as_bytes()
}
