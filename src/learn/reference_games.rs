//! Games that the reference engine of RingRift recorded, for tests: who moved, who won, and the positions as it wrote them down.

use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde_json::Value;

use crate::game::record::{Findings, GameRecord, Generator, PlyRecord};
use crate::game::ringrift::{RingRift, State};
use crate::game::{Game, SEATS_MAX};

/// A recorded game of one configuration.
pub(crate) struct ReferenceGame {
    /// Whether the second player may swap sides.
    pub swap: bool,
    /// As the reference says: who moves, counted from 0, before each ply.
    pub movers: Vec<usize>,
    /// As the reference says: who won, counted from 0.
    pub winner: usize,
    /// The moves.
    pub moves: Vec<String>,
    /// The positions that the reference wrote down: after how many plies, and its text.
    pub positions: Vec<(usize, String)>,
}

impl ReferenceGame {
    /// The first recorded game of a configuration, for example of `hex8-3p`.
    pub fn first(configuration: &str) -> ReferenceGame {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/ringrift/{configuration}.jsonl.gz"));
        let file = std::fs::File::open(&path).expect("a fixture");
        let mut game = None;
        for line in BufReader::new(MultiGzDecoder::new(BufReader::new(file))).lines() {
            let line: Value = serde_json::from_str(&line.expect("text")).expect("JSON");
            let number = |name: &str| line[name].as_u64().expect("a number") as usize;
            match (line["k"].as_str(), &mut game) {
                (Some("game"), None) => {
                    let swap = line["swap"] == Value::Bool(true);
                    game = Some(ReferenceGame { swap, movers: vec![], winner: 0, moves: vec![], positions: vec![] });
                }
                (Some("ply"), Some(game)) => {
                    game.movers.push(number("p") - 1);
                    game.moves.push(line["m"].as_str().expect("text").to_owned());
                    let text = line["s"].as_str().map(|text| (game.moves.len(), text.to_owned()));
                    game.positions.extend(text);
                }
                (Some("end"), Some(game)) => {
                    game.winner = number("winner") - 1;
                    break;
                }
                _ => {}
            }
        }
        game.expect("a game")
    }

    /// Plays it and shows every position before a ply.
    pub fn play<const W: usize>(&self, rules: &RingRift<W>, mut see: impl FnMut(usize, &State<W>)) -> GameRecord {
        let (mut state, mut legal, mut plies) = (rules.start(), Vec::new(), Vec::new());
        for (ply, text) in self.moves.iter().enumerate() {
            see(ply, &state);
            rules.legal(&state, &mut legal);
            let played = rules.read_move(&state, text).expect("a move");
            let even = vec![1.0; legal.len()];
            let findings = Some(Findings::new(1, [0.25; SEATS_MAX], rules.seats(), &even));
            plies.push(PlyRecord { action: rules.action_id(&played), findings });
            rules.play(&mut state, &played).expect("legal");
        }
        see(self.moves.len(), &state);
        let outcome = rules.outcome(&state).expect("over");
        GameRecord { seed: 0, generators: vec![Generator::Random; rules.seats()], plies, outcome }
    }
}
