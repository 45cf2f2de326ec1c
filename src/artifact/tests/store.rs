//! What one store does with its files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::artifact::{ArtifactError, BlobStore, Source};
use crate::event::Hash;

fn open() -> (tempfile::TempDir, BlobStore) {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = BlobStore::open(dir.path()).expect("store");
    (dir, store)
}

/// Names of the files in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("folder")
        .map(|entry| entry.expect("entry").file_name().into_string().expect("plain name"))
        .collect();
    names.sort();
    names
}

/// Changes a blob behind the store's back.
fn damage(store: &BlobStore, hash: &Hash, bytes: &[u8]) {
    let path = store.path(hash).expect("blob");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("mode");
    fs::write(&path, bytes).expect("write");
}

#[test]
fn a_blob_is_found_under_its_hash_and_nothing_else_is() {
    let (dir, store) = open();
    let hash = store.put_bytes(b"kifu").expect("put");
    assert_eq!(hash, Hash::of(b"kifu"));
    let path = store.path(&hash).expect("here");
    let name = hash.to_string();
    assert_eq!(path, dir.path().join("blobs").join(&name[..2]).join(&name));
    assert_eq!(fs::read(&path).expect("read"), b"kifu");
    assert_eq!(fs::metadata(&path).expect("metadata").permissions().mode() & 0o777, 0o444);
    assert_eq!((store.contains(&hash), store.bytes(&hash), store.verify(&hash).expect("good")), (true, Some(4), 4));
    let other = Hash::of(b"other");
    assert_eq!((store.contains(&other), store.path(&other), store.bytes(&other)), (false, None, None));
    assert!(matches!(store.verify(&other), Err(ArtifactError::Missing { .. })));
    assert!(names(&store.temporary()).is_empty());
}

#[test]
fn a_file_is_copied_or_moved_in() {
    let (dir, store) = open();
    for (source, stays, size) in [(Source::Copy, true, 0), (Source::Move, false, 1_000_000), (Source::Move, false, 3)] {
        let path = dir.path().join("file");
        let content = vec![42; size];
        // The second time the blob is there already; the outcome is the same.
        for _ in 0..2 {
            fs::write(&path, &content).expect("write");
            let put = store.put_file(&path, source).expect("put");
            assert_eq!(put, (Hash::of(&content), size as u64));
            assert_eq!(path.exists(), stays, "{source:?}");
            assert_eq!(store.verify(&put.0).expect("good"), size as u64);
        }
    }
    let missing = store.put_file(&dir.path().join("nowhere"), Source::Move).expect_err("no such file");
    assert!(missing.to_string().starts_with("cannot read "), "{missing}");
    assert!(names(&store.temporary()).is_empty());
}

#[test]
fn what_an_unfinished_write_left_is_gone_after_a_restart_and_blobs_stay() {
    let (dir, store) = open();
    let hash = store.put_bytes(b"whole").expect("put");
    fs::write(store.temporary().join("put-half"), b"ha").expect("write");
    drop(store);
    let store = BlobStore::open(dir.path()).expect("store");
    assert!(names(&store.temporary()).is_empty());
    assert_eq!(store.verify(&hash).expect("good"), 5);
}

#[test]
fn a_damaged_copy_is_moved_aside_named_and_can_be_put_again() {
    let (_dir, store) = open();
    let hash = store.put_bytes(b"good bytes").expect("put");
    for (round, bytes) in [&b"bad bytes!"[..], b"short", b""].into_iter().enumerate() {
        damage(&store, &hash, bytes);
        match store.verify(&hash) {
            Err(ArtifactError::Damaged { hash: named, found, moved_to }) => {
                assert_eq!((named, found), (hash, Hash::of(bytes)));
                assert_eq!(fs::read(moved_to).expect("kept for people"), bytes);
            }
            other => panic!("expected damage, got {other:?}"),
        }
        assert!(!store.contains(&hash));
        assert_eq!(names(&store.damaged()).len(), round + 1);
        assert_eq!(store.put_bytes(b"good bytes").expect("put"), hash);
        assert_eq!(store.verify(&hash).expect("good"), 10);
    }
}

#[test]
fn a_put_over_a_damaged_copy_heals_it() {
    let (dir, store) = open();
    let path = dir.path().join("file");
    for source in [Source::Copy, Source::Move] {
        fs::write(&path, b"good bytes").expect("write");
        let hash = store.put_bytes(b"good bytes").expect("put");
        damage(&store, &hash, b"bad");
        store.put_file(&path, source).expect("put");
        assert_eq!(store.verify(&hash).expect("good"), 10);
    }
}

#[test]
fn the_list_is_in_order_and_leaves_out_what_is_no_blob() {
    let (_dir, store) = open();
    let mut expected: Vec<_> = (0..40_u64)
        .map(|number| {
            let bytes = vec![1; usize::try_from(number).expect("small")];
            (store.put_bytes(&bytes).expect("put"), number)
        })
        .collect();
    expected.sort();
    let folder = store.place(&expected[0].0).parent().expect("folder").to_owned();
    fs::write(folder.join("notes.txt"), b"not a blob").expect("write");
    // A blob's name in a folder where nobody would look for it.
    let misplaced = Hash([!expected[0].0.0[0]; 32]);
    fs::write(folder.join(misplaced.to_string()), b"").expect("write");
    let listed: Vec<_> = store.list().map(|entry| entry.expect("readable")).collect();
    assert_eq!(listed, expected);
}

#[test]
fn scrubbing_goes_on_after_damage() {
    let (_dir, store) = open();
    let hashes: Vec<_> = (0..10_u8).map(|byte| store.put_bytes(&[byte; 100]).expect("put")).collect();
    damage(&store, &hashes[3], b"bad");
    let (good, bad): (Vec<_>, Vec<_>) = store.scrub().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (9, 1));
    assert!(store.scrub().all(|outcome| outcome.is_ok()), "the damaged copy is out of the way");
}

#[test]
fn removing_says_whether_there_was_a_copy() {
    let (_dir, store) = open();
    let hash = store.put_bytes(b"kifu").expect("put");
    assert!(store.remove(&hash).expect("remove"));
    assert!(!store.remove(&hash).expect("remove"));
    assert!(!store.contains(&hash));
}

#[test]
fn a_store_that_cannot_be_made_says_where() {
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::write(dir.path().join("blobs"), b"in the way").expect("write");
    let error = BlobStore::open(dir.path()).expect_err("a file is in the way").to_string();
    assert!(error.starts_with("cannot create ") && error.contains("blobs"), "{error}");
}
