//! `kifu-query events`

use std::collections::VecDeque;

use clap::Args;
use kifu::cli::{Column, ExitCode, Failure, Format, OutputArgs, Printer, Rows, Shape, closest};
use kifu::event::{Kind, RecordJson, Seq};
use kifu::node::api::{ClientError, Footer, Request, Response, Subscription, SubscriptionError, Wanted};
use kifu::replay::Filter;
use serde_json::Value;

use crate::conditions::matches;
use crate::connect::{ConnectArgs, client_failure};
use crate::session::{Names, Session};
use crate::since::Since;

/// Records that are shown when neither `--since` nor `--limit` says otherwise.
const SHOWN: u64 = 20;
/// Letters of a summary.
const SUMMARY_LETTERS_MAX: usize = 140;
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
    /// Only the kinds of this domain, such as jobs or cluster; repeat for more
    #[arg(long = "domain", value_name = "DOMAIN")]
    pub domains: Vec<String>,
    /// Only records that this node proposed, by its name or id; repeat for more
    #[arg(long = "origin", value_name = "HOST")]
    pub origins: Vec<String>,
    /// Up to a time ago (-10m) or a moment (RFC 3339)
    #[arg(long, allow_hyphen_values = true, value_name = "WHEN")]
    pub until: Option<Since>,
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
        let mut reader = Reader { printer: self.output.printer(), names };
        let plain = self.domains.is_empty() && self.origins.is_empty() && self.until.is_none();
        if self.since.is_none() && !self.follow && plain {
            let count = self.limit.unwrap_or(SHOWN);
            let (shown, footer) = reader.last(&session, kinds, count).await?;
            if shown < count {
                reader.note_beginning(&footer)?;
            }
            reader.printer.note(footer)?;
            return Ok(ExitCode::Ok);
        }
        let from = match self.since {
            Some(Since::Seq(seq)) => seq,
            Some(_) => Seq(1),
            None if !self.follow => Seq(0),
            None => last_from(&session.rows(&Request::Status).await?.1, SHOWN),
        };
        let until = self.until.map(|until| until.moment().ok_or_else(|| Failure::usage("--until takes a time")));
        let filter = Filter {
            kinds,
            domains: self.domains,
            origins: self.origins.iter().map(|name| reader.names.node(name)).collect::<Result<_, _>>()?,
            since: self.since.and_then(Since::moment),
            until: until.transpose()?,
        };
        let wanted = Wanted { from, filter, follow: self.follow, limit: self.limit };
        let mut subscription =
            Subscription::remote(connect.resolve()?.target, wanted).reading(connect.consistency.into());
        while let Some(record) = subscription.next().await.map_err(subscription_failure)? {
            let row = reader.row(&record);
            reader.printer.stream(&columns(), &row)?;
        }
        let footer = match subscription.footer() {
            Some(footer) => footer.clone(),
            None => session.rows(&Request::Status).await?.1,
        };
        if from == Seq(0) {
            reader.note_beginning(&footer)?;
        }
        reader.printer.note(footer)?;
        Ok(ExitCode::Ok)
    }
}

/// Where the last `count` records begin, as far as the node's log reaches back.
fn last_from(footer: &Footer, count: u64) -> Seq {
    let from = Seq(footer.seq.0.saturating_sub(count.saturating_sub(1)));
    from.max(footer.begins.unwrap_or(Seq(1)))
}

fn subscription_failure(error: SubscriptionError) -> Failure {
    match error {
        SubscriptionError::Client(error) => client_failure(error),
        other => Failure::general(other),
    }
}

struct Reader {
    printer: Printer,
    names: Names,
}

impl Reader {
    /// Shows the last `count` records of these kinds, and says how many there were.
    async fn last(&mut self, session: &Session, kinds: Vec<String>, count: u64) -> Result<(u64, Footer), Failure> {
        let from = match kinds.is_empty() {
            true => last_from(&session.rows(&Request::Status).await?.1, count),
            false => Seq(0),
        };
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
                Some(Response::Error { code, message }) => {
                    return Err(client_failure(ClientError::Refused { code, message }));
                }
                other => return Err(Failure::general(format!("the node answered with no record: {other:?}"))),
            }
        };
        let shown = rows.len() as u64;
        self.printer.rows(&Rows { columns: columns(), rows: rows.into() })?;
        Ok((shown, footer))
    }

    /// Says that there was more once, where the node's log begins later.
    fn note_beginning(&mut self, footer: &Footer) -> Result<(), Failure> {
        let Some(begins) = footer.begins else { return Ok(()) };
        let words =
            format!("the log of {} begins with record {begins}: what came before lies in the archive", footer.node);
        self.printer.note(format!("{words} (`kifu-replay --archive DIR dump`)"))?;
        Ok(())
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
