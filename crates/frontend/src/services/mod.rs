//! The services of the API: one function for each call that is served, from a request that has passed the gate to its
//! reply. A function checks the form, asks the engine and words the reply.

pub(crate) mod namespace;
mod numbered;
pub(crate) mod operator;
pub(crate) mod queue;
pub(crate) mod system;
pub(crate) mod visibility;
mod with_history;
pub(crate) mod worker;
pub(crate) mod workflow;
