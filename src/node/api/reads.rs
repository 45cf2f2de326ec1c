//! Answers to reads: what a request makes of one state, the present one or one of the past.

use serde_json::Value;

use super::projections::ProjectionStatus;
use super::request::{Footer, Noun, Request, Response};
use super::rows;
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

impl Source<'_> {
    /// The answer to a read; an error for a request of another kind.
    pub fn answer(self, request: &Request) -> Response {
        match request {
            Request::List { noun: Noun::Projections } => {
                let rows = self.projections.iter().map(json).collect();
                Response::Rows { rows, footer: self.footer }
            }
            Request::List { noun } => match rows::list(self.state, *noun) {
                Ok(rows) => Response::Rows { rows, footer: self.footer },
                Err(halt) => Response::error("halted", halt),
            },
            Request::Get { id } => match rows::find(self.state, id) {
                Ok(found) if found.is_empty() => self.not_found(id),
                Ok(rows) => Response::Rows { rows, footer: self.footer },
                Err(halt) => Response::error("halted", halt),
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
                Response::Rows { rows: vec![json(&status)], footer: self.footer }
            }
            _ => Response::error("bad_request", "only reads can be asked of a state"),
        }
    }

    fn not_found(&self, id: &str) -> Response {
        let known = rows::ids(self.state);
        let hint = crate::cli::closest(id, known.iter().map(String::as_str));
        let hint = hint.map(|known| format!("; did you mean {known}?")).unwrap_or_default();
        Response::error("not_found", format!("there is nothing called {id}{hint}"))
    }
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
