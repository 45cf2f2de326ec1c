//! What holds for any log at all, also for one that no leader would write.

use proptest::prelude::*;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::state::State;
use super::testing::record;
use crate::event::{Event, Kind, NodeId, Record, Seq, samples};

/// Samples in random order with random senders. Tokens are often those of claims before, so that jobs get somewhere;
/// jobs, batches and hosts are few, so that records meet.
fn log(seed: u64, length: usize) -> Vec<Record> {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut last_claim = 0;
    let mut records = vec![];
    for seq in 1..=length as u64 {
        let kind = Kind::ALL[rng.next_u32() as usize % Kind::ALL.len()];
        let mut event = samples::sample(kind);
        let token = Seq(if rng.next_u32().is_multiple_of(4) { u64::from(rng.next_u32() % 64) } else { last_claim });
        vary(&mut event, token, rng.next_u32());
        if kind == Kind::JobClaimed {
            last_claim = seq;
        }
        let mut record = record(seq, event);
        record.draft.origin = NodeId(u64::from(rng.next_u32() % 3));
        record.draft.origin_seq = u64::from(rng.next_u32() % 50);
        records.push(record);
    }
    records
}

fn vary(event: &mut Event, token: Seq, random: u32) {
    match event {
        Event::JobQueued(body) => body.spec = samples::specs().swap_remove(random as usize % 6),
        Event::JobStarted(body) => body.token = token,
        Event::JobCompleted(body) => body.token = token,
        Event::JobFailed(body) => (body.token, body.retry) = (token, !random.is_multiple_of(3)),
        Event::JobLeaseExpired(body) => body.token = token,
        Event::HostOnline(body) => body.incarnation = u64::from(random % 3),
        Event::GamesRecorded(body) => body.generation = random % 3,
        Event::GenerationOpened(body) => body.generation = random % 5,
        Event::LeaderElected(body) => body.term.0 = u64::from(random % 500),
        Event::ArtifactVerified(body) => body.host = NodeId(u64::from(random % 4)),
        Event::ArtifactAssigned(body) => body.host = NodeId(u64::from(random % 4)),
        Event::ArtifactLost(body) => body.host = NodeId(u64::from(random % 4)),
        Event::ModelPromoted(body) if random.is_multiple_of(2) => body.model.0 = "model/connect4-g0-00112233".into(),
        Event::TokenCreated(body) => body.token.0 = format!("token/{}", random % 2_000),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_log_folds_to_the_same_state_from_any_snapshot(seed: u64, length in 1_usize..300, cut in 0_usize..300) {
        let log = log(seed, length);
        let cut = cut.min(length);
        let whole = State::fold(&log);
        let prefix = State::fold(&log[..cut]);
        let mut restored = State::restore(&prefix.snapshot()).expect("own bytes");
        let mut copy = prefix.clone();
        for record in &log[cut..] {
            restored.apply(record);
            copy.apply(record);
        }
        prop_assert_eq!(restored.snapshot(), whole.snapshot());
        prop_assert_eq!(copy.snapshot(), whole.snapshot());
        prop_assert_eq!(whole.digests(), restored.digests());
        let queued = |state: &State| state.jobs.queued().map(|job| job.queued_seq).collect::<Vec<_>>();
        let finished = |state: &State| state.jobs.finished().map(|job| job.changed_seq).collect::<Vec<_>>();
        let open = |state: &State| state.games.open().map(|batch| batch.batch).collect::<Vec<_>>();
        prop_assert_eq!(queued(&restored), queued(&whole));
        prop_assert_eq!(finished(&restored), finished(&whole));
        prop_assert_eq!(open(&restored), open(&whole));
    }

    #[test]
    fn dirty_rows_are_enough_to_follow_a_state(seed: u64, length in 1_usize..200) {
        let log = log(seed, length);
        let mut state = State::new();
        let mut rows = std::collections::BTreeMap::new();
        for (index, record) in log.iter().enumerate() {
            state.apply(record);
            if index % 7 == 0 || index + 1 == log.len() {
                for (name, table) in state.tables_mut() {
                    for (key, value) in table.take_dirty() {
                        match value {
                            Some(value) => rows.insert((name, key), value),
                            None => rows.remove(&(name, key)),
                        };
                    }
                }
            }
        }
        let mut expected = std::collections::BTreeMap::new();
        for (name, table) in state.tables() {
            table.visit(&mut |key, value| drop(expected.insert((name, key.to_vec()), value.to_vec())));
        }
        prop_assert_eq!(rows, expected);
    }

    #[test]
    fn random_bytes_are_not_a_snapshot(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(State::restore(&bytes).is_err());
    }
}

#[test]
fn names_are_in_order_and_every_table_has_json() {
    let state = State::fold(&log(1, 300));
    assert!(State::NAMES.windows(2).all(|pair| pair[0] < pair[1]));
    for name in State::NAMES {
        let rows = state.projection_json(name).expect("a table");
        assert!(rows.as_array().expect("rows").iter().all(serde_json::Value::is_object), "{name}");
    }
    assert_eq!(state.projection_json("nothing"), None);
}
