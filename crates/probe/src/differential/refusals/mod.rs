//! The declared failures: for each RPC what it refuses, with which code and text, and how to bring it about. A run is
//! not complete before each has occurred.

mod client;
mod commands;
mod operator;
mod reads;
mod updates;
mod worker;

use serde_json::{Value, json};

pub(crate) use commands::{bad_command, bad_commands};

/// One failure of one RPC.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) rpc: &'static str,
    /// The status code as gRPC spells it.
    pub(crate) code: &'static str,
    /// A piece of the text that no other failure of the RPC has.
    pub(crate) text: &'static str,
    /// Turns a valid request into the refused one; absent where only a random walk gets there.
    pub(crate) provoke: Option<fn(&mut Value, &Scene)>,
}

/// What a provoked refusal can refer to.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// The execution of an open run, with its run id.
    pub(crate) open: Value,
    /// The execution of a run that has completed.
    pub(crate) closed: Value,
}

const fn row(rpc: &'static str, code: &'static str, text: &'static str, provoke: fn(&mut Value, &Scene)) -> Refusal {
    Refusal { rpc, code, text, provoke: Some(provoke) }
}

/// A failure that the walk meets by itself.
const fn met(rpc: &'static str, code: &'static str, text: &'static str) -> Refusal {
    Refusal { rpc, code, text, provoke: None }
}

/// Every declared failure.
pub(crate) fn declared() -> impl Iterator<Item = &'static Refusal> {
    let tables = [
        client::ROWS,
        client::ADDRESSED,
        worker::ROWS,
        worker::ACTIVITY_ROWS,
        reads::ROWS,
        operator::ROWS,
        updates::ROWS,
    ];
    tables.into_iter().flatten().chain(commands::BAD.iter().map(|bad| &bad.refusal))
}

/// A text that is longer than any id may be.
fn long() -> Value {
    json!("x".repeat(1001))
}

/// A namespace that does not exist.
const NOWHERE: &str = "probe-nowhere";
/// A run id of the right form that no run has.
const NO_RUN: &str = "00000000-0000-4000-8000-000000000000";

/// A payload of a size that no blob may have.
fn oversized() -> Value {
    json!({"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "MDAw".repeat(750_000)}]})
}
