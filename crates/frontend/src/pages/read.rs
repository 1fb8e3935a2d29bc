//! What pages read: the calls that clients make, through the same gate and the same handlers, with the browser's user as
//! the caller.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use auth::Caller;
use control::{Control, RequestContext};
use model::{Kind, Plane, Reject};
use prost::Message;
use proto::{
    temporal::api::{
        cloud::cloudservice::v1::GetNamespacesRequest,
        common::v1::WorkflowExecution,
        enums::v1::{TaskQueueType, WorkflowExecutionStatus},
        taskqueue::v1::TaskQueue,
        workflowservice::v1::{
            DescribeTaskQueueRequest, DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse,
            GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse,
            GetWorkflowExecutionHistoryReverseRequest, GetWorkflowExecutionHistoryReverseResponse,
            ListNamespacesRequest, ListWorkflowExecutionsRequest, ListWorkflowExecutionsResponse,
        },
    },
    trouble::Trouble,
};
use tonic::Code;
use transport::{Peer, codec::Reply, to_status};

use crate::{
    context::{Client, Scope, ServerContext},
    gate,
    method::Method,
    quota::{Class, calls, lists, unlimited},
    services::{namespace, queue, visibility, workflow},
    turn::Turn,
    unary,
};

const LIST_NAMESPACES: Method = method("/temporal.api.workflowservice.v1.WorkflowService/ListNamespaces", calls(0));
const LIST: Method = method("/temporal.api.workflowservice.v1.WorkflowService/ListWorkflowExecutions", lists());
const DESCRIBE: Method = method("/temporal.api.workflowservice.v1.WorkflowService/DescribeWorkflowExecution", calls(3));
const HISTORY: Method =
    method("/temporal.api.workflowservice.v1.WorkflowService/GetWorkflowExecutionHistory", calls(2));

const QUEUE: Method = method("/temporal.api.workflowservice.v1.WorkflowService/DescribeTaskQueue", calls(3));
const REVERSE: Method =
    method("/temporal.api.workflowservice.v1.WorkflowService/GetWorkflowExecutionHistoryReverse", calls(4));

const fn method(path: &'static str, class: Class) -> Method {
    Method { path, class, turn: Turn::MIDDLE }
}

/// Rows of a list on one page.
const ROWS: i32 = 100;
/// Namespaces that the account gives at once.
const NAMESPACES: i32 = 100;
/// Batches of events at the end of a run that are looked at for what went wrong.
const LAST_BATCHES: i32 = 20;
/// Batches of events on one page.
const BATCHES: i32 = 100;

/// A caller who reads pages.
pub(super) struct Reader {
    pub(super) context: Arc<ServerContext>,
    pub(super) caller: Caller,
    pub(super) address: IpAddr,
}

/// Names, and the page token of what follows.
pub(super) type Names = (Vec<String>, Vec<u8>);

impl Reader {
    fn client(&self) -> Arc<Client> {
        Arc::new(Client {
            caller: self.caller.clone(),
            peer: Arc::new(Peer::plain(Plane::Data, SocketAddr::new(self.address, 0))),
            bearer: None,
            authority: None,
            namespace: None,
            rights: 0,
            deadline: None,
            pass: None,
            version: Ok(()),
            operator: true,
            shows_people: true,
            follows_next_run: true,
        })
    }

    /// All namespaces of an open server, but for the system's: as on the reference's pages.
    pub(super) async fn local_namespaces(&self, token: Vec<u8>) -> Result<Names, Reject> {
        let request =
            ListNamespacesRequest { page_size: NAMESPACES, next_page_token: token.into(), ..Default::default() };
        let asked = async {
            gate::authorize(&self.context, &self.client(), LIST_NAMESPACES.path, "")?;
            namespace::list_namespaces(self.context.clone(), request).await
        };
        let found = self.counted(LIST_NAMESPACES, asked).await?;
        let infos = found.namespaces.into_iter().filter_map(|namespace| namespace.namespace_info);
        let names = infos.map(|info| info.name).filter(|name| name != namespace::SYSTEM).collect();
        Ok((names, found.next_page_token.into()))
    }

    /// The namespaces of the account that the caller may see.
    pub(super) async fn namespaces(
        &self,
        control: Control,
        seed: fn() -> u128,
        token: Vec<u8>,
    ) -> Result<Names, Reject> {
        let page_token = String::from_utf8(token).map_err(|_| Reject::invalid("invalid page token"))?;
        let request = GetNamespacesRequest { page_size: NAMESPACES, page_token, ..Default::default() };
        let at = control::NowAndSeed { now: self.context.engine.wall(), seed: seed() };
        let request_context = RequestContext { at, address: self.address.to_string() };
        let caller = self.caller.clone();
        let asked = blocking(move || control.ask(&caller, &request_context, &request));
        let found = self.counted(method("GetNamespaces", unlimited()), asked).await?;
        let names = found.namespaces.into_iter().map(|namespace| namespace.namespace);
        Ok((names.collect(), found.next_page_token.into_bytes()))
    }

    pub(super) async fn workflows(
        &self,
        namespace: &str,
        query: &str,
        token: Vec<u8>,
    ) -> Result<ListWorkflowExecutionsResponse, Reject> {
        let request = ListWorkflowExecutionsRequest {
            namespace: namespace.to_owned(),
            page_size: ROWS,
            next_page_token: token.into(),
            query: query.to_owned(),
        };
        self.within(LIST, namespace, |scope| visibility::list_workflow_executions(scope, request)).await
    }

    /// A run; the newest one of the workflow where `run_id` is empty.
    pub(super) async fn run(
        &self,
        namespace: &str,
        workflow_id: &str,
        run_id: &str,
    ) -> Result<DescribeWorkflowExecutionResponse, Reject> {
        let request = DescribeWorkflowExecutionRequest {
            namespace: namespace.to_owned(),
            execution: execution(workflow_id, run_id),
        };
        self.within(DESCRIBE, namespace, |scope| workflow::describe_workflow_execution(scope, request)).await
    }

    /// What went wrong with a run; `None` where nothing is known to have.
    pub(super) async fn trouble(
        &self,
        namespace: &str,
        described: &DescribeWorkflowExecutionResponse,
    ) -> Result<Option<Trouble>, Reject> {
        let info = described.workflow_execution_info.clone().unwrap_or_default();
        let attempt = described.pending_workflow_task.as_ref().map_or(0, |task| task.attempt);
        let is_open = matches!(info.status(), WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Paused);
        if is_open && attempt == 1 {
            return self.unserved(namespace, &info.task_queue).await;
        }
        if info.status() == WorkflowExecutionStatus::Completed || (is_open && attempt < 1) {
            return Ok(None);
        }
        let request = GetWorkflowExecutionHistoryReverseRequest {
            namespace: namespace.to_owned(),
            execution: info.execution,
            maximum_page_size: LAST_BATCHES,
            ..Default::default()
        };
        let handler = |scope| workflow::get_workflow_execution_history_reverse(scope, request);
        let page = self.within(REVERSE, namespace, handler).await?;
        let last: GetWorkflowExecutionHistoryReverseResponse = decoded(&page)?;
        let events = last.history.unwrap_or_default().events;
        Ok(match is_open {
            true => events.iter().find_map(Trouble::of).map(|trouble| trouble.at_attempt(attempt)),
            // How it ended says the last event; what failed before is over.
            false => events.first().and_then(Trouble::of),
        })
    }

    /// That no worker polls the queue of a run whose Workflow Task waits.
    async fn unserved(&self, namespace: &str, task_queue: &str) -> Result<Option<Trouble>, Reject> {
        let request = DescribeTaskQueueRequest {
            namespace: namespace.to_owned(),
            task_queue: Some(TaskQueue { name: task_queue.to_owned(), ..Default::default() }),
            task_queue_type: TaskQueueType::Workflow.into(),
            ..Default::default()
        };
        let described = self.within(QUEUE, namespace, |scope| queue::describe_task_queue(scope, request)).await?;
        Ok(described.pollers.is_empty().then(|| Trouble {
            headline: format!("No worker polls the Task Queue {task_queue:?}"),
            lines: vec!["The run waits until one does.".to_owned()],
        }))
    }

    pub(super) async fn history(
        &self,
        namespace: &str,
        workflow_id: &str,
        run_id: &str,
        token: Vec<u8>,
    ) -> Result<GetWorkflowExecutionHistoryResponse, Reject> {
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: namespace.to_owned(),
            execution: execution(workflow_id, run_id),
            maximum_page_size: BATCHES,
            next_page_token: token.into(),
            ..Default::default()
        };
        let handler = |scope| workflow::get_workflow_execution_history(scope, request);
        decoded(&self.within(HISTORY, namespace, handler).await?)
    }

    /// A call in a namespace, if the gate lets it in; a denied one is written down as those that come over the wire.
    async fn within<T, F: Future<Output = Result<T, Reject>>>(
        &self,
        method: Method,
        namespace: &str,
        handler: impl FnOnce(Scope) -> F,
    ) -> Result<T, Reject> {
        let asked = async {
            let scope = unary::scope(self.context.clone(), self.client(), method, namespace, false)?;
            handler(scope).await
        };
        let answer = self.counted(method, asked).await;
        if let Err(refusal) = &answer {
            gate::note(&self.context, &self.client(), method.name(), namespace.to_owned(), refusal).await;
        }
        answer
    }

    /// Counts a call with those that come over the wire, and logs what should not happen.
    async fn counted<T>(&self, method: Method, asked: impl Future<Output = Result<T, Reject>>) -> Result<T, Reject> {
        let began = self.context.engine.now();
        let answer = asked.await;
        let code = answer.as_ref().map_or_else(|reject| to_status(reject).code(), |_| Code::Ok);
        self.context.metrics.record(method.name(), code, self.context.engine.now().since(began));
        if let Err(reject) = &answer
            && reject.kind == Kind::Internal
        {
            tracing::error!(method = method.name(), %reject, "a page can't be read");
        }
        answer
    }
}

/// A page of a history, whose events are encoded already, as clients get them.
fn decoded<M: Message + Default>(page: &impl Reply) -> Result<M, Reject> {
    let mut encoded = Vec::with_capacity(page.length());
    page.write(&mut encoded);
    M::decode(encoded.as_slice()).map_err(|error| Reject::internal(format!("a history is damaged: {error}")))
}

fn execution(workflow_id: &str, run_id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: run_id.to_owned() })
}

/// Work of the account, which may wait for the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Reject> + Send + 'static,
) -> Result<T, Reject> {
    let answer = tokio::task::spawn_blocking(work).await;
    answer.unwrap_or_else(|error| Err(Reject::internal(format!("a call was cut off: {error}"))))
}
