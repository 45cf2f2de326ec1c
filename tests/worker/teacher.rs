//! Self-play in which the game's own judgement plays.

use kifu::event::jobs::{JobSpec, SelfPlaySpec};
use kifu::event::{GameKey, Hash};
use kifu::game::record::{Generator, RecordReader, verify_file};
use kifu::work::protocol::WorkerResult;

use super::{Worker, self_play};

const GAME: &str = "ringrift-hex8-3p";

#[test]
fn a_teacher_plays_without_a_model_and_says_so_in_its_records() {
    let mut worker = Worker::start();
    worker.taught = true;
    // Nobody has these weights: none are read.
    let JobSpec::SelfPlay(spec) = self_play(Hash::of(b"no model"), 4) else { panic!("self-play") };
    let spec = SelfPlaySpec { game: GameKey(GAME.to_owned()), ..spec };
    let (simulations, considered) = (spec.search.simulations, spec.search.considered);

    let (result, scratch, _) = worker.done(JobSpec::SelfPlay(spec.clone()));
    let WorkerResult::SelfPlay { file, games, .. } = result else { panic!("{result:?}") };
    let bytes = std::fs::read(scratch.join(file)).expect("there");
    assert_eq!((games, verify_file(&bytes, GAME, 0).expect("replays").games), (4, 4));
    for record in RecordReader::open(&bytes).expect("a file of records") {
        let record = record.expect("whole");
        assert_eq!(record.generators, [Generator::Planner { simulations, considered }; 3]);
        assert!(record.plies.iter().any(|ply| ply.findings.is_some()), "a search's policies are the lesson");
    }

    worker.taught = false;
    let (outcome, ..) = worker.run(JobSpec::SelfPlay(spec));
    assert!(outcome.is_err(), "without a teacher the job needs its model");
}
