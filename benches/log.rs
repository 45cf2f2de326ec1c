//! What the log costs: durable appends by batch, and the speed of replay.
//!
//! `cargo bench --bench log`. Appends are bounded by the disk's sync; compare only runs on the same disk.
#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kifu::event::jobs::JobStarted;
use kifu::event::{Draft, Hash, JobId, Millis, NodeId, Seq, Term};
use kifu::log::{Log, LogOptions, LogReader, NewEntry, Payload};

/// Records in the log that is replayed.
const REPLAYED_RECORDS: u32 = 100_000;

/// An entry of `count` records of about 120 bytes.
fn entry(index: u64, count: u32) -> NewEntry {
    let started = JobStarted { job: JobId::new("selfplay-g3-1234567890-abcdef"), host: NodeId(1), token: Seq(7) };
    let at = Millis(1_767_323_045_000);
    let (caused_by, event) = (vec![Seq(6)], started.into());
    let draft = Draft { recorded_at: at, observed_at: at, origin: NodeId(1), origin_seq: 9, caused_by, event };
    let mut bytes = vec![];
    (0..count).for_each(|_| draft.encode_into(&mut bytes));
    let payload = Payload::Records { count, bytes: Bytes::from(bytes) };
    NewEntry { index, term: Term(1), leader: NodeId(1), payload }
}

fn open(folder: &tempfile::TempDir) -> Log {
    Log::open(folder.path(), LogOptions::new(Hash::of(b"bench"))).expect("a new log").0
}

fn durable_append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("durable_append");
    for count in [1, 64, 1024] {
        let folder = tempfile::tempdir().expect("a folder");
        let log = open(&folder);
        let mut index = 0;
        group.throughput(Throughput::Elements(u64::from(count)));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                let pending = log.append_durably(vec![entry(index, count)]).expect("next");
                pending.wait().expect("durable");
                index += 1;
            });
        });
    }
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(&folder);
    let entries = (0..u64::from(REPLAYED_RECORDS / 100)).map(|index| entry(index, 100)).collect();
    log.append_durably(entries).expect("next").wait().expect("durable");
    let reader = LogReader::open(folder.path()).expect("a log");
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(u64::from(REPLAYED_RECORDS)));
    group.sample_size(10);
    group.bench_function("scan", |bencher| {
        bencher.iter(|| {
            let records = reader.records(Seq(1)).expect("a segment");
            records.map(|record| record.expect("whole").bytes().len()).sum::<usize>()
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            for record in reader.records(Seq(1)).expect("a segment") {
                black_box(record.expect("whole").decode().expect("known"));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, durable_append, replay);
criterion_main!(benches);
