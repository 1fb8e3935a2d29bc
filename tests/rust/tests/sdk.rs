//! The Rust SDK's worker and client against the server binary.

use std::{collections::BTreeMap, error::Error, future::Future, time::Duration};

use perdure_sdk_rust::{
    server::Server,
    voyage::{Harbour, Pilotage, ShoreLeave, Voyage, Watch},
};
use temporalio_client::{
    Client, WorkflowCancelOptions, WorkflowCountOptions, WorkflowDescribeOptions, WorkflowFetchHistoryOptions,
    WorkflowGetResultOptions, WorkflowHistory, WorkflowQueryOptions, WorkflowSignalOptions, WorkflowStartOptions,
    WorkflowTerminateOptions,
};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};
use uuid::Uuid;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Reached only when something is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

fn unique(what: &str) -> String {
    format!("{what}-{}", Uuid::new_v4())
}

/// Serves the queue for as long as the work takes.
async fn working<T>(client: &Client, task_queue: &str, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let options = WorkerOptions::new(task_queue)
        .max_heartbeat_throttle_interval(Duration::from_millis(100))
        .register_workflow::<Voyage>()?
        .register_workflow::<ShoreLeave>()?
        .register_workflow::<Pilotage>()?
        .register_workflow::<Watch>()?
        .register_activities(Harbour)
        .build();
    let runtime = Runtime::from_current_tokio(Default::default())?;
    let mut worker = Worker::new(&runtime, client.clone(), options)?;
    let shutdown = worker.shutdown_handle();
    let done = async {
        let result = tokio::time::timeout(PATIENCE, work).await;
        shutdown();
        result?
    };
    let (served, result) = tokio::join!(worker.run(), done);
    served?;
    result
}

/// How many events of each type a history has.
async fn counts(history: WorkflowHistory) -> Outcome<BTreeMap<&'static str, usize>> {
    let mut counts = BTreeMap::new();
    for event in history.into_events().await? {
        *counts.entry(event.event_type().as_str_name()).or_default() += 1;
    }
    Ok(counts)
}

macro_rules! until {
    ($ask:expr, $wanted:expr) => {
        while $ask != $wanted {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn activity_timer_child_signal_query_and_continue_as_new() -> Outcome {
    let server = Server::start().await?;
    let client = server.client().await?;
    let (task_queue, workflow_id) = (unique("queue"), unique("voyage"));
    let ports = ["oslo", "riga", "turku"].map(str::to_owned);
    // Nobody works on the queue yet: the start alone must be enough.
    let started = client
        .start_workflow(
            Voyage::run,
            (ports.to_vec(), vec![]),
            WorkflowStartOptions::new(task_queue.clone(), workflow_id.clone()).build(),
        )
        .await?;
    let latest = client.get_workflow_handle::<Voyage>(workflow_id.clone());

    let log = working(&client, &task_queue, async {
        for port in &ports {
            until!(
                latest.query(Voyage::place, (), WorkflowQueryOptions::default()).await?,
                format!("moored at {port}")
            );
            latest.signal(Voyage::depart, format!("captain of {port}"), WorkflowSignalOptions::default()).await?;
        }
        Ok(started.get_result(WorkflowGetResultOptions::default()).await?)
    })
    .await?;

    let expected = ports.map(|port| format!("berth in {port}, leave in {port}, sailed by captain of {port}"));
    assert_eq!(log, expected);
    let last = latest.describe(WorkflowDescribeOptions::default()).await?;
    assert_ne!(Some(last.run_id()), started.run_id());
    let counts = counts(latest.fetch_history(WorkflowFetchHistoryOptions::default())).await?;
    for once in [
        "EVENT_TYPE_ACTIVITY_TASK_COMPLETED",
        "EVENT_TYPE_TIMER_FIRED",
        "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED",
        "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED",
        "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED",
    ] {
        assert_eq!(counts.get(once), Some(&1), "{once} in {counts:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_replays_what_another_one_began() -> Outcome {
    let server = Server::start().await?;
    let (task_queue, workflow_id) = (unique("queue"), unique("voyage"));
    let client = server.client().await?;
    let handle = client
        .start_workflow(
            Voyage::run,
            (vec!["kiel".to_owned()], vec![]),
            WorkflowStartOptions::new(task_queue.clone(), workflow_id).build(),
        )
        .await?;
    working(&client, &task_queue, async {
        until!(handle.query(Voyage::place, (), WorkflowQueryOptions::default()).await?, "moored at kiel");
        Ok(())
    })
    .await?;
    let log = working(&server.client().await?, &task_queue, async {
        assert_eq!(handle.query(Voyage::place, (), WorkflowQueryOptions::default()).await?, "moored at kiel");
        handle.signal(Voyage::depart, "relief".to_owned(), WorkflowSignalOptions::default()).await?;
        Ok(handle.get_result(WorkflowGetResultOptions::default()).await?)
    })
    .await?;
    assert_eq!(log, ["berth in kiel, leave in kiel, sailed by relief"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn activity_retries_and_failures_that_forbid_them() -> Outcome {
    let server = Server::start().await?;
    let client = server.client().await?;
    let task_queue = unique("queue");
    let start = async |attempt: u32| {
        let options = WorkflowStartOptions::new(task_queue.clone(), unique("pilotage")).build();
        client.start_workflow(Pilotage::run, attempt, options).await
    };
    working(&client, &task_queue, async {
        let retried = start(2).await?;
        assert_eq!(retried.get_result(WorkflowGetResultOptions::default()).await?, 2);
        let refused = start(0).await?;
        let error = refused.get_result(WorkflowGetResultOptions::default()).await.expect_err("there is no pilot");
        let mut texts = vec![error.to_string()];
        let mut source: Option<&dyn Error> = error.source();
        while let Some(cause) = source {
            texts.push(cause.to_string());
            source = cause.source();
        }
        assert!(texts.iter().any(|text| text.contains("no pilot here")), "{texts:?}");
        let counts = counts(refused.fetch_history(WorkflowFetchHistoryOptions::default())).await?;
        assert_eq!(counts.get("EVENT_TYPE_ACTIVITY_TASK_FAILED"), Some(&1));
        assert_eq!(counts.get("EVENT_TYPE_WORKFLOW_EXECUTION_FAILED"), Some(&1));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn cancellation_reaches_an_activity_by_its_heartbeat() -> Outcome {
    let server = Server::start().await?;
    let client = server.client().await?;
    let task_queue = unique("queue");
    let handle = client
        .start_workflow(Watch::run, (), WorkflowStartOptions::new(task_queue.clone(), unique("watch")).build())
        .await?;
    let result = working(&client, &task_queue, async {
        until!(handle.describe(WorkflowDescribeOptions::default()).await?.raw().pending_activities.len(), 1);
        handle.cancel(WorkflowCancelOptions::default()).await?;
        Ok(handle.get_result(WorkflowGetResultOptions::default()).await?)
    })
    .await?;
    assert_eq!(result, "relieved");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_follow_starts_and_terminations() -> Outcome {
    let server = Server::start().await?;
    let client = server.client().await?;
    let task_queue = unique("queue");
    let count = async |status: &str| -> Outcome<usize> {
        let query = format!("TaskQueue = '{task_queue}' AND ExecutionStatus = '{status}'");
        Ok(client.count_workflows(query, WorkflowCountOptions::default()).await?.count())
    };
    tokio::time::timeout(PATIENCE, async {
        let mut handles = vec![];
        for _ in 0..3 {
            let options = WorkflowStartOptions::new(task_queue.clone(), unique("watch")).build();
            handles.push(client.start_workflow(Watch::run, (), options).await?);
        }
        until!(count("Running").await?, 3);
        handles[0].terminate(WorkflowTerminateOptions::default()).await?;
        until!((count("Running").await?, count("Terminated").await?), (2, 1));
        Ok(())
    })
    .await?
}
