//! `game check`: a contract with those who have further vectors.

use crate::support::*;

fn check(files: &[&str]) -> Run {
    run(&[&["game", "check"], files].concat())
}

fn sample(name: &str) -> String {
    fixture(&format!("ringrift/{name}")).to_str().expect("text").to_owned()
}

#[test]
fn files_without_a_difference_take_a_line_each() {
    let (cases, games) = (sample("cases.jsonl"), sample("square8-2p.jsonl.gz"));
    let run = check(&[&cases, &games]);
    let lines = format!("{cases} games=29 plies=73 differences=0\n{games} games=5 plies=739 differences=0\n");
    assert_eq!((run.code, run.stdout, run.stderr), (0, lines, String::new()));
}

#[test]
fn the_first_difference_is_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.jsonl");
    let text = std::fs::read_to_string(sample("cases.jsonl")).expect("the fixture");
    std::fs::write(&path, text.replacen("M 0,0 0,2", "M 0,0 0,1", 1)).expect("written");
    let run = check(&[path.to_str().expect("text"), &sample("cases.jsonl")]);
    assert_eq!(run.code, 7, "{}", run.stderr);
    assert!(run.stdout.contains("bad.jsonl games=29 plies=73 differences=1\n"), "{}", run.stdout);
    for words in
        ["game move_markers (square8 2p), ply 0, field l:", "only in ours: M 0,0 0,2", "only in theirs: M 0,0 0,1"]
    {
        assert!(run.stdout.contains(words), "{}", run.stdout);
    }
    assert!(run.stdout.contains("before: move|1|10,10|0,0|0,0|0,0=11 7,7=22|1,0=2 2,0=1 3,0=2||-|0"), "{}", run.stdout);
    assert!(run.stdout.ends_with("cases.jsonl games=29 plies=73 differences=0\n"), "{}", run.stdout);
}

#[test]
fn unreadable_input_is_a_usage_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.jsonl.gz");
    let whole = std::fs::read(sample("square8-2p.jsonl.gz")).expect("the fixture");
    for bytes in [b"nonsense".to_vec(), whole[..whole.len() / 2].to_vec()] {
        std::fs::write(&path, bytes).expect("written");
        let run = check(&[path.to_str().expect("text")]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
        assert!(run.stderr.contains("bad.jsonl.gz: "), "{}", run.stderr);
    }
    assert_eq!(check(&["/nowhere.jsonl"]).code, 2);
    assert_eq!(check(&[]).code, 2);
}
