//! `kifu-query`: asks a running cluster. Every answer says at which position of the log it holds, and who gave it.

mod app;
mod conditions;
mod connect;
mod session;
mod show;
mod since;
mod verbs;

use clap::Parser;
use kifu::cli::{ExitCode, Failure, block_on, run};

fn main() -> ExitCode {
    let arguments = app::Arguments::parse();
    run(|| {
        arguments.logs.start("warn")?;
        block_on(async {
            tokio::select! {
                outcome = arguments.verb.run(arguments.connect) => outcome,
                interrupted = tokio::signal::ctrl_c() => {
                    interrupted.map_err(Failure::general)?;
                    Ok(ExitCode::Interrupted)
                }
            }
        })
    })
}
