//! `kifu-node restore`

use std::path::PathBuf;

use clap::Args;
use kifu::cli::{ExitCode, Failure, Progress};
use kifu::event::Seq;
use kifu::node::backup::{RestoreOptions, restore};
use kifu::replay::Moment;

use super::init::NewNode;

/// Options of `restore`.
#[derive(Args)]
#[command(
    after_help = "The new cluster has a new id, a new CA and this machine as its only node; join others to it as to any cluster.
The old cluster, if it still runs, is not touched and never mixes with the new one.

Example:
  kifu-node restore --from /backups/kifu --at 2026-01-02T03:04:05Z --data n1 --name n1"
)]
pub struct Restore {
    /// The backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Go back to this record, or to this time (RFC 3339); default: the end of the backup
    #[arg(long, value_name = "SEQ|TIME", value_parser = moment)]
    at: Option<Moment>,
    /// What to call the new cluster; default: as before
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    #[command(flatten)]
    node: NewNode,
}

/// Reads a moment of the past: a record's position, or a time.
pub fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(seq) = text.parse() {
        return Ok(Moment::Seq(Seq(seq)));
    }
    let words = || "expected a record's seq, or a time such as 2026-01-02T03:04:05Z".to_owned();
    text.parse().map(Moment::Time).map_err(|_| words())
}

impl Restore {
    /// Restores.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let (layout, node) = self.node.parts();
        let options = RestoreOptions { node, cluster: self.cluster, at: self.at };
        let progress = Progress::new(None, "events");
        let restored = restore(&self.from, &layout, options, &mut |done| progress.set(done)).map_err(super::failure)?;
        drop(progress);
        super::tell_next(&restored.config, "restored the cluster as", &layout);
        let (seq, digest) = (restored.seq, restored.digest);
        super::say(format!(
            "record {seq}, state digest {digest}, {} blobs, {} missing",
            restored.blobs, restored.missing
        ));
        Ok(if restored.missing == 0 { ExitCode::Ok } else { ExitCode::Unhealthy })
    }
}
