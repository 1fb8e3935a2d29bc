//! Describing a run: its state in the words of the API.

use std::{collections::BTreeMap, time::Duration};

use machine::{Activity, Child, Run};
use model::{RunId, ShardId, Time, to_proto_duration};
use proto::temporal::api::{
    activity::v1::ActivityOptions,
    common::v1::{ActivityType, RetryPolicy, WorkflowExecution, WorkflowType},
    enums::v1::{EventType, PendingActivityState, PendingWorkflowTaskState, TaskQueueKind},
    taskqueue::v1::TaskQueue,
    workflow::v1::{
        PendingActivityInfo, PendingChildExecutionInfo, PendingWorkflowTaskInfo, RequestIdInfo,
        WorkflowExecutionConfig, WorkflowExecutionExtendedInfo, WorkflowExecutionInfo,
    },
    workflowservice::v1::DescribeWorkflowExecutionResponse,
};

use super::Lane;
use crate::visibility::{self, Types};

/// How the reference shows that a run has no expiration: the first moment of the common era.
const NEVER: prost_types::Timestamp = prost_types::Timestamp { seconds: -62_135_596_800, nanos: 0 };

impl Lane {
    /// The description of a loaded run.
    pub(crate) fn describe(&self, shard: ShardId, run_id: RunId) -> Option<DescribeWorkflowExecutionResponse> {
        let entry = self.entry(shard, run_id)?;
        let run = &entry.run;
        let types = self.namespace(run.key.workflow.namespace).search_attributes.clone();
        Some(DescribeWorkflowExecutionResponse {
            execution_config: Some(config(run)),
            workflow_execution_info: Some(info(run, &types)),
            pending_activities: run.activities.values().map(|activity| pending_activity(activity, self.now)).collect(),
            pending_children: run.children.values().map(|child| pending_child(child)).collect(),
            pending_workflow_task: pending_workflow_task(run),
            workflow_extended_info: Some(extended(run)),
            ..Default::default()
        })
    }
}

fn config(run: &Run) -> WorkflowExecutionConfig {
    let started = run.started();
    WorkflowExecutionConfig {
        task_queue: Some(TaskQueue {
            name: run.core.task_queue.clone(),
            kind: TaskQueueKind::Normal.into(),
            normal_name: String::new(),
        }),
        workflow_execution_timeout: started.workflow_execution_timeout,
        workflow_run_timeout: started.workflow_run_timeout,
        default_workflow_task_timeout: started.workflow_task_timeout,
        user_metadata: run.origin.user_metadata.clone(),
    }
}

fn info(run: &Run, types: &Types) -> WorkflowExecutionInfo {
    let started = run.started();
    let core = &run.core;
    let own =
        WorkflowExecution { workflow_id: run.key.workflow.workflow_id.to_string(), run_id: run.key.run_id.to_string() };
    let closed = Time(core.close_time).non_zero();
    let execution_time = Time(core.execution_time);
    WorkflowExecutionInfo {
        root_execution: started.root_workflow_execution.clone().or_else(|| Some(own.clone())),
        execution: Some(own),
        r#type: Some(WorkflowType { name: run.workflow_type().to_owned() }),
        start_time: Some(Time(core.start_time).to_proto()),
        execution_time: Some(execution_time.to_proto()),
        close_time: closed.map(Time::to_proto),
        execution_duration: closed.map(|time| to_proto_duration(time.since(execution_time))),
        status: run.status().into(),
        history_length: core.next_event_id - 1 + i64::from(run.start_stands_for_event()),
        auto_reset_points: Some(core.reset_points.clone().unwrap_or_default()),
        history_size_bytes: core.history_size,
        state_transition_count: core.state_transitions,
        memo: Some(run.attributes.memo.clone().unwrap_or_default()),
        search_attributes: Some(visibility::described(run, types)),
        task_queue: core.task_queue.clone(),
        parent_execution: started.parent_workflow_execution.clone(),
        parent_namespace_id: started.parent_workflow_namespace_id.clone(),
        first_run_id: started.first_execution_run_id.clone(),
        most_recent_worker_version_stamp: core.worker_version.clone(),
        worker_deployment_name: run.worker_deployment_name(),
        priority: started.priority.clone(),
        ..Default::default()
    }
}

fn extended(run: &Run) -> WorkflowExecutionExtendedInfo {
    let core = &run.core;
    let time = |time: i64| Time(time).non_zero().map(Time::to_proto);
    WorkflowExecutionExtendedInfo {
        execution_expiration_time: time(core.execution_expiration),
        run_expiration_time: time(core.run_expiration).or(Some(NEVER)),
        original_start_time: run.origin.event_time,
        cancel_requested: core.cancel_requested,
        request_id_infos: request_id_infos(run),
        ..Default::default()
    }
}

/// The requests that the run is the answer to, with the event that each one left.
fn request_id_infos(run: &Run) -> BTreeMap<String, RequestIdInfo> {
    let core = &run.core;
    let known = core.start_request_ids.iter().zip(&core.start_request_events).enumerate();
    known
        .map(|(position, (id, event_id))| {
            let kind = match position {
                0 => EventType::WorkflowExecutionStarted,
                _ => EventType::WorkflowExecutionOptionsUpdated,
            };
            (id.clone(), RequestIdInfo { event_type: kind.into(), event_id: *event_id, buffered: *event_id == 0 })
        })
        .collect()
}

fn pending_workflow_task(run: &Run) -> Option<PendingWorkflowTaskInfo> {
    let task = run.core.workflow_task.as_ref()?;
    let started = run.started_task.as_ref();
    let state = match started {
        Some(_) => PendingWorkflowTaskState::Started,
        None => PendingWorkflowTaskState::Scheduled,
    };
    Some(PendingWorkflowTaskInfo {
        state: state.into(),
        scheduled_time: Some(Time(task.scheduled_time).to_proto()),
        original_scheduled_time: Some(Time(task.original_scheduled_time).to_proto()),
        started_time: started.map(|started| started.started_time.to_proto()),
        attempt: task.attempt,
    })
}

fn pending_child(child: &Child) -> PendingChildExecutionInfo {
    PendingChildExecutionInfo {
        workflow_id: child.workflow_id.clone(),
        run_id: child.run_id.clone(),
        workflow_type_name: child.workflow_type.as_ref().map(|kind| kind.name.clone()).unwrap_or_default(),
        initiated_id: child.initiated_event_id,
        parent_close_policy: child.parent_close_policy,
    }
}

fn pending_activity(activity: &Activity, now: Time) -> PendingActivityInfo {
    let time = |time: i64| Time(time).non_zero().map(Time::to_proto);
    let state = match (activity.started_time != 0, activity.cancel_requested) {
        (true, true) => PendingActivityState::CancelRequested,
        (true, false) => PendingActivityState::Started,
        (false, _) => PendingActivityState::Scheduled,
    };
    let waits = activity.started_time == 0 && activity.visible_time > now.0;
    let last_complete = Time(activity.last_attempt_complete_time);
    let policy = activity.retry_policy.as_ref();
    let identity = [&activity.started_identity, &activity.last_worker_identity];
    PendingActivityInfo {
        activity_id: activity.activity_id.clone(),
        activity_type: Some(ActivityType { name: activity.activity_type.clone() }),
        state: state.into(),
        heartbeat_details: activity.heartbeat_details.clone(),
        last_heartbeat_time: time(activity.last_heartbeat_time),
        last_started_time: time(activity.started_time),
        attempt: activity.attempt.max(1),
        maximum_attempts: policy.map_or(0, |policy| policy.maximum_attempts),
        scheduled_time: time(activity.scheduled_time),
        expiration_time: policy.and_then(|_| time(activity.schedule_to_close_deadline)),
        last_failure: activity.last_failure.clone(),
        last_worker_identity: identity.into_iter().find(|text| !text.is_empty()).cloned().unwrap_or_default(),
        last_attempt_complete_time: time(activity.last_attempt_complete_time),
        current_retry_interval: waits.then(|| to_proto_duration(Time(activity.visible_time).since(last_complete))),
        next_attempt_schedule_time: waits.then(|| Time(activity.visible_time).to_proto()),
        priority: activity.priority.clone(),
        activity_options: Some(options(activity)),
        ..Default::default()
    }
}

fn options(activity: &Activity) -> ActivityOptions {
    let span = |nanos: i64| Some(to_proto_duration(Duration::from_nanos(nanos.max(0) as u64)));
    ActivityOptions {
        task_queue: Some(TaskQueue {
            name: activity.task_queue.clone(),
            // As the reference shows it: the kind left out, the name twice.
            kind: TaskQueueKind::Unspecified.into(),
            normal_name: activity.task_queue.clone(),
        }),
        schedule_to_close_timeout: span(activity.schedule_to_close_timeout),
        schedule_to_start_timeout: span(activity.schedule_to_start_timeout),
        start_to_close_timeout: span(activity.start_to_close_timeout),
        heartbeat_timeout: span(activity.heartbeat_timeout),
        retry_policy: activity
            .retry_policy
            .clone()
            .map(|policy| RetryPolicy { non_retryable_error_types: Vec::new(), ..policy }),
        priority: activity.priority.clone(),
        ..Default::default()
    }
}
