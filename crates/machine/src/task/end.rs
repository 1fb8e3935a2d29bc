//! A workflow task ends without having decided anything: it failed, or its worker's time is up.

use proto::temporal::api::{
    common::v1::WorkerVersionStamp,
    enums::v1::{TimeoutType, WorkflowTaskFailedCause},
    failure::v1::Failure,
    history::v1::{
        WorkflowTaskFailedEventAttributes, WorkflowTaskTimedOutEventAttributes, history_event::Attributes as A,
    },
};

use super::Reporter;
use crate::{Draft, StateChange, names::pascal};

/// Who the reference says did what the server did by itself.
pub(crate) const SERVER: &str = "history-service";

/// Why a workflow task failed.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) cause: WorkflowTaskFailedCause,
    pub(crate) failure: Option<Failure>,
    pub(crate) identity: String,
    pub(crate) binary_checksum: String,
    /// What the worker says of its build; it stands with the start of the task, if that has no event yet.
    pub(crate) worker_version: Option<WorkerVersionStamp>,
}

impl Failed {
    /// The server itself ends the task.
    pub(crate) fn by_server(cause: WorkflowTaskFailedCause) -> Self {
        let (identity, binary_checksum) = (SERVER.to_owned(), String::new());
        Self { cause, failure: None, identity, binary_checksum, worker_version: None }
    }

    fn reporter(&self) -> Reporter {
        match self.identity.as_str() {
            SERVER => Reporter::default(),
            identity => Reporter { identity: identity.to_owned(), worker_version: self.worker_version.clone() },
        }
    }
}

impl Draft {
    /// Fails the running workflow task. Returns the attempt that the next task is; it is not scheduled yet, and what
    /// was buffered still is.
    pub(crate) fn fail_workflow_task(&mut self, failed: Failed) -> i32 {
        let Some((task, started)) = self.run().core.workflow_task.zip(self.run().started_task.clone()) else {
            return 1;
        };
        let problem = problem("WorkflowTaskFailed", failed.cause.as_str_name(), "WORKFLOW_TASK_FAILED_CAUSE_");
        let (next, failures) = self.next_attempt();
        let cause = failed.cause;
        if task.attempt == 1 {
            let (scheduled_event_id, started_event_id) = self.append_task_start(&task, &started, failed.reporter());
            self.append(A::WorkflowTaskFailedEventAttributes(attributes(failed, scheduled_event_id, started_event_id)));
        } else {
            self.end_transient_task(cause == WorkflowTaskFailedCause::UnhandledCommand);
        }
        self.report(failures, problem, task.attempt == 1);
        if cause == WorkflowTaskFailedCause::ResetWorkflow { 1 } else { next }
    }

    /// The running workflow task's worker took too long. Returns the attempt that the next task is, as
    /// `fail_workflow_task` does.
    pub(crate) fn time_out_workflow_task(&mut self) -> i32 {
        let Some((task, started)) = self.run().core.workflow_task.zip(self.run().started_task.clone()) else {
            return 1;
        };
        let problem = problem("WorkflowTaskTimedOut", TimeoutType::StartToClose.as_str_name(), "TIMEOUT_TYPE_");
        let (next, failures) = self.next_attempt();
        if task.attempt == 1 {
            let (scheduled_event_id, started_event_id) = self.append_task_start(&task, &started, Reporter::default());
            self.append(A::WorkflowTaskTimedOutEventAttributes(WorkflowTaskTimedOutEventAttributes {
                scheduled_event_id,
                started_event_id,
                timeout_type: TimeoutType::StartToClose.into(),
            }));
        } else {
            self.end_transient_task(false);
        }
        self.report(failures, problem, task.attempt == 1);
        next
    }

    /// What the end of this attempt makes the next one, and how many have then failed in a row. While the run is
    /// sticky the worker's cache may be to blame, so that doesn't count.
    fn next_attempt(&self) -> (i32, i32) {
        let core = &self.run().core;
        match (&core.workflow_task, &core.sticky) {
            (Some(task), None) => (task.attempt + 1, core.failed_workflow_tasks + 1),
            (Some(_), Some(_)) | (None, _) => (1, core.failed_workflow_tasks),
        }
    }

    fn end_transient_task(&mut self, close_attempted: bool) {
        self.change(StateChange::WorkflowTaskSet(None));
        self.change(StateChange::StickySet(None));
        self.change(StateChange::CloseAttempted(close_attempted));
    }

    /// Remembers that it went wrong again; visibility hears of it after a few times. What it hears is the outcome that
    /// has an event.
    fn report(&mut self, failed_tasks: i32, problem: String, has_event: bool) {
        let core = &self.run().core;
        let last_problem = if has_event { problem } else { core.last_problem.clone() };
        let reported = if failed_tasks >= self.context.limits.workflow_task_problems {
            last_problem.clone()
        } else {
            core.reported_problem.clone()
        };
        self.change(StateChange::WorkflowTaskProblem { failed_tasks, last_problem, reported });
    }
}

fn attributes(failed: Failed, scheduled_event_id: i64, started_event_id: i64) -> WorkflowTaskFailedEventAttributes {
    WorkflowTaskFailedEventAttributes {
        scheduled_event_id,
        started_event_id,
        cause: failed.cause.into(),
        failure: failed.failure,
        identity: failed.identity,
        binary_checksum: failed.binary_checksum,
        ..WorkflowTaskFailedEventAttributes::default()
    }
}

/// As the reference names a problem: its category and its cause, on two lines.
fn problem(category: &str, cause: &str, prefix: &str) -> String {
    format!("category={category}\ncause={category}Cause{}", pascal(cause, prefix))
}
