//! Tasks in replies: they are the worker's when the reply is on the wire, and go back where it never is.

#[cfg(test)]
mod lost {
    use std::{future::pending, net::SocketAddr, sync::Arc, time::Duration};

    use bytes::{BufMut as _, Bytes, BytesMut};
    use engine::{Config, Engine};
    use frontend::{About, NewNamespace, ServerContext, ensure, serve};
    use h2::{RecvStream, client};
    use model::Limits;
    use prost::Message as _;
    use proto::temporal::api::{
        common::v1::{Payload, Payloads, WorkflowType},
        taskqueue::v1::TaskQueue,
        workflowservice::v1::{
            PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse, RespondWorkflowTaskCompletedRequest,
            StartWorkflowExecutionRequest, workflow_service_client::WorkflowServiceClient,
        },
    };
    use store::MemoryStore;
    use tokio::{
        net::{TcpListener, TcpStream},
        task::JoinSet,
    };
    use tonic::{
        codegen::http::{HeaderMap, Request},
        transport::Channel,
    };
    use transport::Loops;

    const POLL: &str = "/temporal.api.workflowservice.v1.WorkflowService/PollWorkflowTaskQueue";
    /// Bytes of the workflow's input, which its first task brings the worker: more than the worker's window lets in.
    const INPUT: usize = 1024 * 1024;
    const WINDOW: u32 = 65_535;

    struct World {
        address: SocketAddr,
        client: WorkflowServiceClient<Channel>,
        _loops: Loops,
        _serving: JoinSet<()>,
    }

    /// A worker's connection, and what reads and writes for it.
    struct Connection {
        send: client::SendRequest<Bytes>,
        wire: JoinSet<()>,
    }

    impl World {
        /// A server with a workflow that waits for a worker.
        async fn new() -> Self {
            let limits = Arc::new(Limits::default());
            let config = Config { shards: 1, limits, address: String::new(), cached_runs: 10 };
            let engine = Engine::open(Arc::new(MemoryStore::new()), config).unwrap();
            let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
            let context = ServerContext::new(engine, auth::Policy::Open, about, || uuid::Uuid::from_u128(1));
            ensure(&context, NewNamespace::named("default", Duration::from_secs(86_400))).await.unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let loops = Loops::start(1).unwrap();
            let mut serving = JoinSet::new();
            serving.spawn(serve(context, listener, loops.handles(), pending()));
            let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
            let mut client = WorkflowServiceClient::new(channel).max_decoding_message_size(2 * INPUT);
            let payload = Payload { data: vec![b'x'; INPUT].into(), ..Payload::default() };
            let start = StartWorkflowExecutionRequest {
                namespace: "default".to_owned(),
                workflow_id: "order".to_owned(),
                workflow_type: Some(WorkflowType { name: "Pay".to_owned() }),
                task_queue: Some(TaskQueue { name: "queue".to_owned(), ..TaskQueue::default() }),
                input: Some(Payloads { payloads: vec![payload] }),
                ..StartWorkflowExecutionRequest::default()
            };
            client.start_workflow_execution(start).await.unwrap();
            Self { address, client, _loops: loops, _serving: serving }
        }

        async fn task(&mut self) -> PollWorkflowTaskQueueResponse {
            let mut request = tonic::Request::new(poll());
            request.set_timeout(Duration::from_secs(60));
            self.client.poll_workflow_task_queue(request).await.unwrap().into_inner()
        }

        async fn connect(&self) -> Connection {
            let stream = TcpStream::connect(self.address).await.unwrap();
            let mut builder = client::Builder::new();
            builder.initial_window_size(WINDOW).initial_connection_window_size(1 << 30);
            let (send, connection) = builder.handshake(stream).await.unwrap();
            let mut wire = JoinSet::new();
            wire.spawn(async move {
                let _ = connection.await;
            });
            Connection { send, wire }
        }
    }

    fn poll() -> PollWorkflowTaskQueueRequest {
        PollWorkflowTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: Some(TaskQueue { name: "queue".to_owned(), ..TaskQueue::default() }),
            identity: "worker".to_owned(),
            ..PollWorkflowTaskQueueRequest::default()
        }
    }

    impl Connection {
        /// Polls; the head of the answer has come, and as much of the rest as the window lets in.
        async fn poll(&mut self) -> RecvStream {
            let request = Request::post(format!("http://localhost{POLL}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .header("grpc-timeout", "60S")
                .body(())
                .unwrap();
            std::future::poll_fn(|context| self.send.poll_ready(context)).await.unwrap();
            let (response, mut body) = self.send.send_request(request, false).unwrap();
            let message = poll().encode_to_vec();
            let mut framed = BytesMut::new();
            framed.put_u8(0);
            framed.put_u32(u32::try_from(message.len()).unwrap());
            framed.put_slice(&message);
            body.send_data(framed.freeze(), true).unwrap();
            let response = response.await.unwrap();
            assert!(response.headers().get("grpc-status").is_none(), "{response:?}");
            response.into_body()
        }
    }

    #[tokio::test]
    async fn a_reply_that_is_taken_back_leaves_its_task() {
        let mut world = World::new().await;
        let mut connection = world.connect().await;
        drop(connection.poll().await);
        let task = world.task().await;
        assert_eq!((task.attempt, task.task_token.is_empty()), (1, false));
    }

    #[tokio::test]
    async fn a_connection_that_breaks_leaves_the_task_of_the_reply_that_is_not_on_it() {
        let mut world = World::new().await;
        let mut connection = world.connect().await;
        let _body = connection.poll().await;
        connection.wire.abort_all();
        let task = world.task().await;
        assert_eq!((task.attempt, task.task_token.is_empty()), (1, false));
    }

    #[tokio::test]
    async fn a_reply_that_was_written_is_the_workers() {
        let mut world = World::new().await;
        let mut connection = world.connect().await;
        let (mut body, mut reply) = (connection.poll().await, BytesMut::new());
        while let Some(piece) = body.data().await {
            let piece = piece.unwrap();
            reply.extend_from_slice(&piece);
            body.flow_control().release_capacity(piece.len()).unwrap();
        }
        let trailers: Option<HeaderMap> = body.trailers().await.unwrap();
        assert_eq!(trailers.unwrap()["grpc-status"], "0");
        drop((connection, body));
        // Were the task on its way back, its token would be void.
        let task = PollWorkflowTaskQueueResponse::decode(&reply[5..]).unwrap();
        let completed = RespondWorkflowTaskCompletedRequest {
            namespace: "default".to_owned(),
            task_token: task.task_token,
            identity: "worker".to_owned(),
            ..RespondWorkflowTaskCompletedRequest::default()
        };
        world.client.respond_workflow_task_completed(completed).await.unwrap();
    }
}
