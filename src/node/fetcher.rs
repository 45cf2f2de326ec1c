//! Fetches blobs: those that the leader assigned to this node, and those that a job needs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use crate::artifact::{ArtifactError, BlobStore, FetchLimits, fetch_from_any};
use crate::event::command::{BlobRef, LoseArtifact, VerifyArtifact};
use crate::event::{Command, Hash, NodeId, Seq};
use crate::net::resolve;
use crate::replica::{Fold, Peers};
use crate::work::Outbox;

/// A fetch that failed is tried again after this long.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Gets blobs from other members.
#[derive(Clone)]
pub struct Fetcher {
    /// This node.
    pub node: NodeId,
    /// The clock.
    pub clock: Clock,
    /// Where blobs are kept.
    pub blobs: BlobStore,
    /// Who has them.
    pub fold: Arc<Fold>,
    /// How members are reached.
    pub peers: Arc<Peers>,
    /// Where facts go.
    pub outbox: Arc<Outbox>,
}

impl Fetcher {
    /// Fetches what the leader assigns to this node, until `stop`. First it tells which copies it no longer has.
    pub async fn run(self, stop: CancellationToken) {
        self.report_losses().await;
        let mut folded = self.fold.watch();
        loop {
            folded.mark_unchanged();
            let mut failed = false;
            for (blob, cause) in self.assigned() {
                failed |= self.fetch_assigned(blob, cause).await.is_err();
                if stop.is_cancelled() {
                    return;
                }
            }
            let wait = async {
                match failed {
                    true => tokio::time::sleep(RETRY_EVERY).await,
                    false => drop(folded.changed().await),
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = wait => {}
            }
        }
    }

    /// Makes sure that a blob is on this node.
    ///
    /// # Errors
    /// When no other member that has it can be reached, or none sends the right bytes.
    pub async fn ensure(&self, hash: Hash) -> Result<(), ArtifactError> {
        if self.blobs.contains(&hash) {
            return Ok(());
        }
        let sources = self.sources(hash).await;
        let _ = fetch_from_any(self.peers.endpoint(), &sources, hash, &self.blobs, &FetchLimits::default()).await?;
        Ok(())
    }

    fn assigned(&self) -> Vec<(BlobRef, Seq)> {
        self.fold.read(|state| {
            let blob = |artifact: &crate::projection::artifacts::Artifact| {
                let cause = artifact.assigned.iter().find(|assigned| assigned.host == self.node)?.seq;
                Some((BlobRef { hash: artifact.artifact, bytes: artifact.bytes, kind: artifact.kind }, cause))
            };
            state.artifacts.assigned_to(self.node).filter_map(blob).collect()
        })
    }

    async fn fetch_assigned(&self, blob: BlobRef, cause: Seq) -> Result<(), ArtifactError> {
        let hash = blob.hash;
        self.ensure(hash)
            .await
            .inspect_err(|error| tracing::warn!(blob = %hash, %error, "assigned copy not fetched yet"))?;
        let command = Command::VerifyArtifact(VerifyArtifact { blob, host: self.node });
        match self.outbox.push(command, vec![cause], self.clock.now()).await {
            // Until the fold says that the copy is known, do not say it again.
            Ok(_) => self.wait_until_settled(hash).await,
            Err(error) => tracing::error!(%error, "the outbox took no more"),
        }
        Ok(())
    }

    /// Waits, at most a second, until the fold no longer wants the copy from this node.
    async fn wait_until_settled(&self, hash: Hash) {
        let mut folded = self.fold.watch();
        let settled = folded.wait_for(|_| {
            self.fold.read(|state| state.artifacts.get(&hash).is_none_or(|artifact| !artifact.is_assigned(self.node)))
        });
        tokio::time::timeout(RETRY_EVERY, settled).await.ok();
    }

    /// Members that have a copy, those that are online first.
    async fn sources(&self, hash: Hash) -> Vec<(NodeId, SocketAddr)> {
        let mut copies: Vec<(bool, NodeId, String)> = self.fold.read(|state| {
            let holders = state.artifacts.get(&hash).map(|artifact| artifact.copies.clone()).unwrap_or_default();
            let hosts =
                holders.into_iter().filter(|holder| *holder != self.node).filter_map(|holder| state.hosts.get(holder));
            hosts.map(|host| (!host.online, host.host, host.address.clone())).collect()
        });
        copies.sort();
        let mut sources = vec![];
        for (_, node, address) in copies {
            match resolve(&address).await {
                Ok(address) => sources.push((node, address)),
                Err(error) => tracing::debug!(%node, %error, "a member with a copy cannot be found"),
            }
        }
        sources
    }

    /// Copies that the log says are here and that are not.
    async fn report_losses(&self) {
        let held: Vec<Hash> = self.fold.read(|state| {
            let artifacts = state.artifacts.table.values();
            artifacts.filter(|artifact| artifact.is_on(self.node)).map(|artifact| artifact.artifact).collect()
        });
        for artifact in held.into_iter().filter(|hash| !self.blobs.contains(hash)) {
            tracing::warn!(blob = %artifact, "a copy is gone");
            let reason = "not found when the node started".to_owned();
            let command = Command::LoseArtifact(LoseArtifact { artifact, host: self.node, reason });
            if let Err(error) = self.outbox.push(command, vec![], self.clock.now()).await {
                tracing::error!(%error, "the outbox took no more");
                return;
            }
        }
    }
}
