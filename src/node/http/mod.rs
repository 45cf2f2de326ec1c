//! `/healthz`, `/readyz` and `/metrics` over plain HTTP, for load balancers and Prometheus.

pub mod door;
pub mod lag;
pub mod metrics;
pub mod server;

pub use lag::LoopLag;
pub use metrics::Scrape;
pub use server::{Health, bind, serve};
