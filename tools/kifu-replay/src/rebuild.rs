//! `rebuild`: what follows from the log, made again from the log alone.

use std::path::PathBuf;

use clap::Args;
use kifu::artifact::whole_log;
use kifu::cli::{ExitCode, Failure, Printer, Progress};
use kifu::node::Layout;
use kifu::replay::{Retained, RetainedLimits};
use kifu::replica::rebuild::rebuild;
use serde_json::json;

use crate::args::Cli;
use crate::data;

/// Make the projections and the retained snapshots of a node anew, from its log alone
///
/// The node must not run. Ends with 5 when it does. Nothing is lost when this is interrupted: run it again, or start the
/// node, which folds what is missing by itself.
///
/// Example:
///   kifu-replay rebuild n1
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Rebuild {
    /// The node's directory; or give --data
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Rebuild {
    pub fn run(&self, cli: &Cli, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let dir = self.dir.as_ref().or(cli.data.as_ref());
        let dir = dir.ok_or_else(|| Failure::usage("no directory was given").hint("name a node's directory"))?;
        let layout = Layout::new(dir);
        if !layout.log().is_dir() {
            let failure =
                Failure::new(ExitCode::NotFound, format!("{} is no node's directory: it has no log", dir.display()));
            return Err(failure.hint("a copy of a log alone has nothing to rebuild; `state` folds it"));
        }
        let _lock =
            layout.lock().map_err(|error| Failure::new(error.exit_code(), error).hint("stop the node first"))?;
        let archive = data::archive(dir, cli.archive.as_deref())?;
        let reader = whole_log(&layout.log(), archive.as_deref()).map_err(data::unarchived)?;
        let last = reader.last().map_err(data::broken)?.map_or(0, |last| last.seq.0);
        let retained = Retained::owned(layout.checkpoints(), RetainedLimits::default()).map_err(data::lost)?;
        let progress = Progress::new(Some(last), "events");
        let rebuilt = rebuild(&reader, &layout.state(), &retained, &mut |done| progress.set(done));
        let rebuilt = rebuilt.map_err(|error| Failure::new(ExitCode::Unhealthy, error))?;
        let words = progress.finish("events");
        printer.object(&json!({"seq": rebuilt.seq, "digest": rebuilt.digest, "snapshots": rebuilt.snapshots}))?;
        printer.note(words)?;
        Ok(ExitCode::Ok)
    }
}
