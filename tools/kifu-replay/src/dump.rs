//! `dump`: the records, one after another.

use clap::Args;
use kifu::cli::{Column, ExitCode, Failure, Printer, Shape};
use kifu::event::{RecordJson, Seq};
use serde_json::Value;

use crate::args::Cli;
use crate::data::{self, Data};
use crate::filter::KindArgs;
use crate::position::Position;

/// Write the records, one JSON document a line
///
/// Example:
///   kifu-replay --data n1 dump --since 100 --kind 'JOB_*'
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Dump {
    /// From this record on, or all after this time, or after so long before the end (`-10m`); all that is here
    /// when it is left out
    #[arg(long, value_name = "SEQ|TIME|-AGE", allow_hyphen_values = true)]
    since: Option<Position>,

    /// Up to this record, this time, or so long before the end
    #[arg(long, value_name = "SEQ|TIME|-AGE", allow_hyphen_values = true)]
    until: Option<Position>,

    #[command(flatten)]
    kinds: KindArgs,
}

impl Dump {
    pub fn run(&self, cli: &Cli, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let kinds = self.kinds.kinds()?;
        let data = Data::open(cli)?;
        let columns = columns();
        let mut count = 0u64;
        let from = match self.since {
            None => data.first(),
            Some(Position::Seq(seq)) => seq,
            Some(time) => time.after(&data)?,
        };
        let until = match self.until {
            None => Seq(u64::MAX),
            Some(Position::Seq(seq)) => seq,
            Some(time) => time.resolve(&data)?,
        };
        for record in data.records(from, until)? {
            let record = record?;
            let kind = record.raw().kind();
            if kinds.as_ref().is_some_and(|kinds| !kind.is_some_and(|kind| kinds.contains(&kind))) {
                continue;
            }
            printer.stream(&columns, &json(&data::decode(&record)?))?;
            count += 1;
        }
        printer.note(format!("{count} records; {}", data.extent()))?;
        Ok(ExitCode::Ok)
    }
}

/// A record as every surface shows it.
pub fn json(record: &kifu::event::Record) -> Value {
    serde_json::to_value(RecordJson::from(record)).expect("records are plain data with text keys")
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("seq").width(8),
        Column::new("term").width(5),
        Column::new("recorded_at").shape(Shape::Time).width(12),
        Column::new("kind").width(24),
        Column::new("origin").width(16),
        Column::new("caused_by").width(10),
        Column::new("observed_at").shape(Shape::Time).wide(),
        Column::new("origin_seq").wide(),
        Column::new("version").wide(),
        Column::new("body"),
    ]
}
