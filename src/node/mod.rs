//! Floor 4: a node, composed of the rooms below.
//!
//! [`node::Node`] wires and runs it; [`layout`] says what lies where in its data directory; [`init`] and [`join`] make one.
//! [`leader`] is the only task that admits and decides; [`courier`], [`fetcher`], [`workshop`], [`heartbeat`] and [`members`]
//! each do one job beside it. [`mod@amend`] reads configurations that people write. [`api`] and [`http`] answer people; [`demo`] runs a whole cluster on one machine.

mod admission;
pub mod amend;
pub mod api;
pub mod archivist;
pub mod backup;
pub mod bench;
pub mod clock;
pub mod courier;
pub mod demo;
pub mod error;
pub mod fetcher;
pub mod heartbeat;
pub mod http;
pub mod init;
pub mod join;
pub mod keeper;
pub mod layout;
pub mod leader;
pub mod lock;
pub mod members;
mod mover;
#[expect(clippy::module_inception, reason = "the room and its main noun share the name")]
pub mod node;
pub mod open;
pub mod ports;
pub mod renewal;
pub mod repair;
pub mod reporter;
mod reserve;
pub mod retention;
pub mod rollcall;
mod room;
pub mod runs;
pub mod standing;
pub mod workshop;

pub use amend::amend;
pub use error::NodeError;
pub use init::NodeOptions;
pub use layout::Layout;
pub use node::Node;
