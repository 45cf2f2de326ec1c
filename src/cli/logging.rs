//! Logs go to stderr.

use std::io::IsTerminal;

use clap::{ArgAction, Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::exit::Failure;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Options for logs. Flatten it into a program's arguments.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// Say more on stderr; repeat for still more
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,

    /// What is logged, as `target=level` pairs; wins over -v
    #[arg(long, env = "KIFU_LOG", value_name = "FILTER", global = true, hide_env_values = true)]
    pub log: Option<String>,

    /// How log lines look
    #[arg(long, value_enum, env = "KIFU_LOG_FORMAT", default_value_t, global = true, hide_env_values = true)]
    pub log_format: LogFormat,

    /// Never colour anything; NO_COLOR does the same
    #[arg(long, global = true)]
    pub no_color: bool,
}

impl LogArgs {
    /// Starts logging for the whole process. `quiet` is the level without any `-v`: `warn` for a tool, `info` for a server.
    ///
    /// # Errors
    /// A usage [`Failure`] when the filter cannot be read, a general one when logging was started before.
    pub fn start(&self, quiet: &str) -> Result<(), Failure> {
        let filter = self.filter(quiet)?;
        let colour = !self.no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(colour && std::io::stderr().is_terminal());
        match self.log_format {
            LogFormat::Text => builder.try_init(),
            LogFormat::Json => builder.json().try_init(),
        }
        .map_err(|error| Failure::general(format!("cannot start logging: {error}")))
    }

    fn filter(&self, quiet: &str) -> Result<EnvFilter, Failure> {
        let text = match (&self.log, self.verbose) {
            (Some(filter), _) => filter.as_str(),
            (None, 0) => quiet,
            (None, 1) if quiet == "info" => "info,kifu=debug",
            (None, 1) => "info",
            (None, 2) => "debug",
            (None, _) => "trace",
        };
        EnvFilter::try_new(text)
            .map_err(|error| Failure::usage(format!("the log filter {text:?} cannot be read: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_wins_over_v_and_bad_ones_are_usage_errors() {
        let args = |log: Option<&str>, verbose| LogArgs { log: log.map(str::to_owned), verbose, ..LogArgs::default() };
        let shown = |args: LogArgs| args.filter("warn").map(|filter| filter.to_string());
        assert_eq!(shown(args(None, 0)), Ok("warn".to_owned()));
        assert_eq!(shown(args(None, 2)), Ok("debug".to_owned()));
        assert_eq!(shown(args(Some("kifu::log=trace"), 3)), Ok("kifu::log=trace".to_owned()));
        let failure = shown(args(Some("a=b=c"), 0)).expect_err("not a filter");
        assert_eq!(failure.code, super::super::ExitCode::Usage);
    }
}
