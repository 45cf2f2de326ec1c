//! Rows of data and the columns that people see of them.

use serde::Serialize;
use serde_json::Value;

use super::time::{TimeStyle, length_text, size_text};
use crate::event::Millis;

/// How a table shows the values of a column. JSON and CSV always hold the plain value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// As it is.
    #[default]
    Text,
    /// A moment (RFC 3339 text), in the user's style.
    Time,
    /// A length in milliseconds.
    Length,
    /// A size in bytes.
    Size,
    /// A hash: its first eight digits.
    Hash,
    /// A share of one, as percent.
    Percent,
}

/// A column: a name, and the path of its value in each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The header, in `snake_case`; tables show it in capitals.
    pub name: String,
    /// The path of the value, fields separated by dots.
    pub path: String,
    /// How tables show it.
    pub shape: Shape,
    /// Only shown by `wide` and `csv`.
    pub wide: bool,
    /// The least width in streams, where later rows are unknown.
    pub width: usize,
}

impl Column {
    /// A column whose name is its path.
    pub fn new(name: &str) -> Column {
        Column { name: name.to_owned(), path: name.to_owned(), shape: Shape::Text, wide: false, width: name.len() }
    }

    /// The same column with its value elsewhere in the row.
    #[must_use]
    pub fn at(self, path: &str) -> Column {
        Column { path: path.to_owned(), ..self }
    }

    /// The same column, shown in another way.
    #[must_use]
    pub fn shape(self, shape: Shape) -> Column {
        Column { shape, ..self }
    }

    /// The same column, hidden in narrow tables.
    #[must_use]
    pub fn wide(self) -> Column {
        Column { wide: true, ..self }
    }

    /// The same column, at least this wide in streams.
    #[must_use]
    pub fn width(self, width: usize) -> Column {
        Column { width, ..self }
    }

    /// The column's value in a row; null when the row has none.
    pub fn value<'a>(&self, row: &'a Value) -> &'a Value {
        self.path.split('.').try_fold(row, |value, field| value.get(field)).unwrap_or(&Value::Null)
    }

    /// The column's value for a table.
    pub fn cell(&self, row: &Value, times: TimeStyle, now: Millis) -> String {
        let value = self.value(row);
        let shaped = match (self.shape, value) {
            (Shape::Time, Value::String(text)) => text.parse().ok().map(|at| times.text(at, now)),
            (Shape::Length, value) => value.as_u64().map(length_text),
            (Shape::Size, value) => value.as_u64().map(size_text),
            (Shape::Hash, Value::String(text)) => text.get(..8).map(str::to_owned),
            (Shape::Percent, value) => value.as_f64().map(|share| format!("{:.1}%", share * 100.0)),
            _ => None,
        };
        shaped.unwrap_or_else(|| plain(value))
    }
}

/// An answer: rows of JSON objects, and how a table shows them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The columns, the id first: `-o name` prints that one.
    pub columns: Vec<Column>,
    /// The rows, each an object.
    pub rows: Vec<Value>,
}

impl Rows {
    /// Rows from values that serialise to objects.
    ///
    /// # Panics
    /// When a row does not serialise: rows are plain data with text keys.
    pub fn new<T: Serialize>(columns: Vec<Column>, rows: impl IntoIterator<Item = T>) -> Rows {
        let rows = rows.into_iter().map(|row| serde_json::to_value(row).expect("rows are plain data with text keys"));
        Rows { columns, rows: rows.collect() }
    }
}

/// A value as plain text: `-` for nothing, lists separated by commas, objects as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => printable(text),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

/// Text that cannot move a terminal's cursor: control characters are written as escapes.
fn printable(text: &str) -> String {
    if text.chars().any(char::is_control) { text.escape_debug().to_string() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_are_shaped_and_what_does_not_fit_stays_as_it_is() {
        let row = json!({
            "at": "2023-11-14T22:13:20.123Z", "ms": 200_000, "bytes": 2048, "hash": "0123456789abcdef", "rate": 0.5,
            "inner": {"deep": [1, "b"]}, "none": null, "evil": "a\u{1b}[2J",
        });
        let cell = |column: Column| column.cell(&row, TimeStyle::Relative, Millis(1_700_000_002_123));
        let cases = [
            (Column::new("at").shape(Shape::Time), "2s ago"),
            (Column::new("ms").shape(Shape::Length), "3m20s"),
            (Column::new("bytes").shape(Shape::Size), "2.0 KiB"),
            (Column::new("hash").shape(Shape::Hash), "01234567"),
            (Column::new("rate").shape(Shape::Percent), "50.0%"),
            (Column::new("deep").at("inner.deep"), "1,b"),
            (Column::new("inner"), r#"{"deep":[1,"b"]}"#),
            (Column::new("none").shape(Shape::Time), "-"),
            (Column::new("missing").at("inner.none.at.all"), "-"),
            (Column::new("hash").shape(Shape::Length), "0123456789abcdef"),
            (Column::new("evil"), r"a\u{1b}[2J"),
        ];
        for (column, expected) in cases {
            assert_eq!(cell(column.clone()), expected, "{column:?}");
        }
    }
}
