//! Large histories, read by a client that takes messages of 4 MiB: forwards, backwards, raw, and with a worker's task.

use std::{future::pending, sync::Arc, time::Duration};

use engine::{Config, Engine};
use frontend::{About, Door, Loops, NewNamespace, ensure, serve};
use model::Limits;
use prost::Message;
use proto::temporal::api::{
    common::v1::{Payload, Payloads, WorkflowExecution, WorkflowType},
    history::v1::{History, HistoryEvent},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryReverseRequest, PollWorkflowTaskQueueRequest,
        SignalWorkflowExecutionRequest, StartWorkflowExecutionRequest, workflow_service_client::WorkflowServiceClient,
    },
};
use store::MemoryStore;
use tokio::{net::TcpListener, task::JoinSet};
use tonic::transport::{Channel, Endpoint};

/// Signals of so many bytes make a history of some pages, and one is nearly as large as a page.
const SIZES: [usize; 3] = [100_000, 700_000, 2_000_000];
const SIGNALS: usize = 60;
/// What a client takes that is not told otherwise.
const CLIENTS_LIMIT: usize = 4 * 1024 * 1024;

struct World {
    client: WorkflowServiceClient<Channel>,
    _loops: Loops,
    _servers: JoinSet<()>,
}

fn execution() -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: "large".to_owned(), run_id: String::new() })
}

fn queue() -> Option<TaskQueue> {
    Some(TaskQueue { name: "queue".to_owned(), ..Default::default() })
}

impl World {
    /// A server with a workflow that has had many signals.
    async fn new(raw: bool) -> Self {
        let limits = Arc::new(Limits { raw_history: raw, ..Limits::default() });
        let config = Config { shards: 1, limits, address: String::new(), cached_runs: 10 };
        let engine = Engine::open(Arc::new(MemoryStore::new()), config).unwrap();
        let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
        let door = Door::new(engine, auth::Policy::Open, about, || uuid::Uuid::from_u128(1));
        ensure(&door, NewNamespace::named("default", Duration::from_secs(86_400))).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let loops = Loops::start(1).unwrap();
        let mut servers = JoinSet::new();
        servers.spawn(serve(door, listener, loops.homes(), pending()));
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        let client = WorkflowServiceClient::new(channel).max_decoding_message_size(CLIENTS_LIMIT);
        let mut world = Self { client, _loops: loops, _servers: servers };
        world.fill().await;
        world
    }

    async fn fill(&mut self) {
        let start = StartWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_id: "large".to_owned(),
            workflow_type: Some(WorkflowType { name: "Large".to_owned() }),
            task_queue: queue(),
            request_id: "1".to_owned(),
            ..Default::default()
        };
        self.client.start_workflow_execution(start).await.unwrap();
        for number in 0..SIGNALS {
            let size = if number % 10 == 9 { SIZES[1 + number / 10 % 2] } else { SIZES[0] };
            let payload = Payload { data: vec![b'x'; size].into(), ..Default::default() };
            let signal = SignalWorkflowExecutionRequest {
                namespace: "default".to_owned(),
                workflow_execution: execution(),
                signal_name: number.to_string(),
                input: Some(Payloads { payloads: vec![payload] }),
                ..Default::default()
            };
            self.client.signal_workflow_execution(signal).await.unwrap();
        }
    }

    /// The pages from a token on.
    async fn pages(&mut self, mut token: bytes::Bytes) -> Vec<Vec<HistoryEvent>> {
        let mut pages = Vec::new();
        loop {
            let request = GetWorkflowExecutionHistoryRequest {
                namespace: "default".to_owned(),
                execution: execution(),
                next_page_token: token,
                ..Default::default()
            };
            let page = self.client.get_workflow_execution_history(request).await.unwrap().into_inner();
            let raw = page.raw_history.into_iter().flat_map(|blob| History::decode(blob.data).unwrap().events);
            let events = page.history.unwrap_or_default().events;
            pages.push(events.into_iter().chain(raw).collect());
            token = page.next_page_token;
            if token.is_empty() {
                return pages;
            }
        }
    }

    async fn pages_back(&mut self) -> Vec<Vec<HistoryEvent>> {
        let (mut pages, mut token) = (Vec::new(), bytes::Bytes::new());
        loop {
            let request = GetWorkflowExecutionHistoryReverseRequest {
                namespace: "default".to_owned(),
                execution: execution(),
                next_page_token: token,
                ..Default::default()
            };
            let page = self.client.get_workflow_execution_history_reverse(request).await.unwrap().into_inner();
            pages.push(page.history.unwrap_or_default().events);
            token = page.next_page_token;
            if token.is_empty() {
                return pages;
            }
        }
    }
}

fn ids(pages: &[Vec<HistoryEvent>]) -> Vec<i64> {
    pages.iter().flatten().map(|event| event.event_id).collect()
}

/// No page holds so little that the next one's first event would have found room.
fn are_full(pages: &[Vec<HistoryEvent>]) -> bool {
    let length = |events: &[HistoryEvent]| events.iter().map(Message::encoded_len).sum::<usize>();
    pages.windows(2).all(|pair| length(&pair[0]) + length(&pair[1][..1]) > 3_500_000)
}

#[tokio::test]
async fn a_large_history_is_read_page_by_page() {
    for raw in [false, true] {
        let mut world = World::new(raw).await;
        let pages = world.pages(bytes::Bytes::new()).await;
        let all: Vec<_> = (1..=SIGNALS as i64 + 2).collect();
        assert_eq!(ids(&pages), all);
        assert!(pages.len() > 3 && are_full(&pages), "{}", pages.len());
        let back = world.pages_back().await;
        assert_eq!(ids(&back), all.into_iter().rev().collect::<Vec<_>>());
        assert!(back.len() > 3 && are_full(&back), "{}", back.len());
    }
}

#[tokio::test]
async fn a_task_brings_the_first_page_and_the_way_to_the_others() {
    let mut world = World::new(false).await;
    let poll =
        PollWorkflowTaskQueueRequest { namespace: "default".to_owned(), task_queue: queue(), ..Default::default() };
    let mut poll = tonic::Request::new(poll);
    poll.set_timeout(Duration::from_secs(60));
    let task = world.client.poll_workflow_task_queue(poll).await.unwrap().into_inner();
    let mut pages = vec![task.history.unwrap().events];
    pages.extend(world.pages(task.next_page_token).await);
    assert_eq!(ids(&pages), (1..=SIGNALS as i64 + 3).collect::<Vec<_>>());
    assert!(pages.len() > 3 && are_full(&pages), "{}", pages.len());
}
