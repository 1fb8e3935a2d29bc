//! For each capability and limit that is announced the calls that show it, and for some that are not the calls that show the lack.

use proto::temporal::api::{
    command::v1::{
        FailWorkflowExecutionCommandAttributes, ModifyWorkflowPropertiesCommandAttributes,
        ScheduleActivityTaskCommandAttributes, command::Attributes,
    },
    common::v1::{
        ActivityType, Header, Memo, Payload, Payloads, RetryPolicy, WorkerVersionCapabilities, WorkerVersionStamp,
    },
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    history::v1::history_event::Attributes as Event,
    query::v1::WorkflowQuery,
    sdk::v1::WorkflowTaskCompletedMetadata,
    workflowservice::v1::{
        CountWorkflowExecutionsRequest, DescribeWorkflowExecutionRequest, ListWorkflowExecutionsRequest,
        PollActivityTaskQueueRequest, PollActivityTaskQueueResponse, PollWorkflowTaskQueueRequest,
        QueryWorkflowRequest, RespondActivityTaskFailedRequest, RespondQueryTaskCompletedRequest,
        RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskFailedRequest, SignalWorkflowExecutionRequest,
        StartWorkflowExecutionRequest,
    },
};
use tokio::join;
use tonic::{Code, Status};

use crate::{
    capabilities::{LIMITS, NAMESPACE, SYSTEM},
    updates,
    world::{World, completion, execution, namespace, patient, payload, payloads, poll, queue, start},
};

/// Shows that what a field announces is so. `value` is what it says.
pub(crate) async fn is_served(world: &mut World, message: &str, field: &str, value: u64) {
    match (message, field) {
        (SYSTEM, "signal_and_query_header") => headers(world).await,
        (SYSTEM, "internal_error_differentiation") => errors(world).await,
        (SYSTEM, "activity_failure_include_heartbeat") => last_heartbeat(world).await,
        (SYSTEM, "encoded_failure_attributes") => encoded_attributes(world).await,
        (SYSTEM, "build_id_based_versioning") => build_ids(world).await,
        (SYSTEM, "upsert_memo") => upserted_memo(world).await,
        (SYSTEM, "eager_workflow_start") => eager_start(world, "eager by the system").await,
        (SYSTEM, "sdk_metadata") => sdk_metadata(world).await,
        (SYSTEM, "count_group_by_execution_status") => counts_by_status(world).await,
        (NAMESPACE, "eager_workflow_start") => eager_start(world, "eager by the namespace").await,
        (NAMESPACE, "sync_update") => updates::waited_for(world).await,
        (NAMESPACE, "async_update") => updates::asked_for_later(world).await,
        (NAMESPACE, "reported_problems_search_attribute") => reported_problems(world).await,
        (LIMITS, "blob_size_limit_error") => sizes(world, "blob", value, with_input).await,
        (LIMITS, "memo_size_limit_error") => sizes(world, "memo", value, with_memo).await,
        _ => panic!("{field} of the {message} is announced, and no call here shows it"),
    }
}

/// Shows that what a field would announce is not so.
pub(crate) async fn is_absent(world: &mut World, field: &str) {
    match field {
        "poller_autoscaling" => {
            world.start("scaled").await;
            assert_eq!(world.poll("scaled").await.poller_scaling_decision, None);
        }
        "workflow_task_completion_pagination" => paged_completion(world).await,
        "workflow_update_callbacks" => updates::called_back(world).await,
        // A completion is one message, and no message is as large as what the reference allows in several.
        "workflow_task_completion_size_limit_error" => {
            let largest = model::Limits::default().message_size;
            assert!(
                largest < 40 * 1024 * 1024,
                "a completion of {largest} bytes can come, and has no limit of its own"
            );
        }
        _ => panic!("no call here shows that {field} is absent"),
    }
}

/// A page is not taken for the whole: the task is still there for the worker's next answer.
async fn paged_completion(world: &mut World) {
    world.start("paged").await;
    let task_token = world.poll("paged").await.task_token;
    let page = |intermediate_page, page_number| RespondWorkflowTaskCompletedRequest {
        intermediate_page,
        page_number,
        ..completion(task_token.clone())
    };
    for page in [page(true, 0), page(false, 1)] {
        let refused = world.client.respond_workflow_task_completed(page).await.unwrap_err();
        let text = "workflow task completion pagination is disabled for this namespace default";
        assert_eq!((refused.code(), refused.message()), (Code::FailedPrecondition, text));
    }
    world.client.respond_workflow_task_completed(page(false, 0)).await.unwrap();
}

async fn headers(world: &mut World) {
    let header = Some(Header { fields: [("trace".to_owned(), payload("on"))].into() });
    world.start("headers").await;
    let signal = SignalWorkflowExecutionRequest {
        namespace: namespace(),
        workflow_execution: execution("headers"),
        signal_name: "signal".to_owned(),
        header: header.clone(),
        ..Default::default()
    };
    world.client.signal_workflow_execution(signal).await.unwrap();
    match world.history("headers").await.pop().unwrap().attributes {
        Some(Event::WorkflowExecutionSignaledEventAttributes(signaled)) => assert_eq!(signaled.header, header),
        other => panic!("the signal is not the last event, but {other:?}"),
    }
    world.complete("headers", Vec::new()).await;
    let query = WorkflowQuery { query_type: "query".to_owned(), header: header.clone(), ..Default::default() };
    let query = QueryWorkflowRequest {
        namespace: namespace(),
        execution: execution("headers"),
        query: Some(query),
        ..Default::default()
    };
    let mut client = world.client.clone();
    let worker = async {
        let task = world.poll("headers").await;
        assert_eq!(task.query.unwrap().header, header);
        let answer = RespondQueryTaskCompletedRequest {
            namespace: namespace(),
            task_token: task.task_token,
            completed_type: 1,
            query_result: payloads("answer"),
            ..Default::default()
        };
        world.client.respond_query_task_completed(answer).await.unwrap();
    };
    let (answer, ()) = join!(client.query_workflow(patient(query)), worker);
    assert_eq!(answer.unwrap().into_inner().query_result, payloads("answer"));
}

/// A client sends again what failed inside the server, and nothing that is wrong by itself.
async fn errors(world: &mut World) {
    let describe = DescribeWorkflowExecutionRequest { namespace: namespace(), execution: execution("nobody") };
    let unknown = world.client.describe_workflow_execution(describe).await.unwrap_err();
    let token = world.client.respond_workflow_task_completed(completion("no token".into())).await.unwrap_err();
    let unnamed = StartWorkflowExecutionRequest { workflow_id: String::new(), ..start("unnamed") };
    let unnamed = world.client.start_workflow_execution(unnamed).await.unwrap_err();
    let codes = [unknown, token, unnamed].map(|status| status.code());
    assert_eq!(codes, [Code::NotFound, Code::InvalidArgument, Code::InvalidArgument]);
}

async fn last_heartbeat(world: &mut World) {
    let activity = ScheduleActivityTaskCommandAttributes {
        activity_id: "activity".to_owned(),
        activity_type: Some(ActivityType { name: "Activity".to_owned() }),
        task_queue: queue("heartbeat"),
        start_to_close_timeout: seconds(60),
        schedule_to_close_timeout: seconds(600),
        retry_policy: Some(RetryPolicy {
            initial_interval: Some(prost_types::Duration { seconds: 0, nanos: 1_000_000 }),
            backoff_coefficient: 1.0,
            ..Default::default()
        }),
        ..Default::default()
    };
    world.start("heartbeat").await;
    world.complete("heartbeat", vec![Attributes::ScheduleActivityTaskCommandAttributes(activity)]).await;
    let first = poll_activity(world, "heartbeat").await;
    let failed = RespondActivityTaskFailedRequest {
        namespace: namespace(),
        task_token: first.task_token,
        failure: Some(failure()),
        last_heartbeat_details: payloads("half of it"),
        ..Default::default()
    };
    world.client.respond_activity_task_failed(failed).await.unwrap();
    let second = poll_activity(world, "heartbeat").await;
    assert_eq!((second.attempt, second.heartbeat_details), (2, payloads("half of it")));
}

async fn poll_activity(world: &mut World, name: &str) -> PollActivityTaskQueueResponse {
    let poll = PollActivityTaskQueueRequest { namespace: namespace(), task_queue: queue(name), ..Default::default() };
    world.client.poll_activity_task_queue(patient(poll)).await.unwrap().into_inner()
}

fn failure() -> Failure {
    let info = FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo::default());
    Failure { message: "not this time".to_owned(), failure_info: Some(info), ..Default::default() }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

async fn encoded_attributes(world: &mut World) {
    let encoded = Failure { encoded_attributes: Some(payload("encrypted")), ..failure() };
    let fail = FailWorkflowExecutionCommandAttributes { failure: Some(encoded.clone()) };
    world.start("encoded").await;
    world.complete("encoded", vec![Attributes::FailWorkflowExecutionCommandAttributes(fail)]).await;
    match world.history("encoded").await.pop().unwrap().attributes {
        Some(Event::WorkflowExecutionFailedEventAttributes(failed)) => assert_eq!(failed.failure, Some(encoded)),
        other => panic!("the failure is not the last event, but {other:?}"),
    }
}

async fn build_ids(world: &mut World) {
    let (build_id, id) = ("build-7".to_owned(), "built");
    world.start(id).await;
    let capabilities = WorkerVersionCapabilities { build_id: build_id.clone(), ..Default::default() };
    let poll = PollWorkflowTaskQueueRequest { worker_version_capabilities: Some(capabilities), ..poll(id) };
    let task = world.client.poll_workflow_task_queue(patient(poll)).await.unwrap().into_inner();
    let stamp = Some(WorkerVersionStamp { build_id, use_versioning: false });
    let completed =
        RespondWorkflowTaskCompletedRequest { worker_version_stamp: stamp.clone(), ..completion(task.task_token) };
    world.client.respond_workflow_task_completed(completed).await.unwrap();
    assert_eq!(world.describe(id).await.most_recent_worker_version_stamp, stamp);
    match world.history(id).await.pop().unwrap().attributes {
        Some(Event::WorkflowTaskCompletedEventAttributes(done)) => assert_eq!(done.worker_version, stamp),
        other => panic!("the completion is not the last event, but {other:?}"),
    }
    let query = "BuildIds = \"unversioned:build-7\"".to_owned();
    let list = ListWorkflowExecutionsRequest { namespace: namespace(), query, ..Default::default() };
    assert_eq!(world.client.list_workflow_executions(list).await.unwrap().into_inner().executions.len(), 1);
}

async fn upserted_memo(world: &mut World) {
    let memo = Some(Memo { fields: [("note".to_owned(), payload("new"))].into() });
    let modify = ModifyWorkflowPropertiesCommandAttributes { upserted_memo: memo.clone() };
    world.start("memo").await;
    world.complete("memo", vec![Attributes::ModifyWorkflowPropertiesCommandAttributes(modify)]).await;
    assert_eq!(world.describe("memo").await.memo, memo);
}

async fn eager_start(world: &mut World, id: &str) {
    let start = StartWorkflowExecutionRequest { request_eager_execution: true, ..start(id) };
    let task = world.client.start_workflow_execution(start).await.unwrap().into_inner().eager_workflow_task.unwrap();
    world.client.respond_workflow_task_completed(completion(task.task_token)).await.unwrap();
}

async fn sdk_metadata(world: &mut World) {
    world.start("metadata").await;
    let metadata = WorkflowTaskCompletedMetadata {
        core_used_flags: vec![7],
        sdk_name: "sdk".to_owned(),
        sdk_version: "1.2.3".to_owned(),
        ..Default::default()
    };
    let task_token = world.poll("metadata").await.task_token;
    let completed =
        RespondWorkflowTaskCompletedRequest { sdk_metadata: Some(metadata.clone()), ..completion(task_token) };
    world.client.respond_workflow_task_completed(completed).await.unwrap();
    match world.history("metadata").await.pop().unwrap().attributes {
        Some(Event::WorkflowTaskCompletedEventAttributes(done)) => assert_eq!(done.sdk_metadata, Some(metadata)),
        other => panic!("the completion is not the last event, but {other:?}"),
    }
}

async fn counts_by_status(world: &mut World) {
    let encoded = Failure { encoded_attributes: None, ..failure() };
    let fail = FailWorkflowExecutionCommandAttributes { failure: Some(encoded) };
    world.start("counted as failed").await;
    world.complete("counted as failed", vec![Attributes::FailWorkflowExecutionCommandAttributes(fail)]).await;
    world.start("counted as running").await;
    let query = "WorkflowId STARTS_WITH 'counted' GROUP BY ExecutionStatus".to_owned();
    let count = CountWorkflowExecutionsRequest { namespace: namespace(), query };
    let groups = world.client.count_workflow_executions(count).await.unwrap().into_inner().groups;
    let mut found: Vec<_> = groups.iter().map(|group| (&*group.group_values[0].data, group.count)).collect();
    found.sort_unstable();
    assert_eq!(found, [(&b"\"Failed\""[..], 1), (&b"\"Running\""[..], 1)]);
}

async fn reported_problems(world: &mut World) {
    world.start("problems").await;
    let task_token = world.poll("problems").await.task_token;
    let failed = RespondWorkflowTaskFailedRequest { namespace: namespace(), task_token, ..Default::default() };
    world.client.respond_workflow_task_failed(failed).await.unwrap();
    let attributes = world.describe("problems").await.search_attributes.unwrap_or_default().indexed_fields;
    assert!(attributes.contains_key("TemporalReportedProblems"), "{attributes:?}");
}

/// What is a little smaller than the limit is taken, and what is larger by its envelope is refused.
async fn sizes(
    world: &mut World,
    what: &str,
    limit: u64,
    with: fn(StartWorkflowExecutionRequest, Payload) -> StartWorkflowExecutionRequest,
) {
    let limit = usize::try_from(limit).unwrap();
    let sent = |size: usize| {
        with(start(&format!("{what} of {size}")), Payload { data: vec![b'x'; size].into(), ..Default::default() })
    };
    world.client.start_workflow_execution(sent(limit - 100)).await.unwrap();
    let refused: Status = world.client.start_workflow_execution(sent(limit)).await.unwrap_err();
    assert!(refused.code() == Code::InvalidArgument && refused.message().contains("exceeds"), "{what}: {refused:?}");
}

fn with_input(start: StartWorkflowExecutionRequest, payload: Payload) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest { input: Some(Payloads { payloads: vec![payload] }), ..start }
}

fn with_memo(start: StartWorkflowExecutionRequest, payload: Payload) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest { memo: Some(Memo { fields: [("m".to_owned(), payload)].into() }), ..start }
}
