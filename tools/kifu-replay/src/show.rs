//! `show`: one record.

use clap::Args;
use kifu::cli::{ExitCode, Failure, Format, Printer};
use kifu::event::Seq;

use crate::args::Cli;
use crate::data::Data;
use crate::dump;

/// Show one record
///
/// Example:
///   kifu-replay --data n1 show 17
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Show {
    /// The record
    #[arg(value_name = "SEQ")]
    seq: u64,
}

impl Show {
    pub fn run(&self, cli: &Cli, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let data = Data::open(cli)?;
        let record = data.record(Seq(self.seq))?;
        let json = dump::json(&record);
        match printer.format() {
            Format::Table | Format::Wide => {
                let mut flat = json;
                let body = flat.as_object_mut().and_then(|fields| fields.remove("body")).unwrap_or_default();
                printer.object(&flat)?;
                let body = serde_json::to_string_pretty(&body).expect("JSON is text");
                printer.text(format!("\n{body}"))?;
            }
            _ => printer.object(&json)?,
        }
        Ok(ExitCode::Ok)
    }
}
