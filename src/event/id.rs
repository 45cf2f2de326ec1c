//! Identities. Machines are named by a number derived from their key, content by its BLAKE3 hash, and everything
//! that people talk about by a readable id with its noun in front (`job/…`, `model/…`).

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::EventError;

/// A node: the first eight bytes of the BLAKE3 hash of its public key. Printed as 16 hex digits.
/// The name that people gave it stands in `NODE_JOINED`.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
#[rkyv(derive(Debug))]
pub struct NodeId(pub u64);

impl NodeId {
    /// The node that holds the key with this fingerprint.
    pub fn of(fingerprint: &Hash) -> NodeId {
        let mut first = [0; 8];
        first.copy_from_slice(&fingerprint.0[..8]);
        NodeId(u64::from_be_bytes(first))
    }
}

impl From<u64> for NodeId {
    fn from(id: u64) -> NodeId {
        NodeId(id)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for NodeId {
    type Err = EventError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 16 {
            return Err(EventError::BadId { what: "node id", text: text.to_owned() });
        }
        u64::from_str_radix(text, 16)
            .map(NodeId)
            .map_err(|_| EventError::BadId { what: "node id", text: text.to_owned() })
    }
}

/// A BLAKE3 hash: the name of a blob, the fingerprint of a key, the digest of a projection. Printed as 64 hex digits.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
#[rkyv(derive(Debug))]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(*blake3::hash(bytes).as_bytes())
    }

    /// The first eight hex digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = EventError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || EventError::BadId { what: "hash", text: text.to_owned() };
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| bad())?;
        bytes.try_into().map(Hash).map_err(|_| bad())
    }
}

macro_rules! text_in_json {
    ($($name:ident: $pattern:literal),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $pattern})
            }
        }
    )*};
}

text_in_json!(NodeId: "^[0-9a-f]{16}$", Hash: "^[0-9a-f]{64}$");

macro_rules! named {
    ($($(#[$meta:meta])* $name:ident $noun:literal)*) => {$(
        $(#[$meta])*
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        #[rkyv(derive(Debug))]
        pub struct $name(pub String);

        impl $name {
            /// The noun in front of every id of this type, with its slash.
            pub const PREFIX: &'static str = concat!($noun, "/");

            /// The id with this tail.
            pub fn new(tail: impl fmt::Display) -> Self {
                Self(format!("{}{tail}", Self::PREFIX))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

named! {
    /// A unit of work, such as `job/selfplay-g3-12`.
    JobId "job"
    /// A set of weights, such as `model/connect4-g3-1f00ab42`: game, generation, start of the weights' hash.
    ModelId "model"
    /// A sealed list of verified games, such as `dataset/connect4-g3`.
    DatasetId "dataset"
    /// A training run, such as `run/connect4-g3`.
    RunId "run"
    /// A match plan and its results, such as `gauntlet/connect4-g3`.
    GauntletId "gauntlet"
    /// A join token; the part after the noun is public, the secret is not in the log.
    TokenId "token"
    /// A token for the client API, such as `api-token/5f0e1c2299ab3d47`; its key is not in the log.
    ApiTokenId "api-token"
    /// A cluster, such as `cluster/9b1c22aa77e0d1f3`: the start of its CA key's hash.
    ClusterId "cluster"
}

/// Which game, with its board and number of players, such as `connect4` or `ringrift-hex8-2p`.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
#[rkyv(derive(Debug))]
pub struct GameKey(pub String);

impl fmt::Display for GameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_what_they_write() {
        let hash = Hash::of(b"kifu");
        assert_eq!(hash.to_string().parse::<Hash>().expect("own text"), hash);
        let node = NodeId::of(&hash);
        assert_eq!(node.to_string().parse::<NodeId>().expect("own text"), node);
        assert!("zz".parse::<Hash>().is_err());
        assert!("12".parse::<NodeId>().is_err());
        assert_eq!(JobId::new("selfplay-g3-12").as_str(), "job/selfplay-g3-12");
    }
}
