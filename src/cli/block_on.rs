//! Runs an asynchronous command to its end, and a moment longer.

use std::future::Future;
use std::time::Duration;

use super::exit::Failure;

/// How long a program stays after its command: hanging up is done by tasks that run until then.
const PARTING: Duration = Duration::from_millis(2);

/// Runs a command on this thread. Nodes are told of the connections that it leaves; one that is not told holds a place for each until the
/// connection has been silent for too long, and refuses the same key when all are taken.
///
/// # Errors
/// The command's, and when there can be no runtime.
pub fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::general)?;
    runtime.block_on(async {
        let outcome = command.await;
        tokio::time::sleep(PARTING).await;
        outcome
    })
}
