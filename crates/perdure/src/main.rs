//! The binary: the command line, and the wiring of a server. Everything that decides stands in the other crates.

mod certificates;
mod cloud;
mod config;
mod logs;
mod memory;
mod server;

use std::{io::Write, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Chosen by measurement; SQLite's memory comes from it too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
    /// Run an account of your own
    ///
    /// Creates an account, and manages its namespaces, users, service accounts, API keys and certificates.
    Cloud(Box<cloud::CloudArgs>),
    /// Show profiles of clients, and explain the server's configuration
    Config(config::ConfigArgs),
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
    let output = logs::Output::of(&matches);
    match root.command {
        Top::Server(args) => told(server::run(*args, &output)),
        Top::Config(args) => match config::run(args, output.is_json()) {
            config::Next::Tell(outcome) => told(outcome),
            config::Next::Show(command) => client(cli::run_profiles(command, &root.globals)),
        },
        Top::Cloud(args) => match cloud::run(*args, output.is_json()) {
            cloud::Next::Tell(outcome) => told(outcome),
            cloud::Next::Ask(command) => client(cli::run_cloud(command, &root.globals)),
        },
        Top::Client(command) => client(cli::run(command, &root.globals)),
    }
}

/// Runs a command of the client.
fn client(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => failed(&format!("the event loop can't start: {error}")),
    }
}

/// Prints what a command has to say.
fn told(outcome: Result<String, String>) -> ExitCode {
    match outcome {
        Ok(text) => {
            let mut out = std::io::stdout().lock();
            // Nobody reads on: nothing is left to be said.
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            ExitCode::SUCCESS
        }
        Err(text) => failed(&text),
    }
}

fn failed(text: &str) -> ExitCode {
    eprintln!("Error: {text}");
    ExitCode::FAILURE
}
