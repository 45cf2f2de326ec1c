//! What differs, so that one can see why.

use std::fmt;

/// The first place where a game goes another way than its record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Id of the game, or name of the case.
    pub game: String,
    /// The configuration, such as `hex8 2p`.
    pub config: String,
    /// The ply, from 0; none for the game as a whole.
    pub ply: Option<u32>,
    /// Which field of the record.
    pub field: &'static str,
    /// What this program says.
    pub ours: String,
    /// What the record says.
    pub theirs: String,
    /// The position before the ply.
    pub before: String,
    /// The move that was played.
    pub played: String,
    /// Legal moves of ours that the record does not list, when it lists them.
    pub only_ours: Vec<String>,
    /// Legal moves of the record that ours do not include.
    pub only_theirs: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "game {} ({})", self.game, self.config)?;
        match self.ply {
            Some(ply) => writeln!(f, ", ply {ply}, field {}:", self.field)?,
            None => writeln!(f, ", field {}:", self.field)?,
        }
        writeln!(f, "  ours:   {}", self.ours)?;
        writeln!(f, "  theirs: {}", self.theirs)?;
        writeln!(f, "  before: {}", self.before)?;
        write!(f, "  move:   {}", self.played)?;
        for (whose, moves) in [("ours", &self.only_ours), ("theirs", &self.only_theirs)] {
            if !moves.is_empty() {
                write!(f, "\n  only in {whose}: {}", moves.join(" / "))?;
            }
        }
        Ok(())
    }
}
