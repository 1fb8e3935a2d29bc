//! Commands that fail the Workflow Task: the completion is refused with the reason, and the task starts over.

use serde_json::{Value, json};

use super::{NOWHERE, Refusal, long, oversized};
use crate::differential::program::{commands::command, task_queue, world::Run};

/// A command that is refused.
#[derive(Debug)]
pub(super) struct Bad {
    pub(super) refusal: Refusal,
    command: fn(&Run) -> Value,
}

const fn bad(text: &'static str, command: fn(&Run) -> Value) -> Bad {
    let refusal = Refusal { rpc: "RespondWorkflowTaskCompleted", code: "INVALID_ARGUMENT", text, provoke: None };
    Bad { refusal, command }
}

/// A command that names what does not exist: the completion is refused and the task stays with its worker.
const fn lost(text: &'static str, command: fn(&Run) -> Value) -> Bad {
    let refusal = Refusal { rpc: "RespondWorkflowTaskCompleted", code: "NOT_FOUND", text, provoke: None };
    Bad { refusal, command }
}

/// How many there are.
pub(crate) fn bad_commands() -> usize {
    BAD.len()
}

/// One of the refused commands for a run, counted round and round.
pub(crate) fn bad_command(at: usize, run: &Run) -> Vec<Value> {
    BAD.get(at % BAD.len().max(1)).map(|bad| (bad.command)(run)).into_iter().collect()
}

fn without_attributes(name: &str) -> Value {
    json!({"commandType": format!("COMMAND_TYPE_{name}")})
}

/// A valid scheduling of an Activity, with one thing changed.
fn activity(change: fn(&mut Value)) -> Value {
    let mut attributes = json!({
        "activityId": "bad", "activityType": {"name": "ProbeActivity"}, "taskQueue": task_queue("probe-bad"),
        "startToCloseTimeout": "60s",
    });
    change(&mut attributes);
    command("SCHEDULE_ACTIVITY_TASK", attributes)
}

/// A valid start of a child, with one thing changed.
fn child(change: fn(&mut Value)) -> Value {
    let mut attributes = json!({
        "workflowId": "probe-bad", "workflowType": {"name": "ProbeChild"}, "taskQueue": task_queue("probe-bad"),
    });
    change(&mut attributes);
    command("START_CHILD_WORKFLOW_EXECUTION", attributes)
}

/// A valid continuation, with one thing changed.
fn next(run: &Run, change: fn(&mut Value)) -> Value {
    let mut attributes = json!({"workflowType": {"name": "ProbeWorkflow"}, "taskQueue": task_queue(&run.queue)});
    change(&mut attributes);
    command("CONTINUE_AS_NEW_WORKFLOW_EXECUTION", attributes)
}

/// A valid signal to another run, with one thing changed.
fn signal(change: fn(&mut Value)) -> Value {
    let mut attributes = json!({"execution": {"workflowId": "probe-bad"}, "signalName": "nudge"});
    change(&mut attributes);
    command("SIGNAL_EXTERNAL_WORKFLOW_EXECUTION", attributes)
}

/// A valid request to cancel another run, with one thing changed.
fn cancel(change: fn(&mut Value)) -> Value {
    let mut attributes = json!({"workflowId": "probe-bad"});
    change(&mut attributes);
    command("REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION", attributes)
}

pub(super) const BAD: &[Bad] = &[
    bad("BadScheduleActivityAttributes: ScheduleActivityTaskCommandAttributes is not set on", |_| {
        without_attributes("SCHEDULE_ACTIVITY_TASK")
    }),
    bad("BadScheduleActivityAttributes: activityId is not set", |_| activity(|a| a["activityId"] = json!(""))),
    bad("BadScheduleActivityAttributes: activityId exceeds length limit. Length=1001 Limit=1000", |_| {
        activity(|a| a["activityId"] = long())
    }),
    bad("BadScheduleActivityAttributes: activityType is not set", |_| activity(|a| a["activityType"] = json!(null))),
    bad("BadScheduleActivityAttributes: activityType exceeds length limit. Length=1001 Limit=1000", |_| {
        activity(|a| a["activityType"]["name"] = long())
    }),
    bad("BadScheduleActivityAttributes: taskQueue length exceeds limit", |_| {
        activity(|a| a["taskQueue"]["name"] = long())
    }),
    bad("BadScheduleActivityAttributes: task queue name cannot start with reserved prefix /_sys/", |_| {
        activity(|a| a["taskQueue"]["name"] = json!("/_sys/probe"))
    }),
    bad("BadScheduleActivityAttributes: a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on", |_| {
        activity(|a| a["startToCloseTimeout"] = json!(null))
    }),
    bad("BadScheduleActivityAttributes: invalid StartToCloseTimeout: negative duration", |_| {
        activity(|a| a["startToCloseTimeout"] = json!("-1s"))
    }),
    bad("BadScheduleActivityAttributes: invalid ScheduleToCloseTimeout: negative duration", |_| {
        activity(|a| a["scheduleToCloseTimeout"] = json!("-1s"))
    }),
    bad("BadScheduleActivityAttributes: invalid ScheduleToStartTimeout: negative duration", |_| {
        activity(|a| a["scheduleToStartTimeout"] = json!("-1s"))
    }),
    bad("BadScheduleActivityAttributes: invalid HeartbeatTimeout: negative duration", |_| {
        activity(|a| a["heartbeatTimeout"] = json!("-1s"))
    }),
    bad("BadScheduleActivityAttributes: BackoffCoefficient cannot be less than 1 on retry policy.", |_| {
        activity(|a| a["retryPolicy"] = json!({"backoffCoefficient": 0.5}))
    }),
    bad("BadScheduleActivityAttributes: invalid priorities: priority key can't be negative", |_| {
        activity(|a| a["priority"] = json!({"priorityKey": -1}))
    }),
    bad("BadScheduleActivityAttributes: ScheduleActivityTaskCommandAttributes.Input exceeds size limit.", |_| {
        activity(|a| a["input"] = oversized())
    }),
    bad("BadRequestCancelActivityAttributes: RequestCancelActivityTaskCommandAttributes is not set on", |_| {
        without_attributes("REQUEST_CANCEL_ACTIVITY_TASK")
    }),
    bad("BadRequestCancelActivityAttributes: ScheduledEventId is not set on RequestCancelActivityTaskCommand.", |_| {
        command("REQUEST_CANCEL_ACTIVITY_TASK", json!({}))
    }),
    bad("BadRequestCancelActivityAttributes: invalid history builder state for action:", |_| {
        command("REQUEST_CANCEL_ACTIVITY_TASK", json!({"scheduledEventId": 9999}))
    }),
    bad("BadStartTimerAttributes: StartTimerCommandAttributes is not set on StartTimerCommand.", |_| {
        without_attributes("START_TIMER")
    }),
    bad("BadStartTimerAttributes: TimerId is not set on StartTimerCommand.", |_| {
        command("START_TIMER", json!({"startToFireTimeout": "1s"}))
    }),
    bad("BadStartTimerAttributes: TimerId on StartTimerCommand exceeds length limit. TimerId=", |_| {
        command("START_TIMER", json!({"timerId": long(), "startToFireTimeout": "1s"}))
    }),
    bad("BadStartTimerAttributes: An invalid StartToFireTimeout is set on StartTimerCommand: negative", |_| {
        command("START_TIMER", json!({"timerId": "bad", "startToFireTimeout": "-1s"}))
    }),
    bad("BadCancelTimerAttributes: CancelTimerCommandAttributes is not set on CancelTimerCommand.", |_| {
        without_attributes("CANCEL_TIMER")
    }),
    bad("BadCancelTimerAttributes: TimerId is not set on CancelTimerCommand.", |_| command("CANCEL_TIMER", json!({}))),
    bad("BadCancelTimerAttributes: TimerId on CancelTimerCommand exceeds length limit. TimerId=", |_| {
        command("CANCEL_TIMER", json!({"timerId": long()}))
    }),
    bad("BadCancelTimerAttributes: invalid history builder state for action: add-timer-canceled-event,", |_| {
        command("CANCEL_TIMER", json!({"timerId": "never-started"}))
    }),
    bad("BadRecordMarkerAttributes: RecordMarkerCommandAttributes is not set on RecordMarkerCommand.", |_| {
        without_attributes("RECORD_MARKER")
    }),
    bad("BadRecordMarkerAttributes: MarkerName is not set on RecordMarkerCommand.", |_| {
        command("RECORD_MARKER", json!({}))
    }),
    bad("BadRecordMarkerAttributes: MarkerName on RecordMarkerCommand exceeds length limit. MarkerName=", |_| {
        command("RECORD_MARKER", json!({"markerName": long()}))
    }),
    bad("BadRecordMarkerAttributes: RecordMarkerCommandAttributes.Details exceeds size limit.", |_| {
        command("RECORD_MARKER", json!({"markerName": "bad", "details": {"big": oversized()}}))
    }),
    bad("BadCompleteWorkflowExecutionAttributes: CompleteWorkflowExecutionCommandAttributes is not set on", |_| {
        without_attributes("COMPLETE_WORKFLOW_EXECUTION")
    }),
    bad("BadScheduleActivityAttributes: CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.", |_| {
        command("COMPLETE_WORKFLOW_EXECUTION", json!({"result": oversized()}))
    }),
    bad("BadFailWorkflowExecutionAttributes: FailWorkflowExecutionCommandAttributes is not set on", |_| {
        without_attributes("FAIL_WORKFLOW_EXECUTION")
    }),
    bad("BadFailWorkflowExecutionAttributes: Failure is not set on FailWorkflowExecutionCommand.", |_| {
        command("FAIL_WORKFLOW_EXECUTION", json!({}))
    }),
    bad("BadCancelWorkflowExecutionAttributes: CancelWorkflowExecutionCommandAttributes is not set on", |_| {
        without_attributes("CANCEL_WORKFLOW_EXECUTION")
    }),
    bad("BadRequestCancelExternalWorkflowExecutionAttributes:", |_| {
        without_attributes("REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION")
    }),
    bad("BadRequestCancelExternalWorkflowExecutionAttributes: WorkflowId is not set on", |_| {
        cancel(|a| a["workflowId"] = json!(""))
    }),
    bad("BadRequestCancelExternalWorkflowExecutionAttributes: WorkflowId on", |_| cancel(|a| a["workflowId"] = long())),
    bad("BadRequestCancelExternalWorkflowExecutionAttributes: Invalid RunId set on", |_| {
        cancel(|a| a["runId"] = json!("not-a-run"))
    }),
    lost("Namespace probe-nowhere is not found.", |_| cancel(|a| a["namespace"] = json!(NOWHERE))),
    bad("BadSignalWorkflowExecutionAttributes: SignalExternalWorkflowExecutionCommandAttributes is not set", |_| {
        without_attributes("SIGNAL_EXTERNAL_WORKFLOW_EXECUTION")
    }),
    bad("BadSignalWorkflowExecutionAttributes: Execution is not set on", |_| signal(|a| a["execution"] = json!(null))),
    bad("BadSignalWorkflowExecutionAttributes: WorkflowId is not set on", |_| {
        signal(|a| a["execution"]["workflowId"] = json!(""))
    }),
    bad("BadSignalWorkflowExecutionAttributes: WorkflowId on SignalExternalWorkflowExecutionCommand exceeds", |_| {
        signal(|a| a["execution"]["workflowId"] = long())
    }),
    bad("BadSignalWorkflowExecutionAttributes: Invalid RunId set on SignalExternalWorkflowExecutionCommand.", |_| {
        signal(|a| a["execution"]["runId"] = json!("not-a-run"))
    }),
    bad("BadSignalWorkflowExecutionAttributes: SignalName is not set on", |_| signal(|a| a["signalName"] = json!(""))),
    bad("BadSignalWorkflowExecutionAttributes: SignalExternalWorkflowExecutionCommandAttributes.Input", |_| {
        signal(|a| a["input"] = oversized())
    }),
    bad("BadSearchAttributes: UpsertWorkflowSearchAttributesCommandAttributes is not set on", |_| {
        without_attributes("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES")
    }),
    bad("BadSearchAttributes: SearchAttributes is not set on UpsertWorkflowSearchAttributesCommand.", |_| {
        command("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", json!({}))
    }),
    bad("BadSearchAttributes: IndexedFields is not set on UpsertWorkflowSearchAttributesCommand.", |_| {
        command("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", json!({"searchAttributes": {}}))
    }),
    bad("BadSearchAttributes: Namespace default has no mapping defined for search attribute NoSuch", |_| {
        let unknown = json!({"searchAttributes": {"indexedFields": {"NoSuch": {"data": "MQ=="}}}});
        command("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", unknown)
    }),
    bad("BadSearchAttributes: invalid value for search attribute ProbeInt of type Int: value from", |_| {
        let wrong = json!({"searchAttributes": {"indexedFields": {"ProbeInt": {"data": "InRleHQi"}}}});
        command("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", wrong)
    }),
    bad("BadModifyWorkflowPropertiesAttributes: ModifyWorkflowPropertiesCommandAttributes is not set on", |_| {
        without_attributes("MODIFY_WORKFLOW_PROPERTIES")
    }),
    bad("BadModifyWorkflowPropertiesAttributes: UpsertedMemo is not set on ModifyWorkflowPropertiesCommand.", |_| {
        command("MODIFY_WORKFLOW_PROPERTIES", json!({}))
    }),
    bad("BadModifyWorkflowPropertiesAttributes: UpsertedMemo.Fields is not set on", |_| {
        command("MODIFY_WORKFLOW_PROPERTIES", json!({"upsertedMemo": {}}))
    }),
    bad("BadModifyWorkflowPropertiesAttributes: ModifyWorkflowPropertiesCommandAttributes exceeds size limit.", |_| {
        let big = json!({"upsertedMemo": {"fields": {"big": oversized()["payloads"][0]}}});
        command("MODIFY_WORKFLOW_PROPERTIES", big)
    }),
    bad("BadContinueAsNewAttributes: ContinueAsNewWorkflowExecutionCommandAttributes is not set on", |_| {
        without_attributes("CONTINUE_AS_NEW_WORKFLOW_EXECUTION")
    }),
    bad("BadContinueAsNewAttributes: WorkflowType on ContinueAsNewWorkflowExecutionCommand exceeds length", |run| {
        next(run, |a| a["workflowType"]["name"] = long())
    }),
    bad("BadContinueAsNewAttributes: error validating ContinueAsNewWorkflowExecutionCommand TaskQueue:", |run| {
        next(run, |a| a["taskQueue"]["name"] = long())
    }),
    bad("BadContinueAsNewAttributes: Invalid WorkflowRunTimeout on ContinueAsNewWorkflowExecutionCommand:", |run| {
        next(run, |a| a["workflowRunTimeout"] = json!("-1s"))
    }),
    bad("BadContinueAsNewAttributes: Invalid WorkflowTaskTimeout on ContinueAsNewWorkflowExecutionCommand:", |run| {
        next(run, |a| a["workflowTaskTimeout"] = json!("-1s"))
    }),
    bad("BadContinueAsNewAttributes: Invalid BackoffStartInterval on ContinueAsNewWorkflowExecutionCommand:", |run| {
        next(run, |a| a["backoffStartInterval"] = json!("-1s"))
    }),
    bad("BadContinueAsNewAttributes: invalid WorkflowRetryPolicy on ContinueAsNewWorkflowExecutionCommand:", |run| {
        next(run, |a| a["retryPolicy"] = json!({"backoffCoefficient": 0.5}))
    }),
    bad("BadContinueAsNewAttributes: ContinueAsNewWorkflowExecutionCommandAttributes. Input exceeds size", |run| {
        next(run, |a| a["input"] = oversized())
    }),
    bad("BadSearchAttributes: Namespace default has no mapping defined for search attribute NoSuch", |run| {
        next(run, |a| a["searchAttributes"] = json!({"indexedFields": {"NoSuch": {"data": "MQ=="}}}))
    }),
    bad("BadStartChildExecutionAttributes: Required field WorkflowId is not set on", |_| {
        child(|a| a["workflowId"] = json!(""))
    }),
    bad("BadStartChildExecutionAttributes: WorkflowId on StartChildWorkflowExecutionCommand exceeds length", |_| {
        child(|a| a["workflowId"] = long())
    }),
    bad("BadStartChildExecutionAttributes: Required field WorkflowType is not set on", |_| {
        child(|a| a["workflowType"] = json!(null))
    }),
    bad("BadStartChildExecutionAttributes: WorkflowType on StartChildWorkflowExecutionCommand exceeds length", |_| {
        child(|a| a["workflowType"]["name"] = long())
    }),
    bad("BadStartChildExecutionAttributes: invalid TaskQueue on StartChildWorkflowExecutionCommand:", |_| {
        child(|a| a["taskQueue"]["name"] = long())
    }),
    lost("Namespace probe-nowhere is not found.", |_| child(|a| a["namespace"] = json!(NOWHERE))),
    bad("BadStartChildExecutionAttributes: Invalid WorkflowExecutionTimeout on", |_| {
        child(|a| a["workflowExecutionTimeout"] = json!("-1s"))
    }),
    bad("BadStartChildExecutionAttributes: Invalid WorkflowRunTimeout on StartChildWorkflowExecutionCommand:", |_| {
        child(|a| a["workflowRunTimeout"] = json!("-1s"))
    }),
    bad("BadStartChildExecutionAttributes: Invalid WorkflowTaskTimeout on", |_| {
        child(|a| a["workflowTaskTimeout"] = json!("-1s"))
    }),
    bad("BadStartChildExecutionAttributes: invalid WorkflowRetryPolicy on", |_| {
        child(|a| a["retryPolicy"] = json!({"backoffCoefficient": 0.5}))
    }),
    bad("BadStartChildExecutionAttributes: invalid CronSchedule on StartChildWorkflowExecutionCommand:", |_| {
        child(|a| a["cronSchedule"] = json!("every now and then"))
    }),
    bad("BadStartChildExecutionAttributes: StartChildWorkflowExecutionCommandAttributes. Input exceeds size", |_| {
        child(|a| a["input"] = oversized())
    }),
    bad("BadSearchAttributes: Namespace default has no mapping defined for search attribute NoSuch", |_| {
        child(|a| a["searchAttributes"] = json!({"indexedFields": {"NoSuch": {"data": "MQ=="}}}))
    }),
    bad("BadUpdateWorkflowExecutionMessage: ProtocolMessageCommandAttributes is not set on", |_| {
        without_attributes("PROTOCOL_MESSAGE")
    }),
    bad("BadUpdateWorkflowExecutionMessage: MessageID is not set on ProtocolMessageCommand.", |_| {
        command("PROTOCOL_MESSAGE", json!({}))
    }),
    bad("BadUpdateWorkflowExecutionMessage: ProtocolMessageCommand referenced absent message ID", |_| {
        command("PROTOCOL_MESSAGE", json!({"messageId": "unheard-of"}))
    }),
    bad("unknown command type: Unspecified", |_| json!({"commandType": "COMMAND_TYPE_UNSPECIFIED"})),
];
