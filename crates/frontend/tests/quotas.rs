//! What one namespace may ask for, over the wire: who asks for too much is refused as on the reference, and its neighbour is
//! served.

#[cfg(test)]
mod quotas {
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
    use frontend::{About, NewNamespace, ServerContext, ensure, serve};
    use model::Limits;
    use prost::Message;
    use proto::{
        google::rpc,
        temporal::api::{
            common::v1::{Payload, Payloads, WorkflowType},
            enums::v1::{ResourceExhaustedCause as Cause, ResourceExhaustedScope as Scope},
            errordetails::v1::ResourceExhaustedFailure,
            taskqueue::v1::TaskQueue,
            workflowservice::v1::{workflow_service_client::WorkflowServiceClient, *},
        },
    };
    use store::MemoryStore;
    use tokio::{net::TcpListener, task::JoinSet};
    use tonic::{
        Code, Request, Status,
        client::Grpc,
        codegen::http::uri::PathAndQuery,
        transport::{Channel, Endpoint},
    };
    use transport::{Loops, Raw};

    struct World {
        client: WorkflowServiceClient<Channel>,
        channel: Channel,
        _loops: Loops,
        _server: JoinSet<()>,
    }

    fn new_id() -> uuid::Uuid {
        static LAST: AtomicU64 = AtomicU64::new(1);
        uuid::Uuid::from_u128(LAST.fetch_add(1, Ordering::Relaxed).into())
    }

    /// A server with the namespaces "loud" and "quiet".
    async fn world(limits: Limits) -> World {
        let config = Config { shards: 1, limits: Arc::new(limits), address: String::new(), cached_runs: 10 };
        let engine = Engine::open(Arc::new(MemoryStore::new()), config).unwrap();
        let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
        let context = ServerContext::new(engine, auth::Policy::Open, about, new_id);
        for name in ["loud", "quiet"] {
            ensure(&context, NewNamespace::named(name, Duration::from_secs(86_400))).await.unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let loops = Loops::start(1).unwrap();
        let mut server = JoinSet::new();
        server.spawn(serve(context, listener, loops.handles(), pending()));
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        World { client: WorkflowServiceClient::new(channel.clone()), channel, _loops: loops, _server: server }
    }

    /// Limits that let nothing of "loud" through, whatever the clock says.
    fn nothing_for_loud() -> Limits {
        let mut limits = Limits::default();
        for name in ["requests_per_second", "lists_per_second"] {
            limits.assign_within("loud", name, "0");
        }
        limits
    }

    fn start(namespace: &str, bytes: usize) -> StartWorkflowExecutionRequest {
        StartWorkflowExecutionRequest {
            namespace: namespace.to_owned(),
            workflow_id: "w".to_owned(),
            workflow_type: Some(WorkflowType { name: "t".to_owned() }),
            task_queue: Some(TaskQueue { name: "q".to_owned(), ..Default::default() }),
            request_id: "r".to_owned(),
            input: Some(Payloads { payloads: vec![Payload { data: vec![0; bytes].into(), ..Default::default() }] }),
            ..Default::default()
        }
    }

    fn failure(status: &Status) -> (rpc::Status, ResourceExhaustedFailure) {
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        let carried = rpc::Status::decode(status.details()).unwrap();
        let failure = ResourceExhaustedFailure::decode(carried.details[0].value.as_slice()).unwrap();
        (carried, failure)
    }

    #[tokio::test]
    async fn who_asks_for_too_much_is_refused_and_its_neighbour_served() {
        let mut world = world(nothing_for_loud()).await;
        let refusal = world.client.start_workflow_execution(start("loud", 10)).await.unwrap_err();
        let (carried, found) = failure(&refusal);
        assert_eq!(refusal.message(), "namespace rate limit exceeded");
        assert_eq!((found.cause(), found.scope()), (Cause::RpsLimit, Scope::Namespace));
        assert_eq!(carried.details[1].type_url, "type.googleapis.com/google.rpc.ErrorInfo");
        let info = String::from_utf8_lossy(&carried.details[1].value).into_owned();
        assert!(info.contains("limits.requests_per_second") && info.contains("frontend.namespaceRPS"), "{info:?}");
        let list =
            |namespace: &str| ListWorkflowExecutionsRequest { namespace: namespace.to_owned(), ..Default::default() };
        let refusal = world.client.list_workflow_executions(list("loud")).await.unwrap_err();
        assert_eq!(refusal.message(), "namespace rate limit exceeded");
        world.client.start_workflow_execution(start("quiet", 10)).await.unwrap();
        world.client.list_workflow_executions(list("quiet")).await.unwrap();
        // What is about no namespace goes on, and so does what is not there.
        world.client.get_system_info(GetSystemInfoRequest {}).await.unwrap();
        let refusal = world.client.start_workflow_execution(start("nope", 10)).await.unwrap_err();
        assert_eq!((refusal.code(), refusal.message()), (Code::NotFound, "Namespace nope is not found."));
    }

    #[tokio::test]
    async fn a_large_message_that_is_refused_is_not_decoded() {
        let mut world = world(nothing_for_loud()).await;
        // The first call makes what is kept of its namespace.
        world.client.start_workflow_execution(start("loud", 10)).await.unwrap_err();
        let broken = |namespace: &str| {
            let mut request = start(namespace, 8_192).encode_to_vec();
            // A workflow type whose name is cut off.
            request.extend([0x1a, 0x02, 0x0a, 0x09]);
            request
        };
        let mut codes = Vec::new();
        for namespace in ["loud", "quiet"] {
            let mut client = Grpc::new(world.channel.clone());
            client.ready().await.unwrap();
            let path = "/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution";
            let request = Request::new(Bytes::from(broken(namespace)));
            let answer = client.unary(request, PathAndQuery::from_static(path), Raw).await;
            codes.push((namespace, answer.unwrap_err().code()));
        }
        assert_eq!(codes, [("loud", Code::ResourceExhausted), ("quiet", Code::Internal)]);
    }

    #[tokio::test]
    async fn one_poll_too_many_is_refused_until_another_is_over() {
        let limits = Limits { waiting_calls: 1, task_long_poll: Duration::from_secs(2), ..Limits::default() };
        let world = world(limits).await;
        let poll = |namespace: &str| {
            let mut client = world.client.clone();
            let request = PollWorkflowTaskQueueRequest {
                namespace: namespace.to_owned(),
                task_queue: Some(TaskQueue { name: "q".to_owned(), ..Default::default() }),
                ..Default::default()
            };
            let mut request = Request::new(request);
            request.set_timeout(Duration::from_secs(60));
            async move { client.poll_workflow_task_queue(request).await.map(|_| ()) }
        };
        let (first, second, neighbour) = tokio::join!(poll("loud"), poll("loud"), poll("quiet"));
        neighbour.unwrap();
        let refusal = first.and(second).unwrap_err();
        assert_eq!(refusal.message(), "namespace concurrent poller limit exceeded");
        assert_eq!(failure(&refusal).1.cause(), Cause::ConcurrentLimit);
        poll("loud").await.unwrap();
    }
}
