//! `task-queue`: what waits on task queues, and who polls them.

mod describe;
mod legacy;

use clap::{Args, Subcommand};

use crate::{context::Context, failure::Failure};

/// Manage Task Queues
///
/// Inspect and update Task Queues, the queues that Workers poll for Workflow and Activity tasks.
#[derive(Args, Clone, Debug)]
pub struct TaskQueueArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Describe(describe::DescribeArgs),
}

impl TaskQueueArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            Verb::Describe(args) if args.legacy_mode => legacy::describe(&args, context).await,
            Verb::Describe(args) => args.run(context).await,
        }
    }
}
