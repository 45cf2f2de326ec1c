//! The client API: how programs and people talk to a running node.
//!
//! One QUIC stream a request, on the `Api` channel, with mutual TLS. Frames are JSON: one [`Request`], then one or more
//! [`Response`]s. [`client`] is used by `kifu-query`, `kifu-node` and the demo; [`server`] answers on every node.

mod beginning;
pub mod caller;
pub mod client;
pub mod credentials;
pub mod footer;
pub mod members;
pub mod notes;
mod parts;
pub mod past;
pub mod permission;
pub mod produce;
pub mod producer;
pub mod projections;
mod ratings;
pub mod reads;
pub mod request;
pub mod rows;
pub mod server;
pub mod status;
pub mod subscription;

pub use client::{Client, ClientError, Target};
pub use credentials::Credentials;
pub use members::MemberChange;
pub use producer::Producer;
pub use request::{AsOf, Footer, Noun, Request, Response};
pub use subscription::{Subscription, SubscriptionError, Wanted};
