//! The binary: the command line, and the wiring of a server. Everything that decides stands in the other crates.

mod logs;
mod server;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// The versions of this program, and of the reference that it is compatible with.
const VERSION: &str = concat!("version ", env!("CARGO_PKG_VERSION"), " (Server 1.32.0 compatible)");

/// Durable execution, spoken over Temporal's wire.
#[derive(Debug, Parser)]
#[command(name = "perdure", version = VERSION)]
struct Root {
    #[command(flatten)]
    globals: cli::Globals,
    #[command(subcommand)]
    command: Top,
}

#[derive(Debug, Subcommand)]
enum Top {
    /// Run Perdure Server
    Server(Box<server::ServerArgs>),
    #[command(flatten)]
    Client(cli::Command),
}

fn main() -> ExitCode {
    let matches = match cli::parse(Root::command(), std::env::args_os()) {
        Ok(matches) => matches,
        Err(refusal) => return server::explain(refusal).print(),
    };
    let root = match Root::from_arg_matches(&matches) {
        Ok(root) => root,
        Err(error) => return failed(&error.to_string()),
    };
    match root.command {
        Top::Server(args) => match server::run(*args, &logs::Output::of(&matches)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(text) => failed(&text),
        },
        Top::Client(command) => match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(cli::run(command, &root.globals)),
            Err(error) => failed(&format!("the event loop can't start: {error}")),
        },
    }
}

fn failed(text: &str) -> ExitCode {
    eprintln!("Error: {text}");
    ExitCode::FAILURE
}
