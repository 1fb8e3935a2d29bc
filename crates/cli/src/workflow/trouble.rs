//! What went wrong with a run, told before all else of it.

use proto::temporal::api::workflowservice::v1::DescribeWorkflowExecutionResponse;
use proto::trouble::Trouble;

use super::history::{Events, HistoryReader};
use crate::{
    connect::Session,
    failure::Failure,
    output::{Printer, colour::Colour},
};

/// How many of the last events are looked at for the failure of a Workflow Task.
const LAST_EVENTS: usize = 100;

/// What is wrong with an open run: its Workflow Task has failed, and is tried again.
pub(super) async fn of_open(session: &Session, response: &DescribeWorkflowExecutionResponse) -> Option<Trouble> {
    let attempt = response.pending_workflow_task.as_ref().map_or(0, |task| task.attempt);
    let execution = response.workflow_execution_info.as_ref()?.execution.clone()?;
    if attempt <= 1 {
        return None;
    }
    let mut reader = HistoryReader::new(session, execution, Events::All).reversed();
    for _ in 0..LAST_EVENTS {
        // A history that can't be read is no reason not to describe the run.
        let event = reader.next().await.ok()??;
        if let Some(trouble) = Trouble::of(&event) {
            return Some(trouble.at_attempt(attempt));
        }
    }
    None
}

/// Prints it as the first section; nothing where nothing is wrong.
pub(super) fn print(printer: &mut Printer, trouble: Option<&Trouble>) -> Result<(), Failure> {
    let Some(trouble) = trouble else { return Ok(()) };
    printer.line(&printer.paint(Colour::Red, &trouble.headline))?;
    for line in &trouble.lines {
        printer.line(&format!("  {line}"))?;
    }
    printer.line("")
}
