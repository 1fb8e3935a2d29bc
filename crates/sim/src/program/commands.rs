//! The commands of the model workflows.

use proto::temporal::api::{
    command::v1::{
        CancelTimerCommandAttributes, CancelWorkflowExecutionCommandAttributes, Command,
        CompleteWorkflowExecutionCommandAttributes, ContinueAsNewWorkflowExecutionCommandAttributes,
        FailWorkflowExecutionCommandAttributes, ProtocolMessageCommandAttributes,
        RequestCancelActivityTaskCommandAttributes, RequestCancelExternalWorkflowExecutionCommandAttributes,
        ScheduleActivityTaskCommandAttributes, SignalExternalWorkflowExecutionCommandAttributes,
        StartChildWorkflowExecutionCommandAttributes, StartTimerCommandAttributes, command::Attributes,
    },
    common::v1::{ActivityType, Payload, Payloads, RetryPolicy, WorkflowExecution, WorkflowType},
    enums::v1::{CommandType, ParentClosePolicy},
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    taskqueue::v1::TaskQueue,
};

use super::QUEUE;

/// The shortest time there is.
const MOMENT: prost_types::Duration = prost_types::Duration { seconds: 0, nanos: 1 };

/// The commands that begin a step. `next` is the event id that the first of them gets.
pub(super) fn begin(step: char, position: usize, run_id: &str, next: i64) -> Vec<Command> {
    match step {
        'x' => vec![activity(position, step), cancel_activity(next)],
        'y' => vec![timer(position, seconds(3)), cancel_timer(position)],
        'k' => vec![child(position, run_id, "ot")],
        'c' => vec![child(position, run_id, "at")],
        't' | 'b' => vec![timer(position, seconds(3))],
        'w' => vec![timer(position, Some(MOMENT))],
        _ => vec![activity(position, step)],
    }
}

/// A command that no server may take.
pub(super) fn bad(position: usize) -> Command {
    match position % 4 {
        0 => timer(position, seconds(0)),
        1 => timer(position, seconds(-1)),
        2 => timed_activity(position, 'b', |it| it.start_to_close_timeout = seconds(-1)),
        _ => timed_activity(position, 'b', |it| it.start_to_close_timeout = None),
    }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn queue() -> Option<TaskQueue> {
    Some(TaskQueue { name: QUEUE.into(), ..TaskQueue::default() })
}

fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind.into(), attributes: Some(attributes), ..Command::default() }
}

fn activity(position: usize, step: char) -> Command {
    timed_activity(position, step, |attributes| {
        if step != 'q' {
            return;
        }
        let time = Some(MOMENT);
        match position % 4 {
            0 => attributes.schedule_to_start_timeout = time,
            1 => attributes.schedule_to_close_timeout = time,
            2 => attributes.start_to_close_timeout = time,
            _ => attributes.heartbeat_timeout = time,
        }
        if let Some(policy) = &mut attributes.retry_policy {
            policy.maximum_attempts = 2;
        }
    })
}

fn timed_activity(
    position: usize,
    step: char,
    change: impl FnOnce(&mut ScheduleActivityTaskCommandAttributes),
) -> Command {
    let mut attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: position.to_string(),
        activity_type: Some(ActivityType { name: step.to_string() }),
        task_queue: queue(),
        start_to_close_timeout: seconds(2),
        retry_policy: Some(RetryPolicy {
            initial_interval: seconds(1),
            backoff_coefficient: 1.0,
            ..RetryPolicy::default()
        }),
        ..ScheduleActivityTaskCommandAttributes::default()
    };
    change(&mut attributes);
    command(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(attributes))
}

fn cancel_activity(scheduled_event_id: i64) -> Command {
    let attributes = RequestCancelActivityTaskCommandAttributes { scheduled_event_id };
    command(CommandType::RequestCancelActivityTask, Attributes::RequestCancelActivityTaskCommandAttributes(attributes))
}

fn timer(position: usize, time: Option<prost_types::Duration>) -> Command {
    let attributes = StartTimerCommandAttributes { timer_id: position.to_string(), start_to_fire_timeout: time };
    command(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(attributes))
}

fn cancel_timer(position: usize) -> Command {
    let attributes = CancelTimerCommandAttributes { timer_id: position.to_string() };
    command(CommandType::CancelTimer, Attributes::CancelTimerCommandAttributes(attributes))
}

fn child_id(position: usize, run_id: &str) -> String {
    format!("child-of-{run_id}-{position}")
}

fn child(position: usize, run_id: &str, program: &str) -> Command {
    let attributes = StartChildWorkflowExecutionCommandAttributes {
        workflow_id: child_id(position, run_id),
        workflow_type: Some(WorkflowType { name: program.into() }),
        task_queue: queue(),
        parent_close_policy: ParentClosePolicy::Terminate.into(),
        ..StartChildWorkflowExecutionCommandAttributes::default()
    };
    command(
        CommandType::StartChildWorkflowExecution,
        Attributes::StartChildWorkflowExecutionCommandAttributes(attributes),
    )
}

pub(super) fn cancel_child(position: usize, run_id: &str) -> Command {
    let attributes = RequestCancelExternalWorkflowExecutionCommandAttributes {
        workflow_id: child_id(position, run_id),
        child_workflow_only: true,
        ..RequestCancelExternalWorkflowExecutionCommandAttributes::default()
    };
    command(
        CommandType::RequestCancelExternalWorkflowExecution,
        Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(attributes),
    )
}

pub(super) fn continue_as_new(program: &str) -> Command {
    let attributes = ContinueAsNewWorkflowExecutionCommandAttributes {
        workflow_type: Some(WorkflowType { name: program.into() }),
        task_queue: queue(),
        ..ContinueAsNewWorkflowExecutionCommandAttributes::default()
    };
    command(
        CommandType::ContinueAsNewWorkflowExecution,
        Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(attributes),
    )
}

pub(super) fn complete() -> Command {
    let attributes = CompleteWorkflowExecutionCommandAttributes::default();
    command(CommandType::CompleteWorkflowExecution, Attributes::CompleteWorkflowExecutionCommandAttributes(attributes))
}

pub(super) fn fail(at_once: bool) -> Command {
    let info = ApplicationFailureInfo {
        r#type: "First".into(),
        next_retry_delay: if at_once { seconds(0) } else { None },
        ..ApplicationFailureInfo::default()
    };
    let failure = Failure {
        message: "first attempts fail".into(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
        ..Failure::default()
    };
    let attributes = FailWorkflowExecutionCommandAttributes { failure: Some(failure) };
    command(CommandType::FailWorkflowExecution, Attributes::FailWorkflowExecutionCommandAttributes(attributes))
}

pub(super) fn cancel() -> Command {
    let attributes = CancelWorkflowExecutionCommandAttributes::default();
    command(CommandType::CancelWorkflowExecution, Attributes::CancelWorkflowExecutionCommandAttributes(attributes))
}

/// The place among the commands of a message with this id.
pub(crate) fn protocol_message(message_id: &str) -> Command {
    let attributes = ProtocolMessageCommandAttributes { message_id: message_id.into() };
    command(CommandType::ProtocolMessage, Attributes::ProtocolMessageCommandAttributes(attributes))
}

/// A signal to another workflow, which the model sends beside its steps.
pub(crate) fn signal_other(workflow_id: &str, text: &str) -> Command {
    let attributes = SignalExternalWorkflowExecutionCommandAttributes {
        execution: Some(WorkflowExecution { workflow_id: workflow_id.into(), run_id: String::new() }),
        signal_name: text.into(),
        input: Some(Payloads { payloads: vec![Payload { data: text.to_owned().into(), ..Payload::default() }] }),
        ..SignalExternalWorkflowExecutionCommandAttributes::default()
    };
    command(
        CommandType::SignalExternalWorkflowExecution,
        Attributes::SignalExternalWorkflowExecutionCommandAttributes(attributes),
    )
}
