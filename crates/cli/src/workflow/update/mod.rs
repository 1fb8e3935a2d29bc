//! `workflow update`: sending Updates, and what became of them.

mod failure_text;
mod poll;
mod send;

use clap::{Args, Subcommand};

use crate::{context::Context, failure::Failure};

/// Send and interact with Updates
///
/// An Update is a synchronous call to a Workflow Execution that can change its state, control its flow, and return a
/// result.
#[derive(Args, Clone, Debug)]
pub(crate) struct UpdateArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Describe(poll::DescribeArgs),
    Execute(send::ExecuteArgs),
    Result(poll::ResultArgs),
    Start(send::StartArgs),
}

impl UpdateArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            Verb::Describe(args) => args.run(context).await,
            Verb::Execute(args) => args.run(context).await,
            Verb::Result(args) => args.run(context).await,
            Verb::Start(args) => args.run(context).await,
        }
    }
}
