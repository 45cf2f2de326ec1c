//! A position of a recorded game, found by replaying it.

use std::path::{Path, PathBuf};

use clap::Args;
use kifu::cli::{ExitCode, Failure};
use kifu::game::Outcome;
use kifu::game::planes::Planes;
use kifu::game::record::{GameRecord, RecordReader, replay_with};
use kifu::game::registry::{self, GameVisitor};
use serde::Serialize;

/// Which game of which file.
#[derive(Args, Debug)]
pub struct Source {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Which game, from 0
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub game: u32,
}

/// A position on the way through a game.
#[derive(Debug, Serialize)]
pub struct Position {
    pub game: String,
    index: u32,
    games: u32,
    pub ply: usize,
    pub plies: usize,
    mover: Option<usize>,
    phase: Option<&'static str>,
    next: Option<String>,
    outcome: String,
    board: String,
    /// Every legal move.
    #[serde(skip)]
    pub legal: Vec<String>,
    /// The position as SVG, in games that have pictures.
    #[serde(skip)]
    pub picture: Option<String>,
}

impl Source {
    /// The position before this ply, or at the end.
    pub fn look(&self, ply: Option<usize>) -> Result<Position, Failure> {
        let bytes = read(&self.file)?;
        let unhealthy = |error: &dyn std::fmt::Display| {
            Failure::new(ExitCode::Unhealthy, format!("{}: {error}", self.file.display()))
        };
        let reader = RecordReader::open(&bytes).map_err(|fault| unhealthy(&fault))?;
        let (key, games) = (reader.header().game.clone(), reader.header().games);
        if self.game >= games {
            let failure = Failure::new(ExitCode::NotFound, format!("there is no game {}", self.game));
            return Err(failure.hint(format!("the file holds {games} games, from 0")));
        }
        let mut record = None;
        for next in reader.take(self.game as usize + 1) {
            record = Some(next.map_err(|fault| unhealthy(&fault))?);
        }
        let record = record.ok_or_else(|| unhealthy(&"the file ends early"))?;
        let look = Look { source: self, record: &record, games, ply };
        registry::dispatch(&key, look).map_err(|error| unhealthy(&error))?
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => ExitCode::NotFound,
            _ => ExitCode::Failure,
        };
        Failure::new(code, format!("cannot read {}: {error}", file.display()))
    })
}

/// Replays to the ply that is wanted.
struct Look<'a> {
    source: &'a Source,
    record: &'a GameRecord,
    games: u32,
    ply: Option<usize>,
}

/// What is shown of a position.
struct Seen {
    board: String,
    picture: Option<String>,
    mover: Option<usize>,
    phase: Option<&'static str>,
    next: Option<String>,
    legal: Vec<String>,
}

impl GameVisitor for Look<'_> {
    type Output = Result<Position, Failure>;

    fn visit<G: Planes>(self, game: G) -> Self::Output {
        let plies = self.record.plies.len();
        let ply = self.ply.unwrap_or(plies);
        if ply > plies {
            let failure = Failure::new(ExitCode::NotFound, format!("there is no ply {ply}"));
            return Err(failure.hint(format!("the game has {plies} plies; {plies} is its end")));
        }
        let (mut found, mut last) = (None, None);
        let replayed = replay_with(&game, self.record, |view| {
            let action = game.action(view.state, view.record.action);
            if view.ply == ply {
                let next = action.as_ref().map(|action| game.notation(view.state, action));
                found = Some(Seen {
                    board: game.draw(view.state),
                    picture: game.picture(view.state),
                    mover: Some(view.mover.index() + 1),
                    phase: Some(game.phase(view.state)),
                    next,
                    legal: view.legal.iter().map(|action| game.notation(view.state, action)).collect(),
                });
            }
            last = Some((view.state.clone(), action));
        });
        let outcome = replayed.map_err(|fault| {
            let place = format!("{}: game {}", self.source.file.display(), self.source.game);
            Failure::new(ExitCode::Unhealthy, format!("{place} does not replay: {fault}"))
        })?;
        let Seen { board, picture, mover, phase, next, legal } = found.unwrap_or_else(|| end(&game, last));
        Ok(Position {
            game: game.key().to_owned(),
            index: self.source.game,
            games: self.games,
            ply,
            plies,
            mover,
            phase,
            next,
            outcome: outcome_text(outcome),
            board,
            legal,
            picture,
        })
    }
}

/// How it ended, in words; seats count from 1 as on paper.
fn outcome_text(outcome: Outcome) -> String {
    match outcome.winner() {
        Some(seat) => format!("seat {} wins", seat.index() + 1),
        None => "a draw".to_owned(),
    }
}

/// The position after the last ply.
fn end<G: Planes>(game: &G, last: Option<(G::State, Option<G::Action>)>) -> Seen {
    let state = match last {
        None => game.start(),
        Some((mut state, action)) => {
            // The record was replayed to its end, so its last action is legal.
            action.iter().for_each(|action| drop(game.play(&mut state, action)));
            state
        }
    };
    let (board, picture) = (game.draw(&state), game.picture(&state));
    Seen { board, picture, mover: None, phase: None, next: None, legal: Vec::new() }
}

impl Position {
    /// The position for people.
    pub fn drawn(&self) -> String {
        let Position { game, index, games, ply, plies, outcome, board, .. } = self;
        let turn = match (self.mover, &self.next) {
            (Some(mover), Some(next)) => format!("seat {mover} plays {next}"),
            _ => format!("the end: {outcome}"),
        };
        format!("{game}, game {index} of {games}, ply {ply} of {plies}: {turn}\n{}", board.trim_end())
    }
}
