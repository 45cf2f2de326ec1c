//! Gets blobs from peers. Bytes are hashed as they arrive; only a whole blob with the right hash gets its name.

use std::net::SocketAddr;
use std::time::Duration;

use super::error::ArtifactError;
use super::incoming::Incoming;
use super::protocol::{ANSWER_BYTES, Answer, REQUEST_BYTES, Request, frames};
use super::serve::blocking;
use super::store::{BUFFER_BYTES, BlobStore};
use crate::event::{Hash, NodeId};
use crate::net::{Channel, Connection, Endpoint, NetError, RecvStream, read_frame, write_frame};

/// The largest blob that is fetched unless the caller says otherwise: 4 GiB.
pub const BLOB_BYTES_MAX: u64 = 4 << 30;
/// Default of [`FetchLimits::stall`].
const STALL_TIMEOUT: Duration = Duration::from_secs(15);

/// How much, and how slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// The largest blob. Where the size is known from the log, that is the limit to set.
    pub bytes_max: u64,
    /// How long the peer may take for its answer, and for each 256 KiB of the blob.
    pub stall: Duration,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self { bytes_max: BLOB_BYTES_MAX, stall: STALL_TIMEOUT }
    }
}

/// Fetches a blob over a connection of [`Channel::Blobs`], and answers with its size. A blob that is here already is not
/// fetched; two fetches of one blob become one. What a broken transfer left is resumed, also from another peer. Bytes that do
/// not hash to the blob's name are discarded, and the peer that sent them is named.
pub async fn fetch(
    connection: &Connection,
    hash: Hash,
    store: &BlobStore,
    limits: &FetchLimits,
) -> Result<u64, ArtifactError> {
    let outcome = match transfer(connection, hash, store, limits).await {
        // The beginning may be of another peer: before this one is blamed, it gets to send the whole.
        Err((ArtifactError::WrongCopy { reason, .. }, true)) => {
            tracing::warn!(%hash, peer = %connection.peer().node, reason, "resumed transfer went wrong, starting anew");
            transfer(connection, hash, store, limits).await
        }
        outcome => outcome,
    };
    let bytes = outcome.map_err(|(error, _)| error)?;
    tracing::info!(%hash, bytes, peer = %connection.peer().node, "blob fetched");
    Ok(bytes)
}

/// Fetches a blob from the first of `sources` that gives it. Goes on to the next where a peer cannot be reached, has no copy or a
/// wrong one; stops where the trouble is here.
pub async fn fetch_from_any(
    endpoint: &Endpoint,
    sources: &[(NodeId, SocketAddr)],
    hash: Hash,
    store: &BlobStore,
    limits: &FetchLimits,
) -> Result<u64, ArtifactError> {
    if let Some(bytes) = store.bytes(&hash) {
        return Ok(bytes);
    }
    let mut tried = Vec::new();
    for &(node, address) in sources {
        match fetch_from(endpoint, node, address, hash, store, limits).await {
            Ok(bytes) => return Ok(bytes),
            Err(error) if error.is_local() => return Err(error),
            Err(error) => {
                tracing::warn!(%hash, source = %node, %address, %error, "blob not fetched from this source");
                tried.push(error.to_string());
            }
        }
    }
    Err(ArtifactError::NoSource { hash, tried })
}

async fn fetch_from(
    endpoint: &Endpoint,
    node: NodeId,
    address: SocketAddr,
    hash: Hash,
    store: &BlobStore,
    limits: &FetchLimits,
) -> Result<u64, ArtifactError> {
    let connection = endpoint.connect(address, Some(node), Channel::Blobs).await?;
    let outcome = fetch(&connection, hash, store, limits).await;
    connection.close("done");
    outcome
}

/// One transfer. With an error comes whether part of the bytes was here before.
async fn transfer(
    connection: &Connection,
    hash: Hash,
    store: &BlobStore,
    limits: &FetchLimits,
) -> Result<u64, (ArtifactError, bool)> {
    let turn = store.fetch_turn(&hash).lock_owned().await;
    if let Some(bytes) = store.bytes(&hash) {
        return Ok(bytes);
    }
    let at = store.clone();
    let incoming = blocking(move || Incoming::resume(&at, &hash, turn)).await.map_err(|error| (error, false))?;
    let resumed = incoming.bytes() > 0;
    let receiver = Receiver { connection, hash, limits };
    receiver.receive(incoming, store).await.map_err(|error| (error, resumed))
}

/// The receiving end of one transfer.
struct Receiver<'a> {
    connection: &'a Connection,
    hash: Hash,
    limits: &'a FetchLimits,
}

impl Receiver<'_> {
    async fn receive(&self, mut incoming: Incoming, store: &BlobStore) -> Result<u64, ArtifactError> {
        let (bytes, mut stream) = match self.ask(incoming.bytes()).await? {
            (Answer::Here { bytes }, stream) => (bytes, stream),
            (Answer::NotHere, _) => {
                return Err(ArtifactError::NotThere { peer: self.peer(), hash: self.hash });
            }
            (Answer::BeyondEnd, _) => {
                incoming.restart()?;
                match self.ask(0).await? {
                    (Answer::Here { bytes }, stream) => (bytes, stream),
                    _ => return Err(self.broke_protocol("no blob ends before its beginning")),
                }
            }
        };
        if bytes > self.limits.bytes_max {
            incoming.discard();
            let bytes_max = self.limits.bytes_max;
            return Err(ArtifactError::TooLarge { peer: self.peer(), hash: self.hash, bytes, bytes_max });
        }
        if bytes < incoming.bytes() {
            incoming.discard();
            return Err(self.broke_protocol("it sends from beyond the end"));
        }
        let incoming = self.take_bytes(incoming, &mut stream, bytes).await?;
        if let Err(error) = self.expect_end(&mut stream).await {
            incoming.discard();
            return Err(error);
        }
        let found = incoming.hash();
        if found != self.hash {
            incoming.discard();
            return Err(self.wrong(format!("its {bytes} bytes hash to {found}; none were kept")));
        }
        let store = store.clone();
        blocking(move || incoming.keep(&store)).await?;
        Ok(bytes)
    }

    async fn ask(&self, offset: u64) -> Result<(Answer, RecvStream), ArtifactError> {
        let (mut send, mut receive) = self.connection.open().await?;
        let request = Request { hash: self.hash, offset }.encode();
        let stall = self.limits.stall;
        write_frame(&mut send, &request, &frames(REQUEST_BYTES, stall)).await.map_err(|e| self.broken(e))?;
        // If the peer has cut the stream already, reading its answer says why.
        let _ = send.finish();
        let answer = read_frame(&mut receive, &frames(ANSWER_BYTES, stall)).await.map_err(|e| self.broken(e))?;
        let answer = answer.ok_or_else(|| self.broke_protocol("it gave no answer"))?;
        let answer = Answer::decode(&answer).ok_or_else(|| self.broke_protocol("its answer is malformed"))?;
        Ok((answer, receive))
    }

    /// Takes bytes until there are `bytes` in the file. What had arrived before an error stays in it.
    async fn take_bytes(
        &self,
        mut incoming: Incoming,
        stream: &mut RecvStream,
        bytes: u64,
    ) -> Result<Incoming, ArtifactError> {
        let mut buffer = vec![0; BUFFER_BYTES];
        while incoming.bytes() < bytes {
            let want = usize::try_from(bytes - incoming.bytes()).unwrap_or(usize::MAX).min(BUFFER_BYTES);
            let (got, trouble) = self.fill(stream, &mut buffer[..want]).await;
            (incoming, buffer) = blocking(move || {
                incoming.append(&buffer[..got])?;
                Ok((incoming, buffer))
            })
            .await?;
            if let Some(error) = trouble {
                if matches!(error, ArtifactError::WrongCopy { .. }) {
                    incoming.discard();
                }
                return Err(error);
            }
        }
        Ok(incoming)
    }

    /// Fills the buffer, or says how far it got and why no further.
    async fn fill(&self, stream: &mut RecvStream, buffer: &mut [u8]) -> (usize, Option<ArtifactError>) {
        let deadline = tokio::time::Instant::now() + self.limits.stall;
        let mut got = 0;
        while got < buffer.len() {
            let doing = "receiving a blob";
            let trouble = match tokio::time::timeout_at(deadline, stream.read(&mut buffer[got..])).await {
                Ok(Ok(Some(more))) => {
                    got += more;
                    continue;
                }
                Ok(Ok(None)) => self.wrong("it ends before its own size; none of it was kept".into()),
                Ok(Err(error)) => self.broken(NetError::Stream { doing, reason: error.to_string() }),
                Err(_) => self.broken(NetError::Silent {
                    doing,
                    waited_ms: u64::try_from(self.limits.stall.as_millis()).unwrap_or(u64::MAX),
                }),
            };
            return (got, Some(trouble));
        }
        (got, None)
    }

    /// A blob ends where it said it would.
    async fn expect_end(&self, stream: &mut RecvStream) -> Result<(), ArtifactError> {
        match tokio::time::timeout(self.limits.stall, stream.read(&mut [0])).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(_))) => Err(self.wrong("it goes on beyond its own size; none of it was kept".into())),
            Ok(Err(_)) | Err(_) => Err(self.wrong("it does not end where it should; none of it was kept".into())),
        }
    }

    fn peer(&self) -> NodeId {
        self.connection.peer().node
    }

    fn wrong(&self, reason: String) -> ArtifactError {
        ArtifactError::WrongCopy { peer: self.peer(), hash: self.hash, reason }
    }

    fn broken(&self, source: NetError) -> ArtifactError {
        ArtifactError::Transfer { peer: self.peer(), hash: self.hash, source }
    }

    fn broke_protocol(&self, reason: &'static str) -> ArtifactError {
        ArtifactError::Protocol { peer: self.peer(), reason }
    }
}
