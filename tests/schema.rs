//! The contract in `schema/`: generated files that never change once they are there.
//!
//! `KIFU_BLESS=1 cargo test --test schema` writes files that are missing. A file that differs is a broken promise:
//! either undo the change of the event, or give it a new version.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Once;

use kifu::event::{Event, FORMAT_VERSION, Kind, samples};
use serde_json::{Value, json};

const BYTES_A_LINE: usize = 32;

/// All files of the contract, by their path below `schema/`.
fn generated() -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    for (kind, version) in bodies() {
        let folder = PathBuf::from(format!("v{version}"));
        let sample = samples::of_version(kind, version);
        let contract = json!({
            "kind": kind.name(),
            "number": kind.number(),
            "version": version,
            "domain": kind.domain(),
            "body": kind.schema(version).expect("a version"),
        });
        let (json, bytes) =
            (sample.json_as(version).expect("a version"), sample.encode_as(version).expect("a version"));
        files.insert(folder.join(format!("{kind}.json")), pretty(&contract));
        files.insert(folder.join(format!("golden/{kind}.json")), pretty(&json));
        files.insert(folder.join(format!("golden/{kind}.hex")), hex(&bytes));
    }
    files
}

/// Every version of every kind.
fn bodies() -> impl Iterator<Item = (Kind, u16)> {
    Kind::ALL.iter().flat_map(|kind| kind.versions().iter().map(|(version, _)| (*kind, *version)))
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.chunks(BYTES_A_LINE).map(|line| data_encoding::HEXLOWER.encode(line) + "\n").collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    data_encoding::HEXLOWER.decode(digits.as_bytes()).expect("hex digits")
}

/// The contract's folder; with `KIFU_BLESS=1`, with the missing files written.
fn schema_dir() -> PathBuf {
    static BLESS: Once = Once::new();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    BLESS.call_once(|| {
        if std::env::var_os("KIFU_BLESS").is_some_and(|value| value == "1") {
            for (path, text) in generated().into_iter().filter(|(path, _)| !dir.join(path).exists()) {
                let path = dir.join(path);
                std::fs::create_dir_all(path.parent().expect("files lie in folders")).expect("create the folder");
                std::fs::write(path, text).expect("write the file");
            }
        }
    });
    dir
}

/// JSON without the words in its descriptions: those may be improved.
fn contract(text: &str) -> Value {
    let mut value = serde_json::from_str(text).expect("JSON");
    strip_words(&mut value);
    value
}

fn strip_words(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| name != "description" || !value.is_string());
            fields.values_mut().for_each(strip_words);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_words),
        _ => {}
    }
}

#[test]
fn released_files_are_what_the_code_says() {
    let mut problems = vec![];
    for (path, expected) in generated() {
        let is_same = |found: &str| match path.extension() {
            Some(extension) if extension == "json" => contract(found) == contract(&expected),
            _ => found == expected,
        };
        match std::fs::read_to_string(schema_dir().join(&path)) {
            Ok(found) if is_same(&found) => {}
            Ok(_) => problems.push(format!("{} differs: a released event must not change", path.display())),
            Err(_) => problems.push(format!("{} is missing: run with KIFU_BLESS=1", path.display())),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn no_released_file_belongs_to_nothing() {
    let expected = generated();
    let mut folders = vec![schema_dir()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the contract") {
            let path = entry.expect("an entry").path();
            let relative = path.strip_prefix(schema_dir()).expect("a path below schema/").to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if relative != Path::new("README.md") {
                assert!(expected.contains_key(&relative), "{} belongs to no kind of event", relative.display());
            }
        }
    }
}

#[test]
fn golden_bytes_read_as_their_sample_and_write_the_same_bytes() {
    for (kind, version) in bodies() {
        let golden = schema_dir().join(format!("v{version}/golden"));
        let text = std::fs::read_to_string(golden.join(format!("{kind}.hex"))).expect("golden bytes");
        let bytes = unhex(&text);
        let event = Event::decode(kind.number(), version, &bytes).expect("golden bytes decode");
        assert_eq!(event, samples::of_version(kind, version), "{kind} {version}");
        assert_eq!(event.encode_as(version).as_ref(), Some(&bytes), "{kind} {version}");
        let json = std::fs::read_to_string(golden.join(format!("{kind}.json"))).expect("the sample as JSON");
        let body: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(event.json_as(version).as_ref(), Some(&body), "{kind} {version}");
        if version == kind.version() {
            assert_eq!(event.encode(), bytes, "{kind}");
            assert_eq!(Event::from_json(kind, body).expect("the sample's form"), event, "{kind}");
        }
    }
}

#[test]
fn what_an_older_version_cannot_say_is_never_said_in_it() {
    for (kind, version) in bodies() {
        let since = kind.since_version(version).expect("a version");
        let event = samples::of_version(kind, version);
        assert_eq!((event.needs(), event.version_for(since)), (since, Some(version)), "{kind} {version}");
        assert_eq!(event.version_for(FORMAT_VERSION), Some(kind.version()), "{kind} {version}");
        if version == kind.version() {
            assert_eq!(event.version_for(since - 1), None, "{kind} {version}");
        }
    }
    let versions = |kind: &Kind| kind.versions().windows(2).all(|pair| pair[0].0 > pair[1].0 && pair[0].1 > pair[1].1);
    assert!(Kind::ALL.iter().all(versions), "newest first");
}

#[test]
fn a_cut_golden_body_is_an_error_and_a_damaged_one_never_panics() {
    for (kind, version) in bodies() {
        let bytes = samples::of_version(kind, version).encode_as(version).expect("a version");
        assert!(Event::decode(kind.number(), version, &[]).is_err(), "{kind}");
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0xff;
            // The record's checksum finds the damage; here it must only not bring the reader down.
            let _ = Event::decode(kind.number(), version, &damaged);
            let _ = Event::decode(kind.number(), version, &bytes[..position]);
        }
    }
}

#[test]
fn numbers_and_names_are_unique_and_in_order() {
    assert!(Kind::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
    for kind in Kind::ALL {
        assert_eq!(kind.name().parse::<Kind>().expect("own name"), *kind);
        assert_eq!(Kind::from_number(kind.number()), Some(*kind));
    }
}
