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
}
