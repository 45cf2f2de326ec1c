//! The whole road: three processes play, learn, judge and promote while one of them is killed.
#![cfg(feature = "torch")]

use std::process::Command;

use serde_json::Value;

#[test]
fn a_small_campaign_ends_well_although_the_leader_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("demo");
    let output = Command::new(env!("CARGO_BIN_EXE_kifu-node"))
        .args(["demo", "--quick", "--chaos", "--generations", "1", "--seed", "7", "-o", "json", "--out"])
        .arg(&out)
        .output()
        .expect("the program runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(report["generations"][0]["verdict"], "promoted", "{words}");
    assert_eq!(report["kills"], 1, "{words}");
    assert!(report["agreed_at"].as_u64().is_some_and(|seq| seq > 100), "{words}");
    let events = &report["events"];
    let count = |kind: &str| events[kind].as_u64().unwrap_or(0);
    assert_eq!(count("MODEL_PROMOTED"), 2, "generation 0, and the one that it made");
    assert_eq!(count("GAMES_RECORDED"), count("GAMES_VERIFIED"));
    assert_eq!(count("PROJECTION_DIVERGED"), 0);
    assert!(count("LEADER_ELECTED") >= 2, "the leader was killed: {words}");
    assert!(count("STATE_DIGESTED") >= 1);
    let truth = &report["truth"];
    assert_eq!(truth["simulations"], 200, "{words}");
    let rate = |of: &str| truth[of]["rate"].as_f64().expect("a share");
    assert!((0.0..=1.0).contains(&rate("policy")) && (0.0..=1.0).contains(&rate("search")), "{truth}");
    assert!(truth["questions"].as_u64().is_some_and(|questions| questions > 100), "{truth}");
}

/// What happens in every campaign of a game that judges positions itself. Not that a sequential test is planned counts, but that it ends.
const EVERY_ROOM: [&str; 13] = [
    "GENERATION_TAUGHT",
    "GAMES_RECORDED",
    "GAMES_MEASURED",
    "QUALITY_EXPLAINED",
    "QUALITY_SCORE_UPDATED",
    "DATASET_SEALED",
    "DATASET_WEIGHED",
    "TRAINING_PLANNED",
    "TRAINING_CURVE_RECORDED",
    "TRAINING_MANIFEST_RECORDED",
    "TRAINING_COMPLETED",
    "MATCHES_ATTESTED",
    "SEQUENTIAL_TEST_CONCLUDED",
];

/// A small campaign of a game of RingRift on one node. What such small figures lead to is left open; that every room is entered is not.
#[track_caller]
fn check_ringrift(game: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_kifu-node"))
        .args(["demo", "--quick", "--nodes", "1", "--game", game, "--seed", "7", "-o", "json", "--out"])
        .arg(folder.path().join("demo"))
        .output()
        .expect("the program runs");
    let words = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {words}"));
    let generation = &report["generations"][0];
    assert!(["promoted", "rejected"].contains(&generation["verdict"].as_str().unwrap_or_default()), "{words}");
    assert!(generation["samples"].as_u64().is_some_and(|samples| samples > 1_000), "{words}");
    let count = |kind: &str| report["events"][kind].as_u64().unwrap_or(0);
    let missing: Vec<&str> = EVERY_ROOM.into_iter().filter(|kind| count(kind) == 0).collect();
    assert!(missing.is_empty(), "{missing:?}: {words}");
    assert_eq!(count("GAMES_RECORDED"), count("GAMES_VERIFIED"), "{words}");
    assert_eq!(count("GAMES_MEASURED"), count("GAMES_VERIFIED"), "{words}");
    assert_eq!(count("MATCHES_ATTESTED"), count("MATCHES_PLAYED"), "{words}");
    assert_eq!(count("GAMES_QUARANTINED"), 0, "{words}");
    assert!(count("TRAINING_COMPLETED") == 1 && count("GAUNTLET_CONCLUDED") >= 1, "{words}");
    assert_eq!(report["truth"], Value::Null, "RingRift has no solver");
}

/// A game with a hundred thousand action numbers.
#[test]
fn ringrift_is_played_verified_learned_judged_and_promoted() {
    check_ringrift("ringrift-hex8-2p");
}

/// Three players: groups of three games, three seats in values, records and scores.
#[test]
fn ringrift_of_three_players_is_played_verified_learned_and_judged() {
    check_ringrift("ringrift-square8-3p");
}

#[test]
fn a_game_that_nobody_knows_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("demo");
    let output = Command::new(env!("CARGO_BIN_EXE_kifu-node"))
        .args(["demo", "--game", "ringrift-hex-2p", "--out"])
        .arg(&out)
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ringrift-hex8-2p"));
    assert!(!out.exists());
}
