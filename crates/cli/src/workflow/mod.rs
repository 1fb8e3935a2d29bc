//! `workflow`: commands on Workflow Executions, one file per verb.

mod cancel;
mod count;
mod delete;
mod describe;
mod event_names;
mod execute;
mod history;
mod list;
mod outcome;
mod pending;
mod query;
mod result;
mod show;
mod signal;
mod start;
mod target;
mod terminate;
mod versioning;

use clap::{Args, Subcommand};

use crate::{context::Context, failure::Failure};

/// Workflow commands perform operations on Workflow Executions.
#[derive(Args, Clone, Debug)]
pub struct WorkflowArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Send cancellation to Workflow Execution
    Cancel(cancel::CancelArgs),
    /// Number of Workflow Executions
    Count(count::CountArgs),
    /// Remove Workflow Execution
    Delete(delete::DeleteArgs),
    /// Show Workflow Execution info
    Describe(describe::DescribeArgs),
    /// Start new Workflow Execution
    Execute(execute::ExecuteArgs),
    /// Show Workflow Executions
    List(list::ListArgs),
    /// Retrieve Workflow Execution state
    Query(query::QueryArgs),
    /// Wait for and show the result of a Workflow Execution
    Result(result::ResultArgs),
    /// Display Event History
    Show(show::ShowArgs),
    /// Send a message to a Workflow Execution
    Signal(signal::SignalArgs),
    /// Initiate a Workflow Execution
    Start(start::StartArgs),
    /// Forcefully end a Workflow Execution
    Terminate(terminate::TerminateArgs),
}

impl WorkflowArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            Verb::Cancel(args) => args.run(context).await,
            Verb::Count(args) => args.run(context).await,
            Verb::Delete(args) => args.run(context).await,
            Verb::Describe(args) => args.run(context).await,
            Verb::Execute(args) => args.run(context).await,
            Verb::List(args) => args.run(context).await,
            Verb::Query(args) => args.run(context).await,
            Verb::Result(args) => args.run(context).await,
            Verb::Show(args) => args.run(context).await,
            Verb::Signal(args) => args.run(context).await,
            Verb::Start(args) => args.run(context).await,
            Verb::Terminate(args) => args.run(context).await,
        }
    }
}
