//! Keys of rows, and their bytes. The order of the bytes is the order of the keys.

use crate::event::{
    ApiTokenId, DatasetId, GameKey, GauntletId, Hash, JobId, ModelId, NodeId, RunId, Seq, Term, TokenId,
};

/// What a table can be keyed by.
pub trait Key: Clone + Ord + std::fmt::Debug + Send + Sync + 'static {
    /// The key's bytes.
    fn to_bytes(&self) -> Vec<u8>;
    /// The key with these bytes, if they are one.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// The key of a table's only row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Only;

/// A generation of a game.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GenerationKey {
    /// The game.
    pub game: GameKey,
    /// The generation.
    pub generation: u32,
}

impl GenerationKey {
    /// The key of `generation` of `game`.
    pub fn new(game: &GameKey, generation: u32) -> GenerationKey {
        GenerationKey { game: game.clone(), generation }
    }
}

impl Key for Only {
    fn to_bytes(&self) -> Vec<u8> {
        vec![]
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.is_empty().then_some(Only)
    }
}

impl Key for u16 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(u16::from_be_bytes)
    }
}

impl Key for Hash {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Hash)
    }
}

/// The game's text, a zero byte, the generation big-endian.
impl Key for GenerationKey {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.game.0.as_bytes().to_vec();
        bytes.push(0);
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (front, generation) = bytes.split_last_chunk::<4>()?;
        let (zero, game) = front.split_last()?;
        let game = GameKey(std::str::from_utf8(game).ok()?.to_owned());
        (*zero == 0).then_some(GenerationKey { game, generation: u32::from_be_bytes(*generation) })
    }
}

macro_rules! number_keys {
    ($($name:ident),*) => {$(
        impl Key for $name {
            fn to_bytes(&self) -> Vec<u8> {
                self.0.to_be_bytes().to_vec()
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(|bytes| $name(u64::from_be_bytes(bytes)))
            }
        }
    )*};
}

macro_rules! text_keys {
    ($($name:ident),*) => {$(
        impl Key for $name {
            fn to_bytes(&self) -> Vec<u8> {
                self.0.as_bytes().to_vec()
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                String::from_utf8(bytes.to_vec()).ok().map($name)
            }
        }
    )*};
}

number_keys!(NodeId, Seq, Term);
text_keys!(JobId, ModelId, DatasetId, RunId, GauntletId, TokenId, ApiTokenId, GameKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_sort_as_their_bytes() {
        let game = |name: &str, generation| GenerationKey::new(&GameKey(name.into()), generation);
        let keys = [game("a", 1), game("a", 256), game("a", 70_000), game("a-b", 0), game("b", 2)];
        for pair in keys.windows(2) {
            assert!(pair[0] < pair[1] && pair[0].to_bytes() < pair[1].to_bytes(), "{pair:?}");
        }
        for key in keys {
            assert_eq!(GenerationKey::from_bytes(&key.to_bytes()), Some(key));
        }
        assert_eq!(Seq::from_bytes(&Seq(7).to_bytes()), Some(Seq(7)));
        assert_eq!(Only::from_bytes(b"x"), None);
        assert_eq!(GenerationKey::from_bytes(b"abc"), None);
    }
}
