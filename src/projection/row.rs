//! What a row is: plain data with bytes that are a pure function of its value.

/// A value in a table.
pub trait Row: Clone + PartialEq + std::fmt::Debug + serde::Serialize + Send + Sync + 'static {
    /// The row's bytes.
    fn to_bytes(&self) -> Vec<u8>;
    /// The row with these bytes.
    fn from_bytes(bytes: &[u8]) -> Result<Self, String>;
}

/// Declares rows, and plain data inside rows: rkyv for the bytes, serde for the JSON edge. Rows are not a published
/// format: a change of shape needs a new [`super::snapshot::ROWS_VERSION`], and the log is folded again.
macro_rules! row {
    ($($(#[$meta:meta])* pub $keyword:ident $name:ident { $($inner:tt)* })*) => {$(
        $(#[$meta])*
        #[derive(
            Clone, Debug, PartialEq, Eq,
            rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        #[rkyv(derive(Debug))]
        pub $keyword $name { $($inner)* }

        impl $crate::projection::row::Row for $name {
            fn to_bytes(&self) -> Vec<u8> {
                $crate::event::registry::bytes_of(self)
            }

            fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
                let archived = rkyv::access::<<$name as rkyv::Archive>::Archived, rkyv::rancor::Error>(bytes)
                    .map_err(|error| error.to_string())?;
                rkyv::deserialize::<$name, rkyv::rancor::Error>(archived).map_err(|error| error.to_string())
            }
        }
    )*};
}
pub(crate) use row;
