//! The rows of each noun: what the projections hold, as JSON objects with an `id`.

use serde::Serialize;
use serde_json::{Value, json};

use super::request::Noun;
use crate::projection::State;

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
pub fn list(state: &State, noun: Noun) -> Vec<Value> {
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
        Noun::Artifacts => rows(state.artifacts.table.values(), |row| format!("artifact/{}", row.artifact)),
        Noun::Config => rows(state.config.get(), |_| "config".to_owned()),
        Noun::Campaign => rows(state.campaign.table.values(), |row| format!("campaign/{}", row.game)),
        Noun::Counts => rows(state.counts.table.values(), |row| row.kind.clone()),
        Noun::Digests => {
            let digest =
                |row: crate::event::cluster::ProjectionDigest| json!({"id": row.projection, "digest": row.digest});
            state.digests().into_iter().map(digest).collect()
        }
    }
}

/// The row whose id is `id`, or else all rows whose id, or its part after the noun, begins with it.
pub fn find(state: &State, id: &str) -> Vec<Value> {
    let all: Vec<Value> = SEARCHED.iter().flat_map(|noun| list(state, *noun)).collect();
    let id_of = |row: &Value| row["id"].as_str().unwrap_or_default().to_owned();
    let exact: Vec<Value> = all.iter().filter(|row| id_of(row) == id).cloned().collect();
    if !exact.is_empty() {
        return exact;
    }
    let begins = |row: &Value| {
        let own = id_of(row);
        own.starts_with(id) || own.split_once('/').is_some_and(|(_, tail)| tail.starts_with(id))
    };
    all.into_iter().filter(begins).collect()
}

/// Ids that [`find`] knows, for suggestions.
pub fn ids(state: &State) -> Vec<String> {
    let all = SEARCHED.iter().flat_map(|noun| list(state, *noun));
    all.filter_map(|row| row["id"].as_str().map(str::to_owned)).collect()
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
