//! Closing a run: the last event, the run that follows on it, and what is left to do.
//!
//! | closed by                | is followed by another run                                   |
//! |--------------------------|---------------------------------------------------------------|
//! | complete                 | by a cron schedule                                            |
//! | fail, run timeout        | by a retry policy that allows for it, else by a cron schedule |
//! | continue as new          | always                                                        |
//! | cancel, terminate        | never                                                         |
//!
//! What closing changes in the state is in `evolve`, so that a replay does the same.

mod retry;
mod successor;

use std::time::Duration;

use model::{Reject, RunId};
use proto::temporal::api::{
    command::v1::ContinueAsNewWorkflowExecutionCommandAttributes,
    common::v1::{Link, Payloads},
    enums::v1::{ContinueAsNewInitiator, RetryState, TimeoutType, WorkflowTaskFailedCause},
    failure::v1::{Failure, TimeoutFailureInfo, failure::FailureInfo},
    history::v1::{
        HistoryEvent, WorkflowExecutionCanceledEventAttributes, WorkflowExecutionCompletedEventAttributes,
        WorkflowExecutionContinuedAsNewEventAttributes, WorkflowExecutionFailedEventAttributes,
        WorkflowExecutionTerminatedEventAttributes, WorkflowExecutionTimedOutEventAttributes,
        history_event::Attributes as A,
    },
};

use crate::{Draft, StateChange, cron, task::Failed};
use successor::Continuation;

/// The run that is to follow: after which wait, and why.
struct Next {
    run_id: RunId,
    wait: Duration,
    initiator: ContinueAsNewInitiator,
}

/// The closing event without its attributes: what the command gave it, and the completion that it belongs to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closing {
    pub(crate) event: HistoryEvent,
    pub(crate) completed_event_id: i64,
}

impl Draft {
    /// # Errors
    /// Where the next run of a cron schedule can't be started.
    pub(crate) fn complete_run(&mut self, closing: Closing, result: Option<Payloads>) -> Result<(), Reject> {
        let next = self.cron_next();
        self.close(
            closing.event,
            closing.completed_event_id,
            A::WorkflowExecutionCompletedEventAttributes(WorkflowExecutionCompletedEventAttributes {
                result: result.clone(),
                workflow_task_completed_event_id: closing.completed_event_id,
                new_execution_run_id: run_id(next.as_ref()),
            }),
        );
        match next {
            Some(next) => self.follow(next, Continuation { last_completion_result: result, failure: None }),
            None => Ok(()),
        }
    }

    /// # Errors
    /// Where the next run can't be started.
    pub(crate) fn fail_run(&mut self, closing: Closing, failure: Failure) -> Result<(), Reject> {
        let (next, retry_state) = self.next_after_failure(&failure);
        self.close(
            closing.event,
            closing.completed_event_id,
            A::WorkflowExecutionFailedEventAttributes(WorkflowExecutionFailedEventAttributes {
                failure: Some(failure.clone()),
                retry_state: retry_state.into(),
                workflow_task_completed_event_id: closing.completed_event_id,
                new_execution_run_id: run_id(next.as_ref()),
            }),
        );
        let Some(next) = next else { return Ok(()) };
        let last_completion_result = match next.initiator {
            ContinueAsNewInitiator::CronSchedule => self.run().started().last_completion_result.clone(),
            ContinueAsNewInitiator::Retry | ContinueAsNewInitiator::Workflow | ContinueAsNewInitiator::Unspecified => {
                None
            }
        };
        self.follow(next, Continuation { last_completion_result, failure: Some(failure) })
    }

    /// Closes the run as canceled. Nothing follows on it, whatever its retry policy or cron schedule says.
    pub(crate) fn cancel_run(&mut self, closing: Closing, details: Option<Payloads>) {
        self.close(
            closing.event,
            closing.completed_event_id,
            A::WorkflowExecutionCanceledEventAttributes(WorkflowExecutionCanceledEventAttributes {
                workflow_task_completed_event_id: closing.completed_event_id,
                details,
            }),
        );
    }

    /// # Errors
    /// Where the next run can't be started.
    pub(crate) fn continue_run_as_new(
        &mut self,
        closing: Closing,
        mut command: ContinueAsNewWorkflowExecutionCommandAttributes,
    ) -> Result<(), Reject> {
        let run_id = self.new_run_id();
        command.memo = crate::payload::filter_memo(command.memo);
        command.search_attributes = crate::payload::filter_search_attributes(command.search_attributes);
        self.close(
            closing.event,
            closing.completed_event_id,
            A::WorkflowExecutionContinuedAsNewEventAttributes(continued_as_new(
                command.clone(),
                closing.completed_event_id,
                run_id,
            )),
        );
        // The event says what the worker said; the new run knows better.
        if command.initiator() == ContinueAsNewInitiator::Unspecified {
            command.set_initiator(ContinueAsNewInitiator::Workflow);
        }
        self.follow_as_new(run_id, command)
    }

    /// Ends the run from outside. A worker that decides hears of it when its answer is refused.
    pub(crate) fn terminate_run(
        &mut self,
        reason: String,
        details: Option<Payloads>,
        identity: String,
        links: Vec<Link>,
    ) {
        self.end_task_by_force();
        let batch = self.run().core.next_event_id;
        self.close(
            HistoryEvent { links, ..HistoryEvent::default() },
            batch,
            A::WorkflowExecutionTerminatedEventAttributes(WorkflowExecutionTerminatedEventAttributes {
                reason,
                details,
                identity,
            }),
        );
    }

    /// The run, or the whole chain of runs, has taken too long.
    ///
    /// # Errors
    /// Where the next run can't be started.
    pub(crate) fn time_out_run(&mut self) -> Result<(), Reject> {
        let failure = Failure {
            message: "workflow timeout".to_owned(),
            source: "Server".to_owned(),
            failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
                timeout_type: TimeoutType::StartToClose.into(),
                ..TimeoutFailureInfo::default()
            })),
            ..Failure::default()
        };
        let expiration = self.run().core.execution_expiration;
        let (next, retry_state) = if expiration != 0 && expiration <= self.context.now.0 {
            (None, RetryState::Timeout)
        } else {
            self.next_after_failure(&failure)
        };
        self.end_task_by_force();
        let batch = self.run().core.next_event_id;
        self.close(
            HistoryEvent::default(),
            batch,
            A::WorkflowExecutionTimedOutEventAttributes(WorkflowExecutionTimedOutEventAttributes {
                retry_state: retry_state.into(),
                new_execution_run_id: run_id(next.as_ref()),
            }),
        );
        let Some(next) = next else { return Ok(()) };
        let last_completion_result = self.run().started().last_completion_result.clone();
        self.follow(next, Continuation { last_completion_result, failure: Some(failure) })
    }

    fn close(&mut self, mut event: HistoryEvent, batch_event_id: i64, attributes: A) {
        event.attributes = Some(attributes);
        self.drop_waiting_speculative();
        self.append_event(event);
        let delete_time = self.context.now + self.context.namespace.retention;
        self.change(StateChange::Closed { delete_time, batch_event_id });
    }

    fn end_task_by_force(&mut self) {
        if self.run().is_deciding() {
            self.fail_workflow_task(Failed::by_server(WorkflowTaskFailedCause::ForceCloseCommand));
            self.flush_buffered();
        }
    }

    fn new_run_id(&mut self) -> RunId {
        let now = self.context.now;
        self.context.entropy.run_id(now)
    }

    fn next_after_failure(&mut self, failure: &Failure) -> (Option<Next>, RetryState) {
        match retry::wait(self.run(), failure, self.context.now) {
            Ok(wait) => {
                let run_id = self.new_run_id();
                let initiator = ContinueAsNewInitiator::Retry;
                (Some(Next { run_id, wait, initiator }), RetryState::InProgress)
            }
            Err(state) => (self.cron_next(), state),
        }
    }

    fn cron_next(&mut self) -> Option<Next> {
        let core = &self.run().core;
        let wait = cron::wait(&self.run().started().cron_schedule, model::Time(core.execution_time), self.context.now)?;
        Some(Next { run_id: self.new_run_id(), wait, initiator: ContinueAsNewInitiator::CronSchedule })
    }
}

fn run_id(next: Option<&Next>) -> String {
    next.map_or_else(String::new, |next| next.run_id.to_string())
}

fn continued_as_new(
    command: ContinueAsNewWorkflowExecutionCommandAttributes,
    completed_event_id: i64,
    run_id: RunId,
) -> WorkflowExecutionContinuedAsNewEventAttributes {
    WorkflowExecutionContinuedAsNewEventAttributes {
        new_execution_run_id: run_id.to_string(),
        workflow_type: command.workflow_type,
        task_queue: command.task_queue,
        input: command.input,
        workflow_run_timeout: command.workflow_run_timeout,
        workflow_task_timeout: command.workflow_task_timeout,
        workflow_task_completed_event_id: completed_event_id,
        backoff_start_interval: command.backoff_start_interval,
        initiator: command.initiator,
        failure: command.failure,
        last_completion_result: command.last_completion_result,
        header: command.header,
        memo: command.memo,
        search_attributes: command.search_attributes,
        inherit_build_id: command.inherit_build_id,
        ..WorkflowExecutionContinuedAsNewEventAttributes::default()
    }
}
