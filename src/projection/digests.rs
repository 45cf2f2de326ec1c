//! The last recorded digests, and the comparison of a node's fold with them.

use super::key::Only;
use super::row::row;
use super::state::State;
use super::table::Table;
use crate::event::cluster::ProjectionDigest;
use crate::event::{Event, Hash, Record, Seq};

row! {
    /// The last `STATE_DIGESTED`.
    pub struct DigestRow {
        /// Its record.
        pub seq: Seq,
        /// The last record that it covers.
        pub position: Seq,
    }
}

/// When the state was last digested: one row.
#[derive(Clone, Debug, Default)]
pub struct Digests {
    /// At most one row.
    pub table: Table<Only, DigestRow>,
}

impl Digests {
    /// The last `STATE_DIGESTED`.
    pub fn last(&self) -> Option<&DigestRow> {
        self.table.get(&Only)
    }

    /// Folds a record.
    pub fn apply(&mut self, record: &Record) {
        if let Event::StateDigested(body) = &record.draft.event {
            self.table.put(Only, DigestRow { seq: record.seq, position: body.position });
        }
    }
}

/// A projection whose fold here differs from the leader's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The projection.
    pub projection: String,
    /// The leader's digest; none when the leader does not have the projection.
    pub expected: Option<Hash>,
    /// The digest here; none when this build does not have the projection.
    pub found: Option<Hash>,
}

/// Compares `state` with a `STATE_DIGESTED` record that is about to be applied. `None` when nothing can be said: the
/// record is of another kind, or it covers another position than the state's.
pub fn compare(state: &State, record: &Record) -> Option<Vec<Difference>> {
    let Event::StateDigested(body) = &record.draft.event else { return None };
    (body.position == state.seq).then(|| differences(&body.digests, &state.digests()))
}

fn differences(expected: &[ProjectionDigest], found: &[ProjectionDigest]) -> Vec<Difference> {
    let digest_in = |list: &[ProjectionDigest], name: &str| {
        list.iter().find(|digest| digest.projection == name).map(|digest| digest.digest)
    };
    let mut names: Vec<&str> = expected.iter().chain(found).map(|digest| digest.projection.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let all = names.into_iter().map(|name| Difference {
        projection: name.to_owned(),
        expected: digest_in(expected, name),
        found: digest_in(found, name),
    });
    all.filter(|difference| difference.expected != difference.found).collect()
}
