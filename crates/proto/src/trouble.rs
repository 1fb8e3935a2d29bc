//! What went wrong with a run, in short lines for people: read off the event that says so.
//!
//! Messages and types only. Stack traces, details and whatever a codec has to decode are left to who shows the whole event.

use crate::{
    cause::chain,
    name::short,
    temporal::api::{
        failure::v1::{Failure, failure::FailureInfo},
        history::v1::{HistoryEvent, history_event::Attributes},
    },
};

/// Causes of a failure that are told.
const MOST_CAUSES: usize = 20;

/// What went wrong: a headline, and a line for each failure, the outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub headline: String,
    pub lines: Vec<String>,
}

impl Trouble {
    /// What the event says went wrong; `None` for one that tells of nothing of the kind.
    pub fn of(event: &HistoryEvent) -> Option<Self> {
        let (headline, lines) = match event.attributes.as_ref()? {
            Attributes::WorkflowExecutionFailedEventAttributes(failed) => {
                ("Workflow Execution failed".to_owned(), lines(failed.failure.as_ref()))
            }
            Attributes::WorkflowExecutionTimedOutEventAttributes(_) => {
                ("Workflow Execution timed out".to_owned(), Vec::new())
            }
            Attributes::WorkflowExecutionTerminatedEventAttributes(terminated) => {
                let by = if terminated.identity.is_empty() { "" } else { " by " };
                let headline = format!("Workflow Execution terminated{by}{}", terminated.identity);
                (headline, Some(terminated.reason.clone()).filter(|reason| !reason.is_empty()).into_iter().collect())
            }
            Attributes::WorkflowTaskFailedEventAttributes(failed) => {
                let cause = short("WORKFLOW_TASK_FAILED_CAUSE_", failed.cause().as_str_name());
                (format!("Workflow Task failed: {cause}"), lines(failed.failure.as_ref()))
            }
            Attributes::WorkflowTaskTimedOutEventAttributes(timed_out) => {
                let kind = short("TIMEOUT_TYPE_", timed_out.timeout_type().as_str_name());
                (format!("Workflow Task timed out: {kind}"), Vec::new())
            }
            _ => return None,
        };
        Some(Self { headline, lines })
    }

    /// The same of a Workflow Task that is tried again. The history holds the first failure of a row of attempts; the
    /// later ones are not written.
    pub fn at_attempt(self, attempt: i32) -> Self {
        Self { headline: format!("{}, now at attempt {attempt}", self.headline), ..self }
    }
}

fn lines(failure: Option<&Failure>) -> Vec<String> {
    let causes = failure.into_iter().flat_map(chain).take(MOST_CAUSES);
    causes.enumerate().map(|(depth, failure)| line(depth, &failure)).collect()
}

fn line(depth: usize, failure: &Failure) -> String {
    let caused = if depth == 0 { "" } else { "caused by " };
    let message = failure.message.as_str();
    let (before, behind) = match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => (info.r#type.clone(), String::new()),
        Some(FailureInfo::TimeoutFailureInfo(info)) => {
            (String::new(), short("TIMEOUT_TYPE_", info.timeout_type().as_str_name()))
        }
        Some(FailureInfo::ActivityFailureInfo(info)) => {
            let name = info.activity_type.as_ref().map(|name| name.name.as_str()).unwrap_or_default();
            let state = short("RETRY_STATE_", info.retry_state().as_str_name());
            (String::new(), format!("activity {name}, {state}"))
        }
        Some(FailureInfo::ChildWorkflowExecutionFailureInfo(info)) => {
            let id = info.workflow_execution.as_ref().map(|child| child.workflow_id.as_str()).unwrap_or_default();
            (String::new(), format!("child workflow {id}"))
        }
        Some(_) | None => (String::new(), String::new()),
    };
    let before = if before.is_empty() || message.is_empty() { before } else { before + ": " };
    let behind = if behind.is_empty() { behind } else { format!(" ({behind})") };
    format!("{caused}{before}{message}{behind}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporal::api::{
        common::v1::ActivityType,
        enums::v1::{RetryState, WorkflowTaskFailedCause},
        failure::v1::{ActivityFailureInfo, ApplicationFailureInfo},
        history::v1::{
            WorkflowExecutionCompletedEventAttributes, WorkflowExecutionFailedEventAttributes,
            WorkflowExecutionTerminatedEventAttributes, WorkflowTaskFailedEventAttributes,
        },
    };

    fn event(attributes: Attributes) -> HistoryEvent {
        HistoryEvent { attributes: Some(attributes), ..HistoryEvent::default() }
    }

    fn application(kind: &str, message: &str) -> Failure {
        let info = ApplicationFailureInfo { r#type: kind.to_owned(), ..ApplicationFailureInfo::default() };
        Failure {
            message: message.to_owned(),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
            ..Failure::default()
        }
    }

    #[test]
    fn a_failed_run_tells_each_failure_down_to_the_first_cause() {
        let info = ActivityFailureInfo {
            activity_type: Some(ActivityType { name: "withdraw".to_owned() }),
            retry_state: RetryState::NonRetryableFailure.into(),
            ..ActivityFailureInfo::default()
        };
        let outer = Failure {
            message: "Activity task failed".to_owned(),
            failure_info: Some(FailureInfo::ActivityFailureInfo(info)),
            cause: Some(application("InsufficientFundsError", "no money").into()),
            ..Failure::default()
        };
        let failed = WorkflowExecutionFailedEventAttributes { failure: Some(outer), ..Default::default() };
        let trouble = Trouble::of(&event(Attributes::WorkflowExecutionFailedEventAttributes(failed))).unwrap();
        assert_eq!(trouble.headline, "Workflow Execution failed");
        let lines = [
            "Activity task failed (activity withdraw, NonRetryableFailure)",
            "caused by InsufficientFundsError: no money",
        ];
        assert_eq!(trouble.lines, lines);
    }

    #[test]
    fn a_failed_task_tells_its_cause_and_message() {
        let failed = WorkflowTaskFailedEventAttributes {
            cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure.into(),
            failure: Some(application("TypeError", "run() lacks an argument")),
            ..Default::default()
        };
        let trouble = Trouble::of(&event(Attributes::WorkflowTaskFailedEventAttributes(failed))).unwrap();
        assert_eq!(trouble.headline, "Workflow Task failed: WorkflowWorkerUnhandledFailure");
        assert_eq!(trouble.lines, ["TypeError: run() lacks an argument"]);
    }

    #[test]
    fn a_terminated_run_tells_by_whom_and_why_and_a_completed_one_nothing() {
        let terminated = WorkflowExecutionTerminatedEventAttributes {
            identity: "ada".to_owned(),
            reason: "enough".to_owned(),
            ..Default::default()
        };
        let trouble = Trouble::of(&event(Attributes::WorkflowExecutionTerminatedEventAttributes(terminated))).unwrap();
        let told = (trouble.headline.as_str(), trouble.lines.as_slice());
        assert_eq!(told, ("Workflow Execution terminated by ada", ["enough".to_owned()].as_slice()));
        let completed = WorkflowExecutionCompletedEventAttributes::default();
        assert_eq!(Trouble::of(&event(Attributes::WorkflowExecutionCompletedEventAttributes(completed))), None);
        assert_eq!(Trouble::of(&HistoryEvent::default()), None);
    }
}
