//! `game show`, `game render` and `game play`.

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
          "phase": "drop",
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

/// A file of two games of RingRift.
fn ringrift() -> String {
    fixture("games/ringrift-hex8-2p-v2.kgr").to_str().expect("text").to_owned()
}

#[test]
fn a_position_of_ringrift_is_drawn_and_rendered() {
    let file = ringrift();
    let shown = run(&["game", "show", &file, "--ply", "1"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stdout.starts_with("ringrift-hex8-2p, game 0 of 2, ply 1 of "), "{}", shown.stdout);
    assert!(shown.stdout.contains("player 1 to move, phase move, stack "), "{}", shown.stdout);

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.svg");
    let rendered = run(&["game", "render", &file, "--ply", "40", "--out", path.to_str().expect("text")]);
    assert_eq!((rendered.code, rendered.stdout.as_str()), (0, ""), "{}", rendered.stderr);
    let picture = std::fs::read_to_string(path).expect("written");
    assert!(picture.starts_with("<svg xmlns=") && picture.ends_with("</svg>\n"), "{picture}");
    assert_eq!(picture.matches("<polygon").count(), 61);
    assert!(picture.contains("<ellipse") && picture.contains("player 2: "), "{picture}");

    let connect4 = fixture("games/connect4-v1.kgr");
    let refused = run(&["game", "render", connect4.to_str().expect("text")]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
}

#[test]
fn a_game_is_stepped_through() {
    let run = run_with(&["game", "play", &ringrift()], "\n\np\nl\n7\nwhat\n9999\ne\nq\n");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let shown: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("ringrift-hex8-2p, game 0")).collect();
    let plies: Vec<&str> = shown.iter().filter_map(|line| line.split(", ply ").nth(1)?.split(' ').next()).collect();
    assert_eq!(plies[..5], ["0", "1", "2", "1", "7"], "{}", run.stdout);
    assert!(shown[5].contains(": the end: seat "), "{}", run.stdout);
    assert!(run.stdout.contains("\nM "), "legal moves of ply 1: {}", run.stdout);
    assert!(run.stderr.contains("the game has "), "{}", run.stderr);
}
