//! Exactly once: a note is recorded at most once, whoever repeated it how often; a refused one never; none is made up.

use std::collections::BTreeMap;

use kifu::event::Seq;

use super::Violation;
use crate::oracle::Oracle;

/// Where each note was recorded.
#[derive(Default)]
pub struct ExactlyOnce {
    pub notes: BTreeMap<String, Seq>,
}

impl ExactlyOnce {
    /// A note was committed at `seq`.
    pub fn see(&mut self, text: &str, seq: Seq) -> Result<(), Violation> {
        match self.notes.insert(text.to_owned(), seq) {
            None => Ok(()),
            Some(first) => Err(format!("exactly once: {text:?} was recorded at {first} and again at {seq}")),
        }
    }

    /// Compares with what clients know.
    pub fn check(&self, oracle: &Oracle) -> Result<(), Violation> {
        if let Some(text) = self.notes.keys().find(|text| oracle.refused.contains(*text)) {
            return Err(format!("exactly once: {text:?} was refused, and recorded"));
        }
        match self.notes.keys().find(|text| !oracle.tried.contains(*text)) {
            Some(text) => Err(format!("exactly once: nobody asked for {text:?}")),
            None => Ok(()),
        }
    }
}

#[test]
fn repeats_ghosts_and_refused_notes_are_noticed() {
    use kifu::replica::propose::Outcome;
    let (mut once, mut oracle) = (ExactlyOnce::default(), Oracle::default());
    once.see("a", Seq(1)).expect("new");
    once.check(&oracle).expect_err("nobody tried it");
    oracle.tries("a");
    once.check(&oracle).expect("fine");
    oracle.hears("a", &Outcome::Refused { code: "no".into(), message: "no".into() });
    once.check(&oracle).expect_err("refused");
    once.see("a", Seq(2)).expect_err("twice");
}
