//! `standing.json`: what this node must still hold when it starts again. With the log it tells a wiped or older directory
//! from a sound one, even when nobody else can be asked.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::error::NodeError;
use super::layout::Layout;
use crate::log::Log;
use crate::replica::Timing;
use crate::replica::greeting::{Run, Welcome};

/// What was so when the file was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The last start.
    pub incarnation: u64,
    /// The last entry that was committed and durable here. No log of this node ever ends before it.
    pub settled: Option<u64>,
    /// How long this node, having answered a leader, votes for nobody else. None: an older build wrote the file.
    #[serde(default)]
    pub lease_ms: Option<u64>,
}

impl Standing {
    fn path(layout: &Layout) -> PathBuf {
        layout.root().join("standing.json")
    }

    /// Reads the file; nothing is known when there is none.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn load(layout: &Layout) -> Result<Standing, NodeError> {
        Ok(layout.load_json(&Standing::path(layout))?.unwrap_or_default())
    }

    /// Writes the file, durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, layout: &Layout) -> Result<(), NodeError> {
        layout.save_json(&Standing::path(layout), self)
    }

    /// Checks that the log reaches as far as it once did.
    ///
    /// # Errors
    /// [`NodeError::Wiped`] when it does not.
    pub fn check(&self, layout: &Layout, log: &Log) -> Result<(), NodeError> {
        let last = log.last();
        match self.settled {
            Some(settled) if last.is_none_or(|last| last.index < settled) => Err(NodeError::Wiped {
                path: layout.root().to_owned(),
                has: last.map(|last| last.index),
                reason: format!("it held entry {settled} when this node ran last"),
            }),
            _ => Ok(()),
        }
    }

    /// How long an earlier run may have promised a leader to vote for nobody else.
    pub fn promised_ms(&self) -> u64 {
        match (self.incarnation, self.lease_ms) {
            (0, _) => 0,
            (_, Some(lease_ms)) => lease_ms,
            (_, None) => Timing::WAN.lease_ms(),
        }
    }

    /// Begins a new run: a random number, and an incarnation above every earlier one, whatever the clock says. Durable
    /// when it returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn begin_run(&mut self, layout: &Layout, log: &Log, known: u64, lease_ms: u64) -> Result<Run, NodeError> {
        let incarnation = Clock.now().0.max(known + 1).max(self.incarnation + 1);
        // The word of an earlier run outlasts a run that ends at once.
        let lease_ms = Some(lease_ms.max(self.promised_ms()));
        *self = Standing { incarnation, settled: log.settled().max(self.settled), lease_ms };
        self.save(layout)?;
        Ok(Run { number: rand::random::<u64>().max(1), incarnation })
    }

    /// Compares with what a member knows of this node.
    ///
    /// # Errors
    /// [`NodeError::Wiped`] when this node acknowledged what the directory does not hold, or ran later than it knows.
    /// `earlier` is the incarnation before this run.
    pub fn compare(layout: &Layout, log: &Log, earlier: u64, welcome: &Welcome) -> Result<(), NodeError> {
        let last = log.last().map(|last| last.index);
        let wiped = |reason| Err(NodeError::Wiped { path: layout.root().to_owned(), has: last, reason });
        match welcome.acknowledged {
            Some(index) if last.is_none_or(|last| last < index) => {
                return wiped(format!("the leader knows that this node acknowledged entry {index}"));
            }
            _ => {}
        }
        if last.is_none() && welcome.voter {
            return wiped("the cluster counts this node among its voters, and a voter has a log".to_owned());
        }
        if last.is_none() && earlier == 0 && welcome.incarnation != 0 {
            let known = welcome.incarnation;
            return wiped(format!("the cluster saw this node start as {known}, and nothing here is left of that"));
        }
        if earlier != 0 && earlier < welcome.incarnation {
            let known = welcome.incarnation;
            return wiped(format!(
                "it is an older copy: the cluster saw this node start as {known}, the directory knows of {earlier}"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Hash;
    use crate::log::LogOptions;

    #[test]
    fn a_directory_that_knows_less_than_the_cluster_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        let log = Log::open(&layout.log(), LogOptions::new(Hash::of(b"x"))).expect("a new log").0;
        let welcome = |voter, acknowledged, incarnation| Welcome {
            incarnation,
            voter,
            acknowledged,
            leads: true,
            holder: None,
            intruder: None,
        };
        let fits = |earlier, welcome: &Welcome| Standing::compare(&layout, &log, earlier, welcome).is_ok();
        assert!(fits(0, &welcome(false, None, 0)), "it has just joined");
        assert!(fits(7, &welcome(false, None, 7)), "it ran, and has got nothing yet");
        assert!(!fits(0, &welcome(false, None, 7)), "it ran: whatever it proposes now would count as repeated");
        assert!(!fits(7, &welcome(false, None, 8)), "an older copy");
        assert!(!fits(7, &welcome(true, None, 7)) && !fits(7, &welcome(false, Some(3), 7)));
    }

    #[test]
    fn what_an_earlier_run_promised_a_leader_is_known() {
        let standing = |json: &str| serde_json::from_str::<Standing>(json).expect("a standing");
        assert_eq!(Standing::default().promised_ms(), 0, "it never ran");
        let older = standing(r#"{"incarnation": 7, "settled": 3}"#);
        assert_eq!(older.promised_ms(), Timing::WAN.lease_ms(), "the longest that it may have been");
        assert_eq!(standing(r#"{"incarnation": 7, "settled": 3, "lease_ms": 280}"#).promised_ms(), 280);
    }
}
