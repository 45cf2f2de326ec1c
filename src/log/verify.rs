//! Checks a whole log: what each frame says, and what the records must say together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::base;
use super::cursor::{LogCursor, Place};
use super::disk::LogDisk;
use super::entry::{Entry, LogPosition, Payload};
use super::error::LogError;
use super::reader::LogReader;
use super::segment;
use super::segment_disk::SegmentDisk;
use crate::event::record::RawRecord;
use crate::event::{Event, Hash, Kind, Millis, Seq, Term};

/// The most problems that are listed; the rest is only counted.
pub const PROBLEMS_MAX: usize = 100;

/// What a log holds, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// The cluster that it belongs to.
    pub cluster: Hash,
    /// The last entry before the first one that the log holds; none when it begins at index 0.
    pub base: Option<LogPosition>,
    /// Segments.
    pub segments: usize,
    /// Entries that are whole.
    pub entries: u64,
    /// Records that are whole.
    pub records: u64,
    /// Bytes of their frames.
    pub bytes: u64,
    /// Terms in which there are records.
    pub terms: u64,
    /// The last entry that is whole.
    pub last: Option<LogPosition>,
    /// A torn tail, which the next writer will cut: where it begins, and how many bytes it has. No problem in itself.
    pub torn: Option<(Place, u64)>,
    /// What is wrong, in order of place. The first is where to look first.
    pub problems: Vec<Problem>,
    /// How many problems were found, listed or not.
    pub problem_count: u64,
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The segment.
    pub path: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// The entry.
    pub index: u64,
    /// The record, or the first that cannot be read.
    pub seq: Seq,
    /// What is wrong, in words.
    pub what: String,
}

/// Checks the log in `folder`. Reports progress as (bytes done, bytes in all), once for each entry.
///
/// # Errors
/// [`LogError::Missing`], [`LogError::Io`], and the errors of a folder that holds no log of this format. Damage is not
/// an error here: it stands in the report.
pub fn verify(folder: &Path, on_progress: &mut dyn FnMut(u64, u64)) -> Result<VerifyReport, LogError> {
    if !folder.is_dir() {
        return Err(LogError::Missing { path: folder.to_owned() });
    }
    verify_on(Arc::new(SegmentDisk::reader(folder)), on_progress)
}

/// As [`verify`], on any disk.
///
/// # Errors
/// As [`verify`].
pub fn verify_on(disk: Arc<dyn LogDisk>, on_progress: &mut dyn FnMut(u64, u64)) -> Result<VerifyReport, LogError> {
    let firsts = base::list(disk.as_ref())?;
    let sizes = firsts.iter().map(|first| {
        let name = segment::name_of(*first);
        disk.open(&name).and_then(|file| file.bytes()).map_err(|error| LogError::io("open", &disk.path(&name), error))
    });
    let bytes_total = sizes.sum::<Result<u64, _>>()?;
    let mut check = Check::new(firsts.len());
    match LogReader::open_on(disk) {
        Ok(reader) => {
            check.report.cluster = reader.cluster();
            check.report.base = reader.base()?;
            check.walk(reader.entries_near(0)?, bytes_total, on_progress)?;
        }
        Err(error) => check.structural(error)?,
    }
    Ok(check.report)
}

struct Check {
    report: VerifyReport,
    /// The term of the last record, and whether it has its `LEADER_ELECTED`.
    term: Option<Term>,
    recorded_at: Millis,
}

impl Check {
    fn new(segments: usize) -> Check {
        let report = VerifyReport {
            cluster: Hash::default(),
            base: None,
            segments,
            entries: 0,
            records: 0,
            bytes: 0,
            terms: 0,
            last: None,
            torn: None,
            problems: vec![],
            problem_count: 0,
        };
        Check { report, term: None, recorded_at: Millis(0) }
    }

    fn walk(
        &mut self,
        mut cursor: LogCursor,
        total: u64,
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), LogError> {
        loop {
            match cursor.next_entry() {
                Ok(Some(entry)) => {
                    let place = cursor.place().unwrap_or_else(|| cursor.next_place());
                    self.entry(&entry, &place);
                    on_progress(self.report.bytes, total);
                }
                Ok(None) => {
                    self.report.torn = cursor.torn_bytes().map(|bytes| (cursor.next_place(), bytes));
                    return Ok(());
                }
                Err(error) => return self.structural(error),
            }
        }
    }

    fn entry(&mut self, entry: &Entry, place: &Place) {
        self.report.entries += 1;
        self.report.bytes += super::frame::frame_bytes(entry);
        self.report.last = Some(entry.position());
        let mut found = 0;
        for record in entry.records() {
            let seq = Seq(entry.first_seq.0 + found);
            found += 1;
            match record {
                Ok((seq, raw)) => self.record(entry, place, seq, &raw),
                Err(error) => self.problem(entry, place, seq, error.to_string()),
            }
        }
        self.report.records += found;
        if let Payload::Records { count, .. } = entry.payload
            && found != u64::from(count)
        {
            self.problem(entry, place, entry.first_seq, format!("{found} records where the entry says {count}"));
        }
    }

    fn record(&mut self, entry: &Entry, place: &Place, seq: Seq, raw: &RawRecord<'_>) {
        let elected = raw.kind() == Some(Kind::LeaderElected);
        let begins = self.term != Some(entry.term);
        if begins {
            self.term = Some(entry.term);
            self.report.terms += 1;
        }
        // Whether that term had its leader before the log begins cannot be seen here.
        let before = self.report.base.is_some_and(|base| base.term == entry.term);
        if begins && !elected && !before {
            let what = format!("the first record of term {} is not LEADER_ELECTED", entry.term);
            self.problem(entry, place, seq, what);
        }
        if elected {
            self.election(entry, place, seq, raw, begins || before);
        }
        let at = raw.recorded_at();
        if at < self.recorded_at {
            self.problem(entry, place, seq, format!("recorded_at falls from {} to {at}", self.recorded_at));
        }
        self.recorded_at = self.recorded_at.max(at);
    }

    fn election(&mut self, entry: &Entry, place: &Place, seq: Seq, raw: &RawRecord<'_>, begins: bool) {
        if !begins {
            self.problem(entry, place, seq, format!("LEADER_ELECTED again in term {}", entry.term));
        }
        let Ok(record) = raw.decode(seq, entry.term) else { return };
        if let Event::LeaderElected(body) = record.draft.event
            && (body.term != entry.term || body.leader != entry.leader)
        {
            let (term, leader) = (entry.term, entry.leader);
            let what = format!(
                "LEADER_ELECTED names {} and term {}, its entry {leader} and term {term}",
                body.leader, body.term
            );
            self.problem(entry, place, seq, what);
        }
    }

    fn problem(&mut self, entry: &Entry, place: &Place, seq: Seq, what: String) {
        let Place { path, offset } = place.clone();
        self.add(Problem { path, offset, index: entry.index, seq, what });
    }

    fn add(&mut self, problem: Problem) {
        self.report.problem_count += 1;
        if self.report.problems.len() < PROBLEMS_MAX {
            self.report.problems.push(problem);
        }
    }

    /// Damage becomes a problem; what is no log at all stays an error.
    fn structural(&mut self, error: LogError) -> Result<(), LogError> {
        let what = error.to_string();
        let problem = match error {
            LogError::Damaged { path, offset, index, first_seq: seq, reason: what } => {
                Problem { path, offset, index, seq, what }
            }
            LogError::Chain { path, offset, index, first_seq: seq } => Problem { path, offset, index, seq, what },
            LogError::Gap { path, expected: index, .. } => {
                let seq = self.report.last.map_or(Seq(1), |last| last.seq.next());
                Problem { path, offset: 0, index, seq, what }
            }
            other => return Err(other),
        };
        self.add(problem);
        Ok(())
    }
}
