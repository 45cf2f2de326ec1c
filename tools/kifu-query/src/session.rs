//! A connection for the time of one command.

use std::collections::BTreeMap;

use kifu::cli::{ExitCode, Failure};
use kifu::event::NodeId;
use kifu::node::api::{Client, Footer, Noun, Request, Response};
use kifu::replay::Moment;
use serde_json::Value;

use crate::connect::{ConnectArgs, client_failure};
use crate::since::Since;

/// A connection to a node.
pub struct Session {
    /// The client.
    pub client: Client,
    /// The moment that rows are about; none for now.
    at: Option<Moment>,
}

impl Session {
    /// Connects to the first node that answers.
    pub async fn open(connect: &ConnectArgs) -> Result<Session, Failure> {
        let resolved = connect.resolve()?;
        let client = Client::connect(&resolved.target).await.map_err(client_failure)?;
        let client = client.reading(connect.consistency.into());
        Ok(Session { client, at: connect.at.map(Since::at) })
    }

    /// Asks for rows, at the moment that the user named.
    pub async fn rows(&self, request: &Request) -> Result<(Vec<Value>, Footer), Failure> {
        let past = self.at.map(|at| Request::AsOf { at, ask: Box::new(request.clone()) });
        match self.client.ask(past.as_ref().unwrap_or(request)).await.map_err(client_failure)? {
            Response::Rows { rows, footer } => Ok((rows, footer)),
            other => Err(Failure::general(format!("the node answered something else than rows: {other:?}"))),
        }
    }

    /// The hosts' names by id, for tables.
    pub async fn names(&self) -> Result<Names, Failure> {
        let (hosts, _) = self.rows(&Request::List { noun: Noun::Hosts }).await?;
        Ok(Names::of(&hosts))
    }
}

/// What people call the hosts.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// The names in rows of hosts.
    pub fn of(hosts: &[Value]) -> Names {
        let pairs =
            hosts.iter().filter_map(|row| Some((row["host"].as_str()?.to_owned(), row["name"].as_str()?.to_owned())));
        Names(pairs.collect())
    }

    /// The node with this name, or this id.
    pub fn node(&self, name: &str) -> Result<NodeId, Failure> {
        let known = self.0.iter().find(|(_, known)| *known == name).map_or(name, |(id, _)| id);
        known.parse().map_err(|_| {
            Failure::new(ExitCode::NotFound, format!("there is no host called {name}"))
                .hint("`kifu-query hosts` lists them")
        })
    }

    /// Replaces hosts' ids by their names, wherever they stand.
    pub fn replace(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(name) = self.0.get(text) {
                    text.clone_from(name);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.replace(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.replace(field)),
            _ => {}
        }
    }
}
