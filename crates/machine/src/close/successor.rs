//! The run that follows on a closed one: what it takes over, and what it starts with.
//!
//! It takes over the parent, so that a parent that waits for the workflow waits for the last run of the chain.

use std::time::Duration;

use model::{Reject, RunId, RunKey, Time, from_proto_duration, to_proto_duration};
use proto::temporal::api::{
    command::v1::ContinueAsNewWorkflowExecutionCommandAttributes,
    common::v1::Payloads,
    enums::v1::{ContinueAsNewInitiator, TaskQueueKind},
    failure::v1::Failure,
    history::v1::WorkflowExecutionStartedEventAttributes,
    taskqueue::v1::TaskQueue,
};

use super::Next;
use crate::{Draft, EARLIER_STARTS, Earlier, EarlierRequest, Run, StartSpec, run::inherited_reset_points};

/// How many signals and requests to cancel a run knows from the runs before it.
const EARLIER_REQUESTS: usize = 100;

/// What a run hands to the one that follows.
pub(super) struct Continuation {
    pub(super) last_completion_result: Option<Payloads>,
    pub(super) failure: Option<Failure>,
}

impl Draft {
    /// Starts the next run of a retry or of a cron schedule: the same again.
    pub(super) fn follow(&mut self, next: Next, continuation: Continuation) -> Result<(), Reject> {
        let started = self.run().started();
        let retry = next.initiator == ContinueAsNewInitiator::Retry;
        let attributes = WorkflowExecutionStartedEventAttributes {
            input: started.input.clone(),
            header: started.header.clone(),
            workflow_run_timeout: started.workflow_run_timeout,
            workflow_task_timeout: started.workflow_task_timeout,
            workflow_type: started.workflow_type.clone(),
            task_queue: started.task_queue.as_ref().map(|queue| normal(&queue.name)),
            retry_policy: started.retry_policy.clone(),
            cron_schedule: started.cron_schedule.clone(),
            memo: started.memo.clone(),
            search_attributes: started.search_attributes.clone(),
            completion_callbacks: if retry { started.completion_callbacks.clone() } else { Vec::new() },
            last_completion_result: continuation.last_completion_result,
            continued_failure: continuation.failure,
            initiator: next.initiator.into(),
            attempt: if retry { started.attempt + 1 } else { 1 },
            first_workflow_task_backoff: self.wait(Some(next.wait)).map(to_proto_duration),
            ..self.inherited()
        };
        self.start_successor(next.run_id, attributes)
    }

    /// Starts the next run as the worker wants it. A worker ends no cron schedule with it: today's SDKs name none in the
    /// command, and the schedule is the workflow's.
    pub(super) fn follow_as_new(
        &mut self,
        run_id: RunId,
        command: ContinueAsNewWorkflowExecutionCommandAttributes,
    ) -> Result<(), Reject> {
        let started = self.run().started();
        let queue = command.task_queue.as_ref().map_or(self.run().core.task_queue.as_str(), |queue| &queue.name);
        let retry = command.initiator() == ContinueAsNewInitiator::Retry;
        let task_timeout =
            command.workflow_task_timeout.filter(|timeout| !from_proto_duration(Some(timeout)).is_zero());
        let wait = command.backoff_start_interval.as_ref().map(|wait| from_proto_duration(Some(wait)));
        let continued_failure = command.failure;
        let cron_schedule =
            if command.cron_schedule.is_empty() { started.cron_schedule.clone() } else { command.cron_schedule };
        let attributes = WorkflowExecutionStartedEventAttributes {
            workflow_run_timeout: command.workflow_run_timeout,
            workflow_task_timeout: task_timeout.or(started.workflow_task_timeout),
            workflow_type: command.workflow_type.clone().or_else(|| started.workflow_type.clone()),
            task_queue: Some(normal(queue)),
            completion_callbacks: started.completion_callbacks.clone(),
            initiator: command.initiator,
            attempt: if retry { started.attempt + 1 } else { 1 },
            first_workflow_task_backoff: self.wait(wait).map(to_proto_duration),
            input: command.input,
            header: command.header,
            retry_policy: command.retry_policy,
            cron_schedule,
            memo: command.memo,
            search_attributes: command.search_attributes,
            last_completion_result: command.last_completion_result,
            continued_failure,
            ..self.inherited()
        };
        self.start_successor(run_id, attributes)
    }

    /// The first wait of the next run. Runs that follow each other at once would spin, so their starts keep a distance.
    /// A run that was let go before its time has lived since its start.
    fn wait(&self, wanted: Option<Duration>) -> Option<Duration> {
        let (now, core) = (self.context.now, &self.run().core);
        let was_hastened = Time(core.execution_time) > now;
        let lifetime = now.since(Time(if was_hastened { core.start_time } else { core.execution_time }));
        let distance = self.context.limits.run_interval_min;
        if lifetime + wanted.unwrap_or_default() < distance {
            return Some(distance.saturating_sub(lifetime));
        }
        wanted
    }

    /// What every later run of a chain has from the one before it.
    fn inherited(&self) -> WorkflowExecutionStartedEventAttributes {
        let (run, started) = (self.run(), self.run().started());
        WorkflowExecutionStartedEventAttributes {
            workflow_id: started.workflow_id.clone(),
            parent_workflow_namespace: started.parent_workflow_namespace.clone(),
            parent_workflow_namespace_id: started.parent_workflow_namespace_id.clone(),
            parent_workflow_execution: started.parent_workflow_execution.clone(),
            parent_initiated_event_id: started.parent_initiated_event_id,
            parent_initiated_event_version: started.parent_initiated_event_version,
            root_workflow_execution: started.root_workflow_execution.clone(),
            continued_execution_run_id: run.key.run_id.to_string(),
            first_execution_run_id: started.first_execution_run_id.clone(),
            workflow_execution_timeout: started.workflow_execution_timeout,
            workflow_execution_expiration_time: started.workflow_execution_expiration_time,
            priority: started.priority.clone(),
            prev_auto_reset_points: Some(inherited_reset_points(run, self.context.now)),
            ..WorkflowExecutionStartedEventAttributes::default()
        }
    }

    /// What the next run has to know again: a client whose answer got lost sends its request once more, whatever has
    /// followed meanwhile.
    fn earlier(&self) -> Earlier {
        let run = self.run();
        let own = run
            .core
            .start_request_ids
            .iter()
            .map(|request_id| EarlierRequest { request_id: request_id.clone(), run_id: run.key.run_id.to_string() });
        // The first request of a run that follows another is drawn by the server: no client has it.
        let own = own.skip(usize::from(!run.started().continued_execution_run_id.is_empty()));
        let starts: Vec<_> = run.core.earlier_starts.iter().cloned().chain(own).collect();
        let cancel = Some(run.core.cancel_request_id.as_str()).filter(|id| !id.is_empty());
        let taken = run.requests.newest(EARLIER_REQUESTS).into_iter().chain(cancel);
        let requests = taken.map(|request_id| EarlierRequest {
            run_id: run
                .requests
                .earlier_run(request_id)
                .map_or_else(|| run.key.run_id.to_string(), |run| run.to_string()),
            request_id: request_id.to_string(),
        });
        let requests = requests.collect();
        Earlier { starts: starts[starts.len().saturating_sub(EARLIER_STARTS)..].to_vec(), requests }
    }

    fn start_successor(
        &mut self,
        run_id: RunId,
        attributes: WorkflowExecutionStartedEventAttributes,
    ) -> Result<(), Reject> {
        let spec = StartSpec {
            request_id: self.context.entropy.uuid().to_string(),
            links: self.run().origin.links.clone(),
            attributes: Box::new(attributes),
            earlier: self.earlier(),
            ..StartSpec::default()
        };
        let key = RunKey { workflow: self.run().key.workflow.clone(), run_id };
        self.successor = Some(Box::new(Run::start(key, spec, &self.context)?));
        Ok(())
    }
}

fn normal(name: &str) -> TaskQueue {
    TaskQueue { name: name.to_owned(), kind: TaskQueueKind::Normal.into(), ..TaskQueue::default() }
}
