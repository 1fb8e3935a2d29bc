//! ContinueAsNewWorkflowExecution: the run ends and another one of the same workflow begins.

use model::to_proto_duration;
use proto::temporal::api::{
    command::v1::ContinueAsNewWorkflowExecutionCommandAttributes,
    common::v1::WorkflowType,
    enums::v1::{TaskQueueKind, WorkflowTaskFailedCause as Cause},
    history::v1::HistoryEvent,
    taskqueue::v1::TaskQueue,
};

use super::{CommandContext, CommandFailure, limit, valid};
use crate::{
    Draft,
    search_attributes::{self, Invalid},
};

const COMMAND: &str = "ContinueAsNewWorkflowExecutionCommand";

/// Becomes `WorkflowExecutionContinuedAsNew`, and starts the next run in the same step. What the command leaves out,
/// type, queue and timeouts, the next run has from this one.
///
/// # Errors
/// The workflow task fails with `UnhandledCommand` while events wait that the worker has not seen, with `BadContinueAsNewAttributes` or
/// `BadSearchAttributes`. Input, memo or search attributes above their size limits terminate the run.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<ContinueAsNewWorkflowExecutionCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    if context.unhandled {
        return Err(CommandFailure::unhandled());
    }
    let cause = Cause::BadContinueAsNewAttributes;
    let Some(mut command) = attributes else {
        return Err(CommandFailure::task(cause, format!("{COMMAND}Attributes is not set on {COMMAND}.")));
    };
    check(draft, &mut command)?;
    limit::blob(
        draft,
        limit::size(command.input.as_ref()),
        cause,
        "ContinueAsNewWorkflowExecutionCommandAttributes. Input exceeds size limit.",
    )?;
    limit::memo(
        draft,
        command.memo.as_ref(),
        cause,
        "ContinueAsNewWorkflowExecutionCommandAttributes. Memo exceeds size limit.",
    )?;
    search_attributes::check_size(command.search_attributes.as_ref(), &draft.context.limits)
        .map_err(|text| CommandFailure::terminate(cause, text))?;
    command.search_attributes = search_attributes::typed(command.search_attributes, &draft.context.namespace);
    Ok(draft.continue_run_as_new(context.closing(event), command)?)
}

/// Checks the attributes and fills in what they leave out from the run.
fn check(draft: &Draft, command: &mut ContinueAsNewWorkflowExecutionCommandAttributes) -> Result<(), CommandFailure> {
    let (run, limits) = (draft.run(), &draft.context.limits);
    let bad = |text: String| CommandFailure::task(Cause::BadContinueAsNewAttributes, text);
    let searchable = search_attributes::check(command.search_attributes.as_ref(), &draft.context.namespace, limits);
    let bad_attributes = match searchable {
        Ok(()) => None,
        // What else is wrong with the command is reported first.
        Err(Invalid::Bad(text)) => Some(text),
        Err(Invalid::Unknown(text)) => return Err(CommandFailure::task(Cause::BadSearchAttributes, text)),
    };
    if command.workflow_type.as_ref().is_none_or(|kind| kind.name.is_empty()) {
        command.workflow_type = Some(WorkflowType { name: run.workflow_type().to_owned() });
    }
    let kind = command.workflow_type.as_ref().map_or("", |kind| kind.name.as_str()).to_owned();
    let limit = limits.id_length;
    if kind.len() > limit {
        return Err(bad(format!(
            "WorkflowType on {COMMAND} exceeds length limit. WorkflowType={kind} Length={} Limit={limit}",
            kind.len()
        )));
    }
    let own = run.core.task_queue.as_str();
    let queue = command
        .task_queue
        .get_or_insert_with(|| TaskQueue { kind: TaskQueueKind::Normal.into(), ..Default::default() });
    let checked = model::check::user_task_queue(queue, own, own, limit);
    let other_queue = queue.name != own;
    let context = format!("WorkflowType={kind} TaskQueue={}", valid::queue_text(queue));
    checked.map_err(|text| bad(format!("error validating {COMMAND} TaskQueue: {text}. {context}")))?;
    for (name, given) in [
        ("WorkflowRunTimeout", &mut command.workflow_run_timeout),
        ("WorkflowTaskTimeout", &mut command.workflow_task_timeout),
        ("BackoffStartInterval", &mut command.backoff_start_interval),
    ] {
        model::check::duration(given).map_err(|text| bad(format!("Invalid {name} on {COMMAND}: {text}. {context}")))?;
    }
    fill_timeouts(draft, command);
    if let Some(policy) = &mut command.retry_policy {
        model::check::retry_policy(policy)
            .map_err(|text| bad(format!("invalid WorkflowRetryPolicy on {COMMAND}: {text}. {context}")))?;
    }
    if let Some(text) = bad_attributes {
        let text = format!("invalid SearchAttributes on {COMMAND}: {text}. {context}");
        return Err(CommandFailure::task(Cause::BadSearchAttributes, text));
    }
    if command.inherit_build_id && other_queue {
        return Err(bad("ContinueAsNew with UseCompatibleVersion cannot run on different task queue.".into()));
    }
    Ok(())
}

fn fill_timeouts(draft: &Draft, command: &mut ContinueAsNewWorkflowExecutionCommandAttributes) {
    let started = draft.run().started();
    let given = |own: &Option<prost_types::Duration>, inherited: &Option<prost_types::Duration>| {
        let own = valid::span(own);
        if own.is_zero() { valid::span(inherited) } else { own }
    };
    let run = given(&command.workflow_run_timeout, &started.workflow_run_timeout);
    let task = given(&command.workflow_task_timeout, &started.workflow_task_timeout);
    let run = valid::run_timeout(run, valid::span(&started.workflow_execution_timeout));
    command.workflow_run_timeout = Some(to_proto_duration(run));
    let task = valid::workflow_task_timeout(task, run, &draft.context.limits);
    command.workflow_task_timeout = Some(to_proto_duration(task));
}
