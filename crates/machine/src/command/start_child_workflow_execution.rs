//! StartChildWorkflowExecution: a workflow of its own that reports back to this one.

use model::{NamespaceId, to_proto_duration};
use proto::temporal::api::{
    command::v1::StartChildWorkflowExecutionCommandAttributes,
    enums::v1::{ParentClosePolicy, TaskQueueKind, WorkflowIdReusePolicy, WorkflowTaskFailedCause as Cause},
    history::v1::{HistoryEvent, StartChildWorkflowExecutionInitiatedEventAttributes, history_event},
    taskqueue::v1::TaskQueue,
};

use super::{CommandContext, CommandFailure, append, limit, valid};
use crate::{
    Draft, cron, payload,
    search_attributes::{self, Invalid},
};

const COMMAND: &str = "StartChildWorkflowExecutionCommand";

/// Becomes `StartChildWorkflowExecutionInitiated`; the message that starts the child is due from then on.
///
/// # Errors
/// The workflow task fails with `BadStartChildExecutionAttributes`, `BadSearchAttributes`, or with
/// `PendingChildWorkflowsLimitExceeded` above `Limits::pending_children`. Input, memo or search attributes above their
/// size limits terminate the run; an unknown namespace refuses the worker's call.
pub(super) fn apply(
    draft: &mut Draft,
    attributes: Option<StartChildWorkflowExecutionCommandAttributes>,
    event: HistoryEvent,
    context: &mut CommandContext,
) -> Result<(), CommandFailure> {
    let cause = Cause::BadStartChildExecutionAttributes;
    let Some(mut command) = attributes else {
        return Err(CommandFailure::task(cause, format!("{COMMAND}Attributes is not set on {COMMAND}.")));
    };
    let namespace_id = valid::namespace(draft, command.namespace.as_str())?;
    let namespace = match command.namespace.as_str() {
        "" => draft.context.namespace.name.to_string(),
        named => named.to_owned(),
    };
    check(draft, &mut command, &namespace)?;
    let limits = draft.context.limits.clone();
    limit::blob(
        draft,
        limit::size(command.input.as_ref()),
        cause,
        "StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit.",
    )?;
    limit::memo(
        draft,
        command.memo.as_ref(),
        cause,
        "StartChildWorkflowExecutionCommandAttributes.Memo exceeds size limit.",
    )?;
    search_attributes::check_size(command.search_attributes.as_ref(), &limits)
        .map_err(|text| CommandFailure::terminate(cause, text))?;
    command.search_attributes = search_attributes::typed(command.search_attributes, &draft.context.namespace);
    limit::pending(
        draft.run().children.len(),
        limits.pending_children,
        Cause::PendingChildWorkflowsLimitExceeded,
        "pending child workflow executions",
    )?;
    context.children.insert(command.workflow_id.clone());
    let attributes = initiated(command, namespace, namespace_id, context.workflow_task_completed_event_id);
    append(draft, event, history_event::Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(attributes));
    Ok(())
}

fn initiated(
    command: StartChildWorkflowExecutionCommandAttributes,
    namespace: String,
    namespace_id: NamespaceId,
    workflow_task_completed_event_id: i64,
) -> StartChildWorkflowExecutionInitiatedEventAttributes {
    let parent_close_policy = match command.parent_close_policy() {
        ParentClosePolicy::Unspecified => ParentClosePolicy::Terminate,
        policy @ (ParentClosePolicy::Terminate | ParentClosePolicy::Abandon | ParentClosePolicy::RequestCancel) => {
            policy
        }
    };
    let reuse_policy = if command.workflow_id_reuse_policy() == WorkflowIdReusePolicy::Unspecified {
        WorkflowIdReusePolicy::AllowDuplicate.into()
    } else {
        command.workflow_id_reuse_policy
    };
    StartChildWorkflowExecutionInitiatedEventAttributes {
        namespace,
        namespace_id: namespace_id.to_string(),
        workflow_id: command.workflow_id,
        workflow_type: command.workflow_type,
        task_queue: command.task_queue,
        input: command.input,
        workflow_execution_timeout: command.workflow_execution_timeout,
        workflow_run_timeout: command.workflow_run_timeout,
        workflow_task_timeout: command.workflow_task_timeout,
        parent_close_policy: parent_close_policy.into(),
        workflow_task_completed_event_id,
        workflow_id_reuse_policy: reuse_policy,
        retry_policy: command.retry_policy,
        cron_schedule: command.cron_schedule,
        header: command.header,
        memo: payload::filter_memo(command.memo),
        search_attributes: payload::filter_search_attributes(command.search_attributes),
        priority: command.priority,
        versioning_override: command.versioning_override,
        control: command.control,
        inherit_build_id: command.inherit_build_id,
        ..Default::default()
    }
}

/// Checks the attributes and fills in what they leave out from the run.
fn check(
    draft: &Draft,
    command: &mut StartChildWorkflowExecutionCommandAttributes,
    namespace: &str,
) -> Result<(), CommandFailure> {
    let bad = |text: String| CommandFailure::task(Cause::BadStartChildExecutionAttributes, text);
    let limits = &draft.context.limits;
    let searchable = search_attributes::check(command.search_attributes.as_ref(), &draft.context.namespace, limits);
    let bad_attributes = match searchable {
        Ok(()) => None,
        // What else is wrong with the command is reported first.
        Err(Invalid::Bad(text)) => Some(text),
        Err(Invalid::Unknown(text)) => return Err(CommandFailure::task(Cause::BadSearchAttributes, text)),
    };
    valid::same_namespace(draft, namespace).map_err(bad)?;
    let named = check_names(command, namespace, limits.id_length).map_err(bad)?;
    for (name, given) in [
        ("WorkflowExecutionTimeout", &mut command.workflow_execution_timeout),
        ("WorkflowRunTimeout", &mut command.workflow_run_timeout),
        ("WorkflowTaskTimeout", &mut command.workflow_task_timeout),
    ] {
        model::check::duration(given).map_err(|text| bad(format!("Invalid {name} on {COMMAND}: {text}. {named}")))?;
    }
    if let Some(policy) = &mut command.retry_policy {
        model::check::retry_policy(policy)
            .map_err(|text| bad(format!("invalid WorkflowRetryPolicy on {COMMAND}: {text}. {named}")))?;
    }
    cron::validate(&command.cron_schedule, draft.context.now)
        .map_err(|reject| bad(format!("invalid CronSchedule on {COMMAND}: {reject}. {named}")))?;
    if let Some(text) = bad_attributes {
        // The name of the command is the reference's own spelling.
        let text = format!("invalid SearchAttributes on StartChildWorkflowCommand: {text}. {named}");
        return Err(CommandFailure::task(Cause::BadSearchAttributes, text));
    }
    model::check::priority(command.priority.as_ref()).map_err(|text| bad(text.into()))?;
    let own = draft.run().core.task_queue.as_str();
    let queue = command
        .task_queue
        .get_or_insert_with(|| TaskQueue { kind: TaskQueueKind::Normal.into(), ..Default::default() });
    model::check::user_task_queue(queue, own, own, limits.id_length).map_err(|text| {
        bad(format!("invalid TaskQueue on {COMMAND}: {text}. {named} TaskQueue={}", valid::queue_text(queue)))
    })?;
    let other_queue = queue.name != own;
    if command.inherit_build_id && other_queue {
        let text = "StartChildWorkflowExecution with UseCompatibleVersion cannot run on different task queue.";
        return Err(bad(text.into()));
    }
    let execution = valid::span(&command.workflow_execution_timeout);
    let run = valid::run_timeout(valid::span(&command.workflow_run_timeout), execution);
    let task = valid::workflow_task_timeout(valid::span(&command.workflow_task_timeout), run, limits);
    command.workflow_run_timeout = Some(to_proto_duration(run));
    command.workflow_task_timeout = Some(to_proto_duration(task));
    Ok(())
}

/// Checks names and returns them as later texts end with them.
fn check_names(
    command: &StartChildWorkflowExecutionCommandAttributes,
    namespace: &str,
    limit: usize,
) -> Result<String, String> {
    let id = &command.workflow_id;
    let kind = command.workflow_type.as_ref().map_or("", |kind| kind.name.as_str());
    if id.is_empty() {
        return Err(format!(
            "Required field WorkflowId is not set on {COMMAND}. WorkflowType={kind} Namespace={namespace}"
        ));
    }
    if kind.is_empty() {
        return Err(format!(
            "Required field WorkflowType is not set on {COMMAND}. WorkflowId={id} Namespace={namespace}"
        ));
    }
    if namespace.len() > limit {
        return Err(format!(
            "Namespace on {COMMAND} exceeds length limit. WorkflowId={id} WorkflowType={kind} Namespace={namespace} \
             Length={} Limit={limit}",
            namespace.len()
        ));
    }
    if id.len() > limit {
        return Err(format!(
            "WorkflowId on {COMMAND} exceeds length limit. WorkflowId={id} Length={} Limit={limit} \
             WorkflowType={kind} Namespace={namespace}",
            id.len()
        ));
    }
    if kind.len() > limit {
        return Err(format!(
            "WorkflowType on {COMMAND} exceeds length limit. WorkflowId={id} WorkflowType={kind} Length={} \
             Limit={limit} Namespace={namespace}",
            kind.len()
        ));
    }
    Ok(format!("WorkflowId={id} WorkflowType={kind} Namespace={namespace}"))
}
