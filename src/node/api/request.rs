//! What can be asked, and what comes back. Plain JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::members::MemberChange;
use crate::event::config::Config;
use crate::event::identity::ApiRole;
use crate::event::jobs::JobSpec;
use crate::event::{ApiTokenId, JobId, Millis, NodeId, RecordJson, Seq, Term};
use crate::replay::{Filter, Moment};
use crate::replica::{Consistency, UpgradeNeeded};

/// The largest response frame. Rows that do not fit come in parts to clients that take them ([`Reading::parts`]); others get an error.
pub const FRAME_BYTES_MAX: usize = 16 << 20;
/// The most parts of one answer. A node refuses an answer of half as many frames or more; a client gives up one with more parts.
pub const PARTS_MAX: usize = 32;
/// The largest request of nodes and operators: a configuration, or a job with its parameters.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;
/// The largest request of all others, who may only look.
pub const LOOK_BYTES_MAX: usize = 16 << 10;

/// A question or an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Request {
    /// All rows of a noun.
    List {
        /// Which.
        noun: Noun,
    },
    /// The rows whose id is this or begins with it, of any noun.
    Get {
        /// An id or an unambiguous beginning of one.
        id: String,
    },
    /// One row that says how the node and the cluster are.
    Status,
    /// A read of the past: what the answer would have been at another moment. The footer says which.
    AsOf {
        /// The moment.
        at: Moment,
        /// The read: `list`, `get`, `status` or `members`.
        ask: Box<Request>,
    },
    /// Records of the log, through a filter. See [`super::Subscription`], which asks this.
    Subscribe {
        /// The first position wanted; 0 for the first one that this node's log holds, as the footer says it.
        from: Seq,
        /// Stay and send what comes.
        follow: bool,
        /// Which.
        #[serde(default)]
        filter: Filter,
        /// At most this many.
        limit: Option<u64>,
    },
    /// Records of the log.
    Events {
        /// The first position wanted; 0 for the first one that this node's log holds, as the footer says it.
        from: Seq,
        /// Stay and send what comes.
        follow: bool,
        /// Only these kinds; all when empty.
        kinds: Vec<String>,
        /// At most this many.
        limit: Option<u64>,
    },
    /// A new join token (operators only).
    CreateToken {
        /// How long it is valid, in milliseconds.
        ttl_ms: u64,
    },
    /// Queue a job (operators only).
    SubmitJob {
        /// The job; must be new.
        job: JobId,
        /// What is to be done.
        spec: Box<JobSpec>,
        /// Higher is claimed first.
        priority: i32,
    },
    /// Change the configuration (operators only).
    ChangeConfig {
        /// The configuration, complete.
        config: Box<Config>,
    },
    /// Record notes (operators only): frames of notes follow on the same stream, see [`super::notes`].
    Produce {
        /// What people call the producer.
        name: String,
        /// The producer that goes on; none to begin a new one.
        producer: Option<NodeId>,
    },
    /// Members: who votes, who only receives the log, who was removed.
    Members,
    /// Change the membership (operators only), or say what a change would do.
    ChangeMembers {
        /// What is wanted.
        change: MemberChange,
        /// Only say what would happen.
        dry_run: bool,
    },
    /// Hand leadership over (operators only).
    Transfer {
        /// To whom.
        to: NodeId,
    },
    /// A new token for this API (operators only).
    CreateApiToken {
        /// Whom it is for.
        name: String,
        /// What the holder may do.
        role: ApiRole,
        /// How long it is valid, in milliseconds.
        ttl_ms: u64,
    },
    /// Let a token for this API open nothing any more (operators only).
    RevokeApiToken {
        /// Which.
        token: ApiTokenId,
    },
    /// Renew the certificate of the node that is asked (operators only).
    RotateCertificate,
    /// Sign a new certificate for the key of the node that asks (nodes only).
    RenewCertificate {
        /// The encoded certificate request, in base 64.
        request: String,
        /// Who asked that node for it.
        actor: String,
    },
}

/// What there is to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noun {
    /// Members, alive or not.
    Hosts,
    /// Jobs.
    Jobs,
    /// Batches of games.
    Games,
    /// Models.
    Models,
    /// Who leads, and since when.
    Leader,
    /// Datasets.
    Datasets,
    /// Training runs.
    Training,
    /// Gauntlets.
    Gauntlets,
    /// Ratings of players, computed when asked for.
    Ratings,
    /// Blobs and their copies.
    Artifacts,
    /// The configuration.
    Config,
    /// The campaign.
    Campaign,
    /// Events by kind.
    Counts,
    /// Digests of this node's projections.
    Digests,
    /// How this node's projections are.
    Projections,
    /// Tokens for this API (operators only).
    Tokens,
    /// Renewed certificates of members.
    Certificates,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Response {
    /// Rows, each an object with an `id`.
    Rows {
        /// The rows.
        rows: Vec<Value>,
        /// Where the answer comes from.
        footer: Footer,
    },
    /// The first rows of an answer that is too large for one frame; more parts follow, and [`Response::Rows`] at the end.
    Part {
        /// The rows.
        rows: Vec<Value>,
    },
    /// One record; more may follow on the same stream.
    Record {
        /// The record.
        record: Box<RecordJson>,
    },
    /// Nothing that is wanted lies up to here; records may follow.
    Position {
        /// The last record that was looked at.
        seq: Seq,
    },
    /// No more records.
    End {
        /// Where they came from.
        footer: Footer,
    },
    /// A new certificate.
    Certificate {
        /// The certificate, in base 64.
        certificate: String,
        /// The record that notes it.
        seq: Seq,
    },
    /// A new token. It is shown once.
    Token {
        /// The token.
        token: String,
    },
    /// Notes are taken under this id.
    Producer {
        /// The producer.
        producer: NodeId,
        /// The number of its last note in the log.
        last: u64,
    },
    /// Only the leader does this, and it is another node.
    Elsewhere {
        /// Who leads, if that is known.
        leader: Option<NodeId>,
        /// Where it listens.
        address: Option<String>,
    },
    /// What a change of members did, or would do.
    Plan {
        /// The records that it became or would become, each with its reason.
        events: Vec<Value>,
        /// The quorum that is left, in words.
        outcome: String,
        /// The last record of it; none when nothing was or had to be recorded.
        seq: Option<Seq>,
        /// Where the answer comes from.
        footer: Footer,
    },
    /// An order was carried out.
    Done {
        /// The last record of it; none when nothing had to be recorded.
        seq: Option<Seq>,
    },
    /// It cannot be answered.
    Error {
        /// A stable code: `not_found`, `unavailable`, `refused`, `forbidden`, `bad_request`, `halted` (the projection that
        /// was asked for has stopped), `failed`.
        code: String,
        /// Why, in words.
        message: String,
    },
}

/// What may stand beside a request in its frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// What the answer may miss.
    #[serde(default)]
    pub consistency: Consistency,
    /// Whether the client puts an answer together that comes in parts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parts: bool,
}

impl Response {
    /// The same, with what it may miss in its footer.
    pub(super) fn reading(mut self, read: Consistency) -> Response {
        if let Response::Rows { footer, .. } | Response::End { footer } | Response::Plan { footer, .. } = &mut self {
            footer.consistency = read;
        }
        self
    }

    /// An error with its code.
    pub fn error(code: &str, message: impl std::fmt::Display) -> Response {
        Response::Error { code: code.to_owned(), message: message.to_string() }
    }
}

/// The moment of the past that an answer is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsOf {
    /// The last record that it takes into account.
    pub seq: Seq,
    /// When that was recorded.
    pub recorded_at: Millis,
}

/// Where an answer comes from, and how far behind the cluster that is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footer {
    /// The last record that the answering node has folded.
    pub seq: Seq,
    /// The answering node's name.
    pub node: String,
    /// The leader's name, while there are signs that it leads: on the leader answers of a quorum, elsewhere its word.
    pub leader: Option<String>,
    /// The current term.
    pub term: Term,
    /// Records that the leader had folded and this node had not, when the leader was last heard.
    pub behind_records: u64,
    /// How long ago the leader was last heard, in milliseconds: what it did since is unknown here. 0 on the leader.
    pub behind_ms: u64,
    /// The moment that was asked for, when that is not now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<AsOf>,
    /// What the answer may miss.
    #[serde(default)]
    pub consistency: Consistency,
    /// Why the answering node stands still, when its build cannot read the log any further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade_needed: Option<String>,
    /// Whether the answering node's disk is full: it acknowledges nothing new until there is space again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disk_full: bool,
    /// Bytes that are left on the answering node's disk, when it is nearly full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_low: Option<u64>,
    /// The first record that the answering node's log holds, where that is not record 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<Seq>,
}

impl Footer {
    /// The same, of a node that stands still or does not.
    pub(super) fn with(self, upgrade_needed: Option<&UpgradeNeeded>) -> Footer {
        Footer { upgrade_needed: upgrade_needed.map(ToString::to_string), ..self }
    }
}

impl std::fmt::Display for Footer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Footer { seq, node, leader, term, behind_records, behind_ms, as_of, consistency, .. } = self;
        if let Some(upgrade) = &self.upgrade_needed {
            write!(f, "{upgrade}; ")?;
        }
        if self.disk_full {
            write!(f, "the disk of {node} is full; ")?;
        } else if let Some(free_bytes) = self.disk_low {
            write!(f, "the disk of {node} is nearly full: {} MiB left; ", free_bytes >> 20)?;
        }
        if let Some(AsOf { seq, recorded_at }) = as_of {
            write!(f, "as of {seq} ({recorded_at}), ")?;
        }
        match leader {
            Some(leader) if leader == node => write!(f, "at {seq} ({node}, leader of term {term})")?,
            Some(leader) => write!(
                f,
                "at {seq} ({node}, {behind_records} records and {behind_ms} ms behind leader {leader}, term {term})"
            )?,
            None => write!(f, "at {seq} ({node}, no leader known, term {term})")?,
        }
        match consistency {
            Consistency::Local => Ok(()),
            asked => write!(f, ", {asked}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn footers_say_who_leads_and_what_is_wrong_with_the_node() {
        let footer =
            Footer { seq: Seq(9), node: "n1".into(), leader: Some("n2".into()), term: Term(3), ..Footer::default() };
        assert_eq!(footer.to_string(), "at 9 (n1, 0 records and 0 ms behind leader n2, term 3)");
        let alone = Footer { leader: None, disk_full: true, ..footer.clone() };
        assert_eq!(alone.to_string(), "the disk of n1 is full; at 9 (n1, no leader known, term 3)");
        let json = serde_json::to_value(&footer).expect("plain data");
        assert!(json.get("disk_full").is_none() && json.get("disk_low").is_none(), "as older builds write it");
        let low = Footer { disk_low: Some(700 << 20), ..footer };
        let words =
            "the disk of n1 is nearly full: 700 MiB left; at 9 (n1, 0 records and 0 ms behind leader n2, term 3)";
        assert_eq!(low.to_string(), words);
        assert_eq!(Footer { disk_full: true, ..low }.to_string().split(';').next(), Some("the disk of n1 is full"));
    }
}
