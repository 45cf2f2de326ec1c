//! `stats`: what the log holds, by kind.

use std::collections::BTreeMap;

use clap::Args;
use kifu::cli::time::{length_text, size_text};
use kifu::cli::{Column, ExitCode, Failure, Format, Printer, Progress, Rows, Shape};
use kifu::event::{Kind, Millis, Seq};
use kifu::log::StoredRecord;
use serde::Serialize;

use crate::args::Cli;
use crate::data::Data;

/// Count the records by kind, with their rate and size
///
/// Example:
///   kifu-replay --data n1 stats -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Stats {
    /// From this record on; all that is here when it is left out
    #[arg(long, value_name = "SEQ")]
    since: Option<u64>,

    /// Up to this record
    #[arg(long, value_name = "SEQ")]
    until: Option<u64>,
}

/// The figures of one kind.
#[derive(Serialize)]
struct KindStats {
    kind: String,
    count: u64,
    share: f64,
    per_minute: f64,
    bytes: u64,
    first_seq: Seq,
    last_seq: Seq,
    last_at: Millis,
}

/// The figures of the log.
#[derive(Serialize)]
struct Total {
    records: u64,
    bytes: u64,
    terms: u64,
    first_at: Option<Millis>,
    last_at: Option<Millis>,
    span_ms: u64,
    per_minute: f64,
    kinds: Vec<KindStats>,
}

#[derive(Default)]
struct Counter {
    kinds: BTreeMap<u16, KindStats>,
    total: Option<(Millis, Millis)>,
    records: u64,
    bytes: u64,
    terms: u64,
    term: u64,
}

impl Stats {
    pub fn run(&self, cli: &Cli, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let data = Data::open(cli)?;
        let progress = Progress::new(Some(data.last.0), "events");
        let mut counter = Counter::default();
        let from = self.since.map_or(data.first(), Seq);
        for record in data.records(from, self.until.map_or(Seq(u64::MAX), Seq))? {
            counter.add(&record?);
            progress.advance(1);
        }
        drop(progress);
        let total = counter.finish();
        let words = format!(
            "{} records, {} in {} ({:.1}/min), {} terms",
            total.records,
            size_text(total.bytes),
            length_text(total.span_ms),
            total.per_minute,
            total.terms
        );
        match printer.format() {
            Format::Json => printer.object(&serde_json::to_value(total).expect("plain data with text keys"))?,
            _ => printer.rows(&Rows::new(columns(), total.kinds))?,
        }
        printer.note(words)?;
        Ok(ExitCode::Ok)
    }
}

impl Counter {
    fn add(&mut self, record: &StoredRecord) {
        let raw = record.raw();
        let (number, at, bytes) = (raw.kind_number(), raw.recorded_at(), raw.bytes().len() as u64);
        self.records += 1;
        self.bytes += bytes;
        if record.term.0 != self.term {
            self.term = record.term.0;
            self.terms += 1;
        }
        self.total = Some((self.total.map_or(at, |(first, _)| first), at));
        let kind = self.kinds.entry(number).or_insert_with(|| KindStats {
            kind: Kind::from_number(number).map_or_else(|| format!("{number:#06x}"), |kind| kind.name().to_owned()),
            count: 0,
            share: 0.0,
            per_minute: 0.0,
            bytes: 0,
            first_seq: record.seq,
            last_seq: record.seq,
            last_at: at,
        });
        kind.count += 1;
        kind.bytes += bytes;
        kind.last_seq = record.seq;
        kind.last_at = at;
    }

    fn finish(self) -> Total {
        let (records, span_ms) = (self.records, self.total.map_or(0, |(first, last)| last.since(first)));
        let per_minute = |count: u64| round(count as f64 * 60_000.0 / span_ms.max(1) as f64);
        let mut kinds: Vec<_> = self.kinds.into_values().collect();
        for kind in &mut kinds {
            kind.share = round(kind.count as f64 / records as f64);
            kind.per_minute = per_minute(kind.count);
        }
        kinds.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.kind.cmp(&b.kind)));
        Total {
            records,
            bytes: self.bytes,
            terms: self.terms,
            first_at: self.total.map(|(first, _)| first),
            last_at: self.total.map(|(_, last)| last),
            span_ms,
            per_minute: per_minute(records),
            kinds,
        }
    }
}

/// Four decimals are enough for people, and stable in tests.
fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("kind"),
        Column::new("count"),
        Column::new("share").shape(Shape::Percent),
        Column::new("per_minute"),
        Column::new("bytes").shape(Shape::Size),
        Column::new("first_seq"),
        Column::new("last_seq"),
        Column::new("last_at").shape(Shape::Time).wide(),
    ]
}
