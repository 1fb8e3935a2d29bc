//! What the tests of the published Rust SDK share: the server as a child process, and the workflows of a voyage.

pub mod server;
pub mod voyage;
