//! `kifu-node backup`

use std::path::PathBuf;

use clap::Args;
use kifu::cli::time::size_text;
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::node::{Layout, backup};

/// Options of `backup`.
#[derive(Args)]
#[command(after_help = "The node may run. A second backup into the same folder copies only what is new.
Ends with 6 when a blob could not be found anywhere; the backup is good but for that.

Example:
  kifu-node backup --data n1 --out /backups/kifu")]
pub struct Backup {
    /// The data directory of a node on this machine
    #[arg(long, env = "KIFU_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Where the backup goes: a new folder, or one that holds an earlier backup of the same cluster
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

impl Backup {
    /// Takes the backup.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let taken = kifu::cli::block_on(async {
            backup::take(&Layout::new(self.data), &self.out).await.map_err(super::failure)
        })?;
        let manifest = &taken.manifest;
        let mut printer = self.output.printer();
        let mut row = serde_json::to_value(manifest).map_err(Failure::general)?;
        if !self.output.output.is_for_programs() {
            let bytes: u64 = manifest.segments.iter().map(|segment| segment.bytes).sum();
            row["segments"] =
                format!("{} ({}), {} written", manifest.segments.len(), size_text(bytes), taken.segments_written)
                    .into();
            row["blobs"] =
                format!("{} ({}), {} copied", manifest.blobs, size_text(manifest.blob_bytes), taken.blobs_copied)
                    .into();
            row["missing"] = manifest.missing.len().into();
        }
        printer.object(&row)?;
        printer.note(format!("record {} of {}, recorded {}", manifest.seq, manifest.cluster, manifest.recorded_at))?;
        Ok(if manifest.missing.is_empty() { ExitCode::Ok } else { ExitCode::Unhealthy })
    }
}
