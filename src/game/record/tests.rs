//! Round trips, damage, lies, and the golden file of the first format.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::*;
use crate::game::connect4::ConnectFour;
use crate::game::registry::by_key;
use crate::game::{ActionId, Game, Outcome, Seat};

const GAME: ConnectFour = ConnectFour;
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/games/connect4-v1.kgr");

/// The record of a random playout: a pure function of the seed. Every third ply has no findings.
fn random_record(seed: u64) -> GameRecord {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut state = GAME.start();
    let (mut legal, mut plies) = (Vec::new(), Vec::new());
    while GAME.outcome(&state).is_none() {
        GAME.legal(&state, &mut legal);
        let action = legal[rng.next_u32() as usize % legal.len()];
        let findings = (plies.len() % 3 != 2).then(|| {
            let weights: Vec<f32> = legal.iter().map(|_| 1.0 + (rng.next_u32() % 100) as f32).collect();
            let sum: f32 = weights.iter().sum();
            let policy: Vec<f32> = weights.iter().map(|weight| weight / sum).collect();
            let first = (rng.next_u32() % 101) as f32 / 100.0;
            Findings::new(rng.next_u32() % 200, [first, 1.0 - first, 0.0, 0.0], 2, &policy)
        });
        plies.push(PlyRecord { action: GAME.action_id(&action), findings });
        GAME.play(&mut state, &action).expect("a legal action");
    }
    let model =
        Generator::Model { weights: [7; 32], simulations: 48, considered: 7, gumbel_scale_millionths: 1_000_000 };
    let generators = match seed % 3 {
        0 => vec![model, model],
        1 => vec![model, Generator::AlphaBeta { depth: 4 }],
        _ => vec![Generator::Random, model],
    };
    GameRecord { seed, generators, plies, outcome: GAME.outcome(&state).expect("over") }
}

fn file_of(games: &[GameRecord]) -> Vec<u8> {
    let mut writer = RecordWriter::new(&GAME);
    games.iter().for_each(|game| writer.push(game).expect("within bounds"));
    writer.finish()
}

fn read(file: &[u8]) -> Result<Vec<GameRecord>, FileFault> {
    RecordReader::open(file)?.collect()
}

fn verify(games: &[GameRecord]) -> Result<Tally, FileFault> {
    verify_file(&file_of(games), "connect4", 0)
}

/// Cases of a property: a million in the long suite.
fn cases(usual: u32) -> u32 {
    if std::env::var_os("KIFU_TEST_LONG").is_some() { 1_000_000 } else { usual }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(64)))]

    #[test]
    fn files_read_what_they_write(seeds in prop::collection::vec(any::<u64>(), 0..5)) {
        let games: Vec<_> = seeds.iter().map(|&seed| random_record(seed)).collect();
        let file = file_of(&games);
        let reader = RecordReader::open(&file).expect("own file");
        prop_assert_eq!(reader.header(), &FileHeader {
            game: "connect4".into(), rules_version: 1, seats: 2, games: games.len() as u32, version: 1,
        });
        prop_assert_eq!(&read(&file).expect("own file"), &games);

        let tally = verify(&games).expect("honest games");
        prop_assert_eq!(tally.games as usize, games.len());
        prop_assert_eq!(tally.positions as usize, games.iter().map(|game| game.plies.len()).sum::<usize>());
        prop_assert_eq!(tally.wins.iter().sum::<u32>() + tally.draws, tally.games);
        let findings: Vec<_> = games.iter().flat_map(|game| &game.plies).filter_map(|ply| ply.findings.as_ref()).collect();
        prop_assert_eq!(tally.targets as usize, findings.len());
        prop_assert_eq!(tally.simulations, findings.iter().map(|it| u64::from(it.simulations)).sum::<u64>());
    }

    #[test]
    fn one_flipped_bit_is_always_noticed(seed in any::<u64>(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut file = file_of(&[random_record(seed), random_record(seed ^ 1)]);
        let at = at.index(file.len());
        file[at] ^= 1u8 << bit;
        prop_assert!(verify_file(&file, "connect4", 0).is_err(), "byte {}", at);
    }

    #[test]
    fn every_truncation_is_noticed(seed in any::<u64>(), at in any::<prop::sample::Index>()) {
        let file = file_of(&[random_record(seed), random_record(seed ^ 1)]);
        prop_assert!(verify_file(&file[..at.index(file.len())], "connect4", 0).is_err());
    }

    #[test]
    fn garbage_is_a_fault_and_no_panic(garbage in prop::collection::vec(any::<u8>(), 0..400), keep in 0usize..60) {
        let mut file = file_of(&[random_record(3)]);
        file.truncate(keep);
        file.extend(&garbage);
        prop_assert!(verify_file(&file, "connect4", 0).is_err());
        prop_assert!(verify_file(&garbage, "connect4", 0).is_err());
    }

    /// With right checksums: the decoder itself is what stands between the bytes and the memory.
    #[test]
    fn garbage_with_a_right_checksum_is_no_panic(garbage in prop::collection::vec(any::<u8>(), 0..200), keep in 0usize..200) {
        let mut payload = Vec::new();
        super::codec::write_game(&random_record(5), &mut payload).expect("within bounds");
        payload.truncate(keep);
        payload.extend(&garbage);
        for version in 1..=FORMAT_VERSION {
            if let Ok(record) = super::codec::read_game(&payload, 2, version) {
                let mut again = Vec::new();
                super::codec::write_game(&record, &mut again).expect("within bounds");
                prop_assert_eq!(super::codec::read_game(&again, 2, FORMAT_VERSION), Ok(record));
            }
        }
    }
}

#[test]
fn each_lie_is_named_with_its_game_and_ply() {
    type Lie = fn(&mut GameRecord);
    let cases: [(Lie, &str); 11] = [
        (|game| game.plies[4].action = ActionId(7), "game 1, ply 4: action number 7 is not possible in phase drop"),
        (
            |game| game.plies[0].action = ActionId(u32::MAX),
            "game 1, ply 0: action number 4294967295 is not possible in phase drop",
        ),
        (
            |game| game.plies.fill(PlyRecord { action: ActionId(0), findings: None }),
            "game 1, ply 6: action number 0 is not possible in phase drop",
        ),
        (|game| game.plies.push(game.plies[2].clone()), "the game was over before this ply"),
        (|game| game.plies.truncate(5), "game 1: the game is not over after its last ply"),
        (|game| game.plies.clear(), "game 1: the game is not over after its last ply"),
        (
            |game| game.outcome = Outcome::won_by(game.outcome.winner().unwrap_or(Seat::FIRST).next(2)),
            "game 1: the record declares winners",
        ),
        (
            |game| game.plies[1].findings.as_mut().expect("searched").policy.truncate(6),
            "game 1, ply 1: the policy is about 6 actions, the position has 7 legal ones",
        ),
        (
            |game| game.plies[0].findings.as_mut().expect("searched").policy.fill(9),
            "game 1, ply 0: the policy sums to 63, not to 65535",
        ),
        (|game| game.plies = vec![game.plies[0].clone(); 43], "game 1: number of plies is 43, the limit is 42"),
        (|game| game.outcome = Outcome::shared_by_all(2), "game 1: the record declares winners 0b0011"),
    ];
    for (lie, expected) in cases {
        let mut games = [random_record(1), random_record(2), random_record(3)];
        assert!(games[1].outcome.winner().is_some() && games[1].plies.len() > 7);
        lie(&mut games[1]);
        let fault = verify(&games).expect_err(expected);
        assert_eq!(fault.game_index, Some(1));
        assert!(fault.to_string().contains(expected), "{fault}, expected {expected}");
    }
}

#[test]
fn seats_must_fit_before_anything_is_written() {
    let mut game = random_record(1);
    game.generators.pop();
    let mut writer = RecordWriter::new(&GAME);
    assert_eq!(writer.push(&game), Err(RecordFault::Seats { what: "generators", found: 1, seats: 2 }));
    assert_eq!(replay(&GAME, &game), Err(RecordFault::Seats { what: "generators", found: 1, seats: 2 }));
    assert_eq!(verify_file(&writer.finish(), "connect4", 0).expect("an empty file").games, 0);
}

#[test]
fn foreign_files_are_refused_by_their_header() {
    let file = file_of(&[random_record(1)]);
    let refused = |file: &[u8], game: &str| verify_file(file, game, 0).expect_err("foreign").to_string();
    assert_eq!(refused(&file, "chess"), r#"the file holds games of "connect4", expected "chess""#);
    assert!(refused(b"PK\x03\x04", "connect4").starts_with("not a file of game records"));
    assert!(refused(b"", "connect4").starts_with("not a file of game records"));

    // Changes to the header, with its checksum made right again.
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = file.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        let checksum = crc32c::crc32c(&file[..28]);
        file[28..32].copy_from_slice(&checksum.to_le_bytes());
        file
    };
    assert_eq!(changed(8, &[1]), file, "the header's layout");
    let unknown = by_key("chess\0\0\0").expect_err("no such game").to_string();
    let cases: [(usize, &[u8], &str, &str); 7] = [
        (8, &[3, 0], "connect4", "the file's format version is 3, this program reads 2: upgrade this program"),
        (10, &[3], "connect4", "the header's games are given for 3 seats, the game has 2"),
        (10, &[200], "connect4", "number of seats is 200, the limit is 4"),
        (12, &[9], "connect4", "the games were played by version 9 of the rules, this program has version 1"),
        (16, &[255; 4], "connect4", "number of games is 4294967295, the limit is 1048576"),
        (16, &[2], "connect4", "game 1: the bytes end too early: length of a game needs 4 bytes, 0 are left"),
        (20, b"chess\0\0\0", "chess\0\0\0", unknown.as_str()),
    ];
    for (at, bytes, game, expected) in cases {
        assert_eq!(refused(&changed(at, bytes), game), expected);
    }
    assert_eq!(
        refused(&changed(16, &[0]), "connect4").split(' ').skip(1).collect::<Vec<_>>().join(" "),
        "bytes follow after the end of the last game"
    );
}

#[test]
fn a_claimed_length_is_not_believed() {
    let mut file = file_of(&[random_record(1)]);
    file[32..36].copy_from_slice(&(GAME_BYTES_MAX as u32 + 1).to_le_bytes());
    let fault = verify_file(&file, "connect4", 0).expect_err("too long");
    assert!(matches!(fault.reason, RecordFault::TooLarge { what: "length of a game", .. }));

    let mut payload = Vec::new();
    super::codec::write_game(&random_record(1), &mut payload).expect("within bounds");
    let with_plies = |plies: u32| {
        let mut payload = payload.clone();
        payload[9..13].copy_from_slice(&plies.to_le_bytes());
        super::codec::read_game(&payload, 2, 1).expect_err("too many plies")
    };
    assert!(matches!(with_plies(PLIES_MAX as u32), RecordFault::Truncated { what: "plies", .. }));
    assert!(matches!(with_plies(u32::MAX), RecordFault::TooLarge { what: "number of plies", .. }));
}

#[test]
fn the_replay_derives_what_the_record_omits() {
    let record = random_record(4);
    let replayed = replay(&GAME, &record).expect("an honest game");
    assert_eq!(replayed.outcome, record.outcome);
    assert_eq!(replayed.movers.len(), record.plies.len());
    for (ply, mover) in replayed.movers.iter().enumerate() {
        assert_eq!(mover.index(), ply % 2);
    }
    assert!(replayed.phases.iter().all(|&phase| phase == "drop"));
}

#[test]
fn the_golden_file_reads_and_re_encodes_to_the_same_bytes() {
    let games: Vec<_> = (1..=6).map(random_record).collect();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(GOLDEN, file_of(&games)).expect("the fixture can be written");
    }
    let golden = std::fs::read(GOLDEN).expect("the fixture exists");
    let found = read(&golden).expect("a released format stays readable");
    assert_eq!(found, games);
    assert_eq!(file_of(&found), golden, "the bytes of a released format have changed");
    let tally = verify_file(&golden, "connect4", 0).expect("honest games");
    expect_test::expect![[r#"
        (
            6,
            111,
            [
                3,
                3,
            ],
            0,
            6,
            75,
            7403,
            3,
        )
    "#]]
    .assert_debug_eq(&(
        tally.games,
        tally.positions,
        tally.wins,
        tally.draws,
        tally.distinct,
        tally.targets,
        tally.simulations,
        tally.generators.len(),
    ));
}
