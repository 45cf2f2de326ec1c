//! Moves as text: a token and its fields, separated by single spaces; cells as `x,y`, sets of cells joined with `;`.

use std::fmt::{self, Write};

use super::bits::Bits;
use super::cell::Cell;
use super::geometry::Axis;
use super::moves::{Border, Extent, Move};
use super::rules::Rules;
use super::state::State;

/// Longer texts name no move: the largest region of the largest board takes less.
const TEXT_BYTES_MAX: usize = 8192;

/// Why a text is no move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotationError {
    /// The text is longer than any move.
    #[error("{bytes} bytes are more than any move has, at most {TEXT_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The first word is no move.
    #[error("{token:?} is no move; moves begin with P SP NP SW M C K SC NM SR RF RS RL1 RL2 L O NL T ST NT E F")]
    Token {
        /// The word.
        token: String,
    },
    /// There are more or fewer fields than the move has.
    #[error("{token} takes {expected} fields, found {found}")]
    Fields {
        /// The move.
        token: &'static str,
        /// Fields that it takes.
        expected: usize,
        /// Fields that are there.
        found: usize,
    },
    /// A field is no cell of the board.
    #[error("{field:?} is no cell of {board}")]
    Cell {
        /// The field.
        field: String,
        /// The board's name.
        board: &'static str,
    },
    /// A field is no number of rings.
    #[error("{field:?} is no number of rings, 1 to 3")]
    Rings {
        /// The field.
        field: String,
    },
    /// The cells are no straight row in canonical order.
    #[error("the cells {field:?} are no straight row in order")]
    Row {
        /// The field.
        field: String,
    },
    /// The cells are no region of the position.
    #[error("the cells are no region that can be processed in this position")]
    Region,
}

impl<const W: usize> Rules<W> {
    /// Appends the text of a move that is legal in `state`.
    pub(super) fn write_move(&self, state: &State<W>, written: Move, into: &mut String) {
        let mut writer = Writer { rules: self, into };
        // Writing to a string cannot fail.
        let _ = match written {
            Move::Place { cell, rings } => writer.place(cell, rings),
            Move::SkipPlacement => writer.plain("SP"),
            Move::NoPlacement => writer.plain("NP"),
            Move::Swap => writer.plain("SW"),
            Move::Step { from, to } => writer.cells("M", &[from, to]),
            Move::Capture { from, over, to } => writer.cells("C", &[from, over, to]),
            Move::Chain { from, over, to } => writer.cells("K", &[from, over, to]),
            Move::SkipCapture => writer.plain("SC"),
            Move::NoMove => writer.plain("NM"),
            Move::SkipRecovery => writer.plain("SR"),
            Move::Slide { from, to, extract } => writer.cells("RF", &[from, to, extract]),
            Move::Strike { from, target, extract } => writer.cells("RS", &[from, target, extract]),
            Move::SlideLine { from, to, extract } => writer.cells("RL1", &[from, to, extract]),
            Move::SlidePart { from, to, start, part } => {
                writer.cells("RL2", &[from, to]).and_then(|()| writer.set(&self.row_cells(start, part)))
            }
            Move::Line { start, line } => writer.plain("L").and_then(|()| writer.set(&self.row_cells(start, line))),
            Move::LongLine { start, line, part_start, part } => writer
                .plain("O")
                .and_then(|()| writer.set(&self.row_cells(start, line)))
                .and_then(|()| writer.set(&self.row_cells(part_start, part))),
            Move::NoLine => writer.plain("NL"),
            Move::Region { border, anchor } => {
                let region = self.region(state, border, anchor).unwrap_or(Bits::EMPTY);
                writer.plain("T").and_then(|()| writer.set(&region))
            }
            Move::StopTerritory => writer.plain("ST"),
            Move::NoTerritory => writer.plain("NT"),
            Move::Eliminate { cell } => writer.cells("E", &[cell]),
            Move::Forced { cell } => writer.cells("F", &[cell]),
        };
    }

    /// The move that a text names. Whether it is legal is for the legal list to say; only a region has to exist.
    ///
    /// # Errors
    /// When it names none.
    pub(super) fn read_move(&self, state: &State<W>, text: &str) -> Result<Move, NotationError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(NotationError::TooLong { bytes: text.len() });
        }
        let mut words = text.split(' ');
        let token = words.next().unwrap_or("");
        let fields: Vec<&str> = words.collect();
        self.read_plain(token, &fields)
            .or_else(|| self.read_cells(token, &fields))
            .or_else(|| self.read_sets(state, token, &fields))
            .unwrap_or_else(|| Err(NotationError::Token { token: token.to_owned() }))
    }

    fn read_plain(&self, token: &str, fields: &[&str]) -> Option<Result<Move, NotationError>> {
        let plain = |token: &'static str, read: Move| Some(expect(token, fields, 0).map(|()| read));
        match token {
            "SP" => plain("SP", Move::SkipPlacement),
            "NP" => plain("NP", Move::NoPlacement),
            "SW" => plain("SW", Move::Swap),
            "SC" => plain("SC", Move::SkipCapture),
            "NM" => plain("NM", Move::NoMove),
            "SR" => plain("SR", Move::SkipRecovery),
            "NL" => plain("NL", Move::NoLine),
            "ST" => plain("ST", Move::StopTerritory),
            "NT" => plain("NT", Move::NoTerritory),
            _ => None,
        }
    }

    fn read_cells(&self, token: &str, fields: &[&str]) -> Option<Result<Move, NotationError>> {
        let one = |token, make: fn(Cell) -> Move| {
            Some(expect(token, fields, 1).and_then(|()| Ok(make(self.read_cell(fields[0])?))))
        };
        let three = |token, make: fn(Cell, Cell, Cell) -> Move| {
            let read = |at: usize| self.read_cell(fields[at]);
            Some(expect(token, fields, 3).and_then(|()| Ok(make(read(0)?, read(1)?, read(2)?))))
        };
        match token {
            "P" => Some(expect("P", fields, 2).and_then(|()| self.read_place(fields[0], fields[1]))),
            "M" => Some(
                expect("M", fields, 2)
                    .and_then(|()| Ok(Move::Step { from: self.read_cell(fields[0])?, to: self.read_cell(fields[1])? })),
            ),
            "C" => three("C", |from, over, to| Move::Capture { from, over, to }),
            "K" => three("K", |from, over, to| Move::Chain { from, over, to }),
            "RF" => three("RF", |from, to, extract| Move::Slide { from, to, extract }),
            "RS" => three("RS", |from, target, extract| Move::Strike { from, target, extract }),
            "RL1" => three("RL1", |from, to, extract| Move::SlideLine { from, to, extract }),
            "E" => one("E", |cell| Move::Eliminate { cell }),
            "F" => one("F", |cell| Move::Forced { cell }),
            _ => None,
        }
    }

    fn read_sets(&self, state: &State<W>, token: &str, fields: &[&str]) -> Option<Result<Move, NotationError>> {
        match token {
            "RL2" => Some(expect("RL2", fields, 3).and_then(|()| {
                let (start, part) = self.read_row(fields[2])?;
                Ok(Move::SlidePart { from: self.read_cell(fields[0])?, to: self.read_cell(fields[1])?, start, part })
            })),
            "L" => Some(expect("L", fields, 1).and_then(|()| {
                let (start, line) = self.read_row(fields[0])?;
                Ok(Move::Line { start, line })
            })),
            "O" => Some(expect("O", fields, 2).and_then(|()| {
                let ((start, line), (part_start, part)) = (self.read_row(fields[0])?, self.read_row(fields[1])?);
                Ok(Move::LongLine { start, line, part_start, part })
            })),
            "T" => Some(expect("T", fields, 1).and_then(|()| {
                let wanted =
                    self.read_list(fields[0])?.into_iter().fold(Bits::EMPTY, |set, cell| set | Bits::one(cell));
                self.region_of(state, &wanted).ok_or(NotationError::Region)
            })),
            _ => None,
        }
    }

    /// The region with exactly these cells that can be processed.
    fn region_of(&self, state: &State<W>, wanted: &Bits<W>) -> Option<Move> {
        let mut name: Option<(Border, Cell)> = None;
        self.find_region(state, |border, anchor, region| {
            let same = region == wanted;
            if same {
                name = Some((border, anchor));
            }
            same
        });
        name.map(|(border, anchor)| Move::Region { border, anchor })
    }

    fn read_place(&self, cell: &str, rings: &str) -> Result<Move, NotationError> {
        let cell = self.read_cell(cell)?;
        match rings {
            "1" => Ok(Move::Place { cell, rings: 1 }),
            "2" => Ok(Move::Place { cell, rings: 2 }),
            "3" => Ok(Move::Place { cell, rings: 3 }),
            _ => Err(NotationError::Rings { field: rings.to_owned() }),
        }
    }

    /// The cell `x,y`.
    pub(super) fn read_cell(&self, field: &str) -> Result<Cell, NotationError> {
        let read = || {
            let (x, y) = field.split_once(',')?;
            self.geometry.at(coordinate(x)?, coordinate(y)?)
        };
        read().ok_or_else(|| NotationError::Cell { field: field.to_owned(), board: self.config.board.name() })
    }

    fn read_list(&self, field: &str) -> Result<Vec<Cell>, NotationError> {
        field.split(';').map(|cell| self.read_cell(cell)).collect()
    }

    /// A straight row along an axis, its cells in canonical order.
    fn read_row(&self, field: &str) -> Result<(Cell, Extent), NotationError> {
        let cells = self.read_list(field)?;
        let found = self.geometry.axes().find_map(|axis| {
            // Cells are counted along the axis, which on one axis of hexagons runs against the canonical order.
            let ends = [*cells.first()?, *cells.last()?];
            let start = ends.into_iter().find(|&end| self.is_row(end, axis, &cells))?;
            Some((start, Extent::new(axis.0, cells.len())))
        });
        found.ok_or_else(|| NotationError::Row { field: field.to_owned() })
    }

    fn is_row(&self, start: Cell, axis: Axis, cells: &[Cell]) -> bool {
        // Text is in canonical order, so equal sets and equal counts make equal rows.
        let (mut set, mut row) = (Bits::<W>::EMPTY, 0);
        cells.iter().for_each(|&cell| set.insert(cell));
        self.row(start, axis).take(cells.len()).for_each(|cell| row += usize::from(set.has(cell)));
        let sorted = cells.windows(2).all(|pair| pair[0] < pair[1]);
        cells.len() > 1 && sorted && row == cells.len() && cells.len() < Extent::LENGTHS
    }

    /// Appends `x,y`.
    pub(super) fn write_cell(&self, cell: Cell, into: &mut impl Write) -> fmt::Result {
        let (x, y) = self.geometry.xy(cell);
        write!(into, "{x},{y}")
    }
}

/// A coordinate in its one spelling.
fn coordinate(text: &str) -> Option<i32> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    (plain && text != "-0").then(|| text.parse().ok()).flatten()
}

fn expect(token: &'static str, fields: &[&str], expected: usize) -> Result<(), NotationError> {
    let found = fields.len();
    if found == expected { Ok(()) } else { Err(NotationError::Fields { token, expected, found }) }
}

/// Writes a token and its fields.
struct Writer<'a, const W: usize> {
    rules: &'a Rules<W>,
    into: &'a mut String,
}

impl<const W: usize> Writer<'_, W> {
    fn plain(&mut self, token: &str) -> fmt::Result {
        self.into.write_str(token)
    }

    fn place(&mut self, cell: Cell, rings: u8) -> fmt::Result {
        self.cells("P", &[cell])?;
        write!(self.into, " {rings}")
    }

    fn cells(&mut self, token: &str, cells: &[Cell]) -> fmt::Result {
        self.into.write_str(token)?;
        cells.iter().try_for_each(|&cell| {
            self.into.write_char(' ')?;
            self.rules.write_cell(cell, self.into)
        })
    }

    fn set(&mut self, cells: &Bits<W>) -> fmt::Result {
        let mut separator = ' ';
        cells.iter().try_for_each(|cell| {
            self.into.write_char(separator)?;
            separator = ';';
            self.rules.write_cell(cell, self.into)
        })
    }
}
