//! The client's side of the load: it starts, signals, asks and reads.

use std::{sync::Arc, time::Duration};

use proto::temporal::api::{
    common::v1::{Memo, Payload, SearchAttributes, WorkflowExecution, WorkflowType},
    enums::v1::UpdateWorkflowExecutionLifecycleStage,
    query::v1::WorkflowQuery,
    taskqueue::v1::TaskQueue,
    update::{
        self,
        v1::{Input, Meta, WaitPolicy, outcome},
    },
    workflowservice::v1::{
        CountWorkflowExecutionsRequest, GetSystemInfoRequest, GetWorkflowExecutionHistoryRequest,
        ListWorkflowExecutionsRequest, QueryWorkflowRequest, SignalWorkflowExecutionRequest,
        StartWorkflowExecutionRequest, TerminateWorkflowExecutionRequest, UpdateWorkflowExecutionRequest,
        workflow_service_client::WorkflowServiceClient,
    },
};
use tonic::{
    Code, Request, Status,
    metadata::MetadataMap,
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

use crate::{Fault, wire::Way};

/// The task queue of all runs that name no other.
pub(crate) const QUEUE: &str = "bench";
pub(crate) const IDENTITY: &str = "bench";
/// How long any call but a poll may take.
pub(super) const CALL: Duration = Duration::from_secs(60);

/// The client's side.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(super) service: WorkflowServiceClient<InterceptedService<Channel, Showing>>,
    pub(super) namespace: &'static str,
}

/// How often, and how long after, a call is made again that was refused for now.
const AGAIN: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// What goes with every call, such as an API key.
#[derive(Debug, Clone)]
pub(super) struct Showing(Arc<MetadataMap>);

impl Interceptor for Showing {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for header in ["authorization", "temporal-namespace"] {
            if let Some(value) = self.0.get(header) {
                request.metadata_mut().insert(header, value.clone());
            }
        }
        Ok(request)
    }
}

/// A request with the time that its answer may take.
pub(super) fn timed<T>(message: T, limit: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}

/// Waits before a call is made again that was refused for now, as SDKs do: the reference bounds how often its own parts may
/// read. Any other failure, and too many of these, is a fault.
async fn wait_after(status: Status, left: &mut usize) -> Result<(), Fault> {
    if status.code() != Code::ResourceExhausted || *left == 0 {
        return Err(status.into());
    }
    *left -= 1;
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

fn execution(workflow_id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: String::new() })
}

pub(crate) fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() })
}

/// What a run stands in lists with.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) kind: String,
    pub(super) queue: String,
    pub(super) schedule: String,
    pub(super) build: String,
    /// Of a day.
    pub(super) second: usize,
    pub(super) is_paused: bool,
    pub(super) memo_bytes: usize,
}

/// A second of the first day of 2024, in JSON.
fn time_of(second: usize) -> String {
    format!("\"2024-01-01T{:02}:{:02}:{:02}Z\"", second / 3_600, second / 60 % 60, second % 60)
}

impl Client {
    /// A client with a connection of its own.
    pub(crate) fn to(way: Way) -> Result<Client, Fault> {
        let wire = way.wire()?;
        let showing = Showing(Arc::new(wire.metadata().clone()));
        let service = WorkflowServiceClient::with_interceptor(wire.channel(), showing);
        Ok(Client { service: service.max_decoding_message_size(64 << 20), namespace: way.namespace })
    }

    /// Starts a run whose type says what it does.
    pub(super) async fn start(&mut self, workflow_id: &str, kind: &str) -> Result<(), Fault> {
        self.start_on(QUEUE, workflow_id, kind).await
    }

    /// Starts a run whose workers poll that task queue.
    pub(super) async fn start_on(&mut self, name: &str, workflow_id: &str, kind: &str) -> Result<(), Fault> {
        let request = StartWorkflowExecutionRequest {
            namespace: self.namespace.to_owned(),
            workflow_id: workflow_id.to_owned(),
            workflow_type: Some(WorkflowType { name: kind.to_owned() }),
            task_queue: queue(name),
            identity: IDENTITY.to_owned(),
            request_id: format!("{workflow_id}-request"),
            ..StartWorkflowExecutionRequest::default()
        };
        self.service.start_workflow_execution(timed(request, CALL)).await?;
        Ok(())
    }

    /// Starts a run that stands in lists with all of this.
    pub(super) async fn start_listed(&mut self, workflow_id: &str, listed: &Listed) -> Result<(), Fault> {
        let memo = Payload { data: vec![b'm'; listed.memo_bytes].into(), ..Payload::default() };
        let fields = [
            ("TemporalScheduledById", "Keyword", format!("\"{}\"", listed.schedule)),
            ("BuildIds", "KeywordList", format!("[\"{}\"]", listed.build)),
            ("TemporalScheduledStartTime", "Datetime", time_of(listed.second)),
            ("TemporalSchedulePaused", "Bool", listed.is_paused.to_string()),
        ];
        let payload = |kind: &str, data: String| Payload {
            metadata: [("encoding", "json/plain"), ("type", kind)]
                .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec().into()))
                .into(),
            data: data.into_bytes().into(),
            ..Payload::default()
        };
        let fields = fields.map(|(name, kind, data)| (name.to_owned(), payload(kind, data)));
        let request = StartWorkflowExecutionRequest {
            namespace: self.namespace.to_owned(),
            workflow_id: workflow_id.to_owned(),
            workflow_type: Some(WorkflowType { name: listed.kind.clone() }),
            task_queue: queue(&listed.queue),
            identity: IDENTITY.to_owned(),
            request_id: format!("{workflow_id}-request"),
            memo: Some(Memo { fields: [("note".to_owned(), memo)].into() }),
            search_attributes: Some(SearchAttributes { indexed_fields: fields.into() }),
            ..StartWorkflowExecutionRequest::default()
        };
        self.service.start_workflow_execution(timed(request, CALL)).await?;
        Ok(())
    }

    pub(super) async fn system_info(&mut self) -> Result<(), Fault> {
        self.service.get_system_info(timed(GetSystemInfoRequest::default(), CALL)).await?;
        Ok(())
    }

    pub(super) async fn signal(&mut self, workflow_id: &str, request_id: String) -> Result<(), Fault> {
        let request = SignalWorkflowExecutionRequest {
            namespace: self.namespace.to_owned(),
            workflow_execution: execution(workflow_id),
            signal_name: "tick".to_owned(),
            identity: IDENTITY.to_owned(),
            request_id,
            ..SignalWorkflowExecutionRequest::default()
        };
        self.service.signal_workflow_execution(timed(request, CALL)).await?;
        Ok(())
    }

    pub(super) async fn terminate(&mut self, workflow_id: &str) -> Result<(), Fault> {
        let request = TerminateWorkflowExecutionRequest {
            namespace: self.namespace.to_owned(),
            workflow_execution: execution(workflow_id),
            ..TerminateWorkflowExecutionRequest::default()
        };
        self.service.terminate_workflow_execution(timed(request, CALL)).await?;
        Ok(())
    }

    pub(super) async fn query(&mut self, workflow_id: &str) -> Result<(), Fault> {
        let request = QueryWorkflowRequest {
            namespace: self.namespace.to_owned(),
            execution: execution(workflow_id),
            query: Some(WorkflowQuery { query_type: "state".to_owned(), ..WorkflowQuery::default() }),
            ..QueryWorkflowRequest::default()
        };
        self.service.query_workflow(timed(request, CALL)).await?;
        Ok(())
    }

    /// Sends an update and waits for what comes of it.
    pub(super) async fn update(&mut self, workflow_id: &str) -> Result<(), Fault> {
        let request = UpdateWorkflowExecutionRequest {
            namespace: self.namespace.to_owned(),
            workflow_execution: execution(workflow_id),
            wait_policy: Some(WaitPolicy { lifecycle_stage: UpdateWorkflowExecutionLifecycleStage::Completed.into() }),
            request: Some(update::v1::Request {
                meta: Some(Meta { identity: IDENTITY.to_owned(), ..Meta::default() }),
                input: Some(Input { name: "state".to_owned(), ..Input::default() }),
                ..update::v1::Request::default()
            }),
            ..UpdateWorkflowExecutionRequest::default()
        };
        let reply = self.service.update_workflow_execution(timed(request, CALL)).await?.into_inner();
        match reply.outcome.and_then(|outcome| outcome.value) {
            Some(outcome::Value::Success(_)) => Ok(()),
            other => Err(format!("an update ended with {other:?}").into()),
        }
    }

    /// How many runs a list filter selects.
    pub(crate) async fn count(&mut self, filter: &str) -> Result<usize, Fault> {
        let request = CountWorkflowExecutionsRequest { namespace: self.namespace.to_owned(), query: filter.to_owned() };
        let mut left = AGAIN;
        loop {
            match self.service.count_workflow_executions(timed(request.clone(), CALL)).await {
                Ok(reply) => return Ok(usize::try_from(reply.into_inner().count)?),
                Err(status) => wait_after(status, &mut left).await?,
            }
        }
    }

    /// One page of the runs that a list filter selects; the number on the page.
    pub(super) async fn list(&mut self, filter: &str, page: i32) -> Result<usize, Fault> {
        let request = ListWorkflowExecutionsRequest {
            namespace: self.namespace.to_owned(),
            page_size: page,
            query: filter.to_owned(),
            ..ListWorkflowExecutionsRequest::default()
        };
        let mut left = AGAIN;
        loop {
            match self.service.list_workflow_executions(timed(request.clone(), CALL)).await {
                Ok(reply) => return Ok(reply.into_inner().executions.len()),
                Err(status) => wait_after(status, &mut left).await?,
            }
        }
    }

    /// Reads a history page by page; the number of its events.
    pub(super) async fn history(&mut self, workflow_id: &str) -> Result<usize, Fault> {
        let mut request = GetWorkflowExecutionHistoryRequest {
            namespace: self.namespace.to_owned(),
            execution: execution(workflow_id),
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        let mut events = 0;
        loop {
            let page = self.service.get_workflow_execution_history(timed(request.clone(), CALL)).await?.into_inner();
            events += page.history.map_or(0, |history| history.events.len());
            if page.next_page_token.is_empty() {
                return Ok(events);
            }
            request.next_page_token = page.next_page_token;
        }
    }
}
