//! `standing.json`: what this node must still hold when it starts again. With the log it tells a wiped or older directory
//! from a sound one, even when nobody else can be asked.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::error::NodeError;
use super::layout::Layout;
use crate::log::Log;
use crate::replica::greeting::{Run, Welcome};

/// What was so when the file was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The last start.
    pub incarnation: u64,
    /// The last entry that was committed and durable here. No log of this node ever ends before it.
    pub settled: Option<u64>,
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

    /// Begins a new run: a random number, and an incarnation above every earlier one, whatever the clock says. Durable
    /// when it returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn begin_run(&mut self, layout: &Layout, log: &Log, known: u64) -> Result<Run, NodeError> {
        let incarnation = Clock.now().0.max(known + 1).max(self.incarnation + 1);
        *self = Standing { incarnation, settled: log.settled().max(self.settled) };
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
        if earlier != 0 && earlier < welcome.incarnation {
            let known = welcome.incarnation;
            return wiped(format!(
                "it is an older copy: the cluster saw this node start as {known}, the directory knows of {earlier}"
            ));
        }
        Ok(())
    }
}
