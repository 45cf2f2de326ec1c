//! `kifu-query get`

use clap::Args;
use kifu::cli::{ExitCode, Failure, OutputArgs, Printer};
use kifu::node::api::{Footer, Request};
use serde_json::{Map, Value};

use crate::connect::ConnectArgs;
use crate::session::{Names, Session};

/// Ids that an ambiguity shows.
const AMBIGUOUS_SHOWN: usize = 5;

/// Options of `get`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query get job/train-connect4-g2 --data n1")]
pub struct Get {
    /// An id, or an unambiguous beginning of one, with its noun or without
    pub id: String,
    /// How the answer looks.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl Get {
    /// Shows everything about one thing. Exit code 3 when there is none, 2 when several begin so.
    pub async fn run(self, connect: ConnectArgs) -> Result<ExitCode, Failure> {
        let session = Session::open(&connect).await?;
        let (rows, footer) = session.rows(&Request::Get { id: self.id.clone() }).await?;
        show(&mut self.output.printer(), &self.id, rows, &session.names().await?, &footer)
    }
}

fn show(
    printer: &mut Printer,
    id: &str,
    rows: Vec<Value>,
    names: &Names,
    footer: &Footer,
) -> Result<ExitCode, Failure> {
    let [row] = &rows[..] else { return Err(ambiguous(id, &rows)) };
    if !printer.format().is_for_programs() {
        let mut display = row.clone();
        names.replace(&mut display);
        printer.object(&flatten(&display))?;
    } else {
        printer.object(row)?;
    }
    printer.note(footer)?;
    Ok(ExitCode::Ok)
}

fn ambiguous(id: &str, rows: &[Value]) -> Failure {
    let ids: Vec<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
    if ids.is_empty() {
        return Failure::new(ExitCode::NotFound, format!("there is nothing called {id}"));
    }
    let more = ids.len().saturating_sub(AMBIGUOUS_SHOWN);
    let mut words = ids[..ids.len() - more].join(", ");
    if more > 0 {
        words.push_str(&format!(" and {more} more"));
    }
    Failure::usage(format!("{id} is ambiguous: {words}")).hint("give more of the id")
}

/// One level of fields, inner ones named `outer.inner`.
pub fn flatten(object: &Value) -> Value {
    let mut flat = Map::new();
    flatten_into(&mut flat, "", object);
    Value::Object(flat)
}

fn flatten_into(flat: &mut Map<String, Value>, path: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten_into(flat, &inner, field);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                flatten_into(flat, &format!("{path}[{index}]"), item);
            }
        }
        other => drop(flat.insert(path.to_owned(), other.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::{footer, names, printer};
    use expect_test::expect;
    use kifu::cli::Format;
    use serde_json::json;

    #[test]
    fn one_thing_is_shown_field_by_field() {
        let row = json!({"id": "job/a", "spec": {"verify": {"game": "connect4"}}, "lease": {"host": "0000000000000001", "token": 7},
            "scores": [{"rate": 0.5}], "avoid": []});
        let (mut out, buffer) = printer(Format::Table);
        assert_eq!(show(&mut out, "job/a", vec![row], &names(), &footer()), Ok(ExitCode::Ok));
        expect![[r#"
            id                job/a
            spec.verify.game  connect4
            lease.host        n1
            lease.token       7
            scores[0].rate    0.5
            avoid             -
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]]
        .assert_eq(&buffer.text());
    }

    #[test]
    fn several_things_are_an_error_that_names_them() {
        let rows = (0..7).map(|number| json!({"id": format!("job/a{number}")})).collect();
        let (mut out, _) = printer(Format::Json);
        let failure = show(&mut out, "job/a", rows, &names(), &footer()).expect_err("seven");
        assert_eq!(failure.code, ExitCode::Usage);
        assert_eq!(failure.message, "job/a is ambiguous: job/a0, job/a1, job/a2, job/a3, job/a4 and 2 more");
        let failure = show(&mut out, "zz", vec![], &names(), &footer()).expect_err("none");
        assert_eq!(failure.code, ExitCode::NotFound);
    }
}
