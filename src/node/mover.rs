//! Tells the cluster where this node listens when the log says otherwise.
//!
//! A node that was moved reaches the others, but none of them reaches it: the leader sends its entries to the old address, so the
//! node does not even learn who leads. It asks every member in turn until the one that leads has recorded where it is.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use crate::event::command::MoveMember;
use crate::event::{Command, Kind, NodeId, Proposal};
use crate::replica::Replica;
use crate::replica::propose::Outcome;

/// How often the log's word is compared with where this node listens.
const COMPARE_EVERY: Duration = Duration::from_millis(500);

/// Proposes `MEMBER_MOVED` for this node.
pub struct Mover {
    /// This node.
    pub node: NodeId,
    /// Where it listens, as `node.toml` says.
    pub address: String,
    /// The replica.
    pub replica: Arc<Replica>,
    /// The clock.
    pub clock: Clock,
}

impl Mover {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        if !can_be_dialled(&self.address) {
            return;
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(COMPARE_EVERY) => {}
            }
            let Some(known) = self.moved_from() else { continue };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.announce(&known) => {}
            }
        }
    }

    /// What the log says, where that is not where this node listens, and may be said to have changed.
    fn moved_from(&self) -> Option<String> {
        self.replica.fold().read(|state| {
            let known = state.hosts.get(self.node).map(|host| host.address.clone())?;
            (known != self.address && Kind::MemberMoved.since() <= state.membership.version()).then_some(known)
        })
    }

    async fn announce(&self, known: &str) {
        let command = Command::MoveMember(MoveMember { node: self.node, address: self.address.clone() });
        let (origin, observed_at) = (self.node, self.clock.now());
        // Not numbered: said twice it is the same.
        let proposal = Proposal { origin, origin_seq: 0, observed_at, caused_by: vec![], command };
        match self.replica.propose_around(vec![proposal]).await.pop() {
            Some(Outcome::Admitted { .. } | Outcome::Already) => {
                tracing::info!(from = known, to = self.address, "this node moved, and the cluster knows");
            }
            Some(Outcome::Refused { code, message }) => {
                tracing::warn!(code, message, "where this node listens now was not recorded");
            }
            Some(Outcome::Unavailable { .. }) | None => tracing::debug!("nobody could record where this node listens"),
        }
    }
}

/// False for an address that means "all of this machine's": what the log says is a better one.
fn can_be_dialled(address: &str) -> bool {
    let unspecified = |address: SocketAddr| match address.ip() {
        IpAddr::V4(address) => address.is_unspecified(),
        IpAddr::V6(address) => address.is_unspecified(),
    };
    !address.parse().is_ok_and(unspecified)
}

#[cfg(test)]
mod tests {
    use super::can_be_dialled;

    #[test]
    fn an_address_of_every_interface_is_not_announced() {
        for address in ["0.0.0.0:7400", "[::]:7400"] {
            assert!(!can_be_dialled(address), "{address}");
        }
        for address in ["10.0.0.1:7400", "[::1]:7400", "n1.example:7400"] {
            assert!(can_be_dialled(address), "{address}");
        }
    }
}
