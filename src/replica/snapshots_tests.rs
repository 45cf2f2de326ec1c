//! Snapshots: what is taken over is whole, or nothing is; whatever the disk does meanwhile.

use std::sync::Arc;

use openraft::StorageHelper;
use openraft::storage::RaftStateMachine;
use openraft::type_config::alias::SnapshotOf;

use super::error::ReplicaError;
use super::fold::Fold;
use super::machine::{Machine, RaftCheckpoint};
use super::snapshots::{self, Basis, SnapshotData, Snapshots, Source};
use super::store::LogStore;
use super::types::{Batch, TypeConfig};
use crate::event::cluster::HostOnline;
use crate::event::{Hash, NodeId, Term};
use crate::log::{
    Crash, Log, LogDisk, LogOptions, NewEntry, Payload, SNAPSHOT_HEADER_BYTES, SimDisk, SnapshotFile, SnapshotHeader,
};
use crate::projection::testing::record;
use crate::projection::{Checkpoints, ProjectionError, State};

const NODE: NodeId = NodeId(1);

/// Forgets: every start finds no checkpoint, as after the loss of the row store.
struct Nothing;

impl Checkpoints for Nothing {
    fn save(&mut self, _: &mut State, _: &[u8]) -> Result<(), ProjectionError> {
        Ok(())
    }

    fn load(&self) -> Result<Option<State>, ProjectionError> {
        Ok(None)
    }

    fn note(&self) -> Result<Option<Vec<u8>>, ProjectionError> {
        Ok(None)
    }
}

fn entry(index: u64) -> NewEntry {
    let drafts: Vec<_> = (1..=3)
        .map(|place| record(index * 3 + place, HostOnline { host: NodeId(place), incarnation: index, slots: 1 }).draft)
        .collect();
    let Batch { count, records } = Batch::of(&drafts);
    NewEntry { index, term: Term(1), leader: NODE, payload: Payload::Records { count, bytes: records } }
}

/// A log of so many entries, all committed.
async fn log(disk: &SimDisk, entries: u64) -> Log {
    let options = LogOptions { segment_bytes: 4 << 10, ..LogOptions::new(Hash::of(b"cluster")) };
    let (log, _) = Log::open_on(Arc::new(disk.clone()), options).expect("a log");
    let next = log.last().map_or(0, |last| last.index + 1);
    if next < entries {
        log.append_durably((next..entries).map(entry).collect()).expect("next").await.expect("durable");
        log.save_committed(Some(entries - 1)).expect("noted");
    }
    log
}

fn machine(log: &Log) -> (Machine, Arc<Snapshots>) {
    let fold = Arc::new(Fold::simulated(NODE, State::new(), Nothing));
    let snapshots = Arc::new(Snapshots::new(log.clone(), fold));
    (Machine::new(snapshots.clone(), RaftCheckpoint::default()), snapshots)
}

/// Starts a machine as Raft does: from the log's snapshot, and from the log.
async fn start(log: &Log) -> Result<(Machine, Arc<Snapshots>), String> {
    let (mut machine, snapshots) = machine(log);
    let mut store = LogStore::new(log.clone());
    let begun =
        StorageHelper::<TypeConfig, _, _>::new(&mut store, &mut machine).with_id(NODE).get_initial_state().await;
    begun.map(|_| (machine, snapshots)).map_err(|error| error.to_string())
}

/// What a leader with a log of 100 entries sends: the header and the content.
async fn made() -> (SnapshotHeader, Vec<u8>, Hash) {
    let log = log(&SimDisk::new(), 100).await;
    let (machine, snapshots) = start(&log).await.expect("a whole log");
    let digest = snapshots.fold.read(State::digest);
    let file = machine.made().await.expect("written").expect("there is a state");
    assert_eq!(file.header().position, log.last().expect("entries"));
    let content = file.content(0, usize::MAX).expect("readable").to_vec();
    (*file.header(), content, digest)
}

/// Receives a snapshot, and installs it.
async fn take(log: &Log, machine: &mut Machine, header: SnapshotHeader, content: &[u8]) -> Result<(), ReplicaError> {
    let mut writer = log.receive_snapshot(header)?;
    for piece in content.chunks(1_000) {
        writer.append(piece)?;
    }
    let (note, state) = writer.verify()?;
    let (note, state) = snapshots::decode(&header, &note, &state)?;
    let meta = snapshots::meta_of(&note);
    let source = Source::Received { writer: Box::new(writer), state: Box::new(state), note };
    let snapshot = SnapshotOf::<TypeConfig, SnapshotData> { meta, snapshot: SnapshotData { source } };
    let installed = machine.install_snapshot(&snapshot.meta.clone(), snapshot.snapshot).await;
    installed.map_err(|error| ReplicaError::Stopped { reason: error.to_string() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_operation_leaves_the_old_log_or_the_new_beginning_with_its_snapshot() {
    let (header, content, digest) = made().await;
    let (mut old, mut new, mut finished) = (0, 0, 0);
    for (operations, crash) in (0..60).flat_map(|number| [(number, Crash::LoseAll), (number, Crash::KeepAll)]) {
        let disk = SimDisk::new();
        let begun = log(&disk, 20).await;
        let (mut before, _) = start(&begun).await.expect("a whole log");
        disk.cut_power(operations);
        let taken = take(&begun, &mut before, header, &content).await;
        finished += u32::from(taken.is_ok());
        drop((before, begun));
        let found = disk.crashed(crash);
        let again = log(&found, 0).await;
        let (machine, snapshots) = start(&again).await.unwrap_or_else(|error| panic!("{operations}: {error}"));
        let seq = snapshots.fold.read(|state| state.seq);
        match again.base() {
            None => {
                old += 1;
                assert!(taken.is_err(), "operation {operations}: what was taken over is gone");
                assert_eq!(again.last().expect("entries").index, 19);
                assert!([0, 60].contains(&seq.0), "how far it is committed is a hint: {seq}");
            }
            Some(base) => {
                new += 1;
                assert_eq!((base, again.last()), (header.position, Some(header.position)));
                assert_eq!(snapshots.fold.read(State::digest), digest, "operation {operations}: state at {seq}");
            }
        }
        let next = again.last().expect("entries").index + 1;
        again.append_durably(vec![entry(next)]).expect("next").await.expect("it goes on");
        drop(machine);
    }
    assert!(old > 10 && new > 10 && finished > 1, "{old} {new} {finished}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_wrong_is_taken_over() {
    let (header, content, digest) = made().await;
    let disk = SimDisk::new();
    let log = log(&disk, 20).await;
    let (mut machine, snapshots) = start(&log).await.expect("a whole log");
    for at in (0..content.len()).step_by(97) {
        let mut wrong = content.clone();
        wrong[at] ^= 1;
        let error = take(&log, &mut machine, header, &wrong).await.expect_err("it does not hash to its name");
        assert!(error.to_string().contains("does not hash"), "{error}");
    }
    let foreign = SnapshotHeader { cluster: Hash::of(b"another"), ..header };
    assert!(take(&log, &mut machine, foreign, &content).await.is_err());
    assert!(take(&log, &mut machine, header, &content[1..]).await.is_err(), "cut short");
    let longer = [&content[..], b"x"].concat();
    assert!(take(&log, &mut machine, header, &longer).await.is_err());
    let claims = SnapshotHeader { state_bytes: u64::MAX, ..header };
    assert!(SnapshotHeader::decode(&claims.encode()).is_err(), "no memory for a claim");
    assert_eq!(SnapshotHeader::decode(&header.encode()), Ok(header));
    assert_eq!(
        (log.base(), disk.list().expect("readable").iter().any(|name| name.contains("snapshot"))),
        (None, false)
    );
    take(&log, &mut machine, header, &content).await.expect("the right one");
    assert_eq!(snapshots.fold.read(State::digest), digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_build_cannot_read_is_refused_and_says_so() {
    let (header, ..) = made().await;
    let log = log(&SimDisk::new(), 20).await;
    let (_, snapshots) = start(&log).await.expect("a whole log");
    assert_eq!(snapshots.objection(&header, 1), None);
    for (header, format) in [(SnapshotHeader { rows_version: 99, ..header }, 1), (header, u32::MAX)] {
        let words = snapshots.objection(&header, format).expect("too new");
        assert!(words.starts_with("upgrade needed: "), "{words}");
    }
    let mut later = header.encode();
    later[8] = 9;
    let crc = crc32c::crc32c(&later[..180]).to_le_bytes();
    later[180..].copy_from_slice(&crc);
    assert!(SnapshotHeader::decode(&later).expect_err("a later format").starts_with("upgrade needed: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_is_moved_aside_and_made_again() {
    let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().expect("content") ^= 1;
    // The header's own checksum holds, and what it promises is not there.
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(SNAPSHOT_HEADER_BYTES + 1);
    let damages: [fn(&mut Vec<u8>); 2] = [flip, cut];
    for damage in damages {
        is_made_again_after(damage).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_rows_stand_still_a_snapshot_is_made_of_the_log() {
    let log_here = log(&SimDisk::new(), 100).await;
    let fold = Arc::new(Fold::simulated(NODE, State::new(), Nothing));
    let snapshots = Snapshots::new(log_here.clone(), fold);
    let make = |of| snapshots.make(of).expect("written").map(|position| position.index);
    assert_eq!((make(Basis::Rows), make(Basis::Log)), (None, Some(99)));
    // From here on only the snapshot knows what came before.
    log_here.trim_before(90).expect("asked").await.expect("durable");
    log_here.append_durably((100..140).map(entry).collect()).expect("next").await.expect("durable");
    log_here.save_committed(Some(129)).expect("noted");
    assert_eq!(make(Basis::Log), Some(129), "no further than what is committed");
    let content = |file: SnapshotFile| {
        let (note, state) = file.read().expect("whole");
        let (note, state) = snapshots::decode(file.header(), &note, &state).expect("they belong together");
        (note, state.digest())
    };
    let made = snapshots.usable().expect("readable").expect("it was made");
    let header = *made.header();
    let (machine, _) = start(&log(&SimDisk::new(), 130).await).await.expect("a whole log");
    let applied = machine.made().await.expect("written").expect("there is a state");
    assert_eq!(content(made), content(applied), "as if it had been applied");
    log_here.reject_snapshot(Some(&header)).expect("moved aside");
    assert_eq!(make(Basis::Log), None, "nobody knows what came before");
}

async fn is_made_again_after(damage: fn(&mut Vec<u8>)) {
    let disk = SimDisk::new();
    let log = log(&disk, 100).await;
    let (mut machine, snapshots) = start(&log).await.expect("a whole log");
    machine.made().await.expect("written").expect("there is a state");
    log.trim_before(90).expect("asked").await.expect("durable");
    assert!(log.base().is_some());
    let mut bytes = disk.bytes_of("snapshot").expect("there");
    damage(&mut bytes);
    disk.put("snapshot", bytes);
    let current = machine.get_current_snapshot().await.expect("readable").expect("one was made");
    assert_eq!(current.meta.last_log_id.map(|id| id.index), Some(99));
    assert!(snapshots.usable().expect("readable").is_some());
    assert!(disk.list().expect("readable").iter().any(|name| name.starts_with("snapshot") && name.ends_with(".aside")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_was_found_whole_is_read_again_only_when_it_is_doubted_or_replaced() {
    let disk = SimDisk::new();
    let log = log(&disk, 100).await;
    let (mut machine, snapshots) = start(&log).await.expect("a whole log");
    machine.made().await.expect("written").expect("there is a state");
    let rot = || {
        let mut bytes = disk.bytes_of("snapshot").expect("there");
        *bytes.last_mut().expect("content") ^= 1;
        disk.put("snapshot", bytes);
    };
    let index_of = |found: &SnapshotOf<TypeConfig, SnapshotData>| found.meta.last_log_id.map(|id| id.index);
    let mut found = machine.get_current_snapshot().await.expect("readable").expect("there is one");
    rot();
    for _ in 0..3 {
        found = machine.get_current_snapshot().await.expect("readable").expect("the header is the same");
        assert_eq!(index_of(&found), Some(99));
    }
    let Source::File { whole, .. } = found.snapshot.source else { panic!("it lies on the disk") };
    whole.doubt();
    assert!(machine.get_current_snapshot().await.expect("readable").is_none(), "what is wrong with it is seen");

    machine.made().await.expect("written").expect("there is a state");
    assert!(machine.get_current_snapshot().await.expect("readable").is_some());
    rot();
    assert!(snapshots.usable().expect("readable").is_none(), "whoever lets go of history looks for himself");
    machine.made().await.expect("written").expect("there is a state");
    rot();
    assert!(machine.get_current_snapshot().await.expect("readable").is_none(), "the same one made again is another");
}
