//! The native worker: the only program that is linked against libtorch.
//!
//! Speaks the worker protocol ([`kifu::work::protocol`]) over stdin and stdout; logs go to stderr. `bench` measures and
//! `exam` examines instead. Exit codes: 0 after `shutdown` or the end of stdin, 1 when it cannot start or stdout is gone, 2
//! when stdin breaks the protocol or the flags are wrong, 6 when the device fails its check.

mod args;
mod bench;
mod device;
mod exam;
mod inputs;
mod job;
mod listen;
mod serve;
mod speak;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
    let device = match device::prepare(&args) {
        Ok(device) => device,
        Err(error) => return fail(error.exit_code(), &error.to_string()),
    };
    if let Some(verb) = &args.verb {
        let done = match verb {
            args::Verb::Bench(bench) => bench.run(&args, device),
            args::Verb::Exam(exam) => exam::run(exam, device).map_err(|error| error.to_string()),
        };
        return match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(1, &error),
        };
    }
    match serve::serve(&args, device) {
        Ok(()) => ExitCode::SUCCESS,
        Err(serve::Broken::Protocol(reason)) => fail(2, &format!("the node broke the protocol: {reason}")),
        Err(serve::Broken::Output(error)) => fail(1, &format!("cannot write to the node: {error}")),
    }
}

fn fail(code: u8, message: &str) -> ExitCode {
    // Nothing is left to do when stderr is gone too.
    let _ = writeln!(io::stderr(), "kifu-worker: {message}");
    ExitCode::from(code)
}
