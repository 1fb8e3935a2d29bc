//! A deterministic simulator: nodes, disks, a network, clients and workers in one thread, from one seed.
//!
//! The nodes are the real ones, with the real machines; everything around them is a model that fails on purpose. What
//! clients were promised is checked while it runs and when it has come to rest. The same seed gives the same log.

mod bug;
mod check;
mod client;
mod disk;
mod program;
mod rng;
mod worker;
mod world;

pub use bug::Bug;
pub use world::{Options, Report, run};
