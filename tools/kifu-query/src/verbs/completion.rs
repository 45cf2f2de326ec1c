//! `kifu-query completion`

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use kifu::cli::{ExitCode, Failure};

/// Options of `completion`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  kifu-query completion bash > ~/.local/share/bash-completion/completions/kifu-query"
)]
pub struct Completion {
    /// The shell
    pub shell: Shell,
}

impl Completion {
    /// Prints the script.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let mut script = vec![];
        clap_complete::generate(self.shell, &mut crate::app::Arguments::command(), "kifu-query", &mut script);
        std::io::Write::write_all(&mut std::io::stdout(), &script)?;
        Ok(ExitCode::Ok)
    }
}
