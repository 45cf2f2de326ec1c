//! Which records somebody wants to hear of. Most are told from a record's header, without decoding its body.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::event::record::RawRecord;
use crate::event::{EventError, Kind, Millis, NodeId};

/// Which records are wanted. An empty list stands for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Only these kinds, such as `HOST_ONLINE`, and those of `domains`.
    pub kinds: Vec<String>,
    /// Only the kinds of these domains, such as `jobs`, and `kinds`.
    pub domains: Vec<String>,
    /// Only records that these nodes proposed.
    pub origins: Vec<NodeId>,
    /// Only records of this time, by the leader's clock, and later ones.
    pub since: Option<Millis>,
    /// Only records up to this time; nothing comes after the first later one.
    pub until: Option<Millis>,
}

/// A filter whose names are known.
#[derive(Clone, Debug, Default)]
pub struct Sieve {
    kinds: Option<BTreeSet<Kind>>,
    origins: BTreeSet<NodeId>,
    since: Option<Millis>,
    until: Option<Millis>,
}

impl Filter {
    /// The filter, with its names looked up.
    ///
    /// # Errors
    /// [`EventError::BadId`] for a kind or a domain that does not exist.
    pub fn sieve(&self) -> Result<Sieve, EventError> {
        let mut kinds = BTreeSet::new();
        for name in &self.kinds {
            kinds.insert(name.parse::<Kind>()?);
        }
        for domain in &self.domains {
            let before = kinds.len();
            kinds.extend(Kind::ALL.iter().copied().filter(|kind| kind.domain() == domain));
            if kinds.len() == before && !Kind::ALL.iter().any(|kind| kind.domain() == domain) {
                return Err(EventError::BadId { what: "domain of events", text: domain.clone() });
            }
        }
        let all = self.kinds.is_empty() && self.domains.is_empty();
        Ok(Sieve {
            kinds: (!all).then_some(kinds),
            origins: self.origins.iter().copied().collect(),
            since: self.since,
            until: self.until,
        })
    }
}

impl Sieve {
    /// Whether a record is wanted. One of an unknown kind is wanted only by those who want all kinds.
    pub fn passes(&self, raw: &RawRecord) -> bool {
        let kind = || self.kinds.as_ref().is_none_or(|kinds| raw.kind().is_some_and(|kind| kinds.contains(&kind)));
        let origin = || self.origins.is_empty() || self.origins.contains(&raw.origin());
        self.since.is_none_or(|since| raw.recorded_at() >= since) && !self.is_over(raw) && kind() && origin()
    }

    /// Whether this record and all later ones are beyond the time that is wanted.
    pub fn is_over(&self, raw: &RawRecord) -> bool {
        self.until.is_some_and(|until| raw.recorded_at() > until)
    }
}
