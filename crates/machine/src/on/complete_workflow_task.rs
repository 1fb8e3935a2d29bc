//! A worker has decided: its commands become events, or, where one of them is bad, its answer becomes a failed task.

use std::sync::Arc;

use model::Reject;
use proto::temporal::api::{
    enums::v1::WorkflowTaskFailedCause,
    failure::v1::{Failure, ServerFailureInfo, failure::FailureInfo},
    history::v1::{WorkflowTaskCompletedEventAttributes, history_event::Attributes as A},
    workflowservice::v1::RespondWorkflowTaskCompletedRequest as Request,
};

use crate::{
    ActivityTask, Draft, Reply, StartedWorkflowTask, StateChange, Step, Sticky, TaskRef, WorkflowTask,
    WorkflowTaskAnswer,
    command::{self, CommandContext, CommandFailure, TaskFailure},
    run::nanos,
    task::{Failed, Reporter, SERVER, leaves_no_trace},
};

/// The request id of a task that is handed out with the answer to the one before.
const INLINE_REQUEST: &str = "request-from-RespondWorkflowTaskCompleted";

/// Replies `WorkflowTaskCompleted`. A bad command undoes what the others did: the step is then that the task failed,
/// and the reply tells the worker so.
///
/// # Errors
/// `NotFound` when the task is not the running one (any more); `InvalidArgument` for a sequence of commands that can't
/// be, for which the task goes on.
pub(super) fn handle(mut draft: Draft, task: &TaskRef, request: Request) -> Result<Step, Reject> {
    let (task, started) = draft.run().answered_task(task)?;
    let pristine = draft.clone();
    if leaves_no_trace(draft.run(), &task, &request, draft.context.limits.speculative_task_events) {
        return match forget(&mut draft, &request) {
            Ok(()) => finish(draft, &request, &Outcome::default(), None),
            Err(CommandFailure::Reject(reject)) => Err(reject),
            Err(CommandFailure::Task(failure)) => fail(pristine, &task, &request, &failure),
        };
    }
    let heartbeat =
        request.force_create_new_workflow_task && request.commands.is_empty() && request.messages.is_empty();
    if heartbeat && draft.heartbeats_too_long(&task) {
        return give_up_heartbeats(draft, &request);
    }
    match decide(&mut draft, &task, &started, &request) {
        Ok(outcome) => {
            let original = heartbeat.then_some(task.original_scheduled_time);
            finish(draft, &request, &outcome, original)
        }
        Err(CommandFailure::Reject(reject)) => Err(reject),
        Err(CommandFailure::Task(failure)) => fail(pristine, &task, &request, &failure),
    }
}

/// What the commands leave to do.
#[derive(Default)]
struct Outcome {
    /// The workflow has to hear of something, so another workflow task follows.
    needs_task: bool,
    activities: Vec<ActivityTask>,
    /// The task is in the history.
    stands: bool,
}

/// All that came of a speculative task are rejections: it is as if it had not been.
fn forget(draft: &mut Draft, request: &Request) -> Result<(), CommandFailure> {
    draft.change(StateChange::SpeculativeTaskSet(None));
    let sticky = sticky(draft, request);
    let queue = |sticky: &Option<Sticky>| sticky.as_ref().map(|sticky| sticky.task_queue.clone());
    if queue(&sticky) != queue(&draft.run().core.sticky) {
        // Another worker has the run in its cache now, or none.
        draft.change(StateChange::StickySet(sticky));
    }
    let mut context = CommandContext::new(0, request, false, draft.run());
    command::take_rest(draft, &mut context)?;
    command::reject_unprocessed(draft);
    Ok(())
}

fn decide(
    draft: &mut Draft,
    task: &WorkflowTask,
    started: &StartedWorkflowTask,
    request: &Request,
) -> Result<Outcome, CommandFailure> {
    let reporter =
        Reporter { identity: request.identity.clone(), worker_version: request.worker_version_stamp.clone() };
    let (scheduled_event_id, started_event_id) = draft.append_task_start(task, started, reporter);
    let completed_event_id =
        draft.append(A::WorkflowTaskCompletedEventAttributes(completed(request, scheduled_event_id, started_event_id)));
    remember_worker(draft, request);
    let unhandled = !draft.run().buffered.is_empty();
    let mut context = CommandContext::new(completed_event_id, request, unhandled, draft.run());
    command::check_sequence(&request.commands)?;
    for command in &request.commands {
        command::apply(draft, command.clone(), &mut context)?;
    }
    command::take_rest(draft, &mut context)?;
    if draft.run().is_open() && !request.force_create_new_workflow_task {
        command::reject_unprocessed(draft);
    }
    let activities = if draft.run().is_open() { command::start_eager(draft, &context) } else { Vec::new() };
    Ok(Outcome { needs_task: context.unhandled || context.activity_canceled, activities, stands: true })
}

fn finish(
    mut draft: Draft,
    request: &Request,
    outcome: &Outcome,
    original_scheduled_time: Option<i64>,
) -> Result<Step, Reject> {
    let mut next_task = None;
    if draft.run().is_open() {
        draft.flush_buffered();
        let known = draft.run().pending_updates.iter().filter(|update| update.sent).count();
        if request.force_create_new_workflow_task || outcome.needs_task {
            draft.schedule_attempt(1, original_scheduled_time);
        } else if !draft.run().pending_updates.is_empty() {
            // They came while the worker decided. Where it takes them at once, nothing has to be written for that.
            if request.return_new_workflow_task {
                draft.schedule_speculative();
            } else {
                draft.schedule_workflow_task();
            }
        }
        if request.return_new_workflow_task && draft.run().core.workflow_task.is_some() {
            let version = request.worker_version_stamp.clone();
            let mut answer = draft.start_workflow_task(request.identity.clone(), INLINE_REQUEST.to_owned(), version)?;
            if request.force_create_new_workflow_task {
                // It is still at work on those that it has.
                answer.messages.drain(..known.min(answer.messages.len()));
            }
            // This worker has just decided, so it has the run in its cache whether it says so or not.
            next_task = Some(Box::new(WorkflowTaskAnswer { sticky: true, ..answer }));
        }
    }
    let reset_history_event_id = if outcome.stands { 0 } else { draft.run().core.previous_started_event_id };
    let activities = outcome.activities.clone();
    draft.finish(Reply::WorkflowTaskCompleted { next_task, activities, failed: None, reset_history_event_id })
}

/// The worker has done nothing for so long that another one shall try.
fn give_up_heartbeats(mut draft: Draft, request: &Request) -> Result<Step, Reject> {
    let attempt = draft.time_out_workflow_task();
    draft.change(StateChange::StickySet(None));
    remember_worker(&mut draft, request);
    draft.schedule_attempt(attempt, None);
    draft.finish(Reply::WorkflowTaskCompleted {
        next_task: None,
        activities: Vec::new(),
        failed: Some(Reject::not_found("workflow task heartbeat timeout")),
        reset_history_event_id: 0,
    })
}

/// The commands can't stand, so the answer is a failed task, on the state as it was before.
fn fail(mut draft: Draft, task: &WorkflowTask, request: &Request, failure: &TaskFailure) -> Result<Step, Reject> {
    let refusal = Reject::invalid(failure.message());
    if task.attempt > 1 && failure.cause != WorkflowTaskFailedCause::UnhandledCommand {
        // It would only fail again: the worker's time runs out instead, which slows it down.
        return Err(refusal);
    }
    if draft.run().pending_updates.iter().any(|update| update.sent) {
        draft.change(StateChange::UpdatesAborted);
    }
    let binary_checksum = request.binary_checksum.clone();
    let attempt = draft.fail_workflow_task(Failed {
        cause: failure.cause,
        binary_checksum,
        failure: Some(Failure {
            message: failure.message(),
            failure_info: Some(FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: false })),
            ..Failure::default()
        }),
        identity: request.identity.clone(),
        worker_version: None,
    });
    if failure.terminate {
        draft.flush_buffered();
        draft.terminate_run(failure.message(), None, SERVER.to_owned(), Vec::new());
    } else {
        draft.schedule_attempt(attempt, None);
    }
    draft.finish(Reply::WorkflowTaskCompleted {
        next_task: None,
        activities: Vec::new(),
        failed: Some(refusal),
        reset_history_event_id: 0,
    })
}

/// The sticky queue of the worker, if it keeps the run in its cache.
fn sticky(draft: &Draft, request: &Request) -> Option<Sticky> {
    let sticky = request.sticky_attributes.as_ref()?;
    let queue = sticky.worker_task_queue.as_ref().filter(|queue| !queue.name.is_empty())?;
    Some(Sticky {
        task_queue: queue.name.clone(),
        schedule_to_start_timeout: nanos(model::from_proto_duration(sticky.schedule_to_start_timeout.as_ref())),
        updated_time: draft.context.now.0,
    })
}

/// What the completion tells of the worker: its cache, its SDK and its version.
fn remember_worker(draft: &mut Draft, request: &Request) {
    let sticky = sticky(draft, request);
    draft.change(StateChange::StickySet(sticky));
    let metadata = request.sdk_metadata.as_ref();
    let core = &draft.run().core;
    // The SDK names itself only when that has changed.
    let newest = |given: Option<&String>, known: &str| match given {
        Some(given) if !given.is_empty() => given.clone(),
        Some(_) | None => known.to_owned(),
    };
    let sdk_name = newest(metadata.map(|metadata| &metadata.sdk_name), &core.sdk_name);
    let sdk_version = newest(metadata.map(|metadata| &metadata.sdk_version), &core.sdk_version);
    let version = request.worker_version_stamp.clone();
    draft.change(StateChange::WorkerSeen { sdk_name, sdk_version, version });
}

fn completed(
    request: &Request,
    scheduled_event_id: i64,
    started_event_id: i64,
) -> WorkflowTaskCompletedEventAttributes {
    WorkflowTaskCompletedEventAttributes {
        scheduled_event_id,
        started_event_id,
        identity: request.identity.clone(),
        binary_checksum: request.binary_checksum.clone(),
        worker_version: request.worker_version_stamp.clone(),
        worker_deployment_name: request
            .deployment_options
            .as_ref()
            .map_or_else(String::new, |options| options.deployment_name.clone()),
        sdk_metadata: request.sdk_metadata.clone(),
        metering_metadata: request.metering_metadata,
        ..WorkflowTaskCompletedEventAttributes::default()
    }
}

impl Draft {
    /// Whether the worker has kept the task alive by nothing but heartbeats for too long.
    fn heartbeats_too_long(&self, task: &WorkflowTask) -> bool {
        let since = model::Time(task.original_scheduled_time);
        since != model::Time::ZERO && self.context.now > since + self.context.limits.workflow_task_heartbeat
    }
}

impl crate::Run {
    /// The running task, if it is the one that the worker's token names.
    ///
    /// # Errors
    /// `NotFound` where the task is not, or no longer, running.
    pub(super) fn answered_task(&self, task: &TaskRef) -> Result<(WorkflowTask, Arc<StartedWorkflowTask>), Reject> {
        let running = self.core.workflow_task.zip(self.started_task.clone());
        running
            .filter(|(running, started)| {
                self.is_open()
                    && running.scheduled_event_id == task.scheduled_event_id
                    && running.attempt == task.attempt
                    && (task.started_event_id == 0 || task.started_event_id == started.started_event_id)
                    && (task.started_time == 0 || task.started_time == started.started_time.0)
            })
            .ok_or_else(crate::task::not_found)
    }
}
