//! `game show`.

use expect_test::expect;

use crate::support::*;

fn show(args: &[&str]) -> Run {
    let file = fixture("games/connect4-v1.kgr");
    let mut all = vec!["game", "show", file.to_str().expect("text")];
    all.extend(args);
    run(&all)
}

#[test]
fn a_position_is_drawn_at_any_ply() {
    expect![[r#"
        connect4, game 0 of 6, ply 5 of 22: seat 2 plays 4
        . . . . . . .
        . . . . . . .
        . . . . . . .
        . . . . . . .
        X . . . . . .
        O . . . X O X
        1 2 3 4 5 6 7
        O to move
    "#]]
    .assert_eq(&show(&["--ply", "5"]).stdout);
    expect![[r#"
        connect4, game 1 of 6, ply 19 of 19: the end: seat 1 wins
        . . . . . . .
        . . . . . . .
        O . . . X . O
        O . O . X . O
        O . O X X . X
        X O X O X X X
        1 2 3 4 5 6 7
        X won
    "#]]
    .assert_eq(&show(&["--game", "1"]).stdout);
    expect![[r#"
        {
          "game": "connect4",
          "index": 0,
          "games": 6,
          "ply": 0,
          "plies": 22,
          "mover": 1,
          "next": "5",
          "outcome": "seat 2 wins",
          "board": ". . . . . . .\n. . . . . . .\n. . . . . . .\n. . . . . . .\n. . . . . . .\n. . . . . . .\n1 2 3 4 5 6 7\nX to move\n"
        }
    "#]].assert_eq(&show(&["--ply", "0", "-o", "json"]).stdout);
}

#[test]
fn what_is_not_in_the_file_is_not_found() {
    for (args, words) in [(["--game", "99"], "there is no game 99"), (["--ply", "99"], "there is no ply 99")] {
        let run = show(&args);
        assert_eq!((run.code, run.stdout.as_str()), (3, ""));
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    let run = run(&["game", "show", "/nowhere.kgr"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
}

#[test]
fn a_file_that_does_not_hold_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.kgr");
    let whole = std::fs::read(fixture("games/connect4-v1.kgr")).expect("the fixture");
    let mut flipped = whole.clone();
    flipped[60] ^= 1;
    for bytes in [b"not games at all".to_vec(), flipped, whole[..50].to_vec()] {
        std::fs::write(&path, bytes).expect("written");
        let run = run(&["game", "show", path.to_str().expect("text")]);
        assert_eq!((run.code, run.stdout.as_str()), (6, ""), "{}", run.stderr);
        assert!(run.stderr.contains("bad.kgr"), "{}", run.stderr);
    }
}
