//! Outside views of a running server: `differential` compares it with the reference server, `malformed` sends it what
//! no client should, `overload` asks more of it than it can serve, `substitution` sets one tenant of a secured server on another, `bench` loads both in turn. All of
//! them speak only gRPC and know nothing of the server's insides.

mod bench;
mod catalog;
mod differential;
mod launch;
mod limits;
mod malformed;
mod neighbours;
mod overload;
mod reference;
mod secured;
mod seed;
mod server;
mod strangers;
mod substitution;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// As in the server: a load generator takes processor time from the server beside it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Compare, stress and measure a server from outside.
#[derive(Parser)]
#[command(name = "probe")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the same random programs of RPCs against the server under test and the reference, and compare.
    Differential(differential::Options),
    /// Load the reference and the server under test in turn, and print what each used.
    Bench(bench::Options),
    /// Send what no client should send, and see that each gets a precise answer and the server goes on.
    Malformed(malformed::Options),
    /// Ask both servers for more than low limits allow, and compare what they refuse.
    Limits(limits::Options),
    /// Measure a quiet namespace alone, and beside one that offers more than it may.
    Neighbours(neighbours::Options),
    /// Put more calls on a server than it can serve, and see how many of them it serves and what it tells the others.
    Overload(overload::Options),
    /// Put what one tenant of a secured server has into every request of another, and see that nothing comes of it.
    Substitution(substitution::Options),
    /// Open connections, requests and replies without end, and see what a server holds for them and how others fare.
    Strangers(strangers::Options),
    /// Install the reference server into the virtual environment of the repository.
    InstallReference,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A load generator that passes its calls from thread to thread takes the processor from the server.
    let mut builder = if matches!(arguments.command, Command::Bench(_)) {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = match builder.worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match arguments.command {
            Command::Differential(options) => differential::run(options).await,
            Command::Bench(options) => bench::run(options).await,
            Command::Malformed(options) => malformed::run(options).await,
            Command::Limits(options) => limits::run(options).await,
            Command::Neighbours(options) => neighbours::run(options).await,
            Command::Overload(options) => overload::run(options).await,
            Command::Substitution(options) => substitution::run(options).await,
            Command::Strangers(options) => strangers::run(options).await,
            Command::InstallReference => reference::install(),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What ends a command early: one line for the person who ran it.
type Fault = Box<dyn std::error::Error + Send + Sync>;
