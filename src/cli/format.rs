//! The options that say how an answer looks.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};

use super::printer::Printer;
use super::time::TimeStyle;
use crate::event::Millis;

/// How data is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// All columns for people.
    Wide,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
    /// Only the ids, one a line.
    Name,
}

impl Format {
    /// True for formats that are read by programs, not people.
    pub fn is_for_programs(self) -> bool {
        !matches!(self, Format::Table | Format::Wide)
    }
}

/// Options of every verb that answers with data. Flatten it into a verb's arguments.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// How the answer is written
    #[arg(short, long, value_enum, env = "KIFU_OUTPUT", default_value_t, global = true, hide_env_values = true)]
    pub output: Format,

    /// How times are written in tables
    #[arg(long, value_enum, env = "KIFU_TIME", default_value_t, global = true, hide_env_values = true)]
    pub time: TimeStyle,
}

impl OutputArgs {
    /// A printer to stdout and stderr.
    pub fn printer(&self) -> Printer {
        let stdout = std::io::stdout();
        let columns = stdout.is_terminal().then(terminal_columns).flatten();
        Printer::new(Box::new(stdout.lock()), Box::new(std::io::stderr()), self.output, self.time)
            .columns(columns)
            .now(now())
    }
}

/// Columns of the terminal on stdout, if it says.
fn terminal_columns() -> Option<u16> {
    rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| size.ws_col).filter(|&columns| columns > 0)
}

/// The clock, for relative times.
fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
