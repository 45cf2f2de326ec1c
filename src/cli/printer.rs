//! The one way to stdout: data in the user's format. Words (footers, notes) go to stderr.

use std::fmt::Display;
use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::format::Format;
use super::rows::{Column, Rows, plain};
use super::time::TimeStyle;
use crate::event::Millis;

/// Writes answers. Made by [`super::OutputArgs::printer`]; tests give it buffers.
pub struct Printer {
    out: Box<dyn Write>,
    words: Box<dyn Write>,
    format: Format,
    times: TimeStyle,
    columns: Option<u16>,
    now: Millis,
    streaming: bool,
}

impl Printer {
    /// A printer of data to `out` and of words to `words`.
    pub fn new(out: Box<dyn Write>, words: Box<dyn Write>, format: Format, times: TimeStyle) -> Printer {
        Printer { out, words, format, times, columns: None, now: Millis(0), streaming: false }
    }

    /// The same printer for a terminal this wide; tables are as wide as their content without.
    #[must_use]
    pub fn columns(self, columns: Option<u16>) -> Printer {
        Printer { columns, ..self }
    }

    /// The same printer with its clock at `now`: relative times count from here.
    #[must_use]
    pub fn now(self, now: Millis) -> Printer {
        Printer { now, ..self }
    }

    /// The format that the user chose.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes a complete list.
    ///
    /// # Errors
    /// What the writer says.
    pub fn rows(&mut self, rows: &Rows) -> io::Result<()> {
        match self.format {
            Format::Table | Format::Wide => self.table(rows)?,
            Format::Json => self.document(&Value::from(rows.rows.clone()))?,
            Format::Jsonl | Format::Csv | Format::Name => {
                if rows.rows.is_empty() && self.format == Format::Csv {
                    self.csv_header(&rows.columns)?;
                }
                rows.rows.iter().try_for_each(|row| self.stream_row(&rows.columns, row))?;
            }
        }
        self.streaming = false;
        self.out.flush()
    }

    /// Writes one row of a list that has no end yet. Tables cannot align what they have not seen: each column has its
    /// [`Column::width`]. Every row is flushed.
    ///
    /// # Errors
    /// What the writer says.
    pub fn stream(&mut self, columns: &[Column], row: &Value) -> io::Result<()> {
        self.stream_row(columns, row)?;
        self.out.flush()
    }

    /// Writes one object: as a list of fields in tables, as itself in JSON.
    ///
    /// # Errors
    /// What the writer says.
    pub fn object(&mut self, object: &Value) -> io::Result<()> {
        match self.format {
            Format::Json => self.document(object)?,
            Format::Jsonl => writeln!(self.out, "{object}")?,
            Format::Csv => self.fields(object, |out, name, value| writeln!(out, "{},{}", csv(name), csv(value)))?,
            Format::Table | Format::Wide => {
                let widest = object.as_object().into_iter().flatten().map(|(name, _)| name.len()).max().unwrap_or(0);
                self.fields(object, |out, name, value| writeln!(out, "{name:<widest$}  {value}"))?;
            }
            Format::Name => {
                let first = object.as_object().into_iter().flatten().next().map(|(_, value)| plain(value));
                writeln!(self.out, "{}", first.unwrap_or_default())?;
            }
        }
        self.out.flush()
    }

    /// Writes text as it is, for answers that have a form of their own (trees, diffs).
    ///
    /// # Errors
    /// What the writer says.
    pub fn text(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// Writes a word to the user, on stderr: a footer, a note.
    ///
    /// # Errors
    /// What the writer says.
    pub fn note(&mut self, words: impl Display) -> io::Result<()> {
        writeln!(self.words, "{words}")?;
        self.words.flush()
    }

    fn table(&mut self, rows: &Rows) -> io::Result<()> {
        let shown: Vec<&Column> = self.shown(&rows.columns);
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        if let Some(columns) = self.columns {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
        }
        table.set_header(shown.iter().map(|column| column.name.to_uppercase()));
        for row in &rows.rows {
            table.add_row(shown.iter().map(|column| column.cell(row, self.times, self.now)));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        writeln!(self.out, "{}", table.trim_fmt())
    }

    fn stream_row(&mut self, columns: &[Column], row: &Value) -> io::Result<()> {
        let first = !std::mem::replace(&mut self.streaming, true);
        match self.format {
            Format::Json | Format::Jsonl => writeln!(self.out, "{row}"),
            Format::Name => {
                let name = columns.first().map(|column| plain(column.value(row)));
                writeln!(self.out, "{}", name.unwrap_or_default())
            }
            Format::Csv => {
                if first {
                    self.csv_header(columns)?;
                }
                let cells = columns.iter().map(|column| match column.value(row) {
                    Value::Null => String::new(),
                    value => csv(&plain(value)),
                });
                let line = cells.collect::<Vec<_>>().join(",");
                writeln!(self.out, "{line}")
            }
            Format::Table | Format::Wide => {
                let shown = self.shown(columns);
                if first {
                    let header = aligned(shown.iter().map(|column| (column.width, column.name.to_uppercase())));
                    writeln!(self.out, "{header}")?;
                }
                let cells = shown.iter().map(|column| (column.width, column.cell(row, self.times, self.now)));
                let line = aligned(cells);
                writeln!(self.out, "{line}")
            }
        }
    }

    fn shown<'a>(&self, columns: &'a [Column]) -> Vec<&'a Column> {
        columns.iter().filter(|column| self.format == Format::Wide || !column.wide).collect()
    }

    fn csv_header(&mut self, columns: &[Column]) -> io::Result<()> {
        let names: Vec<String> = columns.iter().map(|column| csv(&column.name)).collect();
        writeln!(self.out, "{}", names.join(","))
    }

    fn document(&mut self, value: &Value) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.out, value)?;
        writeln!(self.out)
    }

    fn fields(
        &mut self,
        object: &Value,
        mut write: impl FnMut(&mut dyn Write, &str, &str) -> io::Result<()>,
    ) -> io::Result<()> {
        let fields = object.as_object().into_iter().flatten();
        fields.into_iter().try_for_each(|(name, value)| write(&mut self.out, name, &plain(value)))
    }
}

fn aligned(cells: impl Iterator<Item = (usize, String)>) -> String {
    let line: String = cells.map(|(width, text)| format!("{text:<width$}  ")).collect();
    line.trim_end().to_owned()
}

/// A CSV field: quoted when it must be (RFC 4180).
fn csv(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Shape;
    use expect_test::{Expect, expect};
    use serde_json::json;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("one thread").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(format: Format, print: impl FnOnce(&mut Printer) -> io::Result<()>) -> String {
        let buffer = Buffer::default();
        let mut printer = Printer::new(Box::new(buffer.clone()), Box::new(io::sink()), format, TimeStyle::Relative)
            .now(Millis(1_700_000_002_123));
        print(&mut printer).expect("memory");
        drop(printer);
        String::from_utf8(buffer.0.lock().expect("one thread").clone()).expect("text")
    }

    fn sample() -> Rows {
        let columns = vec![
            Column::new("job").width(8),
            Column::new("state"),
            Column::new("age").at("queued_at").shape(Shape::Time).width(8),
            Column::new("host").wide(),
        ];
        let rows = [
            json!({"job": "job/a", "state": "queued", "queued_at": "2023-11-14T22:13:20.123Z", "host": null}),
            json!({"job": "job/bc", "state": "done, \"well\"", "queued_at": null, "host": "n1"}),
        ];
        Rows::new(columns, rows)
    }

    fn check(format: Format, expect: Expect) {
        expect.assert_eq(&shown(format, |printer| printer.rows(&sample())));
    }

    #[test]
    fn a_list_in_every_format() {
        check(
            Format::Table,
            expect![[r#"
                JOB     STATE         AGE
                job/a   queued        2s ago
                job/bc  done, "well"  -
            "#]],
        );
        check(
            Format::Wide,
            expect![[r#"
                JOB     STATE         AGE     HOST
                job/a   queued        2s ago  -
                job/bc  done, "well"  -       n1
            "#]],
        );
        check(
            Format::Jsonl,
            expect![[r#"
                {"job":"job/a","state":"queued","queued_at":"2023-11-14T22:13:20.123Z","host":null}
                {"job":"job/bc","state":"done, \"well\"","queued_at":null,"host":"n1"}
            "#]],
        );
        check(
            Format::Csv,
            expect![[r#"
                job,state,age,host
                job/a,queued,2023-11-14T22:13:20.123Z,
                job/bc,"done, ""well""",,n1
            "#]],
        );
        check(
            Format::Name,
            expect![[r#"
                job/a
                job/bc
            "#]],
        );
    }

    #[test]
    fn json_is_one_document() {
        let text = shown(Format::Json, |printer| printer.rows(&sample()));
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), Value::from(sample().rows));
    }

    #[test]
    fn an_empty_list_still_has_its_header() {
        let empty = Rows { rows: vec![], ..sample() };
        assert_eq!(shown(Format::Table, |printer| printer.rows(&empty)), "JOB  STATE  AGE\n");
        assert_eq!(shown(Format::Csv, |printer| printer.rows(&empty)), "job,state,age,host\n");
        assert_eq!(shown(Format::Json, |printer| printer.rows(&empty)), "[]\n");
    }

    #[test]
    fn a_stream_aligns_by_width_and_repeats_no_header() {
        let rows = sample();
        let text =
            shown(Format::Table, |printer| rows.rows.iter().try_for_each(|row| printer.stream(&rows.columns, row)));
        expect![[r#"
            JOB       STATE  AGE
            job/a     queued  2s ago
            job/bc    done, "well"  -
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn an_object_is_a_list_of_fields() {
        let object = json!({"id": "job/a", "attempts": 2});
        let text = shown(Format::Table, |printer| printer.object(&object));
        expect![[r#"
            id        job/a
            attempts  2
        "#]]
        .assert_eq(&text);
        assert_eq!(shown(Format::Jsonl, |printer| printer.object(&object)), "{\"id\":\"job/a\",\"attempts\":2}\n");
    }
}
