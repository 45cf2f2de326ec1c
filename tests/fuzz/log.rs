//! The files of the log: a segment with its header, frames and entries; the vote; the hint; the base.

use std::sync::Arc;

use bytes::Bytes;
use kifu::artifact::{Archive, ArchivedSegment};
use kifu::event::{Hash, NodeId, Seq, Term};
use kifu::log::{
    ArchiveDisk, Log, LogOptions, LogReader, NewEntry, Payload, SNAPSHOT_HEADER_BYTES, SimDisk, SnapshotHeader, Vote,
    verify_on,
};

use crate::events::{drafts, encoded, mend_records};
use crate::harness::Target;

const SEGMENT: &str = "00000000000000000000.seg";
const HEADER_BYTES: usize = 128;
/// A length is believed up to the largest entry, 16 MiB, before its bytes turn out to be missing.
const ROOM_BYTES: usize = 48 << 20;

fn options() -> LogOptions {
    LogOptions { segment_bytes: 16 << 10, cache_bytes: 600, ..LogOptions::new(Hash::of(b"cluster")) }
}

/// A log with entries of every kind, a vote and a hint.
fn disk() -> SimDisk {
    let disk = SimDisk::new();
    let (log, _) = Log::open_on(Arc::new(disk.clone()), options()).unwrap();
    let records = |index: u64, range: std::ops::Range<usize>| {
        let some = &drafts()[range];
        let payload = Payload::Records { count: some.len() as u32, bytes: Bytes::from(encoded(some)) };
        NewEntry { index, term: Term(1), leader: NodeId(7), payload }
    };
    let plain = |index: u64, payload| NewEntry { index, term: Term(1), leader: NodeId(7), payload };
    let membership = Payload::Membership(Bytes::from_static(b"{\"configs\":[[\"0000000000000007\"]],\"nodes\":{\"0000000000000007\":{\"name\":\"n1\",\"address\":\"a:1\"}}}"));
    let entries = vec![plain(0, membership), plain(1, Payload::Blank), records(2, 0..3), records(3, 3..4)];
    log.append_durably(entries).unwrap().wait().unwrap();
    log.append_durably(vec![records(4, 4..9)]).unwrap().wait().unwrap();
    log.save_vote(Vote { term: Term(3), node: Some(NodeId(9)), committed: true }).unwrap().wait().unwrap();
    log.save_committed(Some(3)).unwrap();
    log.write_snapshot(log.last().unwrap(), 1, b"a note", &[7; 300]).unwrap();
    drop(log);
    disk
}

/// The sample log, open.
pub fn sample() -> Log {
    let disk = DISK.with(|disk| disk.crashed(kifu::log::Crash::KeepAll));
    Log::open_on(Arc::new(disk), options()).unwrap().0
}

/// Reads a log in every way there is, and returns a file of it as the writer left it, if the writer took it.
fn open(name: &'static str, bytes: &[u8]) -> Option<Vec<u8>> {
    let disk = disk_with(name, bytes);
    let shared: Arc<SimDisk> = Arc::new(disk.clone());
    let _ = verify_on(shared.clone(), &mut |_, _| {});
    if let Ok(reader) = LogReader::open_on(shared.clone()) {
        let _ = (reader.base(), reader.last());
        if let Ok(records) = reader.records(Seq(1)) {
            for record in records.take_while(Result::is_ok).flatten() {
                let _ = record.decode();
            }
        }
    }
    let (log, _, driver) = Log::open_driven(shared, options()).ok()?;
    let _ = (log.vote(), log.committed(), log.last());
    let _ = log.snapshot().ok().flatten().map(|snapshot| snapshot.read());
    drop((log, driver));
    disk.bytes_of(name)
}

thread_local! {
    static DISK: SimDisk = disk();
}

/// A copy of the sample log with one file replaced.
fn disk_with(name: &str, bytes: &[u8]) -> SimDisk {
    let copy = DISK.with(|disk| disk.crashed(kifu::log::Crash::KeepAll));
    copy.put(name, bytes.to_vec());
    copy
}

fn file(name: &str) -> Vec<u8> {
    DISK.with(|disk| disk.bytes_of(name).unwrap())
}

/// Makes the checksums of a segment's header and of its frames right, as far as the lengths lead.
fn mend_segment(bytes: &mut [u8]) {
    mend_tail(bytes, 124);
    let mut at = HEADER_BYTES;
    while let Some(length) = bytes.get(at..at + 4).map(|four| u32::from_le_bytes(four.try_into().unwrap()) as usize) {
        let Some(frame) = at.checked_add(8 + length).and_then(|end| bytes.get_mut(at..end)) else { return };
        if length < 80 {
            return;
        }
        let mut content = frame[88..].to_vec();
        mend_records(&mut content);
        frame[88..].copy_from_slice(&content);
        let crc = crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..]);
        frame[4..8].copy_from_slice(&crc.to_le_bytes());
        at += 8 + length;
    }
}

/// Makes the checksum right that stands at `at` and covers all before it.
fn mend_tail(bytes: &mut [u8], at: usize) {
    if bytes.len() >= at + 4 {
        let crc = crc32c::crc32c(&bytes[..at]);
        bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
    }
}

#[test]
fn segments() {
    // The sample without most of its zeros: less to copy, more to hit.
    let mut sample = file(SEGMENT);
    let used = sample.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    sample.truncate(used + 64);
    let target = Target::new("segments", vec![sample], |bytes| open(SEGMENT, bytes)).mended(mend_segment);
    Target { bytes_max: |length| 64 * length + ROOM_BYTES, ..target }.run();
}

#[test]
fn segment_headers() {
    let sample = file(SEGMENT)[..HEADER_BYTES].to_vec();
    let target = Target::new("segment_headers", vec![sample], |bytes| {
        let whole = [bytes, &file(SEGMENT)[HEADER_BYTES..]].concat();
        open(SEGMENT, &whole).map(|mut bytes| {
            bytes.truncate(HEADER_BYTES);
            bytes
        })
    });
    let target = target.mended(|bytes| mend_tail(bytes, 124));
    Target { bytes_max: |length| 64 * length + ROOM_BYTES, ..target }.run();
}

#[test]
fn votes() {
    let target = Target::new("votes", vec![file("vote")], |bytes| open("vote", bytes));
    let target = target.mended(|bytes| mend_tail(bytes, 64));
    Target { bytes_max: |length| 64 * length + ROOM_BYTES, ..target }.run();
}

/// Makes the hash and the checksum in a snapshot's header right.
fn mend_snapshot(bytes: &mut [u8]) {
    if bytes.len() >= SNAPSHOT_HEADER_BYTES {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes[..148]).update(&bytes[SNAPSHOT_HEADER_BYTES..]);
        let hash = *hasher.finalize().as_bytes();
        bytes[148..180].copy_from_slice(&hash);
        mend_tail(bytes, 180);
    }
}

/// The header of the sample log's snapshot.
pub fn snapshot_header() -> Vec<u8> {
    file("snapshot")[..SNAPSHOT_HEADER_BYTES].to_vec()
}

#[test]
fn archived_segments() {
    // The log begins where the archive ends, with the entry at index 3.
    let live = tempfile::tempdir().unwrap();
    let mut base = file(SEGMENT)[..HEADER_BYTES].to_vec();
    base[..8].copy_from_slice(b"KIFUBASE");
    base[16..24].copy_from_slice(&3_u64.to_le_bytes());
    base[24..32].copy_from_slice(&4_u64.to_le_bytes());
    mend_tail(&mut base, 124);
    std::fs::write(live.path().join("base"), base).unwrap();
    let mut sample = file(SEGMENT);
    sample.truncate(sample.iter().rposition(|byte| *byte != 0).unwrap() + 1);
    let archive = tempfile::tempdir().unwrap();
    let path = archive.path().join("blob");
    let target = Target::new("archived_segments", vec![sample], move |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let disk = ArchiveDisk::open(live.path(), [(0, path.clone())].into()).ok()?;
        let reader = LogReader::open_on(Arc::new(disk)).ok()?;
        for record in reader.records(Seq(1)).ok()?.take_while(Result::is_ok).flatten() {
            let _ = record.decode();
        }
        Some(bytes.to_vec())
    });
    let target = target.mended(mend_segment);
    Target { bytes_max: |length| 64 * length + ROOM_BYTES, ..target }.run();
}

#[test]
fn archive_manifests() {
    let root = tempfile::tempdir().unwrap();
    let segment = |first_index: u64, last_index: u64| ArchivedSegment {
        first_index,
        last_index,
        first_seq: Seq(first_index),
        last_seq: Seq(last_index),
        bytes: 300,
        blob: Hash::of(b"blob"),
        chain_before: Hash::of(&first_index.to_le_bytes()),
        chain: Hash::of(&(last_index + 1).to_le_bytes()),
    };
    let manifest = |segments: &[ArchivedSegment]| {
        let manifest = serde_json::json!({"version": 1, "cluster": Hash::of(b"cluster"), "segments": segments});
        serde_json::to_vec(&manifest).unwrap()
    };
    let samples = vec![manifest(&[]), manifest(&[segment(0, 3), segment(4, 9), segment(20, 30)])];
    let path = root.path().join("archive.json");
    Target::new("archive_manifests", samples, move |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let archive = Archive::load(root.path()).ok()??;
        let _ = (archive.next_index(), archive.reader(root.path()).is_ok());
        Some(bytes.to_vec())
    })
    .run();
}

#[test]
fn snapshots() {
    let target = Target::new("snapshots", vec![file("snapshot")], |bytes| {
        // From a file, and from a peer in pieces.
        // The space that a header claims is set aside at once, here in memory, so a longer claim is left out.
        let header = SnapshotHeader::decode(bytes).ok().filter(|it| it.file_bytes() <= bytes.len() as u64);
        let kept = open("snapshot", bytes);
        let (log, _) = Log::open_on(Arc::new(SimDisk::new()), options()).ok()?;
        let mut writer = log.receive_snapshot(header?).ok()?;
        writer.append(bytes.get(SNAPSHOT_HEADER_BYTES..)?).ok()?;
        writer.verify().ok()?;
        kept
    });
    let target = target.mended(mend_snapshot);
    Target { bytes_max: |length| 64 * length + ROOM_BYTES, ..target }.run();
}

#[test]
fn hints() {
    let target = Target::new("hints", vec![file("committed")], |bytes| open("committed", bytes));
    let target = target.mended(|bytes| mend_tail(bytes, 8));
    Target { bytes_max: |length| 64 * length + ROOM_BYTES, ..target }.run();
}

#[test]
fn bases() {
    // A base that says what is true of the sample log: it begins at index 0.
    let mut sample = file(SEGMENT)[..HEADER_BYTES].to_vec();
    sample[..8].copy_from_slice(b"KIFUBASE");
    mend_tail(&mut sample, 124);
    // And others that begin later, with a seq that no record has in the second.
    let later = |index: u64, seq: u64| {
        let mut bytes = sample.clone();
        bytes[16..24].copy_from_slice(&index.to_le_bytes());
        bytes[24..32].copy_from_slice(&seq.to_le_bytes());
        mend_tail(&mut bytes, 124);
        bytes
    };
    let samples = vec![sample.clone(), later(3, 5), later(3, 0), later(u64::MAX, u64::MAX)];
    let target = Target::new("bases", samples, |bytes| {
        // Whether the log takes it depends on the segments; here it only must not fall.
        let _ = open("base", bytes);
        Some(vec![])
    });
    let target = target.mended(|bytes| mend_tail(bytes, 124));
    Target { bytes_max: |length| 64 * length + ROOM_BYTES, ..target }.run();
}
