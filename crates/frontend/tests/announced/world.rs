//! A server in this process that is open to all, and a client and a worker of it.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use engine::{Config, Engine};
use frontend::{About, NewNamespace, ServerContext, ensure, ensure_system, resume_deletions, serve};
use model::Limits;
use proto::temporal::api::{
    command::v1::{Command, command::Attributes},
    common::v1::{Payload, Payloads, WorkflowExecution, WorkflowType},
    enums::v1::CommandType,
    history::v1::HistoryEvent,
    operatorservice::v1::operator_service_client::OperatorServiceClient,
    taskqueue::v1::TaskQueue,
    workflow::v1::WorkflowExecutionInfo,
    workflowservice::v1::{
        DescribeWorkflowExecutionRequest, GetWorkflowExecutionHistoryRequest, PollWorkflowTaskQueueRequest,
        PollWorkflowTaskQueueResponse, RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest,
        workflow_service_client::WorkflowServiceClient,
    },
};
use store::MemoryStore;
use tokio::{net::TcpListener, task::JoinSet};
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};
use transport::Loops;

/// Workflow ids are names of queues, too: each workflow has its own.
pub(crate) struct World {
    pub(crate) client: WorkflowServiceClient<Channel>,
    pub(crate) operator: OperatorServiceClient<Channel>,
    engine: Engine,
    store: Arc<MemoryStore>,
    limits: Limits,
    _loops: Loops,
    _servers: JoinSet<()>,
}

impl World {
    pub(crate) async fn new() -> Self {
        // One failed Workflow Task is a problem, so that no test has to wait between attempts.
        Self::with(Limits { workflow_task_problems: 1, ..Limits::default() }).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::open(Arc::new(MemoryStore::new()), limits).await
    }

    /// The same data with another process around it.
    pub(crate) async fn restarted(self) -> Self {
        self.engine.shutdown().await;
        let Self { store, limits, .. } = self;
        Self::open(store, limits).await
    }

    async fn open(store: Arc<MemoryStore>, limits: Limits) -> Self {
        let config = Config { shards: 1, limits: Arc::new(limits.clone()), address: String::new(), cached_runs: 10 };
        let engine = Engine::open(store.clone(), config).unwrap();
        let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
        let context = ServerContext::new(engine.clone(), auth::Policy::Open, about, new_id);
        ensure(&context, NewNamespace::named("default", Duration::from_secs(86_400))).await.unwrap();
        ensure_system(&context).await.unwrap();
        resume_deletions(&context);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let loops = Loops::start(1).unwrap();
        let mut servers = JoinSet::new();
        servers.spawn(serve(context, listener, loops.handles(), pending()));
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        let (client, operator) = (WorkflowServiceClient::new(channel.clone()), OperatorServiceClient::new(channel));
        Self { client, operator, engine, store, limits, _loops: loops, _servers: servers }
    }

    pub(crate) async fn start(&mut self, id: &str) {
        self.client.start_workflow_execution(start(id)).await.unwrap();
    }

    pub(crate) async fn poll(&mut self, id: &str) -> PollWorkflowTaskQueueResponse {
        self.client.poll_workflow_task_queue(patient(poll(id))).await.unwrap().into_inner()
    }

    /// Takes the workflow's next task and answers it with these commands.
    pub(crate) async fn complete(&mut self, id: &str, commands: Vec<Attributes>) {
        let task_token = self.poll(id).await.task_token;
        let completed = RespondWorkflowTaskCompletedRequest {
            commands: commands.into_iter().map(command).collect(),
            ..completion(task_token)
        };
        self.client.respond_workflow_task_completed(completed).await.unwrap();
    }

    pub(crate) async fn describe(&mut self, id: &str) -> WorkflowExecutionInfo {
        let (namespace, execution) = (namespace(), execution(id));
        let describe = DescribeWorkflowExecutionRequest { namespace, execution };
        let answer = self.client.describe_workflow_execution(describe).await.unwrap().into_inner();
        answer.workflow_execution_info.unwrap()
    }

    pub(crate) async fn history(&mut self, id: &str) -> Vec<HistoryEvent> {
        let (namespace, execution) = (namespace(), execution(id));
        let get = GetWorkflowExecutionHistoryRequest { namespace, execution, ..Default::default() };
        let answer = self.client.get_workflow_execution_history(get).await.unwrap().into_inner();
        answer.history.unwrap_or_default().events
    }
}

/// Each id once, also after a restart.
fn new_id() -> uuid::Uuid {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    uuid::Uuid::from_u128(u128::from(DRAWN.fetch_add(1, Ordering::Relaxed)) + 1)
}

pub(crate) fn namespace() -> String {
    "default".to_owned()
}

pub(crate) fn start(id: &str) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: namespace(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Announced".to_owned() }),
        task_queue: queue(id),
        request_id: id.to_owned(),
        ..Default::default()
    }
}

pub(crate) fn poll(id: &str) -> PollWorkflowTaskQueueRequest {
    PollWorkflowTaskQueueRequest { namespace: namespace(), task_queue: queue(id), ..Default::default() }
}

pub(crate) fn completion(task_token: Bytes) -> RespondWorkflowTaskCompletedRequest {
    RespondWorkflowTaskCompletedRequest { namespace: namespace(), task_token, ..Default::default() }
}

pub(crate) fn command(attributes: Attributes) -> Command {
    let kind = match &attributes {
        Attributes::ScheduleActivityTaskCommandAttributes(_) => CommandType::ScheduleActivityTask,
        Attributes::FailWorkflowExecutionCommandAttributes(_) => CommandType::FailWorkflowExecution,
        Attributes::ModifyWorkflowPropertiesCommandAttributes(_) => CommandType::ModifyWorkflowProperties,
        Attributes::ProtocolMessageCommandAttributes(_) => CommandType::ProtocolMessage,
        other => panic!("{other:?} is not used here"),
    };
    Command { command_type: kind.into(), attributes: Some(attributes), ..Default::default() }
}

/// A call that may wait.
pub(crate) fn patient<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(60));
    request
}

pub(crate) fn execution(id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() })
}

pub(crate) fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() })
}

pub(crate) fn payload(text: &str) -> Payload {
    Payload {
        metadata: [("encoding".to_owned(), "json/plain".into())].into(),
        data: format!("\"{text}\"").into(),
        ..Payload::default()
    }
}

pub(crate) fn payloads(text: &str) -> Option<Payloads> {
    Some(Payloads { payloads: vec![payload(text)] })
}
