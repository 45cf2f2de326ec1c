//! `game show`: a position of a recorded game.

use std::path::{Path, PathBuf};

use clap::Args;
use kifu::cli::{ExitCode, Failure, Format, Printer};
use kifu::game::Outcome;
use kifu::game::planes::Planes;
use kifu::game::record::{GameRecord, RecordReader, replay_with};
use kifu::game::registry::{self, GameVisitor};
use serde::Serialize;

/// Draw a position of a recorded game
///
/// Example:
///   kifu-replay game show batch.kgr --game 3 --ply 12
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Show {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Which game, from 0
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    game: u32,

    /// The position before this ply, from 0; the end when it is left out
    #[arg(long, value_name = "PLY")]
    ply: Option<usize>,
}

/// A position on the way through a game.
#[derive(Serialize)]
struct Position {
    game: String,
    index: u32,
    games: u32,
    ply: usize,
    plies: usize,
    mover: Option<usize>,
    next: Option<String>,
    outcome: String,
    board: String,
}

impl Show {
    pub fn run(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
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
        let look = Look { show: self, record: &record, games };
        let position = registry::dispatch(&key, look).map_err(|error| unhealthy(&error))??;
        match printer.format() {
            Format::Table | Format::Wide => printer.text(position.drawn())?,
            _ => printer.object(&serde_json::to_value(position).expect("plain data with text keys"))?,
        }
        Ok(ExitCode::Ok)
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
    show: &'a Show,
    record: &'a GameRecord,
    games: u32,
}

impl GameVisitor for Look<'_> {
    type Output = Result<Position, Failure>;

    fn visit<G: Planes>(self, game: G) -> Self::Output {
        let plies = self.record.plies.len();
        let ply = self.show.ply.unwrap_or(plies);
        if ply > plies {
            let failure = Failure::new(ExitCode::NotFound, format!("there is no ply {ply}"));
            return Err(failure.hint(format!("the game has {plies} plies; {plies} is its end")));
        }
        let (mut found, mut last) = (None, None);
        let replayed = replay_with(&game, self.record, |view| {
            let action = game.action(view.state, view.record.action);
            if view.ply == ply {
                let next = action.as_ref().map(|action| game.notation(view.state, action));
                found = Some((game.draw(view.state), Some(view.mover.index() + 1), next));
            }
            last = Some((view.state.clone(), action));
        });
        let outcome = replayed.map_err(|fault| {
            let place = format!("{}: game {}", self.show.file.display(), self.show.game);
            Failure::new(ExitCode::Unhealthy, format!("{place} does not replay: {fault}"))
        })?;
        let (board, mover, next) = found.unwrap_or_else(|| (end(&game, last), None, None));
        Ok(Position {
            game: game.key().to_owned(),
            index: self.show.game,
            games: self.games,
            ply,
            plies,
            mover,
            next,
            outcome: outcome_text(outcome),
            board,
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
fn end<G: Planes>(game: &G, last: Option<(G::State, Option<G::Action>)>) -> String {
    let Some((mut state, action)) = last else { return game.draw(&game.start()) };
    if let Some(action) = action {
        // The record was replayed to its end, so its last action is legal.
        let _ = game.play(&mut state, &action);
    }
    game.draw(&state)
}

impl Position {
    fn drawn(&self) -> String {
        let Position { game, index, games, ply, plies, outcome, board, .. } = self;
        let turn = match (self.mover, &self.next) {
            (Some(mover), Some(next)) => format!("seat {mover} plays {next}"),
            _ => format!("the end: {outcome}"),
        };
        format!("{game}, game {index} of {games}, ply {ply} of {plies}: {turn}\n{}", board.trim_end())
    }
}
