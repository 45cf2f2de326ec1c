//! Records of RingRift: sparse policies, replay, lies; and what a reader does with bytes that are no record.

use proptest::prelude::*;

use super::super::RingRift;
use super::support::*;
use crate::game::record::{
    Findings, GameRecord, Generator, PlyRecord, RecordReader, RecordWriter, replay, verify_file,
};
use crate::game::{ActionId, Game, Outcome, Seat};

const GAME: RingRift<1> = RingRift::HEX8[0];
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/games/ringrift-hex8-2p-v2.kgr");

/// The record of a random game with made-up findings: a few actions share each policy.
fn record<const W: usize>(game: &RingRift<W>, seed: u64) -> GameRecord {
    let mut plies = Vec::new();
    let seats = game.config().seats;
    let end = random_game(game, seed, |_, legal, chosen| {
        let number = plies.len();
        let findings = (legal.len() > 1).then(|| {
            let mut policy = vec![0.0; legal.len()];
            for share in 1..=3 {
                policy[(number * 7 + share * 11) % legal.len()] += share as f32;
            }
            let mut value = [0.0; crate::game::SEATS_MAX];
            value[number % seats] = 1.0;
            Findings::new(32, value, seats, &policy)
        });
        plies.push(PlyRecord { action: game.action_id(&chosen), findings });
    });
    let mut generators = vec![Generator::Greedy; seats];
    generators[0] = Generator::Planner { simulations: 32, considered: 8 };
    GameRecord { seed, generators, plies, outcome: game.outcome(&end).expect("over") }
}

fn file<const W: usize>(game: &RingRift<W>, records: &[GameRecord]) -> Vec<u8> {
    let mut writer = RecordWriter::new(game);
    records.iter().for_each(|record| writer.push(record).expect("within bounds"));
    writer.finish()
}

fn check_records<const W: usize>(game: &RingRift<W>) {
    let records = [record(game, 1), record(game, 2)];
    let bytes = file(game, &records);
    let reader = RecordReader::open(&bytes).expect("own file");
    assert_eq!(reader.header().version, 2);
    assert_eq!(reader.collect::<Result<Vec<_>, _>>().expect("own file"), records);
    let tally = verify_file(&bytes, game.key(), 0).expect("honest games");
    assert_eq!(tally.positions as usize, records.iter().map(|record| record.plies.len()).sum::<usize>());
    let legal: usize =
        records.iter().flat_map(|record| &record.plies).flat_map(|ply| &ply.findings).map(|it| it.policy.len()).sum();
    assert!(bytes.len() < 2 * legal + 40 * tally.positions as usize, "{} bytes for {legal} shares", bytes.len());
    let phases = replay(game, &records[0]).expect("honest").phases;
    assert!(["place", "move", "line", "territory"].iter().all(|phase| phases.contains(phase)));
}

#[test]
fn records_of_every_configuration_read_and_replay() {
    for_every_configuration!(check_records);
}

#[test]
fn the_golden_file_reads_and_re_encodes_to_the_same_bytes() {
    let records = [record(&GAME, 11), record(&GAME, 12)];
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(GOLDEN, file(&GAME, &records)).expect("the fixture can be written");
    }
    let golden = std::fs::read(GOLDEN).expect("the fixture exists");
    let read: Vec<_> = RecordReader::open(&golden).expect("readable").map(|it| it.expect("a game")).collect();
    assert_eq!(file(&GAME, &read), golden, "the bytes of a released format have changed");
    assert_eq!(read, records, "the rules, the action table or the legal lists have changed");
    assert_eq!(verify_file(&golden, GAME.key(), 0).expect("honest games").games, 2);
}

#[test]
fn each_lie_is_named() {
    type Lie = fn(&mut GameRecord);
    let cases: [(Lie, &str); 6] = [
        (
            |record| record.plies[0].action = ActionId(0),
            "game 0, ply 0: action number 0 is not possible in phase place",
        ),
        (
            |record| record.plies[1].action = ActionId(u32::MAX),
            "ply 1: action number 4294967295 is not possible in phase move",
        ),
        (|record| drop(record.plies.pop()), "game 0: the game is not over after its last ply"),
        (
            |record| record.plies.push(PlyRecord { action: ActionId(0), findings: None }),
            "the game was over before this ply",
        ),
        (
            |record| {
                let loser = Seat::all(2).find(|&seat| record.outcome.share(seat) == 0.0).expect("one lost");
                record.outcome = Outcome::won_by(loser);
            },
            "the record declares winners",
        ),
        (
            |record| record.plies[0].findings.as_mut().expect("searched").policy.truncate(100),
            "game 0, ply 0: the policy is about 100 actions, the position has 183 legal ones",
        ),
    ];
    for (lie, words) in cases {
        let mut changed = record(&GAME, 5);
        lie(&mut changed);
        let fault = verify_file(&file(&GAME, &[changed]), GAME.key(), 0).expect_err("a lie").to_string();
        assert!(fault.contains(words), "{fault}");
    }
}

/// Cases of a property: a million in the long suite.
fn cases(usual: u32) -> u32 {
    if is_long() { 1_000_000 } else { usual }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(40)))]

    /// Changed bytes with right checksums: whatever is not noticed by the codec is noticed by the replay, or is an honest game.
    #[test]
    fn a_changed_record_is_refused_or_honest(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| file(&GAME, &[record(&GAME, 9)]));
        let mut bytes = WHOLE.clone();
        let payload = 20 + GAME.key().len() + 4 + 8;
        for (at, value) in changes {
            let at = payload + at.index(bytes.len() - payload);
            bytes[at] = value;
        }
        let checksum = crc32c::crc32c(&bytes[payload..]).to_le_bytes();
        bytes[payload - 4..payload].copy_from_slice(&checksum);
        if let Ok(tally) = verify_file(&bytes, GAME.key(), 0) {
            prop_assert_eq!(tally.games, 1);
        }
    }

    #[test]
    fn texts_of_moves_and_positions_are_read_or_refused(
        text in "(P|M|C|K|RF|RS|RL1|RL2|L|O|T|E|F|SP|NT|X)?( (-?[0-9]{1,3},-?[0-9]{1,3};?){0,6}){0,4}",
        noise in ".{0,40}",
        state in "(place|move|line|territory|over)\\|[0-3]\\|(1?[0-9],){0,3}[0-9]\\|0,0\\|0,0\\|([0-4],[0-4]=[1-3]{1,3} ?){0,3}\\|([0-4],[0-4]=[12] ?){0,3}\\|\\|(-|[0-4],[0-4])\\|[01]",
    ) {
        let start = GAME.start();
        for text in [&text, &noise] {
            if let Ok(read) = GAME.read_move(&start, text) {
                let mut again = String::new();
                GAME.write_move(&start, read, &mut again);
                prop_assert_eq!(&again, text);
            }
        }
        for text in [&state, &noise] {
            if let Ok(read) = GAME.read_state(text) {
                prop_assert!(read.is_consistent());
                let again = GAME.state_text(&read);
                prop_assert_eq!(GAME.read_state(&again), Ok(read));
                let mut legal = Vec::new();
                GAME.legal(&read, &mut legal);
            }
        }
    }
}
