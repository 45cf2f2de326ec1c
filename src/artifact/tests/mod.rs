//! The store by itself, and transfers between peers, honest and lying.

mod archive;
mod peers;
mod store;
mod transfer;
