//! How lists are shown: columns for people, untouched rows for programs.

use clap::Args;
use kifu::cli::{Column, ExitCode, Failure, Format, OutputArgs, Printer, Rows};
use kifu::node::api::{Footer, Noun, Request};
use serde_json::Value;

use crate::conditions::Condition;
use crate::connect::ConnectArgs;
use crate::session::{Names, Session};

/// A noun as a table.
pub struct View {
    /// The noun.
    pub noun: Noun,
    /// Its columns, the id first.
    pub columns: fn() -> Vec<Column>,
    /// Adds what the columns show and the rows do not hold as such.
    pub derive: fn(&mut Value),
}

/// Options of every verb that lists a noun.
#[derive(Args, Clone, Debug, Default)]
pub struct ListArgs {
    /// Only rows where FIELD is VALUE; `!=` for is not, `*` for anything, dots for inner fields; repeat for more
    #[arg(long = "filter", value_name = "FIELD=VALUE")]
    pub filters: Vec<Condition>,
    /// How the answer looks.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl ListArgs {
    /// Lists a noun.
    pub async fn run(self, connect: ConnectArgs, view: &View) -> Result<ExitCode, Failure> {
        let session = Session::open(&connect).await?;
        let (rows, footer) = session.rows(&Request::List { noun: view.noun }).await?;
        let names = session.names().await?;
        print(&mut self.output.printer(), view, rows, &self.filters, &names, &footer)?;
        Ok(ExitCode::Ok)
    }
}

/// Prints the rows that meet all filters, then the footer. Filters always see what a table shows: hosts by name.
pub fn print(
    printer: &mut Printer,
    view: &View,
    rows: Vec<Value>,
    filters: &[Condition],
    names: &Names,
    footer: &Footer,
) -> Result<(), Failure> {
    let untouched = matches!(printer.format(), Format::Json | Format::Jsonl);
    let shown = rows.into_iter().filter_map(|row| {
        let mut display = row.clone();
        names.replace(&mut display);
        (view.derive)(&mut display);
        let kept = filters.iter().all(|filter| filter.holds(&display));
        kept.then_some(if untouched { row } else { display })
    });
    printer.rows(&Rows { columns: (view.columns)(), rows: shown.collect() })?;
    printer.note(footer)?;
    Ok(())
}

/// Nothing to add.
pub fn nothing(_: &mut Value) {}

/// Scores on one line each opponent: `random 96.0% [93.2, 97.7]`.
pub fn scores_text(scores: &Value) -> String {
    let one = |score: &Value| {
        let percent =
            |field: &str| score[field].as_f64().map_or("?".to_owned(), |share| format!("{:.1}", share * 100.0));
        let opponent = score["opponent"].as_str().unwrap_or("?");
        format!("{opponent} {}% [{}, {}]", percent("rate"), percent("low"), percent("high"))
    };
    let texts: Vec<String> = scores.as_array().into_iter().flatten().map(one).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join("; ") }
}

#[cfg(test)]
pub mod testing {
    //! Renders canned rows.

    use super::*;
    use kifu::cli::TimeStyle;
    use kifu::event::{Millis, Seq, Term};
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    /// A writer whose bytes can be read back.
    #[derive(Clone, Default)]
    pub struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Buffer {
        /// What was written.
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("one thread").clone()).expect("text")
        }
    }

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("one thread").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A printer into a buffer; data and words in order.
    pub fn printer(format: Format) -> (Printer, Buffer) {
        let buffer = Buffer::default();
        let printer = Printer::new(Box::new(buffer.clone()), Box::new(buffer.clone()), format, TimeStyle::Relative)
            .now(Millis(1_700_000_060_000));
        (printer, buffer)
    }

    /// The footer of a follower.
    pub fn footer() -> Footer {
        Footer {
            seq: Seq(104_233),
            node: "n1".to_owned(),
            leader: Some("n2".to_owned()),
            term: Term(4),
            behind_records: 2,
            behind_ms: 12,
            ..Footer::default()
        }
    }

    /// The hosts n1 and n2.
    pub fn names() -> Names {
        let host = |id: &str, name: &str| serde_json::json!({"host": id, "name": name});
        Names::of(&[host("0000000000000001", "n1"), host("0000000000000002", "n2")])
    }

    /// What a list prints.
    pub fn listed(view: &View, format: Format, rows: Value) -> String {
        let (mut printer, buffer) = printer(format);
        let rows = rows.as_array().expect("a list").clone();
        print(&mut printer, view, rows, &[], &names(), &footer()).expect("memory");
        drop(printer);
        buffer.text()
    }
}
