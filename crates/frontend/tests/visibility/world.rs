//! A server in this process, with an attribute of each type, and clients of it.

use std::{collections::BTreeMap, future::pending, sync::Arc, time::Duration};

use engine::{Config, Engine};
use frontend::{About, NewNamespace, ServerContext, ensure, serve};
use model::Limits;
use proto::temporal::api::{
    common::v1::{Payload, SearchAttributes, WorkflowExecution, WorkflowType},
    enums::v1::IndexedValueType,
    operatorservice::v1::{
        AddSearchAttributesRequest, RemoveSearchAttributesRequest, operator_service_client::OperatorServiceClient,
    },
    taskqueue::v1::TaskQueue,
    workflow::v1::WorkflowExecutionInfo,
    workflowservice::v1::{
        CountWorkflowExecutionsRequest, DescribeWorkflowExecutionRequest, ListWorkflowExecutionsRequest,
        StartWorkflowExecutionRequest, workflow_service_client::WorkflowServiceClient,
    },
};
use store::MemoryStore;
use tokio::{net::TcpListener, task::JoinSet};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use transport::Loops;

/// One attribute of each type.
const TYPES: [(&str, IndexedValueType); 7] = [
    ("B", IndexedValueType::Bool),
    ("D", IndexedValueType::Datetime),
    ("F", IndexedValueType::Double),
    ("I", IndexedValueType::Int),
    ("K", IndexedValueType::Keyword),
    ("L", IndexedValueType::KeywordList),
    ("T", IndexedValueType::Text),
];

pub(crate) struct World {
    pub(crate) client: WorkflowServiceClient<Channel>,
    operator: OperatorServiceClient<Channel>,
    _loops: Loops,
    _servers: JoinSet<()>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let limits = Limits { lists_per_second: 10_000, workflow_task_problems: 1, ..Limits::default() };
        let config = Config { shards: 1, limits: Arc::new(limits), address: String::new(), cached_runs: 10 };
        let engine = Engine::open(Arc::new(MemoryStore::new()), config).unwrap();
        let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
        let context = ServerContext::new(engine, auth::Policy::Open, about, || uuid::Uuid::from_u128(1));
        let new = NewNamespace::named("default", Duration::from_secs(86_400));
        let search_attributes = TYPES.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        ensure(&context, NewNamespace { search_attributes, ..new }).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let loops = Loops::start(1).unwrap();
        let mut servers = JoinSet::new();
        servers.spawn(serve(context, listener, loops.handles(), pending()));
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        let operator = OperatorServiceClient::new(channel.clone());
        Self { client: WorkflowServiceClient::new(channel), operator, _loops: loops, _servers: servers }
    }

    /// Starts a workflow with one attribute, as JSON.
    pub(crate) async fn start(&mut self, id: &str, name: &str, json: &str, claims: Option<&str>) -> Result<(), Status> {
        let mut value = self::json(json);
        value.metadata.extend(claims.map(|claims| ("type".to_owned(), claims.to_owned().into())));
        let start = StartWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_id: id.to_owned(),
            workflow_type: Some(WorkflowType { name: "T".to_owned() }),
            task_queue: queue("queue"),
            request_id: id.to_owned(),
            search_attributes: Some(SearchAttributes { indexed_fields: [(name.to_owned(), value)].into() }),
            ..Default::default()
        };
        self.client.start_workflow_execution(start).await.map(drop)
    }

    /// The ids that a filter finds, each with its attributes as the list shows them; a count finds as many.
    pub(crate) async fn list(&mut self, query: &str) -> BTreeMap<String, BTreeMap<String, Payload>> {
        let (namespace, query) = ("default".to_owned(), query.to_owned());
        let count = CountWorkflowExecutionsRequest { namespace: namespace.clone(), query: query.clone() };
        let count = self.client.count_workflow_executions(count).await.unwrap().into_inner().count;
        let list = ListWorkflowExecutionsRequest { namespace, query, ..Default::default() };
        let list = self.client.list_workflow_executions(list).await.unwrap().into_inner();
        assert_eq!(list.executions.len() as i64, count);
        let shown = list.executions.into_iter();
        shown.map(|info| (info.execution.unwrap().workflow_id, fields(info.search_attributes.as_ref()))).collect()
    }

    pub(crate) async fn found(&mut self, query: &str) -> Vec<String> {
        self.list(query).await.into_keys().collect()
    }

    pub(crate) async fn describe(&mut self, execution: &WorkflowExecution) -> WorkflowExecutionInfo {
        let (namespace, execution) = ("default".to_owned(), Some(execution.clone()));
        let describe = DescribeWorkflowExecutionRequest { namespace, execution };
        let answer = self.client.describe_workflow_execution(describe).await.unwrap().into_inner();
        answer.workflow_execution_info.unwrap()
    }

    /// The attributes that a description shows.
    pub(crate) async fn described(&mut self, id: &str) -> BTreeMap<String, Payload> {
        let info = self.describe(&execution(id).unwrap()).await;
        fields(info.search_attributes.as_ref())
    }

    pub(crate) async fn define(&mut self, name: &str, kind: Option<IndexedValueType>) {
        let namespace = "default".to_owned();
        match kind {
            Some(kind) => {
                let search_attributes = [(name.to_owned(), kind.into())].into();
                let add = AddSearchAttributesRequest { namespace, search_attributes };
                self.operator.add_search_attributes(add).await.map(drop).unwrap();
            }
            None => {
                let search_attributes = vec![name.to_owned()];
                let remove = RemoveSearchAttributesRequest { namespace, search_attributes };
                self.operator.remove_search_attributes(remove).await.map(drop).unwrap();
            }
        }
    }
}

pub(crate) fn fields(attributes: Option<&SearchAttributes>) -> BTreeMap<String, Payload> {
    attributes.iter().flat_map(|all| all.indexed_fields.clone()).collect()
}

/// The newest run of a workflow.
pub(crate) fn execution(id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() })
}

pub(crate) fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() })
}

/// A value in JSON.
pub(crate) fn json(text: &str) -> Payload {
    Payload {
        metadata: [("encoding".to_owned(), "json/plain".into())].into(),
        data: text.to_owned().into(),
        ..Payload::default()
    }
}
