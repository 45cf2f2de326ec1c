//! One game, compared ply by ply.

use super::difference::Difference;
use super::lines::{CaseLine, EndLine, GameLine, PlyLine};
use super::texts::LegalTexts;
use crate::game::ringrift::board::{Board, LPS_ROUNDS};
use crate::game::ringrift::game::RingRift;
use crate::game::ringrift::moves::Move;
use crate::game::ringrift::state::{Phase, State};
use crate::game::ringrift::text::StateTextError;
use crate::game::{Game, Seat};

/// What a comparison comes to.
pub(super) type Compared = Result<(), Box<Difference>>;

/// A game on whichever board.
pub(super) trait Replay {
    fn begin(&self, line: &GameLine) -> Compared;
    fn ply(&mut self, line: &PlyLine) -> Compared;
    fn end(&self, line: &EndLine) -> Compared;
    /// Replays a whole case. The outer error: its start cannot be read.
    fn case(&mut self, line: &CaseLine) -> Result<Compared, StateTextError>;
}

/// A game of this configuration at its start; `None` when there is no such configuration.
pub(super) fn replay(id: &str, board: &str, players: usize, swap: bool) -> Option<Box<dyn Replay>> {
    fn of<const W: usize>(id: &str, games: [RingRift<W>; 3], players: usize, swap: bool) -> Option<Box<dyn Replay>> {
        let game = games.into_iter().find(|game| game.config().seats == players)?.with_swap(swap);
        Some(Box::new(Position::new(id, game)))
    }
    match Board::named(board)? {
        Board::Square8 => of(id, RingRift::SQUARE8, players, swap),
        Board::Hex8 => of(id, RingRift::HEX8, players, swap),
        Board::Square19 => of(id, RingRift::SQUARE19, players, swap),
        Board::Hexagonal => of(id, RingRift::HEXAGONAL, players, swap),
    }
}

/// A position on the way through a game.
struct Position<const W: usize> {
    id: String,
    game: RingRift<W>,
    state: State<W>,
    plies: u32,
    legal: Vec<Move>,
    texts: LegalTexts,
}

impl<const W: usize> Position<W> {
    fn new(id: &str, game: RingRift<W>) -> Position<W> {
        let state = game.rules().start();
        Position { id: id.to_owned(), game, state, plies: 0, legal: Vec::new(), texts: LegalTexts::default() }
    }

    fn list(&mut self) {
        self.game.rules().legal(&self.state, &mut self.legal);
        self.texts.fill(&self.game, &self.state, &self.legal);
    }

    fn difference(&self, field: &'static str, ours: String, theirs: String) -> Box<Difference> {
        let config = self.game.config();
        Box::new(Difference {
            game: self.id.clone(),
            config: format!("{} {}p", config.board, config.seats),
            ply: None,
            field,
            ours,
            theirs,
            before: self.game.state_text(&self.state),
            played: "-".to_owned(),
            only_ours: Vec::new(),
            only_theirs: Vec::new(),
        })
    }

    fn compare<T: PartialEq + ToString>(&self, field: &'static str, ours: T, theirs: T) -> Compared {
        if ours == theirs { Ok(()) } else { Err(self.difference(field, ours.to_string(), theirs.to_string())) }
    }

    fn compare_option<T: PartialEq + ToString>(&self, field: &'static str, ours: T, theirs: Option<T>) -> Compared {
        theirs.map_or(Ok(()), |theirs| self.compare(field, ours, theirs))
    }

    fn compare_list(&self, theirs: &[String]) -> Compared {
        if self.texts.iter().eq(theirs) {
            return Ok(());
        }
        let whole = |count: usize| format!("{count} legal moves");
        let mut difference = self.difference("l", whole(self.legal.len()), whole(theirs.len()));
        let only = |text: &&str| !theirs.iter().any(|their| their == text);
        difference.only_ours = self.texts.iter().filter(only).map(str::to_owned).collect();
        difference.only_theirs = theirs.iter().filter(|text| self.texts.find(text).is_none()).cloned().collect();
        Err(difference)
    }

    fn before_ply(&mut self, line: &PlyLine) -> Compared {
        self.compare("n", self.plies, line.n)?;
        let (phase, player) = (self.state.turn().phase, self.state.turn().player);
        self.compare("ph", phase.name(), line.ph.as_str())?;
        self.compare("p", player.index() + 1, line.p)?;
        self.list();
        if let Some(theirs) = &line.l {
            self.compare_list(theirs)?;
        }
        self.compare("c", self.legal.len(), line.c)?;
        self.compare("lh", hash_text(self.texts.hash()), line.lh.clone())
    }

    /// Plays a move by its text.
    fn play(&mut self, text: &str) -> Result<usize, Box<Difference>> {
        let Some((place, index)) = self.texts.find(text) else {
            let listed: Vec<&str> = self.texts.iter().collect();
            return Err(self.difference("m", format!("not legal; legal are {}", listed.join(" / ")), text.to_owned()));
        };
        let played = self.legal[index];
        match self.game.read_move(&self.state, text) {
            Ok(read) if read == played => {}
            other => return Err(self.difference("m", format!("reads as {other:?}"), format!("{played:?}"))),
        }
        self.game.play_listed(&mut self.state, &played);
        Ok(place)
    }

    fn after_ply(&self, line: &PlyLine) -> Compared {
        if let Some(theirs) = &line.s {
            self.compare("s", self.game.state_text(&self.state), theirs.clone())?;
        }
        let text = |hash: u64| format!("{} of {}", hash_text(hash), self.game.state_text(&self.state));
        let ours = self.game.state_hash(&self.state);
        if hash_text(ours) != line.h {
            return Err(self.difference("h", text(ours), line.h.clone()));
        }
        let Some(theirs) = line.x else { return Ok(()) };
        let lps = self.state.lps();
        let number = |seat: Option<Seat>| seat.map_or(0, |seat| seat.index() as u64 + 1);
        let able = u64::from(lps.able >> self.state.turn().player.index() & 1);
        let ours = (u64::from(lps.rounds), number(lps.exclusive), number(lps.first), able);
        self.compare("x", format!("{ours:?}"), format!("{theirs:?}"))
    }

    fn compare_end(&self, winner: usize, reason: &str) -> Compared {
        let Some(end) = self.state.end() else {
            return Err(self.difference("end", "the game goes on".to_owned(), format!("{winner} wins by {reason}")));
        };
        self.compare("winner", end.winner.index() + 1, winner)?;
        self.compare("reason", end.reason.name(), reason)
    }

    fn step(&mut self, text: &str, legal: Option<&Vec<String>>, after: &str) -> Compared {
        self.list();
        legal.map_or(Ok(()), |theirs| self.compare_list(theirs))?;
        self.play(text)?;
        self.compare("s", self.game.state_text(&self.state), after.to_owned())?;
        self.plies += 1;
        Ok(())
    }

    fn case_end(&mut self, line: &CaseLine) -> Compared {
        self.list();
        line.legal_end.as_ref().map_or(Ok(()), |theirs| self.compare_list(theirs))?;
        match (line.winner, &line.reason) {
            (Some(winner), Some(reason)) => self.compare_end(winner, reason),
            (None, None) => self.compare("over", self.state.turn().phase == Phase::Over, false),
            _ => Ok(()),
        }
    }
}

impl<const W: usize> Replay for Position<W> {
    fn begin(&self, line: &GameLine) -> Compared {
        let config = self.game.config();
        self.compare_option("rings", u64::from(config.board.rings()), line.rings)?;
        self.compare_option("elim_win", u64::from(config.elimination_win()), line.elim_win)?;
        self.compare_option("terr_min", u64::from(config.territory_min()), line.terr_min)?;
        self.compare_option("line_len", config.line_length() as u64, line.line_len)?;
        self.compare_option("lps_rounds", u64::from(LPS_ROUNDS), line.lps_rounds)?;
        self.compare_option("init", self.game.state_text(&self.state), line.init.clone())?;
        self.compare_option("inith", hash_text(self.game.state_hash(&self.state)), line.inith.clone())
    }

    fn ply(&mut self, line: &PlyLine) -> Compared {
        let before = self.state;
        let compared = self.before_ply(line).and_then(|()| {
            let place = self.play(&line.m)?;
            self.compare_option("i", place, line.i)?;
            self.after_ply(line)
        });
        compared.map_err(|mut difference| {
            difference.ply = Some(line.n);
            difference.before = self.game.state_text(&before);
            difference.played.clone_from(&line.m);
            difference
        })?;
        self.plies += 1;
        Ok(())
    }

    fn end(&self, line: &EndLine) -> Compared {
        self.compare("id", self.id.as_str(), line.id.as_str())?;
        self.compare("plies", self.plies, line.plies)?;
        self.compare_end(line.winner, &line.reason)?;
        self.compare_option("ladder", self.state.end().is_some_and(|end| end.ladder), line.ladder)?;
        self.compare_option("swapped", self.state.swapped(), line.swapped)?;
        let numbers =
            |number: &dyn Fn(Seat) -> u64| format!("{:?}", self.game.all_seats().map(number).collect::<Vec<_>>());
        let theirs = |numbers: &Option<Vec<u64>>| numbers.as_ref().map(|numbers| format!("{numbers:?}"));
        self.compare_option("elim", numbers(&|seat| self.state.eliminated(seat).into()), theirs(&line.elim))?;
        self.compare_option("terr", numbers(&|seat| self.state.territory(seat).into()), theirs(&line.terr))?;
        self.compare_option("hand", numbers(&|seat| self.state.hand(seat).into()), theirs(&line.hand))?;
        self.compare_option("markers", numbers(&|seat| self.state.markers(seat).count() as u64), theirs(&line.markers))
    }

    fn case(&mut self, line: &CaseLine) -> Result<Compared, StateTextError> {
        self.state = self.game.read_state(&line.start)?;
        for (ply, step) in line.steps.iter().enumerate() {
            let before = self.state;
            if let Err(mut difference) = self.step(&step.m, step.legal.as_ref(), &step.s) {
                difference.ply = Some(ply as u32);
                difference.before = self.game.state_text(&before);
                difference.played.clone_from(&step.m);
                return Ok(Err(difference));
            }
        }
        Ok(self.case_end(line))
    }
}

/// A hash as the vectors write it.
fn hash_text(hash: u64) -> String {
    format!("{hash:016x}")
}
