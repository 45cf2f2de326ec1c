//! Who is let in: few at a time, each for one request, and nobody for long.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use std::collections::VecDeque;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Connections at a time. When one more comes, the oldest is hung up on: an honest one is over within milliseconds, and who
/// holds many open shuts nobody out.
pub const CONNECTIONS_MAX: usize = 64;
/// A connection that is older than this is hung up on, whatever it is at.
pub const CONNECTION_TIME_MAX: Duration = Duration::from_secs(5);
/// A pause after a connection that could not be taken, as when there are no more file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// A TCP port with bounds.
pub struct Door {
    listener: TcpListener,
    /// What ends each of the last [`CONNECTIONS_MAX`] connections, oldest first; many are over already.
    inside: VecDeque<CancellationToken>,
}

impl Door {
    /// Opens a port that is bound. Must be called on the runtime that serves it.
    ///
    /// # Errors
    /// When the runtime cannot watch the port.
    pub fn new(listener: std::net::TcpListener) -> io::Result<Door> {
        listener.set_nonblocking(true)?;
        Ok(Door { listener: TcpListener::from_std(listener)?, inside: VecDeque::new() })
    }

    fn enter(&mut self, stream: TcpStream) -> Visit {
        let token = CancellationToken::new();
        self.inside.push_back(token.clone());
        if self.inside.len() > CONNECTIONS_MAX
            && let Some(oldest) = self.inside.pop_front()
        {
            oldest.cancel();
        }
        let over = async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = tokio::time::sleep(CONNECTION_TIME_MAX) => {}
            }
        };
        Visit { stream, over: Box::pin(over), is_over: false }
    }
}

impl Listener for Door {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => return (self.enter(stream), from),
                Err(error) => {
                    tracing::debug!(%error, "an HTTP connection was not taken");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends in time.
pub struct Visit {
    stream: TcpStream,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_over: bool,
}

impl Visit {
    /// The stream, unless the visit is over. Wakes the task when it is.
    fn stream(&mut self, context: &mut Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        self.is_over = self.is_over || self.over.as_mut().poll(context).is_ready();
        match self.is_over {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(Pin::new(&mut self.stream)),
        }
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream(context)?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Visit {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream(context)?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(context)?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(context)?.poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use axum::Router;
    use axum::routing::get;

    use super::*;

    /// A server on its own thread.
    fn serve() -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let routes = Router::new().route("/", get(|| async { "here" }));
                axum::serve(Door::new(listener).expect("watched"), routes).await.ok();
            });
        });
        address
    }

    fn ask(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).expect("the port is open");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// Waits until the other side hangs up.
    fn wait_for_end(mut stream: TcpStream) {
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        let mut rest = vec![];
        match stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
        }
    }

    #[test]
    fn who_holds_every_place_with_half_a_request_shuts_nobody_out_and_is_hung_up_on() {
        let address = serve();
        let slow: Vec<TcpStream> = (0..CONNECTIONS_MAX + 8)
            .map(|_| {
                let mut stream = TcpStream::connect(address).expect("the port is open");
                stream.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").expect("sent");
                stream
            })
            .collect();
        assert!(ask(address).ends_with("here"));
        slow.into_iter().for_each(wait_for_end);
    }

    #[test]
    fn a_request_that_comes_drop_by_drop_is_hung_up_on() {
        let address = serve();
        let mut stream = TcpStream::connect(address).expect("the port is open");
        stream.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").expect("sent");
        let begun = std::time::Instant::now();
        while stream.write_all(b"x").is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it is never hung up on");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(ask(address).ends_with("here"));
    }
}
