//! What callers are told by a server that can take no more.

#[cfg(test)]
mod full {
    use std::{future::pending, sync::Arc, time::Duration};

    use engine::{Class, Config, Engine, Pass, Stands};
    use frontend::{About, NewNamespace, ServerContext, ensure, serve};
    use model::Limits;
    use prost::Message as _;
    use proto::{
        google::rpc,
        temporal::api::{
            common::v1::{Payload, Payloads, WorkflowType},
            enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope},
            errordetails::v1::ResourceExhaustedFailure,
            taskqueue::v1::TaskQueue,
            workflowservice::v1::{
                CountWorkflowExecutionsRequest, GetSystemInfoRequest, RespondWorkflowTaskCompletedRequest,
                StartWorkflowExecutionRequest, workflow_service_client::WorkflowServiceClient,
            },
        },
    };
    use store::MemoryStore;
    use tokio::{net::TcpListener, task::JoinSet};
    use tonic::{Code, Status, transport::Channel};
    use transport::Loops;

    struct World {
        client: WorkflowServiceClient<Channel>,
        engine: Engine,
        _loops: Loops,
        _serving: JoinSet<()>,
    }

    impl World {
        /// A server that lets no call wait.
        async fn new() -> Self {
            let limits = Arc::new(Limits { call_wait: Duration::from_micros(1), few_calls: 0, ..Limits::default() });
            let config = Config { shards: 1, limits, address: String::new(), cached_runs: 10 };
            let engine = Engine::open(Arc::new(MemoryStore::new()), config).unwrap();
            let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
            let context = ServerContext::new(engine.clone(), auth::Policy::Open, about, || uuid::Uuid::from_u128(1));
            ensure(&context, NewNamespace::named("default", Duration::from_secs(86_400))).await.unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let loops = Loops::start(1).unwrap();
            let mut serving = JoinSet::new();
            serving.spawn(serve(context, listener, loops.handles(), pending()));
            let client = WorkflowServiceClient::connect(format!("http://{address}")).await.unwrap();
            Self { client, engine, _loops: loops, _serving: serving }
        }

        /// A call that waits, once none before it does: a call leaves its line a moment after its client has the answer.
        async fn waiting(&self, class: Class) -> Pass {
            loop {
                match self.engine.admit(class, Stands::UntilAnswered, None) {
                    Ok(pass) => return pass,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        }
    }

    fn start(input: usize) -> StartWorkflowExecutionRequest {
        let payload = Payload { data: vec![b'x'; input].into(), ..Payload::default() };
        StartWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_id: "order".to_owned(),
            workflow_type: Some(WorkflowType { name: "Pay".to_owned() }),
            task_queue: Some(TaskQueue { name: "queue".to_owned(), ..TaskQueue::default() }),
            input: Some(Payloads { payloads: vec![payload] }),
            ..StartWorkflowExecutionRequest::default()
        }
    }

    /// Checks a refusal: what it is, which limit it names, and when to come again.
    fn check(refused: &Status) {
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
        assert_eq!(refused.message(), "server is overloaded, try again later");
        let carried = rpc::Status::decode(refused.details()).unwrap();
        assert_eq!((carried.code, carried.message.as_str()), (8, refused.message()));
        let [failure, limit, retry] = &carried.details[..] else { panic!("{carried:?}") };
        let failure = ResourceExhaustedFailure::decode(&failure.value[..]).unwrap();
        assert_eq!(failure.cause(), ResourceExhaustedCause::SystemOverloaded);
        assert_eq!(failure.scope(), ResourceExhaustedScope::System);
        let named = |text: &str| limit.value.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(
            limit.type_url.ends_with("google.rpc.ErrorInfo") && named("limits.call_wait") && named("server.callWait")
        );
        // A duration of one second, in the field 1.
        assert!(retry.type_url.ends_with("google.rpc.RetryInfo") && retry.value == [10, 2, 8, 1], "{retry:?}");
    }

    #[tokio::test]
    async fn what_is_new_is_refused_at_its_head_and_what_goes_on_is_served() {
        let mut world = World::new().await;
        let new = world.waiting(Class::New).await;
        for input in [0, 300_000] {
            check(&world.client.start_workflow_execution(start(input)).await.unwrap_err());
        }
        let count = || CountWorkflowExecutionsRequest { namespace: "default".to_owned(), ..Default::default() };
        let counted = world.client.count_workflow_executions(count()).await.unwrap().into_inner();
        assert_eq!(counted.count, 0, "nothing of it was carried out");
        drop(new);
        let _existing = world.waiting(Class::Existing).await;
        check(&world.client.count_workflow_executions(count()).await.unwrap_err());
        check(&world.client.start_workflow_execution(start(0)).await.unwrap_err());
        world.client.get_system_info(GetSystemInfoRequest::default()).await.unwrap();
        let report = RespondWorkflowTaskCompletedRequest { namespace: "default".to_owned(), ..Default::default() };
        let answer = world.client.respond_workflow_task_completed(report).await.unwrap_err();
        assert_eq!((answer.code(), answer.message()), (Code::InvalidArgument, "Task token not set on request."));
    }

    #[tokio::test]
    async fn a_call_whose_turn_comes_too_late_is_refused_in_the_same_words() {
        let mut world = World::new().await;
        check(&world.client.start_workflow_execution(start(0)).await.unwrap_err());
    }
}
