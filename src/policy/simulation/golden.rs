//! A whole campaign as it was recorded by the first release: every later version has to read and fold it.
//!
//! `fixtures/campaign-v1.records` holds the records one after the other, as in a log entry, with the terms left out.
//! `KIFU_BLESS=1` writes the file when it is missing, never otherwise.

use std::path::{Path, PathBuf};

use super::cluster::{Chaos, Cluster, config};
use crate::event::record::records;
use crate::event::{GameKey, Kind, Record, Seq, Term};
use crate::projection::State;
use crate::projection::campaign::{Phase, Verdict};
use crate::projection::digests::compare;
use crate::projection::snapshot::ROWS_VERSION;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/campaign-v1.records")
}

fn bless() {
    if path().exists() || std::env::var_os("KIFU_BLESS").is_none_or(|value| value != "1") {
        return;
    }
    let chaos = Chaos { trouble: 3, bad_results: 30, broken_trainer: false };
    let mut cluster = Cluster::new(21, 3, chaos, config(2));
    while cluster.state.counts.of(Kind::CampaignCompleted) == 0 {
        cluster.tick();
    }
    let mut bytes = vec![];
    cluster.log.iter().for_each(|record| record.draft.encode_for(1, &mut bytes));
    std::fs::write(path(), bytes).expect("write the fixture");
}

#[test]
fn the_golden_campaign_folds_to_what_happened_in_it() {
    bless();
    let bytes = std::fs::read(path()).expect("the fixture");
    let mut state = State::new();
    let mut compared = 0;
    for raw in records(&bytes) {
        let seq = Seq(state.seq.0 + 1);
        let record: Record = raw.and_then(|raw| raw.decode(seq, Term(1))).expect("a record of the first release");
        // Digests cover the rows' bytes: only a build with the rows of that release can compare.
        if let Some(differences) = compare(&state, &record).filter(|_| ROWS_VERSION == 1) {
            assert_eq!(differences, vec![], "at {seq}");
            compared += 1;
        }
        state.apply(&record);
    }
    let game = GameKey("connect4".into());
    let verdicts: Vec<_> = state.campaign.generations.values().map(|row| row.verdict).collect();
    assert_eq!(verdicts, [Some(Verdict::Promoted), Some(Verdict::Rejected)]);
    assert_eq!(state.campaign.get(&game).map(|row| row.phase), Some(Phase::Completed));
    assert_eq!(state.models.champion(&game).map(|champion| champion.generation), Some(1));
    assert_eq!(state.hosts.table.len(), 3);
    assert!(compared > 0 || ROWS_VERSION != 1);
}
