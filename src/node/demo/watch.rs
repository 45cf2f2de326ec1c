//! Asks the nodes how it goes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::fleet::Fleet;
use crate::event::{Hash, Seq};
use crate::node::api::status::Status;
use crate::node::api::{Client, ClientError, Footer, Noun, Request, Response, Target};

/// How long one node may take to answer before another is asked.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections to the nodes, opened when needed and dropped when they fail.
#[derive(Default)]
pub struct Watch {
    clients: BTreeMap<usize, Client>,
}

impl Watch {
    /// The status as seen by any node that answers and has folded the most.
    pub async fn status(&mut self, fleet: &Fleet) -> Option<(Status, Footer)> {
        let mut best: Option<(Status, Footer)> = None;
        for index in 0..fleet.machines.len() {
            if !fleet.runs(index) {
                self.clients.remove(&index);
                continue;
            }
            let Ok((rows, footer)) = self.rows(fleet, index, &Request::Status).await else { continue };
            let Some(status) = rows.into_iter().next().and_then(|row| serde_json::from_value::<Status>(row).ok())
            else {
                continue;
            };
            if best.as_ref().is_none_or(|(known, _)| known.seq < status.seq) {
                best = Some((status, footer));
            }
        }
        best
    }

    /// The digest of all projections of one node, and the position that it belongs to.
    pub async fn digest(&mut self, fleet: &Fleet, index: usize) -> Option<(Seq, Hash)> {
        let before = self.rows(fleet, index, &Request::List { noun: Noun::Digests }).await.ok()?;
        let after = self.rows(fleet, index, &Request::Status).await.ok()?;
        let text = serde_json::to_string(&before.0).ok()?;
        // The footer is taken after the rows: only when nothing moved in between do they belong together.
        (before.1.seq == after.1.seq).then(|| (before.1.seq, Hash::of(text.as_bytes())))
    }

    /// Events by kind.
    pub async fn counts(&mut self, fleet: &Fleet) -> BTreeMap<String, u64> {
        for index in 0..fleet.machines.len() {
            if let Ok((rows, _)) = self.rows(fleet, index, &Request::List { noun: Noun::Counts }).await {
                let count = |row: Value| Some((row["kind"].as_str()?.to_owned(), row["records"].as_u64()?));
                return rows.into_iter().filter_map(count).collect();
            }
        }
        BTreeMap::new()
    }

    /// The hash of a model's weights.
    pub async fn weights(&mut self, fleet: &Fleet, model: &str) -> Option<String> {
        for index in 0..fleet.machines.len() {
            if let Ok((rows, _)) = self.rows(fleet, index, &Request::List { noun: Noun::Models }).await {
                let row = rows.into_iter().find(|row| row["model"] == model)?;
                return row["weights"].as_str().map(ToOwned::to_owned);
            }
        }
        None
    }

    /// A join token from the first machine.
    pub async fn token(&mut self, fleet: &Fleet) -> Result<String, ClientError> {
        let client = connect(&fleet.machines[0].data).await?;
        match client.ask(&Request::CreateToken { ttl_ms: 600_000 }).await? {
            Response::Token { token } => Ok(token),
            other => Err(ClientError::BadAnswer { reason: format!("{other:?}") }),
        }
    }

    async fn rows(&mut self, fleet: &Fleet, index: usize, request: &Request) -> Result<(Vec<Value>, Footer), ()> {
        let ask = async {
            let client = match self.clients.remove(&index) {
                Some(client) => client,
                None => connect(&fleet.machines[index].data).await?,
            };
            let response = client.ask(request).await?;
            Ok::<_, ClientError>((client, response))
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, ask).await {
            Ok(Ok((client, Response::Rows { rows, footer }))) => {
                self.clients.insert(index, client);
                Ok((rows, footer))
            }
            _ => Err(()),
        }
    }
}

async fn connect(data: &Path) -> Result<Client, ClientError> {
    Client::connect(&Target::of_this_data_dir(data)?).await
}
