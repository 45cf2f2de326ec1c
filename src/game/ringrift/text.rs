//! Positions as text, and the hash of a position.
//!
//! Ten fields joined by `|`: phase, player on turn (0 when over), hands, eliminated rings, territory, stacks, markers, collapsed
//! cells, focus, and whether a line is owed. The text leaves out what a turn remembers (`acted`, `recovered`), the tracker of the
//! last player standing and the pie rule.

use std::fmt::{self, Write};

use super::bits::Bits;
use super::cell::Cell;
use super::rules::Rules;
use super::stack::{HEIGHT_MAX, Stack};
use super::state::{Phase, State, Turn};
use crate::game::Seat;

/// Why a text is no position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be {found:?}")]
pub struct StateTextError {
    /// Which part.
    pub what: &'static str,
    /// What stands there.
    pub found: String,
}

/// The 64-bit FNV-1a hash of what is written to it.
#[derive(Clone, Copy, Debug)]
pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// The hash of a text.
    pub fn of(text: &str) -> u64 {
        let mut hash = Fnv::default();
        hash.add(text);
        hash.0
    }

    /// Adds a text.
    pub fn add(&mut self, text: &str) {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    /// The hash of all that was added.
    pub fn value(self) -> u64 {
        self.0
    }
}

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text);
        Ok(())
    }
}

impl<const W: usize> Rules<W> {
    /// Writes the position.
    pub(super) fn write_state(&self, state: &State<W>, into: &mut impl Write) -> fmt::Result {
        let turn = state.turn;
        into.write_str(turn.phase.name())?;
        match turn.phase {
            Phase::Over => into.write_str("|0")?,
            _ => write!(into, "|{}", turn.player)?,
        }
        self.write_numbers(into, |seat| state.hand(seat))?;
        self.write_numbers(into, |seat| state.eliminated(seat))?;
        self.write_numbers(into, |seat| state.territory(seat))?;
        self.write_cells(into, *state.stacked(), |into, cell| write!(into, "{}", state.stack(cell)))?;
        self.write_cells(into, state.all_markers(), |into, cell| write_seat(into, state.marker(cell)))?;
        self.write_cells(into, *state.dead(), |into, cell| write_seat(into, state.owner(cell)))?;
        into.write_char('|')?;
        match turn.focus {
            Some(cell) => self.write_cell(cell, into)?,
            None => into.write_char('-')?,
        }
        write!(into, "|{}", u8::from(turn.line_owed))
    }

    /// The hash of the position's text.
    pub(super) fn state_hash(&self, state: &State<W>) -> u64 {
        let mut hash = Fnv::default();
        // The hash takes whatever is written.
        let _ = self.write_state(state, &mut hash);
        hash.value()
    }

    fn write_numbers<O: Write>(&self, into: &mut O, number: impl Fn(Seat) -> u16) -> fmt::Result {
        let mut separator = '|';
        self.seats().try_for_each(|seat| {
            into.write_char(separator)?;
            separator = ',';
            write!(into, "{}", number(seat))
        })
    }

    fn write_cells<O: Write>(
        &self,
        into: &mut O,
        cells: Bits<W>,
        what: impl Fn(&mut O, Cell) -> fmt::Result,
    ) -> fmt::Result {
        into.write_char('|')?;
        let mut first = true;
        cells.iter().try_for_each(|cell| {
            if !std::mem::replace(&mut first, false) {
                into.write_char(' ')?;
            }
            self.write_cell(cell, into)?;
            into.write_char('=')?;
            what(into, cell)
        })
    }

    /// Reads a position that is not over. What the text leaves out is as at the begin of a game.
    ///
    /// # Errors
    /// When the text is no position of this configuration.
    pub(super) fn read_state(&self, text: &str) -> Result<State<W>, StateTextError> {
        let fields: Vec<&str> = text.split('|').collect();
        let [phase, player, hands, eliminated, territory, stacks, markers, collapsed, focus, owed] = fields[..] else {
            return Err(wrong("the number of fields", fields.len()));
        };
        let mut state = State::empty();
        let phase_read = Phase::ALL.into_iter().find(|known| known.name() == phase && *known != Phase::Over);
        let player_read = self.seats().find(|seat| seat.to_string() == player);
        state.turn = Turn::of(player_read.ok_or_else(|| wrong("the player", player))?);
        state.turn.phase = phase_read.ok_or_else(|| wrong("the phase", phase))?;
        self.read_numbers(hands, &mut state.hand)?;
        self.read_numbers(eliminated, &mut state.eliminated)?;
        for (cell, value) in self.read_cells_of(stacks)? {
            self.read_stack(&mut state, cell, value)?;
        }
        for (cell, value) in self.read_cells_of(markers)? {
            let seat = self.free_for(&state, cell, value)?;
            state.add_marker(cell, seat);
        }
        for (cell, value) in self.read_cells_of(collapsed)? {
            let seat = self.free_for(&state, cell, value)?;
            state.collapse(&Bits::one(cell), seat);
        }
        self.read_turn(&mut state, focus, owed)?;
        let mut owned = [0; crate::game::SEATS_MAX];
        self.read_numbers(territory, &mut owned)?;
        match self.seats().all(|seat| owned[seat.index()] == state.territory(seat)) && self.has_rings_enough(&state) {
            true => Ok(state),
            false => Err(wrong("the numbers of cells and rings", text)),
        }
    }

    /// Are there no more rings than the players have?
    fn has_rings_enough(&self, state: &State<W>) -> bool {
        let rings = self.seats().map(|seat| {
            u32::from(state.hand(seat)) + u32::from(state.eliminated(seat)) + u32::from(state.rings_on_board(seat))
        });
        rings.sum::<u32>() <= self.config.seats as u32 * u32::from(self.config.board.rings())
    }

    fn read_turn(&self, state: &mut State<W>, focus: &str, owed: &str) -> Result<(), StateTextError> {
        if focus != "-" {
            let cell = self.read_cell(focus).ok().filter(|&cell| state.controlled(state.turn.player).has(cell));
            state.turn.focus = Some(cell.ok_or_else(|| wrong("the focus", focus))?);
        }
        let needs_focus = matches!(state.turn.phase, Phase::Capture | Phase::Chain);
        let may_focus = needs_focus || state.turn.phase == Phase::Move;
        if state.turn.focus.is_none() && needs_focus || state.turn.focus.is_some() && !may_focus {
            return Err(wrong("the focus in this phase", focus));
        }
        state.turn.line_owed = match owed {
            "0" => false,
            "1" if state.turn.phase == Phase::Line => true,
            _ => return Err(wrong("what is owed", owed)),
        };
        Ok(())
    }

    fn read_numbers(&self, field: &str, into: &mut [u16]) -> Result<(), StateTextError> {
        let numbers: Option<Vec<u16>> = field.split(',').map(|number| number.parse().ok()).collect();
        match numbers {
            Some(numbers) if numbers.len() == self.config.seats => into[..numbers.len()].copy_from_slice(&numbers),
            _ => return Err(wrong("a list of numbers", field)),
        }
        Ok(())
    }

    /// `cell=value` pairs.
    fn read_cells_of<'a>(&self, field: &'a str) -> Result<Vec<(Cell, &'a str)>, StateTextError> {
        let pairs = field.split(' ').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (cell, value) = pair.split_once('=').ok_or_else(|| wrong("a cell", pair))?;
                Ok((self.read_cell(cell).map_err(|_| wrong("a cell", pair))?, value))
            })
            .collect()
    }

    fn read_stack(&self, state: &mut State<W>, cell: Cell, rings: &str) -> Result<(), StateTextError> {
        if !(1..=HEIGHT_MAX).contains(&rings.len()) || state.stack(cell) != Stack::NONE {
            return Err(wrong("a stack", rings));
        }
        rings.chars().try_for_each(|ring| {
            let seat = self.seats().find(|seat| ring.to_digit(10) == Some(seat.index() as u32 + 1));
            state.add_rings(cell, seat.ok_or_else(|| wrong("a ring", ring))?, 1);
            Ok(())
        })
    }

    /// The owner of something that lies on a cell where nothing lies yet.
    fn free_for(&self, state: &State<W>, cell: Cell, owner: &str) -> Result<Seat, StateTextError> {
        let taken = state.blocked() | state.all_markers();
        let seat = self.seats().find(|seat| seat.to_string() == owner);
        seat.filter(|_| !taken.has(cell)).ok_or_else(|| wrong("the owner of a free cell", owner))
    }
}

fn write_seat(into: &mut impl Write, seat: Option<Seat>) -> fmt::Result {
    seat.map_or(Ok(()), |seat| write!(into, "{seat}"))
}

fn wrong(what: &'static str, found: impl ToString) -> StateTextError {
    /// What is repeated of a text that is wrong.
    const SHOWN_CHARS_MAX: usize = 200;
    StateTextError { what, found: found.to_string().chars().take(SHOWN_CHARS_MAX).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_rules() {
        assert_eq!(Fnv::of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(Fnv::of("NL"), 0x0920_3807_b5b5_34c7);
        assert_eq!(Fnv::of("place|1|18,18|0,0|0,0||||-|0"), 0xe794_034c_59f2_17c0);
    }
}
