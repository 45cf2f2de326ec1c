//! Deliberate defects, to prove that the simulation finds them (`tools/simulate --prove`). They are compiled in with the cargo
//! feature `broken` only, which no program is ever built with; without it every question here is answered "no" by the compiler.

/// Something that a correct node never leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The log does not sync what it has written before it says so.
    LogSync,
    /// A vote is not synced before it is given.
    VoteSync,
    /// The leader answers before a quorum has the records.
    Quorum,
    /// A proposal that was admitted before is admitted again.
    Dedupe,
    /// The outbox is emptied in reverse order.
    OutboxOrder,
    /// A node folds what it alone knows: its own id.
    Fold,
    /// Whoever believes to lead vouches for reads without asking a quorum.
    Read,
    /// A node goes on, after a start, from the first members that it ever applied: those that came later do not count, and
    /// those that were removed do.
    Membership,
    /// A node that hears no leader campaigns at once, without asking first whether anybody would vote for it.
    PreVote,
    /// Heartbeats wait until everything else has been sent.
    Heartbeats,
}

impl Defect {
    /// All defects, with the names that the environment variable `KIFU_BROKEN` chooses one by.
    pub const ALL: [(&'static str, Defect); 10] = [
        ("log-sync", Defect::LogSync),
        ("vote-sync", Defect::VoteSync),
        ("quorum", Defect::Quorum),
        ("dedupe", Defect::Dedupe),
        ("outbox-order", Defect::OutboxOrder),
        ("fold", Defect::Fold),
        ("read", Defect::Read),
        ("membership", Defect::Membership),
        ("pre-vote", Defect::PreVote),
        ("heartbeats", Defect::Heartbeats),
    ];
}

/// Whether this build has this defect.
#[inline]
pub fn has(defect: Defect) -> bool {
    #[cfg(feature = "broken")]
    return chosen() == Some(defect);
    #[cfg(not(feature = "broken"))]
    {
        let _ = defect;
        false
    }
}

#[cfg(feature = "broken")]
fn chosen() -> Option<Defect> {
    static CHOSEN: std::sync::OnceLock<Option<Defect>> = std::sync::OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var("KIFU_BROKEN").ok()?;
        Defect::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, defect)| defect)
    })
}
