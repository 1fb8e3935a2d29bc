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
mod trouble;
mod unserved;
mod update;
mod versioning;

use clap::{Args, Subcommand};

use crate::{context::Context, failure::Failure};

/// Start, list, and operate on Workflows
///
/// Workflow commands perform operations on Workflow Executions.
#[derive(Args, Clone, Debug)]
pub struct WorkflowArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Cancel(cancel::CancelArgs),
    Count(count::CountArgs),
    Delete(delete::DeleteArgs),
    Describe(describe::DescribeArgs),
    Execute(execute::ExecuteArgs),
    List(list::ListArgs),
    Query(query::QueryArgs),
    Result(result::ResultArgs),
    Show(show::ShowArgs),
    Signal(signal::SignalArgs),
    Start(start::StartArgs),
    Terminate(terminate::TerminateArgs),
    Update(update::UpdateArgs),
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
            Verb::Update(args) => args.run(context).await,
        }
    }
}
