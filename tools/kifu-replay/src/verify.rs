//! `verify`: is the log whole, and does it still lead to the recorded digests?

use clap::Args;
use kifu::cli::time::size_text;
use kifu::cli::{Column, ExitCode, Failure, Format, Printer, Progress, Rows};
use kifu::event::Seq;
use kifu::log::{self, Problem};
use kifu::projection::{Halt, digests};
use serde::Serialize;

use crate::args::Cli;
use crate::data::{self, Data};
use crate::fold::{self, Fold};

/// Check checksums, hash chain, gaps and terms; fold the log and compare with the recorded digests
///
/// Ends with 0 when all is well, 6 when the log is damaged or a projection cannot fold it, 7 when it is whole but a digest differs.
///
/// Example:
///   kifu-replay --data n1 verify -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Verify {
    /// Check the log only, do not fold it
    #[arg(long)]
    no_fold: bool,
}

/// What was found.
#[derive(Serialize)]
struct Report {
    ok: bool,
    cluster: kifu::event::Hash,
    segments: usize,
    entries: u64,
    records: u64,
    bytes: u64,
    terms: u64,
    last_seq: Seq,
    chain: Option<kifu::event::Hash>,
    digests_compared: u64,
    state_digest: Option<kifu::event::Hash>,
    torn_bytes: u64,
    problem_count: u64,
    problems: Vec<Found>,
}

/// A problem with its place.
#[derive(Serialize)]
struct Found {
    seq: Seq,
    path: Option<String>,
    offset: Option<u64>,
    what: String,
}

impl Verify {
    pub fn run(&self, cli: &Cli, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let folder = data::folder(cli)?;
        let progress = Progress::new(None, "bytes");
        let reader = data::reader(cli, &folder);
        let checked = match reader {
            Ok(reader) => log::verify_on(reader.disk().clone(), &mut |done, _| progress.set(done)),
            // A log that cannot be opened is looked at all the same, and the report says what is wrong.
            Err(_) if data::archive_of(cli, &folder)?.is_none() => {
                log::verify(&folder, &mut |done, _| progress.set(done))
            }
            Err(failure) => return Err(failure),
        };
        let checked = checked.map_err(data::broken)?;
        drop(progress);
        let mut report = Report::of(checked);
        let mut code = if report.problems.is_empty() { ExitCode::Ok } else { ExitCode::Unhealthy };
        if code == ExitCode::Ok && !self.no_fold {
            let halts = report.fold(&Data::open(cli)?)?;
            if !report.problems.is_empty() {
                code = ExitCode::Differences;
            }
            code = fold::conclude(&halts, None, printer, code)?;
        }
        report.ok = code == ExitCode::Ok;
        report.print(printer)?;
        Ok(code)
    }
}

impl Report {
    fn of(checked: log::VerifyReport) -> Report {
        let torn_bytes = checked.torn.map_or(0, |(_, bytes)| bytes);
        Report {
            ok: false,
            cluster: checked.cluster,
            segments: checked.segments,
            entries: checked.entries,
            records: checked.records,
            bytes: checked.bytes,
            terms: checked.terms,
            last_seq: checked.last.map_or(Seq(0), |last| last.seq),
            chain: checked.last.map(|last| last.chain),
            digests_compared: 0,
            state_digest: None,
            torn_bytes,
            problem_count: checked.problem_count,
            problems: checked.problems.into_iter().map(Found::of).collect(),
        }
    }

    /// Folds all records, and compares at each recorded digest. Returns the projections that stopped.
    fn fold(&mut self, data: &Data) -> Result<Vec<Halt>, Failure> {
        let mut fold = Fold::first(data)?;
        fold.advance_with(data.last, |state, record| {
            let Some(differences) = digests::compare(state, record) else { return Ok(()) };
            self.digests_compared += 1;
            for difference in differences {
                let show = |hash: Option<kifu::event::Hash>| hash.map_or("none".to_owned(), |hash| hash.to_string());
                self.problem_count += 1;
                if self.problems.len() < log::PROBLEMS_MAX {
                    let (name, seq) = (&difference.projection, state.seq);
                    let (expected, found) = (show(difference.expected), show(difference.found));
                    let what = format!("projection {name} after {seq}: recorded digest {expected}, folded {found}");
                    self.problems.push(Found { seq: record.seq, path: None, offset: None, what });
                }
            }
            Ok(())
        })?;
        self.state_digest = Some(fold.state.digest());
        let halts = fold.state.halted().to_vec();
        self.problem_count += halts.len() as u64;
        let found = |halt: &Halt| Found { seq: halt.seq, path: None, offset: None, what: halt.to_string() };
        self.problems.splice(0..0, halts.iter().map(found));
        Ok(halts)
    }

    fn print(self, printer: &mut Printer) -> Result<(), Failure> {
        let mut words = format!(
            "{} segments, {} entries, {} records, {}, {} terms, {} digests compared",
            self.segments,
            self.entries,
            self.records,
            size_text(self.bytes),
            self.terms,
            self.digests_compared
        );
        if self.torn_bytes > 0 {
            words += &format!("; a torn tail of {} bytes, which the node will cut", self.torn_bytes);
        }
        let first = self.problems.first().map(Found::line);
        let count = self.problem_count;
        match printer.format() {
            Format::Json | Format::Jsonl => {
                printer.object(&serde_json::to_value(self).expect("plain data with text keys"))?;
            }
            Format::Table | Format::Wide if self.problems.is_empty() => {
                printer.text(format!("ok: {words}"))?;
                return Ok(());
            }
            _ => {
                let columns = ["seq", "path", "offset", "what"].map(Column::new).to_vec();
                printer.rows(&Rows::new(columns, self.problems))?;
            }
        }
        match first {
            None => printer.note(words)?,
            Some(first) => printer.note(format!("{words}\n{count} problems; the first: {first}"))?,
        }
        Ok(())
    }
}

impl Found {
    fn of(problem: Problem) -> Found {
        let Problem { path, offset, seq, what, .. } = problem;
        Found { seq, path: Some(path.display().to_string()), offset: Some(offset), what }
    }

    fn line(&self) -> String {
        match (&self.path, self.offset) {
            (Some(path), Some(offset)) => format!("seq {}, {path} byte {offset}: {}", self.seq, self.what),
            _ => format!("seq {}: {}", self.seq, self.what),
        }
    }
}
