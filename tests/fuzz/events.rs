//! Bodies of events in every released version, and records around them.

use std::path::{Path, PathBuf};

use kifu::event::record::{RawRecord, records};
use kifu::event::{Draft, Event, Kind, Millis, NodeId, RecordJson, Seq, Term, samples};

use crate::harness::Target;

/// Golden bodies of all released versions: number, version, bytes.
fn golden() -> Vec<(u16, u16, Vec<u8>)> {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let mut found = vec![];
    for kind in Kind::ALL {
        for (version, _) in kind.versions() {
            let path: PathBuf = schema.join(format!("v{version}/golden/{kind}.hex"));
            let text = std::fs::read_to_string(path).expect("every version has golden bytes");
            let digits: String = text.split_whitespace().collect();
            found.push((kind.number(), *version, data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap()));
        }
    }
    found
}

fn draft(event: Event) -> Draft {
    Draft {
        recorded_at: Millis(2_000),
        observed_at: Millis(1_000),
        origin: NodeId(7),
        origin_seq: 3,
        caused_by: vec![Seq(4), Seq(5)],
        event,
    }
}

/// A record for each kind of event.
pub fn drafts() -> Vec<Draft> {
    samples::all().into_iter().map(draft).collect()
}

/// The bytes of some drafts, one after another.
pub fn encoded(drafts: &[Draft]) -> Vec<u8> {
    let mut bytes = vec![];
    drafts.iter().for_each(|draft| draft.encode_into(&mut bytes));
    bytes
}

#[test]
fn event_bodies() {
    // The kind and the version stand in front, so that one target serves all and they are changed too.
    let with_head = |(number, version, body): (u16, u16, Vec<u8>)| {
        [&number.to_le_bytes()[..], &version.to_le_bytes(), &body].concat()
    };
    let decode = |bytes: &[u8]| {
        let (head, body) = bytes.split_first_chunk::<4>()?;
        let (number, version) = (u16::from_le_bytes([head[0], head[1]]), u16::from_le_bytes([head[2], head[3]]));
        let event = Event::decode(number, version, body).ok()?;
        let kind = event.kind();
        Some([&kind.number().to_le_bytes()[..], &kind.version().to_le_bytes(), &event.encode()].concat())
    };
    Target::new("event_bodies", golden().into_iter().map(with_head).collect(), decode).run();
}

/// Makes the checksum of each record right, as far as the lengths lead.
pub fn mend_records(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(length) = bytes.get(at..at + 4).map(|four| u32::from_le_bytes(four.try_into().unwrap()) as usize) {
        let Some(record) = at.checked_add(length).and_then(|end| bytes.get_mut(at..end)) else { return };
        if record.len() < 8 {
            return;
        }
        let crc = crc32c::crc32c(&record[8..]);
        record[4..8].copy_from_slice(&crc.to_le_bytes());
        at += length;
    }
}

#[test]
fn record_envelopes() {
    let all = drafts();
    let mut samples: Vec<Vec<u8>> = all.iter().map(|draft| encoded(std::slice::from_ref(draft))).collect();
    samples.push(encoded(&all[..5]));
    let decode = |bytes: &[u8]| {
        let mut drafts = vec![];
        for raw in records(bytes) {
            drafts.push(raw.ok()?.decode(Seq(1), Term(1)).ok()?.draft);
        }
        Some(encoded(&drafts))
    };
    Target::new("record_envelopes", samples, decode).mended(mend_records).run();
}

#[test]
fn record_offsets() {
    // The first eight bytes say where to read.
    let sample = [&0u64.to_le_bytes()[..], &encoded(&drafts()[..3])].concat();
    let decode = |bytes: &[u8]| {
        let (offset, rest) = bytes.split_first_chunk::<8>()?;
        let offset = usize::try_from(u64::from_le_bytes(*offset)).ok()?;
        let (raw, end) = RawRecord::read(rest, offset).ok()?;
        assert!(end <= rest.len() && raw.bytes().len() == end - offset);
        Some([&0u64.to_le_bytes()[..], raw.bytes()].concat())
    };
    Target::new("record_offsets", vec![sample], decode).run();
}

#[test]
fn records_as_json() {
    let json = |draft: Draft| {
        let record = kifu::event::Record { seq: Seq(9), term: Term(2), draft };
        serde_json::to_vec(&RecordJson::from(&record)).unwrap()
    };
    let decode = |bytes: &[u8]| {
        let record: RecordJson = serde_json::from_slice(bytes).ok()?;
        if let Ok(kind) = record.kind.parse::<Kind>() {
            let _ = Event::from_json(kind, record.body.clone());
        }
        Some(serde_json::to_vec(&record).unwrap())
    };
    Target::new("records_as_json", drafts().into_iter().map(json).collect(), decode).run();
}
