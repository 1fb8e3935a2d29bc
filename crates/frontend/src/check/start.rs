//! Requests that start a workflow.

use engine::check_cron_schedule as cron_schedule;
use model::{Limits, Namespace, Reject, Time};
use prost::Message;
use proto::temporal::api::{
    common::v1::{Memo, Payloads, SearchAttributes},
    enums::v1::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
    workflowservice::v1::{SignalWithStartWorkflowExecutionRequest, StartWorkflowExecutionRequest},
};

use super::{blob, duration, links, priority, request_id, retry_policy, user_task_queue};

type Span = Option<prost_types::Duration>;

/// Checks a start and fills in its defaults.
pub(crate) fn start(
    request: &mut StartWorkflowExecutionRequest,
    namespace: &Namespace,
    limits: &Limits,
    now: Time,
) -> Result<(), Reject> {
    policies(
        &mut request.workflow_id_reuse_policy,
        &mut request.workflow_id_conflict_policy,
        WorkflowIdConflictPolicy::Fail,
    );
    workflow_id(&request.workflow_id, limits)?;
    retry_policy(&mut request.retry_policy)?;
    start_delay(&request.cron_schedule, &mut request.workflow_start_delay)?;
    cron_schedule(&request.cron_schedule, now)?;
    let kind = request.workflow_type.as_ref().map_or("", |kind| &kind.name);
    if kind.is_empty() {
        return Err(Reject::invalid("WorkflowType is not set on request."));
    }
    if kind.len() > limits.id_length {
        return Err(Reject::invalid("WorkflowType length exceeds limit."));
    }
    request.task_queue = Some(user_task_queue(request.task_queue.take(), limits)?);
    timeouts(
        &mut request.workflow_execution_timeout,
        &mut request.workflow_run_timeout,
        &mut request.workflow_task_timeout,
    )?;
    request_id(&request.request_id, limits)?;
    compatible(request.workflow_id_reuse_policy(), request.workflow_id_conflict_policy())?;
    if request.on_conflict_options.is_some_and(|on| on.attach_completion_callbacks && !on.attach_request_id) {
        let text = "attaching request ID is required for attaching completion callbacks";
        return Err(Reject::invalid(text));
    }
    search_attributes(request.search_attributes.as_ref(), namespace, limits)?;
    priority(request.priority.as_ref())?;
    if !request.completion_callbacks.is_empty() {
        return Err(Reject::unimplemented("completion callbacks"));
    }
    links(&request.links, limits)?;
    if request.time_skipping_config.is_some() {
        return Err(no_time_skipping());
    }
    if request.versioning_override.is_some() {
        return Err(Reject::unimplemented("versioning override"));
    }
    sizes(request.input.as_ref(), request.memo.as_ref(), limits)
}

/// Checks a signal with start and fills in its defaults.
pub(crate) fn signal_with_start(
    request: &mut SignalWithStartWorkflowExecutionRequest,
    namespace: &Namespace,
    limits: &Limits,
    now: Time,
) -> Result<(), Reject> {
    cron_schedule(&request.cron_schedule, now)?;
    workflow_id(&request.workflow_id, limits)?;
    named("signal", "signal name", &request.signal_name, limits)?;
    let kind = request.workflow_type.as_ref().map_or("", |kind| &kind.name);
    named("workflow type", "workflow type name", kind, limits)?;
    request.task_queue = Some(user_task_queue(request.task_queue.take(), limits)?);
    at_most("Request ID", &request.request_id, limits)?;
    timeouts(
        &mut request.workflow_execution_timeout,
        &mut request.workflow_run_timeout,
        &mut request.workflow_task_timeout,
    )?;
    retry_policy(&mut request.retry_policy)?;
    start_delay(&request.cron_schedule, &mut request.workflow_start_delay)?;
    compatible(request.workflow_id_reuse_policy(), request.workflow_id_conflict_policy())?;
    if request.workflow_id_conflict_policy() == WorkflowIdConflictPolicy::Fail {
        let text =
            "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for this operation.";
        return Err(Reject::invalid(text));
    }
    policies(
        &mut request.workflow_id_reuse_policy,
        &mut request.workflow_id_conflict_policy,
        WorkflowIdConflictPolicy::UseExisting,
    );
    search_attributes(request.search_attributes.as_ref(), namespace, limits)?;
    priority(request.priority.as_ref())?;
    links(&request.links, limits)?;
    if request.time_skipping_config.is_some() {
        return Err(no_time_skipping());
    }
    if request.versioning_override.is_some() {
        return Err(Reject::unimplemented("versioning override"));
    }
    blob(request.signal_input.as_ref(), limits)?;
    sizes(request.input.as_ref(), request.memo.as_ref(), limits)
}

/// Absent policies become the defaults, and the deprecated way to terminate a running workflow becomes the one of now.
fn policies(reuse: &mut i32, conflict: &mut i32, default: WorkflowIdConflictPolicy) {
    if *conflict == WorkflowIdConflictPolicy::Unspecified as i32 {
        if *reuse == WorkflowIdReusePolicy::TerminateIfRunning as i32 {
            *conflict = WorkflowIdConflictPolicy::TerminateExisting as i32;
            *reuse = WorkflowIdReusePolicy::AllowDuplicate as i32;
        } else {
            *conflict = default as i32;
        }
    }
    if *reuse == WorkflowIdReusePolicy::Unspecified as i32 {
        *reuse = WorkflowIdReusePolicy::AllowDuplicate as i32;
    }
}

fn compatible(reuse: WorkflowIdReusePolicy, conflict: WorkflowIdConflictPolicy) -> Result<(), Reject> {
    let text = if reuse == WorkflowIdReusePolicy::TerminateIfRunning
        && conflict != WorkflowIdConflictPolicy::Unspecified
    {
        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together with a WorkflowIDConflictPolicy"
    } else if reuse == WorkflowIdReusePolicy::RejectDuplicate && conflict == WorkflowIdConflictPolicy::TerminateExisting
    {
        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together with WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING"
    } else {
        return Ok(());
    };
    Err(Reject::invalid(text))
}

fn workflow_id(workflow_id: &str, limits: &Limits) -> Result<(), Reject> {
    if workflow_id.is_empty() {
        return Err(Reject::invalid("WorkflowId is not set on request."));
    }
    at_most("WorkflowId", workflow_id, limits)
}

fn named(field: &str, long_field: &str, name: &str, limits: &Limits) -> Result<(), Reject> {
    if name.is_empty() {
        return Err(Reject::invalid(format!("{field} not set")));
    }
    at_most(long_field, name, limits)
}

fn at_most(field: &str, value: &str, limits: &Limits) -> Result<(), Reject> {
    let (length, most) = (value.len(), limits.id_length);
    if length > most {
        return Err(Reject::invalid(format!("{field} exceeds maximum allowed length ({length}/{most})")));
    }
    Ok(())
}

fn timeouts(execution: &mut Span, run: &mut Span, task: &mut Span) -> Result<(), Reject> {
    for (span, field) in [(execution, "WorkflowExecution"), (run, "WorkflowRun"), (task, "WorkflowTask")] {
        duration(span).map_err(|reason| {
            Reject::invalid(format!("An invalid {field}TimeoutSeconds is set on request. cause: {reason}"))
        })?;
    }
    Ok(())
}

fn start_delay(cron_schedule: &str, delay: &mut Span) -> Result<(), Reject> {
    if !cron_schedule.is_empty() && delay.is_some() {
        return Err(Reject::invalid("CronSchedule and WorkflowStartDelay may not be used together."));
    }
    duration(delay).map_err(|reason| {
        Reject::invalid(format!("An invalid WorkflowStartDelaySeconds is set on request. cause: {reason}"))
    })
}

fn search_attributes(
    attributes: Option<&SearchAttributes>,
    namespace: &Namespace,
    limits: &Limits,
) -> Result<(), Reject> {
    engine::check_search_attributes(attributes, namespace, limits)
}

fn sizes(input: Option<&Payloads>, memo: Option<&Memo>, limits: &Limits) -> Result<(), Reject> {
    blob(input, limits)?;
    if memo.is_some_and(|memo| memo.encoded_len() > limits.memo_size_error) {
        return Err(Reject::invalid("Memo size exceeds limit."));
    }
    Ok(())
}

fn no_time_skipping() -> Reject {
    Reject::new(model::Kind::Unimplemented, "The Time-Skipping feature is not enabled for namespace.")
}
