//! The derives that every event body, and every value inside one, carries.

/// Declares plain data that may be written to the log: rkyv for the bytes, serde for the JSON edge, and a JSON schema
/// for the published contract. Released types are frozen: a change of shape is a new version, never an edit.
macro_rules! body {
    ($($(#[$meta:meta])* pub $keyword:ident $name:ident { $($inner:tt)* })*) => {$(
        $(#[$meta])*
        #[derive(
            Clone, Debug, PartialEq, Eq,
            rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
            serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        #[serde(rename_all = "snake_case")]
        #[rkyv(derive(Debug))]
        pub $keyword $name { $($inner)* }
    )*};
}
pub(crate) use body;
