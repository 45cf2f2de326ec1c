//! Model files: all or nothing.

use super::tiny;
use crate::game::Planes;
use crate::game::connect4::ConnectFour;
use crate::game::registry::{AnyGame, GameVisitor};
use crate::learn::tensorfile::HostTensor;
use crate::learn::{Architecture, FAMILIES, LearnError, NetEvaluator, Weights, precision, python};

/// What reading `bytes` says.
fn refusal(bytes: &[u8]) -> String {
    Weights::from_bytes(bytes).expect_err("damaged").to_string()
}

/// What becomes of a net after a change to its tensors.
fn changed(change: impl FnOnce(&mut std::collections::BTreeMap<String, HostTensor>)) -> String {
    let (architecture, mut tensors) = tiny(1).into_parts();
    change(&mut tensors);
    Weights::new(architecture, tensors).expect_err("changed").to_string()
}

#[test]
fn the_same_weights_give_the_same_bytes() {
    let bytes = tiny(1).to_bytes().expect("plain data");
    assert_eq!(tiny(1).to_bytes().expect("plain data"), bytes);
    assert_ne!(tiny(2).to_bytes().expect("plain data"), bytes);
    assert_eq!(Weights::from_bytes(&bytes).expect("intact"), tiny(1));
}

#[test]
fn parameter_counts_are_as_documented() {
    struct Counts;
    impl GameVisitor for Counts {
        type Output = [u64; 4];
        fn visit<G: Planes>(self, game: G) -> [u64; 4] {
            FAMILIES.map(|family| Architecture::of(&game, family).parameters().expect("known"))
        }
    }
    let row = |game: &AnyGame| {
        let counts = game.visit(Counts).map(|count| format!(" {count} |"));
        format!("| `{}` |{}", game.key(), counts.concat())
    };
    let documented = include_str!("../../../docs/nets.md");
    for game in AnyGame::ALL {
        assert!(
            documented.contains(&row(game)),
            "docs/nets.md lacks:\n{}",
            AnyGame::ALL.iter().map(row).collect::<Vec<_>>().join("\n")
        );
    }
}

#[test]
fn every_cut_is_refused() {
    let bytes = tiny(1).to_bytes().expect("plain data");
    for length in (0..bytes.len()).step_by(997).chain([7, 8, 9, bytes.len() - 1]) {
        refusal(&bytes[..length]);
    }
    assert!(refusal(&bytes[..bytes.len() - 1]).contains("cut short"));
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = tiny(1).to_bytes().expect("plain data");
    let header = 8 + u64::from_le_bytes(*bytes.first_chunk().expect("long")) as usize;
    for place in (0..header).chain((header..bytes.len()).step_by(9_973)) {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1 << (place % 8);
        match Weights::from_bytes(&bytes) {
            Err(_) => {}
            // A flip inside the description can only make it one of another game, which no game accepts.
            Ok(weights) => {
                assert!(NetEvaluator::new(&ConnectFour, &weights, tch::Device::Cpu).is_err(), "byte {place}");
            }
        }
    }
}

#[test]
fn what_is_no_model_file_is_refused() {
    let long_header = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    let outside = br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551615]}}"#;
    let outside = [&(outside.len() as u64).to_le_bytes()[..], outside].concat();
    let no_entry = [&2u64.to_le_bytes()[..], b"{}"].concat();
    for bytes in [&b""[..], b"KIFUGAME and so on", &long_header, &outside, &no_entry] {
        let message = refusal(bytes);
        assert!(message.starts_with("not a usable model file"), "{message}");
    }
}

#[test]
fn tensors_must_be_exactly_those_of_the_net() {
    assert!(changed(|it| drop(it.remove("stem.conv.weight"))).contains("stem.conv.weight is missing"));
    let extra = HostTensor { shape: vec![1], data: vec![0.0] };
    assert!(changed(|it| drop(it.insert("blocks.9.x".to_owned(), extra))).contains("blocks.9.x, which is not part"));
    let flat = |it: &mut HostTensor| it.shape = vec![it.data.len()];
    assert!(changed(|it| flat(it.get_mut("policy.roles.weight").expect("there"))).contains("has shape"));
    let with = |name: &'static str, value| changed(move |it| it.get_mut(name).expect("there").data[0] = value);
    assert!(with("value.out.bias", f32::NAN).contains("holds NaN"));
    assert!(with("value.out.bias", f32::INFINITY).contains("holds inf"));
    assert!(with("stem.norm.running_var", -1.0).contains("holds -1"));
}

#[test]
fn weights_of_something_else_do_not_fit() {
    for (field, change) in [
        ("game", (|it| it.game = "chess".to_owned()) as fn(&mut Architecture)),
        ("encoder version", |it| it.encoder += 1),
        ("encoder hash", |it| it.encoder_hash = crate::event::Hash::of(b"another")),
        ("plane shape", |it| it.planes[0] = 4),
        ("action count", |it| it.actions = 8),
        ("policy shape", |it| it.policy.families = 1),
        ("seats", |it| it.seats = 3),
    ] {
        let mut architecture = tiny(1).architecture().clone();
        change(&mut architecture);
        let weights = Weights::random(architecture, 1).expect("a net all the same");
        let error = NetEvaluator::new(&ConnectFour, &weights, tch::Device::Cpu).err().expect("does not fit");
        assert!(matches!(&error, LearnError::Mismatch { field: found, .. } if *found == field), "{error}");
        assert!(!error.may_pass_later());
    }
    let claims = |planes| Weights::random(Architecture { planes, ..tiny(1).architecture().clone() }, 1);
    for planes in [[3, usize::MAX, 2], [usize::MAX, 6, 7], [0, 6, 7]] {
        assert!(matches!(claims(planes), Err(LearnError::Weights { .. })), "{planes:?}");
    }
    let unknown = Architecture { net: "huge".to_owned(), ..tiny(1).architecture().clone() };
    assert!(matches!(Weights::random(unknown, 1), Err(LearnError::Family(_))));
}

/// A file as version 1 wrote it: the same container, another description, a dense policy head.
fn of_version_1() -> Vec<u8> {
    let about = r#"{"game":"connect4","net":"tiny","encoder":1,"planes":[3,6,7],"actions":7,"seats":2}"#;
    let checksum = blake3::hash(&[]).to_hex();
    let entry = format!(r#"{{"format":"kifu-model","version":1,"checksum":"{checksum}","about":{about}}}"#);
    let header = serde_json::json!({"__metadata__": {"kifu": entry}}).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
}

#[test]
fn a_net_that_was_built_otherwise_is_refused_with_what_to_do() {
    let error = Weights::from_bytes(&of_version_1()).expect_err("old");
    assert!(matches!(error, LearnError::Outdated { .. }) && !error.may_pass_later(), "{error}");
    assert!(error.to_string().contains("kifu-model version 1") && error.to_string().contains("fresh model"), "{error}");
    let other = Architecture { version: 1, ..tiny(1).architecture().clone() };
    let error = Weights::random(other, 1).expect_err("built otherwise");
    assert!(error.to_string().contains("architecture version 1"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let error = Weights::read(std::path::Path::new("nowhere/net.safetensors")).expect_err("missing");
    assert!(error.to_string().starts_with("could not read nowhere/net.safetensors"), "{error}");
    assert!(error.may_pass_later());
}

#[test]
fn a_signed_file_says_what_the_net_answers_and_is_believed_no_further() {
    let signed = precision::sign(&ConnectFour, tiny(1)).expect("runs");
    let bytes = signed.to_bytes().expect("plain data");
    let read = Weights::from_bytes(&bytes).expect("intact");
    assert_eq!(read, signed);
    assert!(precision::checked(&ConnectFour, &read, tch::Device::Cpu).is_ok());
    let mut answers = read.frozen().expect("signed").clone();
    answers.values[3] += 0.1;
    let error = precision::checked(&ConnectFour, &read.with_frozen(answers), tch::Device::Cpu).err().expect("differs");
    assert!(matches!(error, LearnError::Frozen { what: "values", .. }), "{error}");
    let error = precision::checked(
        &ConnectFour,
        &tiny(2).with_frozen(signed.frozen().expect("signed").clone()),
        tch::Device::Cpu,
    );
    assert!(matches!(error.err(), Some(LearnError::Frozen { .. })), "answers of other weights");
}

#[test]
fn identities_differ_where_weights_cannot_be_shared() {
    let architecture = |net: &str| Architecture { net: net.to_owned(), ..tiny(1).architecture().clone() };
    let [tiny, small] = ["tiny", "small"].map(|net| architecture(net).hash());
    assert_ne!(tiny, small);
    assert_eq!(tiny, architecture("tiny").hash());
}

/// Python reads the tensors as they are, and what describes them.
#[test]
fn python_reads_the_file() {
    const PROGRAM: &str = r#"
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], framework="np") as file:
    about = json.loads(file.metadata()["kifu"])
    names = sorted(file.keys())
    total = sum(float(file.get_tensor(name).astype("float64").sum()) for name in names)
    print(json.dumps({"game": about["about"]["game"], "version": about["version"], "names": names, "total": total}))
"#;
    let Some(mut python) = python::with("numpy, safetensors") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.safetensors");
    let weights = precision::sign(&ConnectFour, tiny(1)).expect("runs");
    weights.write(&path).expect("written");
    let output = python.args(["-c", PROGRAM]).arg(&path).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((said["game"].as_str(), said["version"].as_u64()), (Some("connect4"), Some(2)));
    let names: Vec<&str> = said["names"].as_array().expect("a list").iter().filter_map(|name| name.as_str()).collect();
    let own = weights.tensors().keys().map(String::as_str);
    let mut wanted: Vec<&str> = own.chain(["frozen.logits", "frozen.values"]).collect();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    let frozen = weights.frozen().expect("signed");
    let all = weights.tensors().values().flat_map(|it| &it.data).chain(&frozen.logits).chain(&frozen.values);
    let total: f64 = all.map(|value| f64::from(*value)).sum();
    assert!((said["total"].as_f64().expect("a number") - total).abs() < 1e-6 * total.abs().max(1.0));
}
