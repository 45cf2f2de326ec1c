//! The node program as people use it: real processes, real ports, real files.

mod backup;
mod bad_input;
mod cluster;
mod diverged;
mod http;
mod identity;
mod leases;
mod members;
mod past;
mod quorum;
mod repair;
mod retention;
mod running;
mod subscription;
mod support;
mod trust;
mod upgrade;
