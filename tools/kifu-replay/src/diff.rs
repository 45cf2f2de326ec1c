//! `diff`: what changed between two moments.

use std::collections::BTreeMap;

use clap::Args;
use kifu::cli::{Column, ExitCode, Failure, Format, Printer, Rows};
use kifu::projection::State;
use serde::Serialize;
use serde_json::Value;

use crate::args::Cli;
use crate::data::{self, Data};
use crate::fold::{self, Fold};
use crate::position::Position;

/// Show what changed in the state between two records
///
/// Ends with 7 when something did, and with 6 when a projection stopped on the way.
///
/// Example:
///   kifu-replay --data n1 diff 100 120 --projection jobs
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Diff {
    /// After this record (0: before the first), at this time, or so long before the end
    #[arg(value_name = "SEQ|TIME|-AGE", allow_hyphen_values = true)]
    before: Position,

    /// The same for the other moment
    #[arg(value_name = "SEQ|TIME|-AGE", allow_hyphen_values = true)]
    after: Position,

    /// Only this projection
    #[arg(long, value_name = "NAME")]
    projection: Option<String>,
}

/// One changed field of one row; no field for a row that came or went.
#[derive(Serialize)]
struct Change {
    projection: &'static str,
    row: String,
    change: &'static str,
    field: Option<String>,
    before: Value,
    after: Value,
}

/// The rows of a projection by key.
type Table = BTreeMap<Vec<u8>, Value>;

impl Diff {
    pub fn run(&self, cli: &Cli, printer: &mut Printer) -> Result<ExitCode, Failure> {
        self.projection.as_deref().map_or(Ok(()), fold::check_projection)?;
        let data = Data::open(cli)?;
        let (a, b) = (self.before.resolve(&data)?, self.after.resolve(&data)?);
        let (first, second) = if a <= b { (self.before, self.after) } else { (self.after, self.before) };
        let mut fold = Fold::at_moment(&data, first.moment(&data)?)?;
        let low = self.snapshot(&fold.state);
        fold.advance(a.max(b))?;
        second.moment(&data)?.check(&fold.state).map_err(data::lost)?;
        let high = self.snapshot(&fold.state);
        let (before, after) = if a <= b { (low, high) } else { (high, low) };
        let changes: Vec<Change> = before.iter().flat_map(|(name, rows)| compare(name, rows, &after[name])).collect();
        let count = changes.len();
        match printer.format() {
            Format::Table | Format::Wide => changes.iter().try_for_each(|change| printer.text(line(change)))?,
            _ => printer.rows(&Rows::new(columns(), changes))?,
        }
        printer.note(format!("{count} differences between {a} and {b}"))?;
        let code = if count == 0 { ExitCode::Ok } else { ExitCode::Differences };
        fold::conclude(fold.state.halted(), self.projection.as_deref(), printer, code)
    }

    fn snapshot(&self, state: &State) -> BTreeMap<&'static str, Table> {
        let wanted = |name: &str| self.projection.as_ref().is_none_or(|projection| projection == name);
        let tables = state.tables().into_iter().filter(|(name, _)| wanted(name));
        tables
            .map(|(name, table)| {
                let mut keys = vec![];
                table.visit(&mut |key, _| keys.push(key.to_vec()));
                let Value::Array(rows) = table.json() else { return (name, Table::new()) };
                (name, keys.into_iter().zip(rows).collect())
            })
            .collect()
    }
}

fn compare(projection: &'static str, before: &Table, after: &Table) -> Vec<Change> {
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let mut changes = vec![];
    for key in keys {
        match (before.get(key), after.get(key)) {
            (Some(old), Some(new)) => changes.extend(fields(projection, &name(key, new), old, new)),
            (old, new) => changes.push(Change {
                projection,
                row: name(key, old.or(new).unwrap_or(&Value::Null)),
                change: if old.is_some() { "removed" } else { "added" },
                field: None,
                before: old.cloned().unwrap_or_default(),
                after: new.cloned().unwrap_or_default(),
            }),
        }
    }
    changes
}

/// The fields in which two rows differ, nested objects taken apart.
fn fields(projection: &'static str, row: &str, old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = vec![];
    walk("", old, new, &mut |field, before, after| {
        changes.push(Change {
            projection,
            row: row.to_owned(),
            change: "changed",
            field: Some(field.to_owned()),
            before: before.clone(),
            after: after.clone(),
        });
    });
    changes
}

fn walk(path: &str, old: &Value, new: &Value, found: &mut impl FnMut(&str, &Value, &Value)) {
    let (Some(old_fields), Some(new_fields)) = (old.as_object(), new.as_object()) else {
        if old != new {
            found(path, old, new);
        }
        return;
    };
    let inner = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, new) in new_fields {
        walk_dyn(&inner(name), old_fields.get(name).unwrap_or(&Value::Null), new, found);
    }
    for (name, old) in old_fields.iter().filter(|(name, _)| !new_fields.contains_key(*name)) {
        walk_dyn(&inner(name), old, &Value::Null, found);
    }
}

/// [`walk`] behind a pointer, so that the recursion has one type.
fn walk_dyn(path: &str, old: &Value, new: &Value, found: &mut dyn FnMut(&str, &Value, &Value)) {
    walk(path, old, new, &mut |path, old, new| found(path, old, new));
}

/// A row's name: its first field, which is its id, and the second where the key goes on after the first.
fn name(key: &[u8], row: &Value) -> String {
    if key.is_empty() {
        return "-".to_owned();
    }
    let mut fields = row.as_object().into_iter().flatten().map(|(_, value)| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let first = fields.next().unwrap_or_default();
    let compound = key.strip_prefix(first.as_bytes()).is_some_and(|rest| !rest.is_empty());
    match fields.next() {
        Some(second) if compound => format!("{first}/{second}"),
        _ => first,
    }
}

fn line(change: &Change) -> String {
    let Change { projection, row, field, before, after, .. } = change;
    match (field, change.change) {
        (Some(field), _) => format!("~ {projection} {row} {field}: {before} → {after}"),
        (None, "added") => format!("+ {projection} {row} {after}"),
        (None, _) => format!("- {projection} {row} {before}"),
    }
}

fn columns() -> Vec<Column> {
    ["projection", "row", "change", "field", "before", "after"].map(Column::new).to_vec()
}
