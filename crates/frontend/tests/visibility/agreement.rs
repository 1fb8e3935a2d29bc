//! List, count, describe and history say the same of one run, in every state that a run can be in.

use std::collections::BTreeMap;

use model::{
    Time,
    search_attribute::{Value, payload_kind},
};
use proto::temporal::api::{
    command::v1::{
        CancelWorkflowExecutionCommandAttributes, Command, CompleteWorkflowExecutionCommandAttributes,
        ContinueAsNewWorkflowExecutionCommandAttributes, FailWorkflowExecutionCommandAttributes,
        StartChildWorkflowExecutionCommandAttributes, UpsertWorkflowSearchAttributesCommandAttributes,
        command::Attributes,
    },
    common::v1::{Memo, RetryPolicy, SearchAttributes, WorkflowExecution, WorkflowType},
    enums::v1::{CommandType, EventType, WorkflowExecutionStatus},
    history::v1::{HistoryEvent, history_event::Attributes as Event},
    workflow::v1::WorkflowExecutionInfo,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, ListWorkflowExecutionsRequest, PollWorkflowTaskQueueRequest,
        PollWorkflowTaskQueueResponse, RequestCancelWorkflowExecutionRequest, RespondWorkflowTaskCompletedRequest,
        RespondWorkflowTaskFailedRequest, StartWorkflowExecutionRequest, TerminateWorkflowExecutionRequest,
    },
};
use store::visibility::status_name;

use crate::world::{World, execution, json, queue};

/// A worker, and clients that bring runs into states.
impl World {
    /// Each workflow has a queue of its own, which is called like it.
    async fn poll(&mut self, id: &str) -> PollWorkflowTaskQueueResponse {
        let namespace = "default".to_owned();
        let poll = PollWorkflowTaskQueueRequest { namespace, task_queue: queue(id), ..Default::default() };
        self.client.poll_workflow_task_queue(patient(poll)).await.unwrap().into_inner()
    }

    async fn complete(&mut self, id: &str, commands: Vec<Attributes>) {
        let task_token = self.poll(id).await.task_token;
        let commands = commands.into_iter().map(command).collect();
        let namespace = "default".to_owned();
        let answer = RespondWorkflowTaskCompletedRequest { namespace, task_token, commands, ..Default::default() };
        self.client.respond_workflow_task_completed(answer).await.unwrap();
    }

    async fn fail_task(&mut self, id: &str) {
        let task_token = self.poll(id).await.task_token;
        let answer =
            RespondWorkflowTaskFailedRequest { namespace: "default".to_owned(), task_token, ..Default::default() };
        self.client.respond_workflow_task_failed(answer).await.unwrap();
    }

    async fn begin(&mut self, id: &str, change: impl FnOnce(&mut StartWorkflowExecutionRequest)) {
        let mut start = start_of(id);
        change(&mut start);
        self.client.start_workflow_execution(start).await.unwrap();
    }

    async fn history(&mut self, execution: &WorkflowExecution) -> Vec<HistoryEvent> {
        let (namespace, execution) = ("default".to_owned(), Some(execution.clone()));
        let get = GetWorkflowExecutionHistoryRequest { namespace, execution, ..Default::default() };
        let answer = self.client.get_workflow_execution_history(get).await.unwrap().into_inner();
        answer.history.unwrap().events
    }

    /// Waits until a run of a workflow is closed.
    async fn closed(&mut self, id: &str) {
        let get = GetWorkflowExecutionHistoryRequest {
            namespace: "default".to_owned(),
            execution: execution(id),
            wait_new_event: true,
            history_event_filter_type: 2,
            ..Default::default()
        };
        let mut token = bytes::Bytes::new();
        loop {
            let get = GetWorkflowExecutionHistoryRequest { next_page_token: token, ..get.clone() };
            let answer = self.client.get_workflow_execution_history(patient(get)).await.unwrap().into_inner();
            token = answer.next_page_token;
            if token.is_empty() {
                return;
            }
        }
    }
}

/// A call that may wait.
fn patient<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(std::time::Duration::from_secs(60));
    request
}

fn start_of(id: &str) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: kind(id),
        task_queue: queue(id),
        request_id: id.to_owned(),
        memo: Some(Memo { fields: [("of".to_owned(), json(&format!("\"{id}\"")))].into() }),
        search_attributes: Some(SearchAttributes { indexed_fields: [("K".to_owned(), json("\"k\""))].into() }),
        ..Default::default()
    }
}

fn kind(id: &str) -> Option<WorkflowType> {
    Some(WorkflowType { name: format!("{id} type") })
}

fn command(attributes: Attributes) -> Command {
    let kind = match &attributes {
        Attributes::CompleteWorkflowExecutionCommandAttributes(_) => CommandType::CompleteWorkflowExecution,
        Attributes::FailWorkflowExecutionCommandAttributes(_) => CommandType::FailWorkflowExecution,
        Attributes::CancelWorkflowExecutionCommandAttributes(_) => CommandType::CancelWorkflowExecution,
        Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(_) => CommandType::ContinueAsNewWorkflowExecution,
        Attributes::StartChildWorkflowExecutionCommandAttributes(_) => CommandType::StartChildWorkflowExecution,
        Attributes::UpsertWorkflowSearchAttributesCommandAttributes(_) => CommandType::UpsertWorkflowSearchAttributes,
        other => panic!("{other:?} is not used here"),
    };
    Command { command_type: kind.into(), attributes: Some(attributes), ..Default::default() }
}

fn complete() -> Attributes {
    Attributes::CompleteWorkflowExecutionCommandAttributes(CompleteWorkflowExecutionCommandAttributes::default())
}

fn fail() -> Attributes {
    let failure = Some(proto::temporal::api::failure::v1::Failure { message: "no".to_owned(), ..Default::default() });
    Attributes::FailWorkflowExecutionCommandAttributes(FailWorkflowExecutionCommandAttributes { failure })
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// Runs that are open: at their start, delayed, with a task on its way, with tasks that fail, and with a task that did not.
async fn open(world: &mut World) {
    world.begin("new", |_| {}).await;
    world.begin("delayed", |start| start.workflow_start_delay = seconds(3_600)).await;
    world.begin("cron", |start| start.cron_schedule = "0 0 1 1 *".to_owned()).await;
    world.begin("started", |_| {}).await;
    world.poll("started").await;
    world.begin("failing", |_| {}).await;
    world.fail_task("failing").await;
    world.begin("recovered", |_| {}).await;
    world.fail_task("recovered").await;
    let upsert = UpsertWorkflowSearchAttributesCommandAttributes {
        search_attributes: Some(SearchAttributes { indexed_fields: [("I".to_owned(), json("7"))].into() }),
    };
    world.complete("recovered", vec![Attributes::UpsertWorkflowSearchAttributesCommandAttributes(upsert)]).await;
}

/// Runs that are closed in each way, and those that follow or were begun by them.
async fn closed(world: &mut World) {
    world.begin("timed out", |start| start.workflow_run_timeout = seconds(1)).await;
    for (id, end) in [("completed", complete()), ("failed", fail())] {
        world.begin(id, |_| {}).await;
        world.complete(id, vec![end]).await;
    }
    let policy = RetryPolicy { initial_interval: seconds(3_600), ..Default::default() };
    world.begin("retried", |start| start.retry_policy = Some(policy)).await;
    world.complete("retried", vec![fail()]).await;
    world.begin("failed at last", |_| {}).await;
    world.fail_task("failed at last").await;
    world.complete("failed at last", vec![fail()]).await;
    world.begin("cancelled", |_| {}).await;
    let cancel = RequestCancelWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution("cancelled"),
        ..Default::default()
    };
    world.client.request_cancel_workflow_execution(cancel).await.unwrap();
    let end = CancelWorkflowExecutionCommandAttributes::default();
    world.complete("cancelled", vec![Attributes::CancelWorkflowExecutionCommandAttributes(end)]).await;
    world.begin("terminated", |_| {}).await;
    world.fail_task("terminated").await;
    let terminate = TerminateWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution("terminated"),
        ..Default::default()
    };
    world.client.terminate_workflow_execution(terminate).await.unwrap();
    world.begin("continued", |_| {}).await;
    let next = ContinueAsNewWorkflowExecutionCommandAttributes {
        workflow_type: kind("continued"),
        task_queue: queue("continued"),
        search_attributes: Some(SearchAttributes { indexed_fields: [("K".to_owned(), json("\"next\""))].into() }),
        ..Default::default()
    };
    world.complete("continued", vec![Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(next)]).await;
    world.begin("parent", |_| {}).await;
    let child = StartChildWorkflowExecutionCommandAttributes {
        namespace: "default".to_owned(),
        workflow_id: "child".to_owned(),
        workflow_type: kind("child"),
        task_queue: queue("child"),
        search_attributes: start_of("child").search_attributes,
        ..Default::default()
    };
    world.complete("parent", vec![Attributes::StartChildWorkflowExecutionCommandAttributes(child)]).await;
    world.complete("child", vec![complete()]).await;
    world.closed("timed out").await;
}

fn values(attributes: Option<&SearchAttributes>) -> BTreeMap<String, Value> {
    let fields = attributes.iter().flat_map(|all| &all.indexed_fields);
    let value = |payload| Value::from_payload(payload, payload_kind(payload)).unwrap().unwrap();
    fields.map(|(name, payload)| (name.clone(), value(payload))).collect()
}

fn time(timestamp: Option<&prost_types::Timestamp>) -> String {
    model::search_attribute::Datetime::from(Time::from_proto(timestamp.unwrap())).to_string()
}

/// The event that ends a run of a status.
fn ending(status: WorkflowExecutionStatus) -> Option<EventType> {
    match status {
        WorkflowExecutionStatus::Completed => Some(EventType::WorkflowExecutionCompleted),
        WorkflowExecutionStatus::Failed => Some(EventType::WorkflowExecutionFailed),
        WorkflowExecutionStatus::Canceled => Some(EventType::WorkflowExecutionCanceled),
        WorkflowExecutionStatus::Terminated => Some(EventType::WorkflowExecutionTerminated),
        WorkflowExecutionStatus::ContinuedAsNew => Some(EventType::WorkflowExecutionContinuedAsNew),
        WorkflowExecutionStatus::TimedOut => Some(EventType::WorkflowExecutionTimedOut),
        WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Paused | WorkflowExecutionStatus::Unspecified => {
            None
        }
    }
}

/// A filter that says of a run all that a list shows of it.
fn filter(info: &WorkflowExecutionInfo) -> String {
    let run = info.execution.as_ref().unwrap();
    let root = info.root_execution.as_ref().unwrap();
    let mut parts = vec![
        format!("WorkflowId = '{}' AND RunId = '{}'", run.workflow_id, run.run_id),
        format!("RootWorkflowId = '{}' AND RootRunId = '{}'", root.workflow_id, root.run_id),
        format!("WorkflowType = '{}' AND TaskQueue = '{}'", info.r#type.as_ref().unwrap().name, info.task_queue),
        format!("ExecutionStatus = '{}'", status_name(info.status())),
        format!("StartTime = '{}'", time(info.start_time.as_ref())),
        format!("ExecutionTime = '{}'", time(info.execution_time.as_ref())),
    ];
    parts.push(match &info.parent_execution {
        Some(parent) => format!("ParentWorkflowId = '{}' AND ParentRunId = '{}'", parent.workflow_id, parent.run_id),
        None => "ParentWorkflowId IS NULL AND ParentRunId IS NULL".to_owned(),
    });
    if info.close_time.is_some() {
        let duration = info.execution_duration.unwrap();
        let nanos = duration.seconds * 1_000_000_000 + i64::from(duration.nanos);
        parts.push(format!("CloseTime = '{}' AND ExecutionDuration = {nanos}", time(info.close_time.as_ref())));
        parts.push(format!("HistoryLength = {}", info.history_length));
        parts.push(format!("HistorySizeBytes = {}", info.history_size_bytes));
        parts.push(format!("StateTransitionCount = {}", info.state_transition_count));
    } else {
        parts.push("CloseTime IS NULL AND HistoryLength IS NULL AND ExecutionDuration IS NULL".to_owned());
    }
    for (name, value) in values(info.search_attributes.as_ref()) {
        match value {
            Value::Keyword(text) => parts.push(format!("{name} = '{text}'")),
            Value::Int(number) => parts.push(format!("{name} = {number}")),
            Value::KeywordList(items) => parts.extend(items.iter().map(|item| format!("{name} = '{item}'"))),
            other => panic!("{other:?} is not used here"),
        }
    }
    parts.join(" AND ")
}

/// What a list leaves out while a run is open, as on the reference.
fn as_listed(described: &WorkflowExecutionInfo) -> WorkflowExecutionInfo {
    let is_closed = described.close_time.is_some();
    let when_closed = |number: i64| if is_closed { number } else { 0 };
    WorkflowExecutionInfo {
        history_length: when_closed(described.history_length),
        history_size_bytes: when_closed(described.history_size_bytes),
        state_transition_count: when_closed(described.state_transition_count),
        search_attributes: None,
        // What only a description has.
        auto_reset_points: None,
        first_run_id: String::new(),
        parent_namespace_id: String::new(),
        most_recent_worker_version_stamp: None,
        priority: None,
        ..described.clone()
    }
}

/// Whether a last event is of a task that is attempted again, which is shown and not written.
fn is_transient(event: &HistoryEvent) -> bool {
    matches!(&event.attributes, Some(Event::WorkflowTaskScheduledEventAttributes(scheduled)) if scheduled.attempt > 1)
}

fn history_agrees(info: &WorkflowExecutionInfo, events: &[HistoryEvent]) {
    let (first, last) = (events.first().unwrap(), events.last().unwrap());
    let Some(Event::WorkflowExecutionStartedEventAttributes(started)) = &first.attributes else { panic!("{first:?}") };
    assert_eq!(first.event_time, info.start_time);
    let backoff = model::from_proto_duration(started.first_workflow_task_backoff.as_ref());
    let begins = Time::from_proto(info.start_time.as_ref().unwrap()) + backoff;
    assert_eq!(info.execution_time, Some(begins.to_proto()));
    assert_eq!((&started.workflow_type, &started.parent_workflow_execution), (&info.r#type, &info.parent_execution));
    assert_eq!(started.task_queue.as_ref().unwrap().name, info.task_queue);
    assert_eq!(started.memo.clone().unwrap_or_default(), info.memo.clone().unwrap_or_default());
    let mut attributes = values(started.search_attributes.as_ref());
    for event in events {
        if let Some(Event::UpsertWorkflowSearchAttributesEventAttributes(upsert)) = &event.attributes {
            attributes.extend(values(upsert.search_attributes.as_ref()));
        }
    }
    let mut shown = values(info.search_attributes.as_ref());
    // These two are the server's own.
    shown.retain(|name, _| !["TemporalReportedProblems", "BuildIds"].contains(&name.as_str()));
    assert_eq!(attributes, shown);
    assert_eq!(info.history_length, last.event_id - i64::from(is_transient(last)));
    match ending(info.status()) {
        Some(ending) => assert_eq!((last.event_type(), last.event_time), (ending, info.close_time)),
        None => assert_eq!(info.close_time, None),
    }
}

#[tokio::test]
async fn list_count_describe_and_history_agree_on_every_state() {
    let mut world = World::new().await;
    open(&mut world).await;
    closed(&mut world).await;
    let list = ListWorkflowExecutionsRequest { namespace: "default".to_owned(), ..Default::default() };
    let listed = world.client.list_workflow_executions(list).await.unwrap().into_inner().executions;
    let mut seen = Vec::new();
    for info in &listed {
        let run = info.execution.clone().unwrap();
        let described = world.describe(&run).await;
        let shown = values(info.search_attributes.as_ref());
        assert_eq!(shown, values(described.search_attributes.as_ref()), "{}", run.workflow_id);
        let own = WorkflowExecutionInfo { search_attributes: None, ..info.clone() };
        assert_eq!(own, as_listed(&described), "{}", run.workflow_id);
        assert_eq!(world.found(&filter(info)).await, [run.workflow_id.as_str()], "{}", filter(info));
        let events = world.history(&run).await;
        history_agrees(&described, &events);
        let has_problems = shown.contains_key("TemporalReportedProblems");
        seen.push((run.workflow_id, status_name(info.status()), has_problems));
    }
    seen.sort();
    let expected = [
        ("cancelled", "Canceled", false),
        ("child", "Completed", false),
        ("completed", "Completed", false),
        ("continued", "ContinuedAsNew", false),
        ("continued", "Running", false),
        ("cron", "Running", false),
        ("delayed", "Running", false),
        ("failed", "Failed", false),
        ("failed at last", "Failed", false),
        ("failing", "Running", true),
        ("new", "Running", false),
        ("parent", "Running", false),
        ("recovered", "Running", false),
        ("retried", "Failed", false),
        ("retried", "Running", false),
        ("started", "Running", false),
        ("terminated", "Terminated", true),
        ("timed out", "TimedOut", false),
    ];
    let seen: Vec<_> = seen.iter().map(|(id, status, has)| (id.as_str(), *status, *has)).collect();
    assert_eq!(seen, expected);
}
