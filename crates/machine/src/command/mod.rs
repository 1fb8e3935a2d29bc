//! One file for each command that a worker can give with the completion of a workflow task.
//!
//! A command is checked, then it becomes an event at once: commands are never buffered. What a worker did wrong fails its
//! workflow task with the cause and text of the reference server; nothing of the whole completion remains then. How a
//! run closes is not decided here, only whether it may.

mod cancel_timer;
mod cancel_workflow_execution;
mod complete_workflow_execution;
mod continue_as_new_workflow_execution;
mod fail_workflow_execution;
mod failure;
mod limit;
mod modify_workflow_properties;
mod protocol_message;
mod record_marker;
mod request_cancel_activity_task;
mod request_cancel_external_workflow_execution;
mod schedule_activity_task;
mod signal_external_workflow_execution;
mod start_child_workflow_execution;
mod start_timer;
mod upsert_workflow_search_attributes;
mod valid;

use std::collections::BTreeSet;

use model::Reject;
use proto::temporal::api::{
    command::v1::{Command, command::Attributes},
    enums::v1::CommandType,
    history::v1::{HistoryEvent, history_event},
    sdk::v1::{EventGroupMarker, UserMetadata},
    workflowservice::v1::RespondWorkflowTaskCompletedRequest as Request,
};

pub(crate) use failure::{CommandFailure, TaskFailure};
pub(crate) use protocol_message::{Messages, reject_unprocessed, take_rest};
pub(crate) use schedule_activity_task::start_eager;

use crate::{Draft, Run, close::Closing, names::pascal};

/// What the commands of one completion share.
#[derive(Clone, Debug)]
pub(crate) struct CommandContext {
    /// The event that every event of a command points back to.
    workflow_task_completed_event_id: i64,
    /// Who completed the workflow task.
    identity: String,
    /// Events arrived that the worker has not seen: it must not close the run yet, and has to hear of them.
    pub(crate) unhandled: bool,
    /// An activity was canceled on the spot: the workflow has to hear of it.
    pub(crate) activity_canceled: bool,
    /// Workflow ids of the children that this completion starts.
    children: BTreeSet<String>,
    /// Scheduled events of the activities that the worker wants to run itself, in order.
    eager: Vec<i64>,
    /// What the worker says of updates.
    messages: Messages,
}

impl CommandContext {
    /// For the commands of one completion, whose event has this id; `unhandled` if events are buffered.
    pub(crate) fn new(workflow_task_completed_event_id: i64, request: &Request, unhandled: bool, run: &Run) -> Self {
        Self {
            workflow_task_completed_event_id,
            identity: request.identity.clone(),
            messages: Messages::new(&request.messages, run),
            unhandled,
            activity_canceled: false,
            children: BTreeSet::new(),
            eager: Vec::new(),
        }
    }

    /// What the event that closes the run is made of.
    fn closing(&self, event: HistoryEvent) -> Closing {
        Closing { event, completed_event_id: self.workflow_task_completed_event_id }
    }
}

/// The event of a command, with what it takes over from it.
fn event_of(user_metadata: Option<UserMetadata>, event_group_markers: Vec<EventGroupMarker>) -> HistoryEvent {
    HistoryEvent { user_metadata, event_group_markers, ..Default::default() }
}

/// Appends a command's event, which takes over the metadata in `event`, and returns its id.
fn append(draft: &mut Draft, event: HistoryEvent, attributes: history_event::Attributes) -> i64 {
    draft.append_event(HistoryEvent { attributes: Some(attributes), ..event })
}

/// Refuses commands of an unknown type, and commands behind one that closes the run.
///
/// # Errors
/// `InvalidArgument`: the worker's call itself fails, not its task.
pub(crate) fn check_sequence(commands: &[Command]) -> Result<(), Reject> {
    let mut closed_by = None;
    for command in commands {
        if let Some(closing) = closed_by {
            let names: Vec<_> = commands.iter().map(|command| type_name(command.command_type)).collect();
            return Err(Reject::invalid(format!(
                "invalid command sequence: [{}], command {} must be the last command.",
                names.join(", "),
                type_name(closing),
            )));
        }
        match CommandType::try_from(command.command_type) {
            Ok(
                CommandType::CompleteWorkflowExecution
                | CommandType::FailWorkflowExecution
                | CommandType::CancelWorkflowExecution
                | CommandType::ContinueAsNewWorkflowExecution,
            ) => closed_by = Some(command.command_type),
            Ok(
                CommandType::ScheduleActivityTask
                | CommandType::RequestCancelActivityTask
                | CommandType::StartTimer
                | CommandType::CancelTimer
                | CommandType::RecordMarker
                | CommandType::RequestCancelExternalWorkflowExecution
                | CommandType::SignalExternalWorkflowExecution
                | CommandType::StartChildWorkflowExecution
                | CommandType::UpsertWorkflowSearchAttributes
                | CommandType::ModifyWorkflowProperties
                | CommandType::ProtocolMessage
                | CommandType::ScheduleNexusOperation
                | CommandType::RequestCancelNexusOperation,
            ) => {}
            Ok(CommandType::Unspecified) | Err(_) => return Err(unknown(command.command_type)),
        }
    }
    Ok(())
}

fn unknown(kind: i32) -> Reject {
    Reject::invalid(format!("unknown command type: {}", type_name(kind)))
}

/// The name of a command type as the reference prints it: `StartTimer`, or the number of an unknown one.
fn type_name(kind: i32) -> String {
    CommandType::try_from(kind).map_or_else(|_| kind.to_string(), |kind| pascal(kind.as_str_name(), "COMMAND_TYPE_"))
}

fn unimplemented(kind: CommandType) -> Reject {
    Reject::unimplemented(format!("the {} command", type_name(kind.into())))
}

/// Checks one command and carries it out.
///
/// # Errors
/// What the worker's task, the run or the worker's call fails with.
pub(crate) fn apply(draft: &mut Draft, command: Command, context: &mut CommandContext) -> Result<(), CommandFailure> {
    let kind = CommandType::try_from(command.command_type).map_err(|_| unknown(command.command_type))?;
    let given = command.attributes;
    let event = event_of(command.user_metadata, command.event_group_markers);
    // The attributes count only if they are of the kind that the type asks for.
    macro_rules! apply {
        ($command:ident, $kind:ident) => {{
            let attributes = if let Some(Attributes::$kind(attributes)) = given { Some(attributes) } else { None };
            $command::apply(draft, attributes, event, context)
        }};
    }
    match kind {
        CommandType::ScheduleActivityTask => apply!(schedule_activity_task, ScheduleActivityTaskCommandAttributes),
        CommandType::RequestCancelActivityTask => {
            apply!(request_cancel_activity_task, RequestCancelActivityTaskCommandAttributes)
        }
        CommandType::StartTimer => apply!(start_timer, StartTimerCommandAttributes),
        CommandType::CancelTimer => apply!(cancel_timer, CancelTimerCommandAttributes),
        CommandType::CompleteWorkflowExecution => {
            apply!(complete_workflow_execution, CompleteWorkflowExecutionCommandAttributes)
        }
        CommandType::FailWorkflowExecution => apply!(fail_workflow_execution, FailWorkflowExecutionCommandAttributes),
        CommandType::CancelWorkflowExecution => {
            apply!(cancel_workflow_execution, CancelWorkflowExecutionCommandAttributes)
        }
        CommandType::ContinueAsNewWorkflowExecution => {
            apply!(continue_as_new_workflow_execution, ContinueAsNewWorkflowExecutionCommandAttributes)
        }
        CommandType::StartChildWorkflowExecution => {
            apply!(start_child_workflow_execution, StartChildWorkflowExecutionCommandAttributes)
        }
        CommandType::SignalExternalWorkflowExecution => {
            apply!(signal_external_workflow_execution, SignalExternalWorkflowExecutionCommandAttributes)
        }
        CommandType::RequestCancelExternalWorkflowExecution => {
            use request_cancel_external_workflow_execution as command;
            apply!(command, RequestCancelExternalWorkflowExecutionCommandAttributes)
        }
        CommandType::RecordMarker => apply!(record_marker, RecordMarkerCommandAttributes),
        CommandType::UpsertWorkflowSearchAttributes => {
            apply!(upsert_workflow_search_attributes, UpsertWorkflowSearchAttributesCommandAttributes)
        }
        CommandType::ModifyWorkflowProperties => {
            apply!(modify_workflow_properties, ModifyWorkflowPropertiesCommandAttributes)
        }
        CommandType::ProtocolMessage => apply!(protocol_message, ProtocolMessageCommandAttributes),
        CommandType::ScheduleNexusOperation | CommandType::RequestCancelNexusOperation => {
            Err(unimplemented(kind).into())
        }
        CommandType::Unspecified => Err(unknown(command.command_type).into()),
    }
}
