//! `workflow execute`: start, follow the Event History, and show how it ended.

use std::time::Instant;

use clap::Args;
use jiff::SignedDuration;
use proto::temporal::api::common::v1::WorkflowExecution;
use proto::temporal::api::history::v1::History;

use super::{
    history::{Events, HistoryReader},
    outcome,
    show::print_progress,
    start::StartArgs,
    unserved,
};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    output::{
        json::Json,
        proto_json::{self, Payloads},
    },
};

/// Start new Workflow Execution
///
/// Establish a new Workflow Execution and direct its progress to stdout. The command blocks and returns when the
/// Workflow Execution completes.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExecuteArgs {
    /// Display events as sections instead of table. Does not apply to JSON output.
    #[arg(long)]
    detailed: bool,
    #[command(flatten)]
    start: StartArgs,
}

impl ExecuteArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        self.start.warn_of_cron(context);
        let mut session = context.connect().await?;
        let clock = Instant::now();
        let started = self.start.start(&mut session).await?;
        let execution = WorkflowExecution { workflow_id: started.workflow_id.clone(), run_id: started.run_id.clone() };
        if !context.printer.is_json() {
            self.start.print(context, &session, &started)?;
            unserved::warn(context, &mut session, &self.start.task_queue).await;
            context.printer.line("")?;
            let mut reader = HistoryReader::new(&session, execution.clone(), Events::All).following();
            print_progress(context, &mut reader, self.detailed).await?;
            context.printer.line("")?;
        }
        let close_event = outcome::wait_for_close(&session, execution.clone()).await?;
        let duration = SignedDuration::try_from(clock.elapsed()).unwrap_or(SignedDuration::MAX);
        if !context.printer.is_json() {
            outcome::print_text(&mut context.printer, &close_event, duration)?;
            return outcome::verdict(&close_event);
        }
        let mut members = vec![
            ("workflowId".to_owned(), Json::string(started.workflow_id)),
            ("runId".to_owned(), Json::string(started.run_id)),
            ("type".to_owned(), Json::string(self.start.workflow_type.as_str())),
            ("namespace".to_owned(), Json::string(session.namespace.as_str())),
            ("taskQueue".to_owned(), Json::string(self.start.task_queue.as_str())),
        ];
        if duration.as_millis() > 0 {
            members.push(("durationMillis".to_owned(), Json::Number(duration.as_millis().to_string())));
        }
        members.extend(outcome::json_members(&close_event, context.printer.payloads()));
        if self.detailed {
            let mut reader = HistoryReader::new(&session, execution, Events::All);
            let events = reader.rest().await.attempt("failed reading history after completion")?;
            members.push(("history".to_owned(), proto_json::to_json(&History { events }, Payloads::Raw)));
        }
        context.printer.json(&Json::Object(members))?;
        outcome::verdict(&close_event)
    }
}
