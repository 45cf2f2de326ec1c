//! The rows of each noun: what the projections hold, as JSON objects with an `id`.

use serde::Serialize;
use serde_json::{Value, json};

use super::projections;
use super::ratings;
use super::request::Noun;
use crate::projection::api_tokens::Unusable;
use crate::projection::{Halt, Projection, State};

/// All nouns that [`find`] searches.
const SEARCHED: &[Noun] = &[
    Noun::Hosts,
    Noun::Jobs,
    Noun::Games,
    Noun::Models,
    Noun::Datasets,
    Noun::Training,
    Noun::Gauntlets,
    Noun::Artifacts,
];

/// The rows of `noun`.
///
/// # Errors
/// When the projection that holds them has stopped.
pub fn list(state: &State, noun: Noun) -> Result<Vec<Value>, Halt> {
    if let Some(projection) = projection_of(noun) {
        state.check(projection).map_err(Clone::clone)?;
    }
    Ok(rows_of(state, noun))
}

/// The projection that holds the rows of a noun; none where each row stands for itself.
fn projection_of(noun: Noun) -> Option<Projection> {
    Some(match noun {
        Noun::Hosts => Projection::Hosts,
        Noun::Jobs => Projection::Jobs,
        Noun::Games => Projection::Games,
        Noun::Models => Projection::Models,
        Noun::Leader => Projection::Leadership,
        Noun::Datasets => Projection::Datasets,
        Noun::Training => Projection::Training,
        Noun::Gauntlets | Noun::Ratings => Projection::Gauntlets,
        Noun::Artifacts => Projection::Artifacts,
        Noun::Config => Projection::Config,
        Noun::Campaign => Projection::Campaign,
        Noun::Counts => Projection::Counts,
        Noun::Tokens => Projection::ApiTokens,
        Noun::Certificates => Projection::Certificates,
        Noun::Digests | Noun::Projections => return None,
    })
}

fn rows_of(state: &State, noun: Noun) -> Vec<Value> {
    match noun {
        Noun::Hosts => rows(state.hosts.table.values(), |row| format!("host/{}", row.name)),
        Noun::Jobs => {
            let jobs = state.jobs.live().chain(state.jobs.finished());
            rows(jobs, |row| row.job.to_string())
        }
        Noun::Games => rows(state.games.table.values(), |row| format!("games/{}", row.batch)),
        Noun::Models => rows(state.models.table.values(), |row| row.model.to_string()),
        Noun::Leader => {
            let mut leaders = rows(state.leadership.table.values(), |row| format!("term/{}", row.term));
            leaders.reverse();
            leaders
        }
        Noun::Datasets => rows(state.datasets.table.values(), |row| row.dataset.to_string()),
        Noun::Training => rows(state.training.table.values(), |row| row.run.to_string()),
        Noun::Gauntlets => rows(state.gauntlets.table.values(), |row| row.gauntlet.to_string()),
        Noun::Ratings => ratings::ledgers(state).map(|ledgers| ratings::rows(&ledgers)).unwrap_or_default(),
        Noun::Artifacts => rows(state.artifacts.table.values(), |row| format!("artifact/{}", row.artifact)),
        Noun::Config => rows(state.config.get(), |_| "config".to_owned()),
        Noun::Campaign => rows(state.campaign.table.values(), |row| format!("campaign/{}", row.game)),
        Noun::Counts => rows(state.counts.table.values(), |row| row.kind.clone()),
        Noun::Digests => {
            let runs = |row: &crate::event::cluster::ProjectionDigest| {
                Projection::of_table(&row.projection).is_none_or(|projection| state.check(projection).is_ok())
            };
            let digest = |row: crate::event::cluster::ProjectionDigest| {
                let digest = runs(&row).then_some(row.digest);
                json!({"id": row.projection, "digest": digest})
            };
            state.digests().into_iter().map(digest).collect()
        }
        Noun::Tokens => tokens(state),
        Noun::Certificates => rows(state.certificates.table.values(), |row| format!("certificate/{}", row.host)),
        Noun::Projections => {
            let row = |row| serde_json::to_value(row).expect("plain data");
            projections::rows(state, state.seq, None).into_iter().map(row).collect()
        }
    }
}

/// Tokens with what has become of them, as of the last record.
fn tokens(state: &State) -> Vec<Value> {
    let mut all = rows(state.api_tokens.table.values(), |row| row.token.to_string());
    for (row, value) in state.api_tokens.table.values().zip(&mut all) {
        value["state"] = match state.api_tokens.check(&row.token, row.key, state.recorded_at) {
            Ok(_) => json!("valid"),
            Err(Unusable::Revoked) => json!("revoked"),
            Err(_) => json!("expired"),
        };
    }
    all
}

/// The row whose id is `id`, or else all rows whose id, or its part after the noun, begins with it.
///
/// # Errors
/// When nothing is found, and a projection that might hold it has stopped.
pub fn find(state: &State, id: &str) -> Result<Vec<Value>, Halt> {
    let found = matching(&searched(state), id);
    let stopped = SEARCHED.iter().filter_map(|noun| projection_of(*noun)).find_map(|one| state.check(one).err());
    match stopped {
        Some(halt) if found.is_empty() => Err(halt.clone()),
        _ => Ok(found),
    }
}

/// All rows that are searched, but for those of projections that stopped.
fn searched(state: &State) -> Vec<Value> {
    SEARCHED.iter().filter_map(|noun| list(state, *noun).ok()).flatten().collect()
}

fn matching(all: &[Value], id: &str) -> Vec<Value> {
    let id_of = |row: &Value| row["id"].as_str().unwrap_or_default().to_owned();
    let exact: Vec<Value> = all.iter().filter(|row| id_of(row) == id).cloned().collect();
    if !exact.is_empty() {
        return exact;
    }
    let begins = |row: &Value| {
        let own = id_of(row);
        own.starts_with(id) || own.split_once('/').is_some_and(|(_, tail)| tail.starts_with(id))
    };
    all.iter().filter(|row| begins(row)).cloned().collect()
}

/// Ids that [`find`] knows, for suggestions.
pub fn ids(state: &State) -> Vec<String> {
    searched(state).iter().filter_map(|row| row["id"].as_str().map(str::to_owned)).collect()
}

fn rows<'a, T: Serialize + 'a>(values: impl IntoIterator<Item = &'a T>, id: impl Fn(&T) -> String) -> Vec<Value> {
    let row = |value: &T| {
        let mut row = json!({"id": id(value)});
        let body = serde_json::to_value(value).expect("rows are plain data with text keys");
        if let (Some(row), Value::Object(body)) = (row.as_object_mut(), body) {
            row.extend(body);
        }
        row
    };
    values.into_iter().map(row).collect()
}
