//! Reading an Event History page by page, forwards or backwards, to its end or as it grows.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use proto::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::HistoryEventFilterType,
    history::v1::HistoryEvent,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryReverseRequest,
        workflow_service_client::WorkflowServiceClient,
    },
};
use tonic::{Code, Status};

use crate::connect::{Session, Transport};

/// How long a server may be away before a command that waits for events gives up.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Which events are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Events {
    All,
    /// The last one of a closed run.
    Close,
}

/// A cursor over the events of one run.
pub(crate) struct HistoryReader {
    client: WorkflowServiceClient<Transport>,
    namespace: String,
    execution: WorkflowExecution,
    events: Events,
    follow: bool,
    reverse: bool,
    page: VecDeque<HistoryEvent>,
    /// The token of the next page; `None` before the first.
    token: Option<prost::bytes::Bytes>,
}

impl HistoryReader {
    /// A cursor before the first event. An empty run ID means the latest run.
    pub(crate) fn new(session: &Session, execution: WorkflowExecution, events: Events) -> Self {
        Self {
            client: session.workflow.clone(),
            namespace: session.namespace.clone(),
            execution,
            events,
            follow: false,
            reverse: false,
            page: VecDeque::new(),
            token: None,
        }
    }

    /// Waits for events that are not there yet, until the run is closed.
    pub(crate) fn following(self) -> Self {
        Self { follow: true, ..self }
    }

    /// From the last event to the first.
    pub(crate) fn reversed(self) -> Self {
        Self { reverse: true, ..self }
    }

    /// Whether events come last first.
    pub(crate) fn is_reversed(&self) -> bool {
        self.reverse
    }

    /// Goes on with the first event of another run of the same Workflow ID.
    pub(crate) fn move_to_run(&mut self, run_id: String) {
        self.execution.run_id = run_id;
        self.page.clear();
        self.token = None;
    }

    /// The next event; `None` behind the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<HistoryEvent>, Status> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Ok(Some(event));
            }
            if self.token.as_ref().is_some_and(|token| token.is_empty()) {
                return Ok(None);
            }
            let (events, token) = self.fetch_patiently().await?;
            self.page = events.into();
            self.token = Some(token);
        }
    }

    /// All events that are left.
    pub(crate) async fn rest(&mut self) -> Result<Vec<HistoryEvent>, Status> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await? {
            events.push(event);
        }
        Ok(events)
    }

    /// Fetches a page. Whoever waits for a Workflow Execution also waits for a server that comes back.
    async fn fetch_patiently(&mut self) -> Result<(Vec<HistoryEvent>, prost::bytes::Bytes), Status> {
        let mut away_since = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let status = match self.fetch().await {
                Ok(page) => return Ok(page),
                Err(status) => status,
            };
            let away = away_since.get_or_insert_with(Instant::now).elapsed();
            if !self.follow || !is_passing(&status) || away >= PATIENCE {
                return Err(status);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn fetch(&mut self) -> Result<(Vec<HistoryEvent>, prost::bytes::Bytes), Status> {
        let namespace = self.namespace.clone();
        let execution = Some(self.execution.clone());
        let next_page_token = self.token.clone().unwrap_or_default();
        let (history, token) = if self.reverse {
            let request = GetWorkflowExecutionHistoryReverseRequest {
                namespace,
                execution,
                next_page_token,
                ..Default::default()
            };
            let response = self.client.get_workflow_execution_history_reverse(request).await?.into_inner();
            (response.history, response.next_page_token)
        } else {
            let request = GetWorkflowExecutionHistoryRequest {
                namespace,
                execution,
                next_page_token,
                wait_new_event: self.follow,
                history_event_filter_type: match self.events {
                    Events::All => HistoryEventFilterType::AllEvent,
                    Events::Close => HistoryEventFilterType::CloseEvent,
                }
                .into(),
                skip_archival: self.follow,
                ..Default::default()
            };
            let response = self.client.get_workflow_execution_history(request).await?.into_inner();
            (response.history, response.next_page_token)
        };
        Ok((history.map(|history| history.events).unwrap_or_default(), token))
    }
}

/// Whether a failure may be gone with the next attempt: the server restarts, or cut a long poll short.
fn is_passing(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Aborted => true,
        // A connection that breaks under a call arrives here, with the cause attached; a server's word has none.
        Code::Unknown | Code::Internal | Code::Cancelled => std::error::Error::source(status).is_some(),
        _ => false,
    }
}
