//! `dataset export` and `dataset import`.

use crate::support::*;

#[test]
fn what_is_exported_comes_back_with_the_same_hashes() {
    let folder = tempfile::tempdir().expect("a folder");
    let npz = folder.path().join("games.npz");
    let (file, npz) = (fixture("games/connect4-v1.kgr"), npz.to_str().expect("text"));
    let file = file.to_str().expect("text");
    let json = ["--output", "json", "dataset"];
    let export = |threads: &str| {
        let args = ["export", "--file", file, "--npz", npz, "--held-out", "0.3", "--threads", threads];
        run(&[&json[..], &args].concat())
    };
    let exported = export("1");
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    let bytes = std::fs::read(npz).expect("written");
    let object: serde_json::Value = serde_json::from_str(&exported.stdout).expect("JSON");
    assert_eq!((object["game"].as_str(), object["games"].as_u64()), (Some("connect4"), Some(6)), "{object}");
    assert!(object["samples"].as_u64().is_some_and(|samples| samples > 0));
    assert_eq!(export("3").stdout, exported.stdout);
    assert_eq!(std::fs::read(npz).expect("written"), bytes);

    let imported = run(&[&json[..], &["import", npz]].concat());
    assert_eq!((imported.code, imported.stdout), (0, exported.stdout), "{}", imported.stderr);

    std::fs::write(npz, &bytes[..bytes.len() / 2]).expect("written");
    let cut = run(&[&json[..], &["import", npz]].concat());
    assert_eq!(cut.code, 6, "{}", cut.stderr);
}

#[test]
fn what_is_not_there_is_named() {
    let missing = run(&["dataset", "import", "nowhere.npz"]);
    assert_eq!(missing.code, 3);
    assert!(missing.stderr.contains("nowhere.npz"), "{}", missing.stderr);
    let none = run(&["dataset", "export", "--npz", "out.npz"]);
    assert_eq!(none.code, 2, "{}", none.stderr);
    let log = fixture("log-v1");
    let unknown = on(&log, &["dataset", "export", "connect4-g77", "--npz", "out.npz"]);
    assert_eq!(unknown.code, 3, "{}", unknown.stderr);
    assert!(unknown.stderr.contains("the log has no dataset dataset/connect4-g77"), "{}", unknown.stderr);
}
