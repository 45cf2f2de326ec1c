//! Given/then for folds: events in, rows out.

use super::state::{Projection, State};
use crate::event::{Draft, Event, Millis, NodeId, Record, Seq, Term};

/// The record of `event` at position `seq`, one second after the one before it.
pub(crate) fn record(seq: u64, event: impl Into<Event>) -> Record {
    let at = Millis(seq * 1_000);
    let draft = Draft {
        recorded_at: at,
        observed_at: at,
        origin: NodeId(1),
        origin_seq: 0,
        caused_by: vec![],
        event: event.into(),
    };
    Record { seq: Seq(seq), term: Term(1), draft }
}

/// The state after these events, from position 1 on.
pub(crate) fn given(events: impl IntoIterator<Item = Event>) -> State {
    let records: Vec<Record> = (1..).zip(events).map(|(seq, event)| record(seq, event)).collect();
    State::fold(&records)
}

impl State {
    /// An empty state in which a projection fails at a record.
    pub(crate) fn failing(projection: Projection, seq: Seq) -> State {
        State { injected: Some((projection, seq)), ..State::new() }
    }

    /// Applies one more event at the next position.
    pub(crate) fn and(mut self, event: impl Into<Event>) -> State {
        self.apply(&record(self.seq.0 + 1, event));
        self
    }

    /// Compares a table's rows, as JSON lines with the given fields only.
    #[track_caller]
    pub(crate) fn then(self, table: &str, fields: &[&str], rows: &[&str]) -> State {
        let json = self.projection_json(table).expect("a table of this name");
        let pick = |row: &serde_json::Value| {
            let shown = fields.iter().map(|field| match row.pointer(&format!("/{}", field.replace('.', "/"))) {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => format!("no {field}"),
            });
            shown.collect::<Vec<_>>().join(" ")
        };
        let found: Vec<String> = json.as_array().expect("rows").iter().map(pick).collect();
        assert_eq!(found, rows, "rows of {table}");
        self
    }
}
