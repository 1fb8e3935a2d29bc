//! Large histories, read by a client that takes messages of 4 MiB: forwards, backwards, raw, and with a worker's task. And what is
//! deep, or has too much in it.

#[cfg(test)]
mod large {
    use std::{future::pending, sync::Arc, time::Duration};

    use engine::{Config, Engine};
    use frontend::{About, NewNamespace, ServerContext, ensure, serve};
    use model::Limits;
    use prost::Message;
    use proto::cause::{MOST_FAILURES, chain};
    use proto::temporal::api::{
        command::v1::{Command, FailWorkflowExecutionCommandAttributes, command::Attributes},
        common::v1::{Payload, Payloads, WorkflowExecution, WorkflowType},
        enums::v1::CommandType,
        failure::v1::Failure,
        history::v1::{History, HistoryEvent, history_event::Attributes as Ended},
        taskqueue::v1::TaskQueue,
        workflowservice::v1::{
            GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryReverseRequest,
            PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse, RespondWorkflowTaskCompletedRequest,
            RespondWorkflowTaskFailedRequest, SignalWorkflowExecutionRequest, StartWorkflowExecutionRequest,
            workflow_service_client::WorkflowServiceClient,
        },
    };
    use store::MemoryStore;
    use tokio::{net::TcpListener, task::JoinSet};
    use tonic::{
        Code, Status,
        transport::{Channel, Endpoint},
    };
    use transport::Loops;

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
        /// A server with a workflow that waits for its first task.
        async fn new(raw: bool) -> Self {
            let limits = Arc::new(Limits { raw_history: raw, ..Limits::default() });
            let config = Config { shards: 1, limits, address: String::new(), cached_runs: 10 };
            let engine = Engine::open(Arc::new(MemoryStore::new()), config).unwrap();
            let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
            let context = ServerContext::new(engine, auth::Policy::Open, about, || uuid::Uuid::from_u128(1));
            ensure(&context, NewNamespace::named("default", Duration::from_secs(86_400))).await.unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let loops = Loops::start(1).unwrap();
            let mut servers = JoinSet::new();
            servers.spawn(serve(context, listener, loops.handles(), pending()));
            let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
            let client = WorkflowServiceClient::new(channel).max_decoding_message_size(CLIENTS_LIMIT);
            let mut world = Self { client, _loops: loops, _servers: servers };
            world.start().await;
            world
        }

        /// The workflow has had many signals.
        async fn filled(raw: bool) -> Self {
            let mut world = Self::new(raw).await;
            world.fill().await;
            world
        }

        async fn start(&mut self) {
            let start = StartWorkflowExecutionRequest {
                namespace: "default".to_owned(),
                workflow_id: "large".to_owned(),
                workflow_type: Some(WorkflowType { name: "Large".to_owned() }),
                task_queue: queue(),
                request_id: "1".to_owned(),
                ..Default::default()
            };
            self.client.start_workflow_execution(start).await.unwrap();
        }

        async fn poll(&mut self) -> PollWorkflowTaskQueueResponse {
            let poll = PollWorkflowTaskQueueRequest {
                namespace: "default".to_owned(),
                task_queue: queue(),
                ..Default::default()
            };
            let mut poll = tonic::Request::new(poll);
            poll.set_timeout(Duration::from_secs(60));
            self.client.poll_workflow_task_queue(poll).await.unwrap().into_inner()
        }

        /// Ends the workflow with this failure.
        async fn fail(&mut self, failure: Failure) -> Result<(), Status> {
            let task_token = self.poll().await.task_token;
            let attributes = FailWorkflowExecutionCommandAttributes { failure: Some(failure) };
            let command = Command {
                command_type: CommandType::FailWorkflowExecution.into(),
                attributes: Some(Attributes::FailWorkflowExecutionCommandAttributes(attributes)),
                ..Default::default()
            };
            let completed = RespondWorkflowTaskCompletedRequest {
                namespace: "default".to_owned(),
                task_token,
                commands: vec![command],
                ..Default::default()
            };
            self.client.respond_workflow_task_completed(completed).await.map(drop)
        }

        /// The ids of the events that a client of this name sees.
        async fn seen_by(&mut self, name: &'static str) -> Vec<i64> {
            let request = GetWorkflowExecutionHistoryRequest {
                namespace: "default".to_owned(),
                execution: execution(),
                ..Default::default()
            };
            let mut request = tonic::Request::new(request);
            for (header, value) in
                [("client-name", name), ("client-version", "1.30.0"), ("supported-server-versions", ">=1.0.0 <2.0.0")]
            {
                request.metadata_mut().insert(header, value.parse().unwrap());
            }
            let page = self.client.get_workflow_execution_history(request).await.unwrap().into_inner();
            ids(&[page.history.unwrap_or_default().events])
        }

        async fn fill(&mut self) {
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

    /// A worker goes on from an attempt that leaves no trace if it fails; a person would see events that come and go.
    #[tokio::test]
    async fn an_attempt_without_events_is_shown_to_workers_and_not_to_people() {
        let mut world = World::new(false).await;
        let task_token = world.poll().await.task_token;
        for name in ["temporal-go", "temporal-cli", "temporal-ui"] {
            assert_eq!(world.seen_by(name).await, [1, 2, 3], "{name}: what was started will be written as it is");
        }
        let failed =
            RespondWorkflowTaskFailedRequest { namespace: "default".to_owned(), task_token, ..Default::default() };
        world.client.respond_workflow_task_failed(failed).await.unwrap();
        for (started, workers) in [(false, [1, 2, 3, 4, 5].as_slice()), (true, &[1, 2, 3, 4, 5, 6])] {
            if started {
                world.poll().await;
            }
            for (name, seen) in [
                ("temporal-go", workers),
                ("anything-else", workers),
                ("temporal-cli", &[1, 2, 3, 4]),
                ("temporal-ui", &[1, 2, 3, 4]),
            ] {
                assert_eq!(world.seen_by(name).await, seen, "{name}");
            }
        }
    }

    #[tokio::test]
    async fn a_large_history_is_read_page_by_page() {
        for raw in [false, true] {
            let mut world = World::filled(raw).await;
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
        let mut world = World::filled(false).await;
        let task = world.poll().await;
        let mut pages = vec![task.history.unwrap().events];
        pages.extend(world.pages(task.next_page_token).await);
        assert_eq!(ids(&pages), (1..=SIGNALS as i64 + 3).collect::<Vec<_>>());
        assert!(pages.len() > 3 && are_full(&pages), "{}", pages.len());
    }

    /// So many failures, each the cause of the one before.
    fn failures(number: usize) -> Failure {
        (0..number).fold(Failure::default(), |inner, number| Failure {
            message: number.to_string(),
            cause: (number > 0).then(|| inner.into()),
            ..Default::default()
        })
    }

    #[tokio::test]
    async fn a_chain_of_failures_is_as_long_as_on_the_reference() {
        let mut world = World::new(false).await;
        world.fail(failures(MOST_FAILURES)).await.unwrap();
        let pages = world.pages(bytes::Bytes::new()).await;
        let last = pages.into_iter().flatten().next_back().and_then(|event| event.attributes);
        let Some(Ended::WorkflowExecutionFailedEventAttributes(failed)) = last else { panic!("{last:?}") };
        let messages: Vec<_> = chain(&failed.failure.unwrap()).map(|failure| failure.message).collect();
        assert_eq!(messages, (0..MOST_FAILURES).rev().map(|number| number.to_string()).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_longer_chain_is_refused_in_the_references_words() {
        let mut world = World::new(false).await;
        let refused = world.fail(failures(MOST_FAILURES + 1)).await.unwrap_err();
        let text = "grpc: error unmarshalling request: proto:\u{a0}exceeded maximum recursion depth";
        assert_eq!((refused.code(), refused.message()), (Code::Internal, text));
    }

    #[tokio::test]
    async fn millions_of_empty_payloads_are_refused_before_they_are_made() {
        let mut world = World::new(false).await;
        let signal = SignalWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution(),
            signal_name: "many".to_owned(),
            input: Some(Payloads { payloads: vec![Payload::default(); 1_900_000] }),
            ..Default::default()
        };
        let refused = world.client.signal_workflow_execution(signal).await.unwrap_err();
        let text = "the request has too many fields and values: they would take more than 67108864 bytes of memory \
                    (limits.message_fields_size)";
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, text));
    }
}
