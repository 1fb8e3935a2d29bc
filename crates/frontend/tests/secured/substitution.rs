//! Two tenants, and every value of the one put in every place of the other's calls: nothing is changed where it does not
//! belong, nothing is told, and what is the neighbour's looks like what there isn't. Every value stands in every place
//! here, whether or not it fits there; requests in which everything fits are the matter of `probe substitution`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage, Value,
};
use proto::temporal::api::{
    cloud::identity::v1::namespace_access::Permission,
    command::v1::{Command, ScheduleActivityTaskCommandAttributes, command::Attributes},
    common::v1::{ActivityType, Memo, Payload, Payloads, WorkflowExecution, WorkflowType},
    enums::v1::CommandType,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse, GetWorkflowExecutionHistoryRequest,
        GetWorkflowExecutionHistoryResponse, ListWorkflowExecutionsRequest, ListWorkflowExecutionsResponse,
        PollActivityTaskQueueRequest, PollActivityTaskQueueResponse, PollWorkflowTaskQueueRequest,
        PollWorkflowTaskQueueResponse, RespondActivityTaskCompletedRequest, RespondActivityTaskCompletedResponse,
        RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskCompletedResponse, StartWorkflowExecutionRequest,
        StartWorkflowExecutionResponse,
    },
};
use tokio::{sync::Semaphore, task::JoinSet};
use tonic::{Code, Status};

use crate::{
    raw::{self, Client, LONG},
    world::{Account, World},
};

const SERVICES: [&str; 2] =
    ["temporal.api.workflowservice.v1.WorkflowService", "temporal.api.operatorservice.v1.OperatorService"];
/// What stands in the neighbour's payloads and nowhere else.
const SECRET: &[u8] = b"secret of shop.a2dd6";
/// Messages in messages that are looked into.
const DEPTH: usize = 4;
/// How long a poll waits for work that there isn't.
const SHORT: Duration = Duration::from_secs(2);
/// Calls at the same time; polls wait.
const TOGETHER: usize = 64;

/// A tenant with a workflow that waits for an activity.
struct Tenant {
    shown: Client,
    namespace: String,
    workflow_id: String,
    run_id: String,
    queue: String,
    workflow_token: Bytes,
    activity_token: Bytes,
    list_token: Bytes,
    history_token: Bytes,
}

fn secret(namespace: &str) -> Payload {
    Payload { data: format!("secret of {namespace}").into(), ..Default::default() }
}

impl Tenant {
    async fn new(world: &World, name: &str) -> Self {
        let namespace = world.namespace(name, None).await;
        let (key, _) = world.robot(name, &[(&namespace, Permission::Admin)]).await;
        let shown =
            Client { channel: world.channel(world.data, None), key, namespace: namespace.clone(), patience: LONG };
        let mut tenant = Self {
            shown,
            workflow_id: format!("workflow of {namespace}"),
            run_id: String::new(),
            queue: format!("queue of {namespace}"),
            workflow_token: Bytes::new(),
            activity_token: Bytes::new(),
            list_token: Bytes::new(),
            history_token: Bytes::new(),
            namespace,
        };
        tenant.begin().await;
        tenant
    }

    async fn ask<Q: Message, A: Message + Default>(&self, method: &str, request: Q) -> A {
        let path = format!("/{}/{method}", SERVICES[0]);
        A::decode(self.shown.call(&path, request.encode_to_vec()).await.unwrap()).unwrap()
    }

    fn queue(&self) -> Option<TaskQueue> {
        Some(TaskQueue { name: self.queue.clone(), ..Default::default() })
    }

    async fn start(&self, workflow_id: &str) -> String {
        let request = StartWorkflowExecutionRequest {
            namespace: self.namespace.clone(),
            workflow_id: workflow_id.to_owned(),
            workflow_type: Some(WorkflowType { name: "Pay".to_owned() }),
            task_queue: self.queue(),
            input: Some(Payloads { payloads: vec![secret(&self.namespace)] }),
            memo: Some(Memo { fields: [("note".to_owned(), secret(&self.namespace))].into() }),
            request_id: format!("start {workflow_id}"),
            ..Default::default()
        };
        self.ask::<_, StartWorkflowExecutionResponse>("StartWorkflowExecution", request).await.run_id
    }

    async fn workflow_task(&self) -> Bytes {
        let request = PollWorkflowTaskQueueRequest {
            namespace: self.namespace.clone(),
            task_queue: self.queue(),
            ..Default::default()
        };
        self.ask::<_, PollWorkflowTaskQueueResponse>("PollWorkflowTaskQueue", request).await.task_token
    }

    /// A first workflow whose activity is under way, and a second whose first task is.
    async fn begin(&mut self) {
        let (namespace, id) = (self.namespace.clone(), self.workflow_id.clone());
        self.run_id = self.start(&id).await;
        let schedule = ScheduleActivityTaskCommandAttributes {
            activity_id: "activity".to_owned(),
            activity_type: Some(ActivityType { name: "Move".to_owned() }),
            task_queue: self.queue(),
            input: Some(Payloads { payloads: vec![secret(&namespace)] }),
            start_to_close_timeout: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
            ..Default::default()
        };
        let request = RespondWorkflowTaskCompletedRequest {
            namespace: namespace.clone(),
            task_token: self.workflow_task().await,
            commands: vec![Command {
                command_type: CommandType::ScheduleActivityTask.into(),
                attributes: Some(Attributes::ScheduleActivityTaskCommandAttributes(schedule)),
                ..Default::default()
            }],
            ..Default::default()
        };
        self.ask::<_, RespondWorkflowTaskCompletedResponse>("RespondWorkflowTaskCompleted", request).await;
        let poll = PollActivityTaskQueueRequest {
            namespace: namespace.clone(),
            task_queue: self.queue(),
            ..Default::default()
        };
        let task: PollActivityTaskQueueResponse = self.ask("PollActivityTaskQueue", poll).await;
        self.activity_token = task.task_token;
        self.start(&format!("{id}, the second")).await;
        self.workflow_token = self.workflow_task().await;
        let list = ListWorkflowExecutionsRequest { namespace, page_size: 1, ..Default::default() };
        let page: ListWorkflowExecutionsResponse = self.ask("ListWorkflowExecutions", list).await;
        self.list_token = page.next_page_token;
        self.history_token = self.history(1).await.next_page_token;
        let tokens = [&self.activity_token, &self.workflow_token, &self.list_token, &self.history_token];
        assert!(tokens.iter().all(|token| !token.is_empty()));
    }

    fn execution(&self) -> Option<WorkflowExecution> {
        Some(WorkflowExecution { workflow_id: self.workflow_id.clone(), run_id: self.run_id.clone() })
    }

    async fn history(&self, page: i32) -> GetWorkflowExecutionHistoryResponse {
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: self.namespace.clone(),
            execution: self.execution(),
            maximum_page_size: page,
            ..Default::default()
        };
        self.ask("GetWorkflowExecutionHistory", request).await
    }

    /// All that there is to be changed.
    async fn all(&self) -> (GetWorkflowExecutionHistoryResponse, DescribeWorkflowExecutionResponse, Vec<Bytes>) {
        let describe =
            DescribeWorkflowExecutionRequest { namespace: self.namespace.clone(), execution: self.execution() };
        let list = ListWorkflowExecutionsRequest { namespace: self.namespace.clone(), ..Default::default() };
        let listed: ListWorkflowExecutionsResponse = self.ask("ListWorkflowExecutions", list).await;
        let rows = listed.executions.iter().map(|row| row.encode_to_vec().into()).collect();
        (self.history(0).await, self.ask("DescribeWorkflowExecution", describe).await, rows)
    }

    /// A value for every name of a field that calls need.
    fn value(&self, method: &str, field: &FieldDescriptor) -> Option<Value> {
        let text = |text: &str| Some(Value::String(text.to_owned()));
        match (field.name(), field.kind()) {
            ("namespace", Kind::String) => text(&self.namespace),
            ("workflow_id", Kind::String) => text(&self.workflow_id),
            ("run_id", Kind::String) => text(&self.run_id),
            ("activity_id" | "id", Kind::String) => text("activity"),
            ("signal_name" | "query_type", Kind::String) => text("name"),
            ("name", Kind::String) => text(&self.queue),
            ("task_token", Kind::Bytes) if method.contains("Activity") => {
                Some(Value::Bytes(self.activity_token.clone()))
            }
            ("task_token", Kind::Bytes) => Some(Value::Bytes(self.workflow_token.clone())),
            _ => None,
        }
    }

    /// A call that could be meant.
    fn base(&self, method: &MethodDescriptor) -> DynamicMessage {
        self.filled(method.name(), &method.input())
    }

    fn filled(&self, method: &str, message: &MessageDescriptor) -> DynamicMessage {
        const NEEDED: [&str; 5] = ["execution", "query", "task_queue", "workflow_execution", "workflow_type"];
        let mut made = DynamicMessage::new(message.clone());
        for field in message.fields().filter(|field| !field.is_list() && !field.is_map()) {
            if let Some(value) = self.value(method, &field) {
                made.set_field(&field, value);
            } else if let Kind::Message(inner) = field.kind()
                && NEEDED.contains(&field.name())
            {
                made.set_field(&field, Value::Message(self.filled(method, &inner)));
            }
        }
        made
    }
}

/// Every place of a message where a text or bytes can stand.
pub(crate) fn places(message: &MessageDescriptor, above: &[FieldDescriptor]) -> Vec<Vec<FieldDescriptor>> {
    let mut found = Vec::new();
    for field in message.fields().filter(|field| !field.is_map()) {
        let place: Vec<_> = above.iter().cloned().chain([field.clone()]).collect();
        match field.kind() {
            Kind::String | Kind::Bytes => found.push(place),
            Kind::Message(inner) if above.len() + 1 < DEPTH && !inner.full_name().starts_with("google.protobuf") => {
                found.extend(places(&inner, &place));
            }
            _ => {}
        }
    }
    found
}

pub(crate) fn put(message: &mut DynamicMessage, place: &[FieldDescriptor], value: Value) {
    let Some((first, rest)) = place.split_first() else { return };
    let value = if rest.is_empty() {
        value
    } else {
        let Kind::Message(kind) = first.kind() else { return };
        let there = if first.is_list() { None } else { message.get_field(first).as_message().cloned() };
        let mut inner = there.unwrap_or_else(|| DynamicMessage::new(kind));
        put(&mut inner, rest, value);
        set_command_type(&mut inner, rest[0].name());
        Value::Message(inner)
    };
    message.set_field(first, if first.is_list() { Value::List(vec![value]) } else { value });
}

/// A command says by its type which attributes it has.
fn set_command_type(command: &mut DynamicMessage, attributes: &str) {
    let Some(field) = command.descriptor().get_field_by_name("command_type") else { return };
    let Kind::Enum(types) = field.kind() else { return };
    let name = attributes.trim_end_matches("_command_attributes").to_ascii_uppercase();
    if let Some(value) = types.get_value_by_name(&format!("COMMAND_TYPE_{name}")) {
        command.set_field(&field, Value::EnumNumber(value.number()));
    }
}

/// The neighbour's values for a place, each beside one that is nobody's.
fn values(theirs: &Tenant, kind: &Kind) -> Vec<(Value, Option<Value>)> {
    let text = |text: &str| Value::String(text.to_owned());
    match kind {
        Kind::String => vec![
            (text(&theirs.namespace), Some(text("nobody.a2dd6"))),
            (text(&theirs.workflow_id), Some(text("workflow of nobody.a2dd6"))),
            (text(&theirs.run_id), Some(text("01a20485-6c98-7b69-b75a-b25c51883b9d"))),
            (text(&theirs.queue), None),
        ],
        _ => [&theirs.workflow_token, &theirs.activity_token, &theirs.list_token, &theirs.history_token]
            .map(|token| (Value::Bytes(token.clone()), None))
            .into(),
    }
}

/// What an answer says, without the names that the caller gave itself; of a success only that it was one.
pub(crate) fn said(answer: &Result<Bytes, Status>, names: &[&Value]) -> (Code, String) {
    let Err(status) = answer else { return (Code::Ok, String::new()) };
    let mut text = status.message().to_owned();
    for name in names.iter().filter_map(|name| name.as_str()) {
        text = text.replace(name, "…");
    }
    // A second start is told the run of the first, which is the caller's own.
    let text = text.split_once(", RunId: ").map_or(text.as_str(), |(before, _)| before).to_owned();
    (status.code(), text)
}

fn assert_tells_nothing(answer: &Result<Bytes, Status>, call: &str) {
    let bytes = match answer {
        Ok(bytes) => bytes.to_vec(),
        Err(status) => [status.message().as_bytes(), status.details()].concat(),
    };
    let tells = bytes.windows(SECRET.len()).any(|window| window == SECRET);
    assert!(!tells, "{call} tells a secret");
}

/// Puts the neighbour's values in one place of one method, and returns how many calls that were.
async fn substitute(
    shown: Client,
    path: String,
    base: DynamicMessage,
    place: Vec<FieldDescriptor>,
    values: Vec<(Value, Option<Value>)>,
) -> usize {
    /// Where what is the neighbour's must look like what there isn't. Elsewhere the answer is about something else.
    const NAMES: [&str; 3] = ["namespace", "workflow_id", "run_id"];
    let names: Vec<_> = place.iter().map(FieldDescriptor::name).collect();
    let call = format!("{path} with another's {}", names.join("."));
    // A command that is refused ends the caller's own task, so that a second one is about something else.
    let is_name = names[0] != "commands" && names.last().is_some_and(|name| NAMES.contains(name));
    let mut calls = 0;
    for (theirs, nobodys) in values {
        let answer = async |value: &Value| {
            let mut request = base.clone();
            put(&mut request, &place, value.clone());
            shown.call(&path, request.encode_to_vec()).await
        };
        let mut got = answer(&theirs).await;
        calls += 1;
        assert_tells_nothing(&got, &call);
        if let Some(nobodys) = nobodys.filter(|_| is_name) {
            let mut other = answer(&nobodys).await;
            calls += 1;
            // The caller's own workflow may have ended, or begun, between the two.
            if said(&got, &[&theirs]) != said(&other, &[&nobodys]) {
                (got, other) = (answer(&theirs).await, answer(&nobodys).await);
                calls += 2;
            }
            assert_eq!(said(&got, &[&theirs]), said(&other, &[&nobodys]), "{call} ({theirs:?})");
        }
    }
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_of_a_neighbour_opens_anything_of_the_neighbour() {
    let world = Account::new().serve().await;
    let (own, theirs) = (Tenant::new(&world, "bank").await, Tenant::new(&world, "shop").await);
    let before = theirs.all().await;
    let room = Arc::new(Semaphore::new(TOGETHER));
    let mut calling = JoinSet::new();
    let mut methods = BTreeSet::new();
    for service in SERVICES {
        for method in raw::pool().get_service_by_name(service).unwrap().methods() {
            let path = raw::path(&method);
            if !frontend::is_served(&path) {
                continue;
            }
            methods.insert(path.clone());
            for place in places(&method.input(), &[]) {
                let values = values(&theirs, &place.last().unwrap().kind());
                let shown = Client { patience: SHORT, ..own.shown.clone() };
                let (base, room) = (own.base(&method), room.clone());
                let calls = substitute(shown, path.clone(), base, place, values);
                calling.spawn(async move {
                    let _permit = room.acquire_owned().await.unwrap();
                    calls.await
                });
            }
        }
    }
    let mut calls = 0;
    while let Some(done) = calling.join_next().await {
        calls += done.unwrap();
    }
    assert!(methods.len() > 40 && calls > 2_000, "{calls} calls of {} methods", methods.len());
    assert_eq!(theirs.all().await, before);
    // The task is still the neighbour's.
    let request = RespondActivityTaskCompletedRequest {
        namespace: theirs.namespace.clone(),
        task_token: theirs.activity_token.clone(),
        ..Default::default()
    };
    theirs.ask::<_, RespondActivityTaskCompletedResponse>("RespondActivityTaskCompleted", request).await;
}
