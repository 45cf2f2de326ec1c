//! Games for tests: random Connect Four whose policy targets point at the legal column nearest to the middle.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::samples::Samples;
use crate::game::Game;
use crate::game::connect4::ConnectFour;
use crate::game::record::{Findings, GameRecord, Generator, PlyRecord, RecordWriter};

/// A random game in which every ply has findings.
pub(crate) fn game(seed: u64) -> GameRecord {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut state = ConnectFour.start();
    let (mut legal, mut plies) = (Vec::new(), Vec::new());
    loop {
        if let Some(outcome) = ConnectFour.outcome(&state) {
            return GameRecord { seed, generators: vec![Generator::Random; 2], plies, outcome };
        }
        ConnectFour.legal(&state, &mut legal);
        let from_middle = |index: usize| ConnectFour.action_id(&legal[index]).0.abs_diff(3);
        let middle = (0..legal.len()).min_by_key(|index| from_middle(*index)).expect("not over");
        let policy: Vec<f32> = (0..legal.len()).map(|index| f32::from(u8::from(index == middle))).collect();
        let findings = Some(Findings::new(1, [0.5, 0.5, 0.0, 0.0], 2, &policy));
        let action = &legal[rng.random_range(0..legal.len())];
        plies.push(PlyRecord { action: ConnectFour.action_id(action), findings });
        ConnectFour.play(&mut state, action).expect("legal");
    }
}

/// A file of games.
pub(crate) fn file(games: &[GameRecord]) -> Vec<u8> {
    let mut writer = RecordWriter::new(&ConnectFour);
    games.iter().for_each(|game| writer.push(game).expect("small"));
    writer.finish()
}

/// The samples of some games.
pub(crate) fn samples(games: u64, seed: u64) -> Samples {
    let records: Vec<GameRecord> = (0..games).map(|index| game(seed * 1_000 + index)).collect();
    let mut samples = Samples::new(&ConnectFour);
    samples.add_file(&ConnectFour, &file(&records)).expect("they replay");
    samples
}
