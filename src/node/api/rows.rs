//! The rows of each noun: what the projections hold, as JSON objects with an `id`.
//!
//! Whoever looks at the state keeps the control runtime from folding, and with it heartbeats and votes. So rows are found by
//! their keys and copied while the state is held, and become JSON afterwards.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::{Value, json};

use super::projections;
use super::ratings;
use super::request::Noun;
use crate::event::Hash;
use crate::projection::api_tokens::{ApiTokenRow, Unusable};
use crate::projection::{Halt, Projection, State};

/// Ids of each noun that [`ids`] lists at most: the first ones. A suggestion is a courtesy, and compares what was asked for with each.
const IDS_MAX: usize = 1_000;

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

/// Rows that were copied from a state and are not JSON yet.
#[derive(Default)]
pub struct Unrendered {
    count: usize,
    parts: Vec<Box<dyn FnOnce() -> Vec<Value> + Send>>,
}

impl Unrendered {
    fn new<T: Send + 'static>(rows: Vec<T>, render: impl Fn(T) -> Value + Send + 'static) -> Unrendered {
        let count = rows.len();
        Unrendered { count, parts: vec![Box::new(move || rows.into_iter().map(render).collect())] }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The rows. This takes a while with many: let go of the state before.
    pub fn render(self) -> Vec<Value> {
        self.parts.into_iter().flat_map(|render| render()).collect()
    }

    fn and(mut self, more: Unrendered) -> Unrendered {
        self.count += more.count;
        self.parts.extend(more.parts);
        self
    }
}

/// The rows of `noun`.
///
/// # Errors
/// When the projection that holds them has stopped.
pub fn list(state: &State, noun: Noun) -> Result<Unrendered, Halt> {
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

/// What looks at the rows of a noun.
trait Look {
    /// What it makes of them.
    type Found;

    /// Looks at rows, each with its id.
    fn at<'a, T>(&self, rows: impl Iterator<Item = &'a T>, id: fn(&T) -> Cow<'_, str>) -> Self::Found
    where
        T: Clone + Serialize + Send + 'static;

    /// The keys to look at where a noun's ids are the noun and the key, as far as the key tells; none when there are none.
    fn keys(&self, _noun: &str) -> Option<RangeInclusive<Hash>> {
        beginning_with("")
    }
}

/// Copies the rows with certain ids.
enum Sought<'a> {
    /// All.
    All,
    /// The one with this id.
    Is(&'a str),
    /// Those whose id, or its part after the noun, begins so.
    Begins(&'a str),
}

impl Look for Sought<'_> {
    type Found = Unrendered;

    fn at<'a, T>(&self, rows: impl Iterator<Item = &'a T>, id: fn(&T) -> Cow<'_, str>) -> Unrendered
    where
        T: Clone + Serialize + Send + 'static,
    {
        let takes = |row: &&T| match self {
            Sought::All => true,
            Sought::Is(sought) => id(row) == *sought,
            Sought::Begins(sought) => {
                let own = id(row);
                own.starts_with(sought) || own.split_once('/').is_some_and(|(_, tail)| tail.starts_with(sought))
            }
        };
        Unrendered::new(rows.filter(takes).cloned().collect(), move |row: T| rendered(&row, &id(&row)))
    }

    fn keys(&self, noun: &str) -> Option<RangeInclusive<Hash>> {
        match self {
            Sought::All => beginning_with(""),
            Sought::Is(sought) => beginning_with(sought.strip_prefix(noun)?).filter(|keys| keys.start() == keys.end()),
            Sought::Begins(sought) if noun.starts_with(sought) => beginning_with(""),
            Sought::Begins(sought) => beginning_with(sought.strip_prefix(noun).unwrap_or(sought)),
        }
    }
}

/// The hashes whose text begins so; none when no hash's does.
fn beginning_with(text: &str) -> Option<RangeInclusive<Hash>> {
    let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    if text.len() > 64 || !text.bytes().all(is_digit) {
        return None;
    }
    Some(format!("{text:0<64}").parse().ok()?..=format!("{text:f<64}").parse().ok()?)
}

/// Lists the first ids.
struct Ids;

impl Look for Ids {
    type Found = Vec<String>;

    fn at<'a, T: 'a>(&self, rows: impl Iterator<Item = &'a T>, id: fn(&T) -> Cow<'_, str>) -> Vec<String> {
        rows.take(IDS_MAX).map(|row| id(row).into_owned()).collect()
    }
}

/// Looks at the rows of a noun; none when they are no rows of one table.
fn look<L: Look>(state: &State, noun: Noun, look: &L) -> Option<L::Found> {
    Some(match noun {
        Noun::Hosts => look.at(state.hosts.table.values(), |row| format!("host/{}", row.name).into()),
        Noun::Jobs => look.at(state.jobs.live().chain(state.jobs.finished()), |row| (&row.job.0).into()),
        Noun::Games => {
            let batches = look.keys("games/").into_iter().flat_map(|keys| state.games.table.range(keys));
            look.at(batches, |row| format!("games/{}", row.batch).into())
        }
        Noun::Models => look.at(state.models.table.values(), |row| (&row.model.0).into()),
        Noun::Leader => look.at(state.leadership.table.values().rev(), |row| format!("term/{}", row.term).into()),
        Noun::Datasets => look.at(state.datasets.table.values(), |row| (&row.dataset.0).into()),
        Noun::Training => look.at(state.training.table.values(), |row| (&row.run.0).into()),
        Noun::Gauntlets => look.at(state.gauntlets.table.values(), |row| (&row.gauntlet.0).into()),
        Noun::Artifacts => {
            let blobs = look.keys("artifact/").into_iter().flat_map(|keys| state.artifacts.table.range(keys));
            look.at(blobs, |row| format!("artifact/{}", row.artifact).into())
        }
        Noun::Config => look.at(state.config.get().into_iter(), |_| "config".into()),
        Noun::Campaign => look.at(state.campaign.table.values(), |row| format!("campaign/{}", row.game).into()),
        Noun::Counts => look.at(state.counts.table.values(), |row| (&row.kind).into()),
        Noun::Certificates => {
            look.at(state.certificates.table.values(), |row| format!("certificate/{}", row.host).into())
        }
        Noun::Ratings | Noun::Digests | Noun::Tokens | Noun::Projections => return None,
    })
}

fn rows_of(state: &State, noun: Noun) -> Unrendered {
    match noun {
        Noun::Ratings => {
            let ledgers = ratings::ledgers(state).unwrap_or_default();
            Unrendered { count: ledgers.len(), parts: vec![Box::new(move || ratings::rows(&ledgers))] }
        }
        Noun::Digests => {
            let runs = |row: &crate::event::cluster::ProjectionDigest| {
                Projection::of_table(&row.projection).is_none_or(|projection| state.check(projection).is_ok())
            };
            let digest = |row: crate::event::cluster::ProjectionDigest| {
                let digest = runs(&row).then_some(row.digest);
                (row.projection, digest)
            };
            let digests = state.digests().into_iter().map(digest).collect();
            Unrendered::new(digests, |(table, digest)| json!({"id": table, "digest": digest}))
        }
        Noun::Tokens => tokens(state),
        Noun::Projections => {
            let row = |row| serde_json::to_value(row).expect("plain data");
            Unrendered::new(projections::rows(state, state.seq, None), row)
        }
        noun => look(state, noun, &Sought::All).unwrap_or_default(),
    }
}

/// Tokens with what has become of them, as of the last record.
fn tokens(state: &State) -> Unrendered {
    let with_state = |row: &ApiTokenRow| {
        let now = match state.api_tokens.check(&row.token, row.key, state.recorded_at) {
            Ok(_) => "valid",
            Err(Unusable::Revoked) => "revoked",
            Err(_) => "expired",
        };
        (row.clone(), now)
    };
    let all = state.api_tokens.table.values().map(with_state).collect();
    Unrendered::new(all, |(row, now)| {
        let mut value = rendered(&row, &row.token.0);
        value["state"] = json!(now);
        value
    })
}

/// The row whose id is `id`, or else all rows whose id, or its part after the noun, begins with it.
///
/// # Errors
/// When nothing is found, and a projection that might hold it has stopped.
pub fn find(state: &State, id: &str) -> Result<Unrendered, Halt> {
    let mut found = searched(state, &Sought::Is(id)).fold(Unrendered::default(), Unrendered::and);
    if found.is_empty() {
        found = searched(state, &Sought::Begins(id)).fold(Unrendered::default(), Unrendered::and);
    }
    let stopped = SEARCHED.iter().filter_map(|noun| projection_of(*noun)).find_map(|one| state.check(one).err());
    match stopped {
        Some(halt) if found.is_empty() => Err(halt.clone()),
        _ => Ok(found),
    }
}

/// Looks at all rows that are searched, but for those of projections that stopped.
fn searched<L: Look>(state: &State, how: &L) -> impl Iterator<Item = L::Found> {
    let runs = |noun: &&Noun| projection_of(**noun).is_none_or(|projection| state.check(projection).is_ok());
    SEARCHED.iter().filter(runs).filter_map(move |noun| look(state, *noun, how))
}

/// Ids that [`find`] knows, for suggestions: at most a thousand of each noun.
pub fn ids(state: &State) -> Vec<String> {
    searched(state, &Ids).flatten().collect()
}

/// A row as JSON. Nothing else makes JSON of what may be many rows.
fn rendered(value: &impl Serialize, id: &str) -> Value {
    #[cfg(test)]
    tests::RENDERED.set(tests::RENDERED.get() + 1);
    let mut row = json!({"id": id});
    let body = serde_json::to_value(value).expect("rows are plain data with text keys");
    if let (Some(row), Value::Object(body)) = (row.as_object_mut(), body) {
        row.extend(body);
    }
    row
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::event::samples;
    use crate::event::{Event, Kind};
    use crate::policy::testing::Given;
    use crate::projection::testing::given;

    thread_local! {
        /// Rows that became JSON in this thread.
        pub(super) static RENDERED: Cell<usize> = const { Cell::new(0) };
    }

    /// A state with so many artifacts, and their ids.
    fn stored(count: u64) -> (State, Vec<String>) {
        let Event::ArtifactStored(body) = samples::sample(Kind::ArtifactStored) else { unreachable!() };
        let hash = |number: u64| Hash::of(&number.to_le_bytes());
        let blob = |number| crate::event::artifacts::ArtifactStored { artifact: hash(number), ..body.clone() };
        let state = given((0..count).map(|number| blob(number).into()));
        (state, (0..count).map(|number| format!("artifact/{}", hash(number))).collect())
    }

    #[test]
    fn only_what_is_found_becomes_json_however_much_there_is() {
        let (state, known) = stored(100_000);
        let of = |id: &str| {
            RENDERED.set(0);
            let found = find(&state, id).expect("no projection stopped");
            assert_eq!(RENDERED.get(), 0, "nothing is rendered while the state is held");
            let rows = found.render();
            assert_eq!(RENDERED.get(), rows.len());
            rows
        };
        for missing in ["artifact/x", "x", "run/1", "artifact/ffffffffffffffffffffffff", &format!("{}0", known[7])] {
            assert!(of(missing).is_empty(), "{missing}");
        }
        RENDERED.set(0);
        assert_eq!(ids(&state).len(), IDS_MAX);
        assert_eq!(RENDERED.get(), 0, "suggestions need ids only");
        for id in [&known[7], &known[7][..40], &known[7]["artifact/".len()..], &known[7]["artifact/".len()..30]] {
            let rows = of(id);
            assert_eq!(rows.iter().map(|row| &row["id"]).collect::<Vec<_>>(), [&known[7]], "{id}");
        }
        let all = list(&state, Noun::Artifacts).expect("no projection stopped");
        assert_eq!(RENDERED.get(), 1, "nothing is rendered while the state is held");
        assert_eq!(all.render().len(), known.len());
    }

    /// What [`find`] gives, found by looking at every row.
    fn by_looking_at_all(state: &State, id: &str) -> Vec<Value> {
        let all: Vec<Value> = SEARCHED.iter().flat_map(|noun| rows_of(state, *noun).render()).collect();
        let with = |fits: &dyn Fn(&str) -> bool| {
            all.iter().filter(|row| fits(row["id"].as_str().expect("text"))).cloned().collect::<Vec<_>>()
        };
        let exact = with(&|own| own == id);
        let begins =
            |own: &str| own.starts_with(id) || own.split_once('/').is_some_and(|(_, tail)| tail.starts_with(id));
        if exact.is_empty() { with(&begins) } else { exact }
    }

    #[test]
    fn what_is_found_by_key_is_what_looking_at_every_row_finds() {
        let state = stored(40).0;
        let state = samples::all().into_iter().fold(Given { state, ..Given::events([]) }, Given::and).state;
        let known = ids(&state);
        let nouns: std::collections::BTreeSet<&str> = known.iter().filter_map(|id| id.split('/').next()).collect();
        assert!(nouns.len() >= 5, "{nouns:?}");
        for id in &known {
            let tail = id.split_once('/').expect("a noun and a tail").1;
            let begins = |text: &str| (0..=text.len()).map(|end| text[..end].to_owned()).collect::<Vec<_>>();
            for asked in begins(id).into_iter().chain(begins(tail)).chain([format!("{id}0"), id.to_uppercase()]) {
                let found = find(&state, &asked).expect("no projection stopped").render();
                assert_eq!(found, by_looking_at_all(&state, &asked), "{asked:?}");
            }
        }
    }
}
