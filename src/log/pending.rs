//! The answer to a request that the writer thread works off.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::error::LogError;

/// Called once, on the writer's thread, in order of the requests. Must not block.
pub(super) type Done = Box<dyn FnOnce(Result<(), LogError>) + Send>;

/// Resolves when the request is durable, or has failed. Await it, or [`Pending::wait`] outside async code.
/// Dropping it does not take the request back.
#[must_use = "the request is durable only when this resolves"]
pub struct Pending(oneshot::Receiver<Result<(), LogError>>);

impl Pending {
    pub(super) fn new() -> (Pending, Done) {
        let (sender, receiver) = oneshot::channel();
        // Nobody may be waiting any more; the request counts all the same.
        let done = Box::new(move |result| drop(sender.send(result)));
        (Pending(receiver), done)
    }

    /// Blocks until it resolves. Panics inside async code: await it there.
    ///
    /// # Errors
    /// As the request.
    pub fn wait(self) -> Result<(), LogError> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl Future for Pending {
    type Output = Result<(), LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or_else(|_| Err(gone())))
    }
}

fn gone() -> LogError {
    LogError::Poisoned { reason: "the writer has ended".to_owned() }
}
