//! Opens the log that the user points at.

use std::path::{Path, PathBuf};

use kifu::artifact::{Archive, ArtifactError, whole_log};
use kifu::cli::{ExitCode, Failure};
use kifu::event::{EventError, Record, Seq};
use kifu::log::{LogError, LogReader, StoredRecord};
use kifu::replay::{History, ReplayError, Retained};

use crate::args::Cli;

/// The log, open to be read.
pub struct Data {
    pub reader: LogReader,
    /// The log with the retained snapshots beside it, if there are any.
    pub history: History,
    /// The last record.
    pub last: Seq,
    /// The last record that is not here any more; none where the history is whole.
    pub base: Option<Seq>,
}

/// The folder with the segments: `DIR/log` of a node's directory, or the directory itself.
pub fn folder(cli: &Cli) -> Result<PathBuf, Failure> {
    let data = cli.data.as_deref().ok_or_else(|| {
        Failure::usage("no directory was given")
            .hint("add --data DIR, or set KIFU_DATA: a node's directory or a copy of its log")
    })?;
    let inner = data.join("log");
    Ok(if inner.is_dir() { inner } else { data.to_owned() })
}

/// Where a node keeps retained snapshots; a copy of a log folder has none.
fn checkpoints(cli: &Cli) -> PathBuf {
    cli.data.clone().unwrap_or_default().join("checkpoints")
}

/// The folder of the archive: the one that was named, or the one in the node's directory.
pub fn archive(data: &Path, named: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let own = data.join("archive");
    match named {
        Some(named) if Archive::load(named).map_err(unarchived)?.is_none() => {
            let failure = Failure::new(ExitCode::NotFound, format!("{} is no archive", named.display()));
            Err(failure.hint("name the folder that holds archive.json: `[retention] archive` in the node's node.toml"))
        }
        Some(named) => Ok(Some(named.to_owned())),
        None => Ok(Some(own).filter(|own| own.is_dir())),
    }
}

/// The log in `folder`, with what the archive holds before it.
pub fn reader(cli: &Cli, folder: &Path) -> Result<LogReader, Failure> {
    whole_log(folder, archive_of(cli, folder)?.as_deref()).map_err(unarchived)
}

/// The folder of the archive of the log in `folder`.
pub fn archive_of(cli: &Cli, folder: &Path) -> Result<Option<PathBuf>, Failure> {
    archive(cli.data.as_deref().unwrap_or(folder), cli.archive.as_deref())
}

/// What is wrong with an archive or its log, and the code to end with.
pub fn unarchived(error: ArtifactError) -> Failure {
    match error {
        ArtifactError::Log(error) => broken(error),
        error => Failure::new(ExitCode::Unhealthy, error),
    }
}

impl Data {
    /// Opens the log and finds its end.
    pub fn open(cli: &Cli) -> Result<Data, Failure> {
        let folder = folder(cli)?;
        let retained = Retained::read_only(checkpoints(cli));
        let history = History::new(reader(cli, &folder)?, retained);
        let reader = history.reader().clone();
        let last = reader.last().map_err(broken)?.map_or(Seq(0), |last| last.seq);
        let base = reader.base().map_err(broken)?.map(|base| base.seq);
        Ok(Data { reader, history, last, base })
    }

    /// Checks that there is a record with this seq (0: before the first).
    pub fn check(&self, seq: Seq) -> Result<Seq, Failure> {
        if seq <= self.last {
            return Ok(seq);
        }
        Err(Failure::new(ExitCode::NotFound, format!("there is no record {seq}")).hint(self.extent()))
    }

    /// The first record that is here.
    pub fn first(&self) -> Seq {
        self.base.unwrap_or_default().next()
    }

    /// Whether a record came before all that is here.
    pub fn is_gone(&self, seq: Seq) -> bool {
        seq < self.first()
    }

    /// What the log holds, in words.
    pub fn extent(&self) -> String {
        match self.last {
            Seq(0) => "the log holds no records".to_owned(),
            last => format!("the log holds the records {} to {last}", self.first()),
        }
    }

    /// Reads records from `from` to `until`, both included.
    pub fn records(
        &self,
        from: Seq,
        until: Seq,
    ) -> Result<impl Iterator<Item = Result<StoredRecord, Failure>>, Failure> {
        let records = self.reader.records(from).map_err(broken)?;
        let within =
            move |record: &Result<StoredRecord, LogError>| record.as_ref().map_or(true, |record| record.seq <= until);
        Ok(records.take_while(within).map(|record| record.map_err(broken)))
    }

    /// The record with this seq.
    pub fn record(&self, seq: Seq) -> Result<Record, Failure> {
        let found = self.reader.record(seq).map_err(broken)?;
        let missing = || Failure::new(ExitCode::NotFound, format!("there is no record {seq}")).hint(self.extent());
        decode(&found.ok_or_else(missing)?)
    }
}

/// Decodes a record; a kind that this build does not know is a failure with advice.
pub fn decode(record: &StoredRecord) -> Result<Record, Failure> {
    record.decode().map_err(|error| match error {
        EventError::Unknown { .. } => Failure::general(format!("record {}: {error}", record.seq))
            .hint("this log was written by a later version of Kifu; use its kifu-replay"),
        error => Failure::new(ExitCode::Unhealthy, format!("record {}: {error}", record.seq)),
    })
}

/// What is wrong with the past, and the code to end with.
pub fn lost(error: ReplayError) -> Failure {
    match error {
        ReplayError::Log(error) => broken(error),
        ReplayError::Record { source: EventError::Unknown { .. }, .. } => {
            Failure::general(error).hint("this log was written by a later version of Kifu; use its kifu-replay")
        }
        ReplayError::Record { .. } => Failure::new(ExitCode::Unhealthy, error),
        error if error.is_not_here() => Failure::new(ExitCode::NotFound, error),
        error => Failure::general(error),
    }
}

/// What is wrong with a log, and the code to end with.
pub fn broken(error: LogError) -> Failure {
    let code = match &error {
        LogError::Missing { .. } | LogError::BeforeStart { .. } => ExitCode::NotFound,
        LogError::Truncated { .. } => ExitCode::Conflict,
        LogError::Foreign { .. } | LogError::ForeignCluster { .. } | LogError::FutureFormat { .. } => {
            ExitCode::Unhealthy
        }
        error if error.is_damage() => ExitCode::Unhealthy,
        _ => ExitCode::Failure,
    };
    let hint = match &error {
        LogError::Missing { path } if path.exists() => {
            Some("--data takes a node's directory (with `log` in it) or a copy of its log")
        }
        LogError::Missing { .. } => Some("the directory does not exist"),
        _ => None,
    };
    let failure = Failure::new(code, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
