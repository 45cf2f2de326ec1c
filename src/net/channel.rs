//! Who may speak about what: roles, channels, and the one table that joins them.

use std::fmt;

use super::certificate::CaCertificate;

/// Bytes of the mark in a protocol name.
const MARK_BYTES: usize = 8;

/// What the holder of a certificate is. It stands in the certificate, under the CA's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A member of the cluster. Only nodes answer connections.
    Node,
    /// A person or program that may command.
    Operator,
    /// A person or program that may only look.
    Viewer,
    /// A person or program that holds a token for the client API. What it may do stands in the cluster's log.
    Bearer,
    /// A machine that holds a join token and is not a member yet.
    Joiner,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 5] = [Role::Node, Role::Operator, Role::Viewer, Role::Bearer, Role::Joiner];

    /// The role's name, as it stands in certificates.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Node => "node",
            Role::Operator => "operator",
            Role::Viewer => "viewer",
            Role::Bearer => "bearer",
            Role::Joiner => "joiner",
        }
    }

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// The table: whether this role may open this channel to a node.
    pub fn may_open(self, channel: Channel) -> bool {
        match self {
            Role::Node => true,
            Role::Operator => matches!(channel, Channel::Api | Channel::Blobs),
            Role::Viewer | Role::Bearer => matches!(channel, Channel::Api),
            Role::Joiner => matches!(channel, Channel::Join),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a connection is for. One connection serves one channel; all channels share one UDP port. The version is part of
/// the protocol's name, so that two releases that do not understand each other find out in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Consensus, between nodes.
    Raft,
    /// Commands, queries and subscriptions.
    Api,
    /// Transfer of blobs.
    Blobs,
    /// Requests to become a member.
    Join,
}

impl Channel {
    /// All channels.
    pub const ALL: [Channel; 4] = [Channel::Raft, Channel::Api, Channel::Blobs, Channel::Join];

    /// The protocol's name in the TLS handshake (ALPN).
    pub fn alpn(self) -> &'static str {
        match self {
            Channel::Raft => "kifu-raft/1",
            Channel::Api => "kifu-api/1",
            Channel::Blobs => "kifu-blobs/1",
            Channel::Join => "kifu-join/1",
        }
    }

    /// The name that is spoken in the handshake: the protocol's, and behind it a mark that only those know who hold the
    /// CA's certificate. A node shows its own certificate only to a client that has named such a protocol, so that a stranger
    /// learns neither who it is nor what it speaks.
    pub fn protocol(self, ca: &CaCertificate) -> String {
        let mark = blake3::derive_key("kifu 2026-11 mark of a cluster in protocol names", ca.der());
        format!("{}+{}", self.alpn(), data_encoding::HEXLOWER.encode(&mark[..MARK_BYTES]))
    }

    /// The channel with this protocol name, with a mark behind it or without one.
    pub fn from_alpn(alpn: &[u8]) -> Option<Channel> {
        let name = alpn.split(|byte| *byte == b'+').next()?;
        Channel::ALL.into_iter().find(|channel| channel.alpn().as_bytes() == name)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.alpn())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_opens_only_what_the_table_says() {
        let table: Vec<String> = Role::ALL
            .into_iter()
            .map(|role| {
                let open: Vec<_> = Channel::ALL.into_iter().filter(|c| role.may_open(*c)).map(Channel::alpn).collect();
                format!("{role}: {}", open.join(" "))
            })
            .collect();
        assert_eq!(
            table,
            [
                "node: kifu-raft/1 kifu-api/1 kifu-blobs/1 kifu-join/1",
                "operator: kifu-api/1 kifu-blobs/1",
                "viewer: kifu-api/1",
                "bearer: kifu-api/1",
                "joiner: kifu-join/1",
            ]
        );
    }

    #[test]
    fn names_read_back() {
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.as_str()), Some(role));
        }
        for channel in Channel::ALL {
            assert_eq!(Channel::from_alpn(channel.alpn().as_bytes()), Some(channel));
        }
        assert_eq!(Role::from_name("Node"), None);
        assert_eq!(Channel::from_alpn(b"kifu-raft/2"), None);
    }
}
