//! Answers to reads: what a request makes of one state, the present one or one of the past.

use serde_json::Value;

use super::projections::ProjectionStatus;
use super::request::{Footer, Noun, Request, Response};
use super::rows::{self, Unrendered};
use super::status::Status;
use crate::event::cluster::QuorumHealth;
use crate::projection::State;

/// A state to read, and what is known about it.
pub struct Source<'a> {
    /// The state.
    pub state: &'a State,
    /// The answering node's name.
    pub name: &'a str,
    /// How its projections are.
    pub projections: Vec<ProjectionStatus>,
    /// What the answer ends with.
    pub footer: Footer,
}

/// What was found in a state: an answer as soon as nobody holds the state any more.
pub enum Looked {
    /// Rows.
    Rows(Unrendered, Footer),
    /// Nothing has this id; these have.
    Missing(String, Vec<String>),
    /// It is an answer already.
    Answer(Response),
}

impl Looked {
    /// The answer. With many rows it takes a while.
    pub fn answer(self) -> Response {
        match self {
            Looked::Rows(rows, footer) => Response::Rows { rows: rows.render(), footer },
            Looked::Missing(id, known) => not_found(&id, &known),
            Looked::Answer(response) => response,
        }
    }
}

impl Source<'_> {
    /// What the answer to a read is made of; an error for a request of another kind.
    pub fn look(self, request: &Request) -> Looked {
        match request {
            Request::List { noun: Noun::Projections } => {
                let rows = self.projections.iter().map(json).collect();
                Looked::Answer(Response::Rows { rows, footer: self.footer })
            }
            Request::List { noun } => match rows::list(self.state, *noun) {
                Ok(rows) => Looked::Rows(rows, self.footer),
                Err(halt) => Looked::Answer(Response::error("halted", halt)),
            },
            Request::Get { id } => match rows::find(self.state, id) {
                Ok(found) if found.is_empty() => Looked::Missing(id.clone(), rows::ids(self.state)),
                Ok(rows) => Looked::Rows(rows, self.footer),
                Err(halt) => Looked::Answer(Response::error("halted", halt)),
            },
            Request::Status => {
                let mut status = Status::of(self.name, self.state);
                status.projections = self.projections;
                status.upgrade_needed = self.footer.upgrade_needed.clone();
                (status.disk_full, status.disk_low) = (self.footer.disk_full, self.footer.disk_low);
                if self.footer.as_of.is_none() {
                    status.health = health(self.state, &self.footer);
                    // Whom the log names may have led long ago.
                    status.leader = self.footer.leader.clone();
                }
                Looked::Answer(Response::Rows { rows: vec![json(&status)], footer: self.footer })
            }
            _ => Looked::Answer(Response::error("bad_request", "only reads can be asked of a state")),
        }
    }
}

fn not_found(id: &str, known: &[String]) -> Response {
    let hint = crate::cli::closest(id, known.iter().map(String::as_str));
    let hint = hint.map(|known| format!("; did you mean {known}?")).unwrap_or_default();
    Response::error("not_found", format!("there is nothing called {id}{hint}"))
}

/// How far the cluster is from losing its quorum, now: a loss cannot be recorded while it lasts.
pub fn health(state: &State, footer: &Footer) -> QuorumHealth {
    match footer.leader {
        Some(_) => state.quorum.get().map(|quorum| quorum.health).unwrap_or_default(),
        None => QuorumHealth::Lost,
    }
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("plain data with text keys")
}
