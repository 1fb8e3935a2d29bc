//! What a line of a transcript asks of the run.

use machine::{
    ActivityAnswer, ActivityRef, ChildClosed, ChildOutcome, External, ExternalOutcome, Input, Run, Signal, TaskRef,
};
use proto::temporal::api::{
    common::v1::{Link, Payload, Payloads, WorkerVersionStamp},
    enums::v1::{
        CancelExternalWorkflowExecutionFailedCause, SignalExternalWorkflowExecutionFailedCause,
        StartChildWorkflowExecutionFailedCause,
    },
    history::v1::HistoryEvent,
    update::v1::{Input as UpdateInput, Meta, Request as UpdateRequest},
    workflowservice::v1::{RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskFailedRequest},
};
use serde_json::{Value, json};

use super::{json, script::Line, stage::namespace};

const SERVICE: &str = "temporal.api.workflowservice.v1";

/// The input that a line stands for.
pub(crate) fn input(run: &Run, line: &Line) -> Input {
    let word = |key: &str| line.get(key).unwrap_or_default().to_owned();
    let identity = line.get("identity").unwrap_or("worker").to_owned();
    match line.verb.as_str() {
        "poll" => Input::StartWorkflowTask { identity, request_id: word("request"), worker_version: build(line) },
        "complete" => complete(run, line),
        "fail" => {
            let mut request: RespondWorkflowTaskFailedRequest =
                parse(line, &format!("{SERVICE}.RespondWorkflowTaskFailedRequest"));
            request.identity = identity;
            Input::FailWorkflowTask { task: task(run, line), request: Box::new(request) }
        }
        "undelivered" => Input::WorkflowTaskUndelivered { task: task(run, line) },
        "signal" => Input::Signal(Signal {
            name: line.first().to_owned(),
            input: line.get("input").map(payloads),
            identity: "client".into(),
            request_id: word("request"),
            external: external(line),
            comes_with_start: line.get("with").is_some_and(|what| what == "start"),
            ..Signal::default()
        }),
        "request-cancel" => Input::RequestCancel {
            reason: word("reason"),
            identity: "client".into(),
            request_id: word("request"),
            external: external(line),
            links: Vec::new(),
        },
        "update" => Input::AdmitUpdate(Box::new(UpdateRequest {
            meta: Some(Meta { update_id: line.first().to_owned(), identity: "client".into() }),
            input: Some(UpdateInput { name: line.get("name").unwrap_or("set").into(), ..UpdateInput::default() }),
            ..UpdateRequest::default()
        })),
        "terminate" => Input::Terminate {
            reason: word("reason"),
            details: line.get("details").map(payloads),
            identity: "client".into(),
            links: Vec::new(),
        },
        "attach-start" => Input::AttachStart { request_id: word("request"), links: vec![Link::default()] },
        "activity-start"
        | "activity-undelivered"
        | "activity-complete"
        | "activity-fail"
        | "activity-cancel"
        | "activity-heartbeat" => activity(run, line, identity),
        "child-started" | "child-start-failed" | "child-closed" => child(line),
        "signal-delivered" | "signal-failed" | "cancel-delivered" | "cancel-failed" => delivered(line),
        "close-policy-applied" => Input::ClosePolicyApplied { initiated_event_id: line.number() },
        "parent-notified" => Input::ParentNotified,
        "reset-sticky" => Input::ResetSticky,
        "sticky-worker-gone" => Input::StickyWorkerGone { task_queue: line.first().to_owned() },
        "wake" => Input::Wake,
        "recover" => Input::Recover,
        verb => panic!("the stage does not know how to {verb}"),
    }
}

/// `build=id`: what the worker says of its build.
fn build(line: &Line) -> Option<WorkerVersionStamp> {
    line.get("build").map(|id| WorkerVersionStamp { build_id: id.to_owned(), use_versioning: false })
}

/// The running workflow task, as its token names it; `attempt=` tells of another one.
fn task(run: &Run, line: &Line) -> TaskRef {
    let task = run.core.workflow_task.unwrap_or_default();
    let started = run.started_task.as_ref();
    TaskRef {
        scheduled_event_id: task.scheduled_event_id,
        started_event_id: started.map_or(0, |started| started.started_event_id),
        attempt: line
            .get("attempt")
            .map_or(task.attempt, |attempt| attempt.parse().expect("a transcript is well-formed")),
        started_time: started.map_or(0, |started| started.started_time.0),
    }
}

/// `complete [force] [return_new] [sticky=queue] {request}` with the commands below, and the messages: `Accept id`,
/// `Reject id`, `Respond id {response}` and `Message {message}`. With an acceptance or a response goes its command,
/// unless the line says `uncommanded`.
fn complete(run: &Run, line: &Line) -> Input {
    let mut request = line.json.clone().unwrap_or_else(|| json!({}));
    let mut commands = Vec::new();
    let mut messages = Vec::new();
    for below in &line.below {
        match message(below) {
            Some(message) => {
                if matches!(below.verb.as_str(), "Accept" | "Respond") && !below.has("uncommanded") {
                    commands.push(json!({
                        "commandType": "COMMAND_TYPE_PROTOCOL_MESSAGE",
                        "protocolMessageCommandAttributes": { "messageId": message["id"] },
                    }));
                }
                messages.push(message);
            }
            None => commands.push(command(below)),
        }
    }
    request["commands"] = commands.into();
    if !messages.is_empty() {
        request["messages"] = messages.into();
    }
    let mut request: RespondWorkflowTaskCompletedRequest =
        json::parse(&format!("{SERVICE}.RespondWorkflowTaskCompletedRequest"), &request);
    request.identity = line.get("identity").unwrap_or("worker").to_owned();
    request.force_create_new_workflow_task |= line.has("force");
    request.return_new_workflow_task |= line.has("return_new");
    if let Some(queue) = line.get("sticky") {
        let sticky = request.sticky_attributes.get_or_insert_default();
        sticky.worker_task_queue.get_or_insert_default().name = queue.into();
        sticky.schedule_to_start_timeout.get_or_insert(prost_types::Duration { seconds: 5, nanos: 0 });
    }
    Input::CompleteWorkflowTask { task: task(run, line), request: Box::new(request) }
}

/// A worker's word on an update.
fn message(line: &Line) -> Option<Value> {
    let (kind, mut body) = match line.verb.as_str() {
        "Accept" => {
            let request = format!("{}/request", line.first());
            ("Acceptance", json!({ "acceptedRequestMessageId": request, "acceptedRequestSequencingEventId": "1" }))
        }
        "Reject" => ("Rejection", json!({ "failure": { "message": "no" } })),
        "Respond" => ("Response", json!({ "meta": { "updateId": line.first() }, "outcome": { "success": {} } })),
        "Message" => return line.json.clone(),
        _ => return None,
    };
    for (name, value) in line.json.iter().flat_map(|json| json.as_object()).flatten() {
        body[name] = value.clone();
    }
    body["@type"] = format!("type.googleapis.com/temporal.api.update.v1.{kind}").into();
    let id = format!("{}/{}", line.first(), kind.to_lowercase());
    Some(json!({ "id": id, "protocolInstanceId": line.first(), "body": body }))
}

/// `activity-… <activity id> [by_id] [attempt=…] …`.
fn activity(run: &Run, line: &Line, identity: String) -> Input {
    let activity_id = line.first();
    let found = run.activity_by_id(activity_id);
    let scheduled_event_id = found.map_or(0, |activity| activity.scheduled_event_id);
    if line.verb == "activity-start" {
        let request_id = line.get("request").unwrap_or("poll").to_owned();
        return Input::StartActivity { scheduled_event_id, identity, request_id, worker_version: build(line) };
    }
    let attempt = found.map_or(1, |activity| activity.attempt);
    let attempt = line.get("attempt").map_or(attempt, |attempt| attempt.parse().expect("a transcript is well-formed"));
    let started_time = found.map_or(0, |activity| activity.started_time);
    if line.verb == "activity-undelivered" {
        return Input::ActivityUndelivered { scheduled_event_id, attempt, started_time };
    }
    let activity = if line.has("by_id") {
        ActivityRef::Id(activity_id.to_owned())
    } else {
        ActivityRef::Token { scheduled_event_id, attempt, started_time }
    };
    let answer = match line.verb.as_str() {
        "activity-complete" => ActivityAnswer::Completed { result: line.get("result").map(payloads) },
        "activity-fail" => ActivityAnswer::Failed {
            failure: line.json.is_some().then(|| Box::new(parse(line, "temporal.api.failure.v1.Failure"))),
            last_heartbeat_details: line.get("details").map(payloads),
        },
        "activity-cancel" => ActivityAnswer::Canceled { details: line.get("details").map(payloads) },
        _ => ActivityAnswer::Heartbeat { details: line.get("details").map(payloads) },
    };
    Input::AnswerActivity { activity, identity, worker_version: build(line), answer }
}

/// The message that the line's JSON describes.
pub(crate) fn parse<M: prost::Message + Default>(line: &Line, name: &str) -> M {
    json::parse(name, line.json.as_ref().unwrap_or(&json!({})))
}

/// A command line: the type's name, then the attributes; `_metadata` beside them is the command's own.
fn command(line: &Line) -> Value {
    let mut attributes = line.json.clone().unwrap_or_else(|| json!({}));
    let metadata = attributes.as_object_mut().and_then(|fields| fields.remove("_metadata"));
    let kind = screaming(&line.verb);
    let mut first = line.verb.chars();
    let field: String = first.next().into_iter().flat_map(char::to_lowercase).chain(first).collect();
    let mut command = json!({ "commandType": format!("COMMAND_TYPE_{kind}") });
    if !line.has("bare") {
        command[format!("{field}CommandAttributes")] = attributes;
    }
    if let Some(metadata) = metadata {
        command["userMetadata"] = metadata;
    }
    command
}

/// `StartTimer` as `START_TIMER`.
fn screaming(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(c.to_uppercase());
    }
    text
}

fn payloads(text: &str) -> Payloads {
    Payloads { payloads: vec![Payload { data: text.to_owned().into_bytes().into(), ..Payload::default() }] }
}

/// `from=workflow/run [child_only]`.
fn external(line: &Line) -> Option<External> {
    let (workflow_id, run_id) = line.get("from")?.split_once('/').expect("from=workflow/run");
    Some(External {
        workflow_id: workflow_id.into(),
        run_id: run_id.into(),
        child_workflow_only: line.has("child_only"),
        initiated_event_id: 5,
        namespace_id: namespace(1).to_string(),
        ..External::default()
    })
}

/// The enum value that `key=` names by its full name.
pub(crate) fn cause<C: FromName>(line: &Line, key: &str, default: &str) -> C {
    C::from_name(line.get(key).unwrap_or(default))
}

pub(crate) trait FromName {
    fn from_name(name: &str) -> Self;
}

macro_rules! from_name {
    ($($kind:ty),+) => {
        $(impl FromName for $kind {
            fn from_name(name: &str) -> Self {
                Self::from_str_name(name).unwrap_or_else(|| panic!("there is no {name}"))
            }
        })+
    };
}

from_name!(
    CancelExternalWorkflowExecutionFailedCause,
    SignalExternalWorkflowExecutionFailedCause,
    StartChildWorkflowExecutionFailedCause,
    proto::temporal::api::enums::v1::WorkflowIdReusePolicy,
    proto::temporal::api::enums::v1::WorkflowIdConflictPolicy
);

fn child(line: &Line) -> Input {
    let initiated_event_id = line.number();
    let run_id = line.get("run").unwrap_or("child-run").to_owned();
    match line.verb.as_str() {
        "child-started" => Input::ChildStarted { initiated_event_id, outcome: ChildOutcome::Started { run_id } },
        "child-start-failed" => {
            let default = "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS";
            Input::ChildStarted { initiated_event_id, outcome: ChildOutcome::Failed(cause(line, "cause", default)) }
        }
        _ => Input::ChildClosed {
            initiated_event_id,
            child: Box::new(ChildClosed {
                first_run_id: run_id.clone(),
                run_id: line.get("last_run").map_or(run_id, str::to_owned),
                workflow_id: line.get("workflow").unwrap_or("child").to_owned(),
                event: parse::<HistoryEvent>(line, "temporal.api.history.v1.HistoryEvent"),
            }),
        },
    }
}

fn delivered(line: &Line) -> Input {
    let initiated_event_id = line.number();
    match line.verb.as_str() {
        "signal-delivered" => {
            Input::ExternalSignalDelivered { initiated_event_id, outcome: ExternalOutcome::Delivered }
        }
        "signal-failed" => {
            let default = "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND";
            let outcome = ExternalOutcome::Failed(cause(line, "cause", default));
            Input::ExternalSignalDelivered { initiated_event_id, outcome }
        }
        "cancel-delivered" => {
            Input::ExternalCancelDelivered { initiated_event_id, outcome: ExternalOutcome::Delivered }
        }
        _ => {
            let default = "CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND";
            let outcome = ExternalOutcome::Failed(cause(line, "cause", default));
            Input::ExternalCancelDelivered { initiated_event_id, outcome }
        }
    }
}
