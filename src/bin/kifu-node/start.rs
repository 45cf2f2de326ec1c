//! `kifu-node start`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kifu::cli::{ExitCode, Failure};
use kifu::node::{Layout, Node};
use kifu::replica::Timing;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Options of `start`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node start --data n1")]
pub struct Start {
    /// The data directory
    #[arg(long, env = "KIFU_DATA", value_name = "DIR")]
    data: PathBuf,
    /// How fast leaders are replaced: lan (below a second) for idle cores in one place, wan for busy or distant machines
    #[arg(long, env = "KIFU_TIMING", value_enum, default_value_t = TimingProfile::Wan)]
    timing: TimingProfile,
    /// Stop when stdin ends, as when the program that started this node is gone
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

/// Named timings.
#[derive(Clone, Copy, ValueEnum)]
enum TimingProfile {
    /// Heartbeats every 60 ms, elections after 150 to 280 ms.
    Lan,
    /// Heartbeats every 250 ms, elections after 900 to 1300 ms.
    Wan,
}

impl Start {
    /// Runs the node until SIGTERM or SIGINT.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let timing = match self.timing {
            TimingProfile::Lan => Timing::LAN,
            TimingProfile::Wan => Timing::WAN,
        };
        // One thread: consensus is short steps that hand over to one another, which across threads costs a wake-up each. And strictly in turn:
        // then all that wait for a batch have written their answers before the connections send, and each sends a few packets, not one an answer.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .thread_name("kifu-blocking")
            .enable_all()
            .build()
            .map_err(Failure::general)?;
        let result = runtime.block_on(async {
            let stop = stop_on_signals().map_err(Failure::general)?;
            if self.stop_with_stdin {
                stop_with_stdin(stop.clone());
            }
            let node = Node::start(Layout::new(self.data), timing).await.map_err(super::failure)?;
            node.run(stop).await.map_err(super::failure)
        });
        runtime.shutdown_background();
        result.map(|()| ExitCode::Ok)
    }
}

fn stop_with_stdin(stop: CancellationToken) {
    // A thread of its own: a blocked read of stdin cannot be cancelled, and must not keep a runtime alive.
    std::thread::spawn(move || {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        stop.cancel();
    });
}

fn stop_on_signals() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signals, stop) = (signal(kind)?, stop.clone());
        tokio::spawn(async move {
            signals.recv().await;
            stop.cancel();
        });
    }
    Ok(stop)
}
