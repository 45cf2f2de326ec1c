//! `kifu-query events`

use std::collections::VecDeque;
use std::time::Duration;

use clap::Args;
use kifu::cli::{Column, ExitCode, Failure, Format, OutputArgs, Printer, Rows, Shape, closest};
use kifu::event::{Kind, Millis, RecordJson, Seq};
use kifu::node::api::{Footer, Request, Response};
use serde_json::Value;

use crate::conditions::matches;
use crate::connect::{ConnectArgs, client_failure};
use crate::session::{Names, Session};
use crate::since::Since;

/// Records that are shown when neither `--since` nor `--limit` says otherwise.
const SHOWN: u64 = 20;
/// Letters of a summary.
const SUMMARY_LETTERS_MAX: usize = 140;
/// How often, and how far apart, a lost connection is made again while following.
const RECONNECTS_MAX: u32 = 30;
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Options of `events`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  kifu-query events --data n1 --follow --kind 'JOB_*' --kind MODEL_PROMOTED -o jsonl"
)]
pub struct Events {
    /// Stay, and show what comes
    #[arg(short, long)]
    pub follow: bool,
    /// Begin here: a position (4711), a time ago (-10m) or a moment (RFC 3339); default: the last records
    #[arg(long, allow_hyphen_values = true, value_name = "WHEN")]
    pub since: Option<Since>,
    /// Only this kind; `*` for any letters; repeat for more
    #[arg(long = "kind", value_name = "KIND")]
    pub kinds: Vec<String>,
    /// At most so many records
    #[arg(long)]
    pub limit: Option<u64>,
    /// How the answer looks.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl Events {
    /// Shows records.
    pub async fn run(self, connect: ConnectArgs) -> Result<ExitCode, Failure> {
        connect.only_now("events", "say from where with --since, and how many with --limit")?;
        let kinds = expand(&self.kinds)?;
        let session = Session::open(&connect).await?;
        let names = session.names().await?;
        let mut reader =
            Reader { printer: self.output.printer(), names, not_before: self.since.and_then(Since::moment) };
        if self.since.is_none() && !self.follow {
            let footer = reader.last(&session, kinds, self.limit.unwrap_or(SHOWN)).await?;
            reader.printer.note(footer)?;
            return Ok(ExitCode::Ok);
        }
        let mut from = match self.since {
            Some(Since::Seq(seq)) => seq,
            Some(_) => Seq(1),
            None => {
                let (_, footer) = session.rows(&Request::Status).await?;
                Seq(footer.seq.0.saturating_sub(SHOWN - 1).max(1))
            }
        };
        let (mut session, mut left, mut lost) = (session, self.limit, 0);
        loop {
            // The server filters by position and kind; a moment is our business, and so is the limit then.
            let limit = left.filter(|_| reader.not_before.is_none());
            let request = Request::Events { from, follow: self.follow, kinds: kinds.clone(), limit };
            match reader.stream(&session, &request, &mut from, &mut left).await {
                Ok(footer) => {
                    reader.printer.note(footer)?;
                    return Ok(ExitCode::Ok);
                }
                Err(failure) if self.follow && failure.code == ExitCode::Unavailable && lost < RECONNECTS_MAX => {
                    lost += 1;
                    reader.printer.note(format!("{}; trying again", failure.message))?;
                    tokio::time::sleep(RECONNECT_AFTER).await;
                    match Session::open(&connect).await {
                        Ok(again) => (session, lost) = (again, 0),
                        Err(still) => reader.printer.note(still.message)?,
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
    }
}

struct Reader {
    printer: Printer,
    names: Names,
    not_before: Option<Millis>,
}

impl Reader {
    /// Shows records as they come; `from` and `left` follow, so that a broken stream can be taken up again.
    async fn stream(
        &mut self,
        session: &Session,
        request: &Request,
        from: &mut Seq,
        left: &mut Option<u64>,
    ) -> Result<Footer, Failure> {
        let mut responses = session.client.send(request).await.map_err(client_failure)?;
        loop {
            match responses.next().await.map_err(client_failure)? {
                Some(Response::Record { record }) => {
                    *from = record.seq.next();
                    if self.not_before.is_some_and(|moment| record.recorded_at < moment) {
                        continue;
                    }
                    if *left == Some(0) {
                        return Ok(session.rows(&Request::Status).await?.1);
                    }
                    *left = left.map(|left| left - 1);
                    let row = self.row(&record);
                    self.printer.stream(&columns(), &row)?;
                }
                Some(Response::End { footer }) => return Ok(footer),
                Some(Response::Error { code, message }) => {
                    return Err(client_failure(kifu::node::api::ClientError::Refused { code, message }));
                }
                Some(other) => return Err(Failure::general(format!("the node answered with no record: {other:?}"))),
                None => return Err(Failure::new(ExitCode::Unavailable, "the node ended the stream")),
            }
        }
    }

    /// Shows the last `count` records of these kinds.
    async fn last(&mut self, session: &Session, kinds: Vec<String>, count: u64) -> Result<Footer, Failure> {
        let (_, footer) = session.rows(&Request::Status).await?;
        let from =
            if kinds.is_empty() { Seq(footer.seq.0.saturating_sub(count.saturating_sub(1)).max(1)) } else { Seq(1) };
        let request = Request::Events { from, follow: false, kinds, limit: None };
        let mut responses = session.client.send(&request).await.map_err(client_failure)?;
        let mut rows = VecDeque::new();
        let footer = loop {
            match responses.next().await.map_err(client_failure)? {
                Some(Response::Record { record }) => {
                    rows.push_back(self.row(&record));
                    if rows.len() as u64 > count {
                        rows.pop_front();
                    }
                }
                Some(Response::End { footer }) => break footer,
                other => return Err(Failure::general(format!("the node answered with no record: {other:?}"))),
            }
        };
        self.printer.rows(&Rows { columns: columns(), rows: rows.into() })?;
        Ok(footer)
    }

    fn row(&self, record: &RecordJson) -> Value {
        let mut row = serde_json::to_value(record).expect("records are plain data with text keys");
        if !matches!(self.printer.format(), Format::Json | Format::Jsonl) {
            self.names.replace(&mut row);
            row["summary"] = Value::String(summary(&row["body"]));
        }
        row
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("seq").width(8),
        Column::new("time").at("recorded_at").shape(Shape::Time).width(10),
        Column::new("origin").width(6),
        Column::new("kind").width(24),
        Column::new("summary"),
        Column::new("term").wide(),
        Column::new("caused_by").wide(),
        Column::new("origin_seq").wide(),
    ]
}

/// The kinds that patterns name. A pattern that names none is a mistake.
fn expand(patterns: &[String]) -> Result<Vec<String>, Failure> {
    let names = || Kind::ALL.iter().map(|kind| kind.name());
    let mut kinds = vec![];
    for pattern in patterns {
        let found: Vec<String> = names().filter(|name| matches(pattern, name)).map(str::to_owned).collect();
        if found.is_empty() {
            let failure = Failure::new(ExitCode::NotFound, format!("there is no kind of event called {pattern}"));
            let close = closest(pattern, names());
            return Err(close.map_or(failure.clone(), |kind| failure.hint(format!("did you mean {kind}?"))));
        }
        kinds.extend(found);
    }
    Ok(kinds)
}

/// A body on one line: its plain fields, hashes cut short, the rest by size.
fn summary(body: &Value) -> String {
    let shown = |value: &Value| match value {
        Value::String(text) if text.len() == 64 => text[..text.floor_char_boundary(8)].to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.len()),
        Value::Object(_) => "{…}".to_owned(),
        other => other.to_string(),
    };
    let fields = body.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let words: Vec<String> = fields.map(|(name, value)| format!("{name}={}", shown(value))).collect();
    let line = words.join(" ");
    match line.char_indices().nth(SUMMARY_LETTERS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_of_kinds_expand_and_mistakes_are_told() {
        assert_eq!(expand(&["host_*".to_owned()]), Ok(vec!["HOST_ONLINE".to_owned(), "HOST_OFFLINE".to_owned()]));
        let failure = expand(&["HOST_ONLIN".to_owned()]).expect_err("no such kind");
        assert_eq!(failure.code, ExitCode::NotFound);
        assert_eq!(failure.hint.as_deref(), Some("did you mean HOST_ONLINE?"));
    }

    #[test]
    fn a_summary_is_one_short_line() {
        let body =
            json!({"job": "job/a", "batch": "ab".repeat(32), "avoid": [1, 2], "spec": {"x": 1}, "error": null, "n": 3});
        assert_eq!(summary(&body), "job=job/a batch=abababab avoid=[2] spec={…} n=3");
        assert_eq!(summary(&json!({"error": "é".repeat(500)})).chars().count(), SUMMARY_LETTERS_MAX + 1);
    }
}
