//! The lines of a vector file: JSON objects, told apart by `k`.

use serde::Deserialize;

/// One line.
#[derive(Debug, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
pub(super) enum Line {
    Game(GameLine),
    Ply(PlyLine),
    End(EndLine),
    Case(CaseLine),
}

/// The begin of a game.
#[derive(Debug, Deserialize)]
pub(super) struct GameLine {
    pub id: String,
    pub board: String,
    pub players: usize,
    #[serde(default)]
    pub swap: bool,
    pub rings: Option<u64>,
    pub elim_win: Option<u64>,
    pub terr_min: Option<u64>,
    pub line_len: Option<u64>,
    pub lps_rounds: Option<u64>,
    pub init: Option<String>,
    pub inith: Option<String>,
}

/// One move.
#[derive(Debug, Deserialize)]
pub(super) struct PlyLine {
    pub n: u32,
    pub ph: String,
    pub p: usize,
    pub c: usize,
    pub lh: String,
    pub i: Option<usize>,
    pub m: String,
    pub l: Option<Vec<String>>,
    pub h: String,
    pub s: Option<String>,
    pub x: Option<(u64, u64, u64, u64)>,
}

/// The end of a game.
#[derive(Debug, Deserialize)]
pub(super) struct EndLine {
    pub id: String,
    #[serde(default)]
    pub ladder: Option<bool>,
    pub plies: u32,
    pub winner: usize,
    pub reason: String,
    pub elim: Option<Vec<u64>>,
    pub terr: Option<Vec<u64>>,
    pub hand: Option<Vec<u64>>,
    pub markers: Option<Vec<u64>>,
    pub swapped: Option<bool>,
}

/// A position made by hand, and moves from there.
#[derive(Debug, Deserialize)]
pub(super) struct CaseLine {
    pub name: String,
    pub board: String,
    pub players: usize,
    pub start: String,
    pub steps: Vec<StepLine>,
    pub legal_end: Option<Vec<String>>,
    pub winner: Option<usize>,
    pub reason: Option<String>,
}

/// A move of a case.
#[derive(Debug, Deserialize)]
pub(super) struct StepLine {
    pub legal: Option<Vec<String>>,
    pub m: String,
    pub s: String,
}
