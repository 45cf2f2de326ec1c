//! `state`: what followed from the log at one moment.

use clap::Args;
use kifu::cli::{Column, ExitCode, Failure, Format, Printer, Rows};
use kifu::replay::Moment;
use serde_json::{Map, Value, json};

use crate::args::Cli;
use crate::data::Data;
use crate::fold::{self, Fold};
use crate::position::Position;

/// Show the state after a record: all projections, or one
///
/// Example:
///   kifu-replay --data n1 state --at 120 --projection jobs
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct State {
    /// After this record, at this time (RFC 3339), or so long before the end (`-10m`); the end when it is left out
    #[arg(long, value_name = "SEQ|TIME|-AGE", allow_hyphen_values = true)]
    at: Option<Position>,

    /// Only this projection
    #[arg(long, value_name = "NAME")]
    projection: Option<String>,
}

impl State {
    pub fn run(&self, cli: &Cli, printer: &mut Printer) -> Result<ExitCode, Failure> {
        self.projection.as_deref().map_or(Ok(()), fold::check_projection)?;
        let data = Data::open(cli)?;
        let at = self.at.map_or(Ok(Moment::Seq(data.last)), |at| at.moment(&data))?;
        let state = Fold::at_moment(&data, at)?.state;
        match &self.projection {
            Some(name) => printer.rows(&rows(state.projection_json(name).unwrap_or_default()))?,
            None if matches!(printer.format(), Format::Json | Format::Jsonl) => printer.object(&whole(&state))?,
            None => printer.rows(&overview(&state))?,
        }
        printer.note(format!(
            "at {} of {}, term {}, state digest {}",
            state.seq,
            data.last,
            state.term,
            state.digest()
        ))?;
        fold::conclude(state.halted(), self.projection.as_deref(), printer, ExitCode::Ok)
    }
}

fn whole(state: &kifu::projection::State) -> Value {
    let projections: Map<String, Value> =
        state.tables().into_iter().map(|(name, table)| (name.to_owned(), table.json())).collect();
    json!({
        "seq": state.seq,
        "term": state.term,
        "recorded_at": state.recorded_at,
        "digest": state.digest(),
        "projections": projections,
    })
}

fn overview(state: &kifu::projection::State) -> Rows {
    let rows = state
        .tables()
        .into_iter()
        .map(|(name, table)| json!({"projection": name, "rows": table.rows_len(), "digest": table.digest()}));
    Rows::new(vec![Column::new("projection"), Column::new("rows"), Column::new("digest")], rows)
}

/// The rows of a projection; its columns are the fields of its first row, nested ones only when asked for.
fn rows(json: Value) -> Rows {
    let Value::Array(rows) = json else { return Rows { columns: vec![], rows: vec![] } };
    let fields = rows.first().and_then(Value::as_object).into_iter().flatten();
    let column = |(name, value): (&String, &Value)| {
        let column = Column::new(name);
        if value.is_object() { column.wide() } else { column }
    };
    Rows { columns: fields.map(column).collect(), rows }
}
