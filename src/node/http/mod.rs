//! `/healthz`, `/readyz` and `/metrics` over plain HTTP, for load balancers and Prometheus.

pub mod lag;
mod metrics;
pub mod server;

pub use lag::LoopLag;
pub use server::{Health, bind, serve};
