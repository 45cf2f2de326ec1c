//! Gives blobs to a peer.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::error::ArtifactError;
use super::protocol::{ANSWER_BYTES, Answer, REQUEST_BYTES, Request, frames};
use super::store::{BUFFER_BYTES, BlobStore};
use crate::net::{Connection, NetError, RecvStream, SendStream, read_frame, write_frame};

/// Transfers to one connection at a time. At the limit further requests wait unread.
pub const TRANSFERS_MAX: usize = 8;
/// How long a peer may take to ask, or to accept [`BUFFER_BYTES`] of a blob, before the transfer is given up.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers the requests for blobs on a connection until it closes. The bytes go out as they lie on the disk; it is the
/// receiver who checks them.
pub async fn serve_blobs(connection: &Connection, store: &BlobStore) -> Result<(), ArtifactError> {
    let slots = Arc::new(Semaphore::new(TRANSFERS_MAX));
    let transfers = TaskTracker::new();
    let peer = connection.peer().node;
    let outcome = loop {
        let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (send, receive) = match connection.accept().await {
            Ok(Some(streams)) => streams,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        };
        let store = store.clone();
        let transfer = async move {
            if let Err(error) = give(send, receive, &store).await {
                tracing::warn!(%peer, %error, "blob not given");
            }
            drop(slot);
        };
        transfers.spawn(transfer.in_current_span());
    };
    transfers.close();
    transfers.wait().await;
    outcome
}

async fn give(mut send: SendStream, mut receive: RecvStream, store: &BlobStore) -> Result<(), ArtifactError> {
    let Some(request) = read_frame(&mut receive, &frames(REQUEST_BYTES, STALL_TIMEOUT)).await? else { return Ok(()) };
    let request = Request::decode(&request)
        .ok_or(NetError::Stream { doing: "reading a request for a blob", reason: "it is malformed".into() })?;
    let store = store.clone();
    let (answer, file) = blocking(move || open(&store, request)).await?;
    write_frame(&mut send, &answer.encode(), &frames(ANSWER_BYTES, STALL_TIMEOUT)).await?;
    if let Some(file) = file {
        stream_out(file, &mut send).await?;
    }
    // Fails only where the peer has gone, which is not our concern.
    let _ = send.finish();
    Ok(())
}

fn open(store: &BlobStore, request: Request) -> Result<(Answer, Option<File>), ArtifactError> {
    let Some(path) = store.path(&request.hash) else { return Ok((Answer::NotHere, None)) };
    let failed = |error| ArtifactError::file("read", &path, error);
    let mut file = File::open(&path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if request.offset > bytes {
        return Ok((Answer::BeyondEnd, None));
    }
    file.seek(SeekFrom::Start(request.offset)).map_err(failed)?;
    Ok((Answer::Here { bytes }, Some(file)))
}

/// Sends the rest of a file. If that fails half-way the stream is reset, so that the peer does not take it for the end.
async fn stream_out(mut file: File, send: &mut SendStream) -> Result<(), ArtifactError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read;
        (file, buffer, read) = blocking(move || {
            let read = file.read(&mut buffer);
            Ok((file, buffer, read))
        })
        .await?;
        let outcome = match read {
            Ok(0) => return Ok(()),
            Ok(got) => tokio::time::timeout(STALL_TIMEOUT, send.write_all(&buffer[..got])).await,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let _ = send.reset(1_u32.into());
                return Err(NetError::Stream { doing: "reading a blob to send it", reason: error.to_string() }.into());
            }
        };
        let waited_ms = u64::try_from(STALL_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        let doing = "sending a blob";
        let error = match outcome {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => NetError::Stream { doing, reason: error.to_string() },
            Err(_) => NetError::Silent { doing, waited_ms },
        };
        let _ = send.reset(1_u32.into());
        return Err(error.into());
    }
}

/// Runs work on files where it does not hold up the network.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArtifactError> + Send + 'static,
) -> Result<T, ArtifactError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(ArtifactError::Interrupted))
}
