//! Games for tests: random Connect Four whose policy targets point at the legal column nearest to the middle.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::samples::Samples;
use crate::game::connect4::ConnectFour;
use crate::game::record::{Findings, GameRecord, Generator, PlyRecord, RecordWriter};
use crate::game::{Game, Planes, SEATS_MAX};

/// A random game in which every ply has findings.
pub(crate) fn game(seed: u64) -> GameRecord {
    game_of(&ConnectFour, seed, |column| ConnectFour.action_id(column).0.abs_diff(3))
}

/// A random game in which every ply's target is the first of the legal actions that are disliked least.
pub(crate) fn game_of<G: Game>(rules: &G, seed: u64, dislike: impl Fn(&G::Action) -> u32) -> GameRecord {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut state = rules.start();
    let (mut legal, mut plies) = (Vec::new(), Vec::new());
    loop {
        if let Some(outcome) = rules.outcome(&state) {
            return GameRecord { seed, generators: vec![Generator::Random; rules.seats()], plies, outcome };
        }
        rules.legal(&state, &mut legal);
        let best = (0..legal.len()).min_by_key(|index| dislike(&legal[*index])).expect("not over");
        let policy: Vec<f32> = (0..legal.len()).map(|index| f32::from(u8::from(index == best))).collect();
        let mut value = [0.0; SEATS_MAX];
        value[..rules.seats()].fill(1.0 / rules.seats() as f32);
        let findings = Some(Findings::new(1, value, rules.seats(), &policy));
        let action = &legal[rng.random_range(0..legal.len())];
        plies.push(PlyRecord { action: rules.action_id(action), findings });
        rules.play(&mut state, action).expect("legal");
    }
}

/// A file of games.
pub(crate) fn file(games: &[GameRecord]) -> Vec<u8> {
    file_of(&ConnectFour, games)
}

/// A file of games of any rules.
pub(crate) fn file_of<G: Game>(rules: &G, games: &[GameRecord]) -> Vec<u8> {
    let mut writer = RecordWriter::new(rules);
    games.iter().for_each(|game| writer.push(game).expect("small"));
    writer.finish()
}

/// The samples of some games.
pub(crate) fn samples(games: u64, seed: u64) -> Samples {
    let records: Vec<GameRecord> = (0..games).map(|index| game(seed * 1_000 + index)).collect();
    samples_of(&ConnectFour, &records)
}

/// The samples of these games.
pub(crate) fn samples_of<G: Planes>(rules: &G, games: &[GameRecord]) -> Samples {
    let mut samples = Samples::new(rules);
    samples.add_file(rules, &file_of(rules, games)).expect("they replay");
    samples
}
