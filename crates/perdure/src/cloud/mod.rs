//! `perdure cloud`: an account of one's own. What works on files stands here, what talks to the control plane in `cli`.

mod audit;
mod certificate;
mod init;
mod recover;

use clap::{Args, Subcommand};

/// `perdure cloud`.
#[derive(Args, Debug)]
pub(crate) struct CloudArgs {
    #[command(subcommand)]
    command: CloudCommand,
}

#[derive(Debug, Subcommand)]
enum CloudCommand {
    /// Create an account
    ///
    /// Makes a folder with everything that a secured server needs: configuration, certificates, keys, data, and an
    /// owner. What the owner logs in with is printed this once.
    Init(Box<init::InitArgs>),
    /// Let an owner in who has lost API key and login link
    ///
    /// Makes new ones, on the machine that has the data and while the server is stopped, and writes that into the audit
    /// log.
    Recover(recover::RecoverArgs),
    /// Check the audit log
    ///
    /// To read the log, use perdure cloud audit-log list.
    Audit(audit::AuditArgs),
    /// Generate certificates
    ///
    /// Makes an authority and certificates for mutual TLS, without any server.
    Cert(Box<certificate::CertificateArgs>),
    #[command(flatten)]
    Client(cli::CloudCommand),
}

/// What is left to do for a command.
pub(crate) enum Next {
    /// Print this, or tell the error.
    Tell(Result<String, String>),
    /// Ask the control plane.
    Ask(cli::CloudCommand),
}

/// Runs what works on files; `json` is whether output is to be JSON.
pub(crate) fn run(args: CloudArgs, json: bool) -> Next {
    match args.command {
        CloudCommand::Init(args) => Next::Tell(init::run(&args, json)),
        CloudCommand::Recover(args) => Next::Tell(recover::run(&args, json)),
        CloudCommand::Audit(args) => Next::Tell(audit::run(&args, json)),
        CloudCommand::Cert(args) => Next::Tell(certificate::run(&args)),
        CloudCommand::Client(command) => Next::Ask(command),
    }
}
