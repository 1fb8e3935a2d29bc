//! Calls that workers make: polls, and what they answer to their tasks.

mod activity;
mod activity_by_id;
mod complete_workflow_task;
mod fail_workflow_task;
mod failure;
mod poll;
mod poll_activity;
mod poll_workflow;
mod query;
mod reach;
mod shutdown;
mod sticky;

pub(crate) use activity::{
    record_activity_task_heartbeat, respond_activity_task_canceled, respond_activity_task_completed,
    respond_activity_task_failed,
};
pub(crate) use activity_by_id::{
    record_activity_task_heartbeat_by_id, respond_activity_task_canceled_by_id, respond_activity_task_completed_by_id,
    respond_activity_task_failed_by_id,
};
pub(crate) use complete_workflow_task::respond_workflow_task_completed;
pub(crate) use fail_workflow_task::respond_workflow_task_failed;
pub(crate) use poll_activity::poll_activity_task_queue;
pub(crate) use poll_workflow::poll_workflow_task_queue;
pub(crate) use query::respond_query_task_completed;
pub(crate) use shutdown::shutdown_worker;
pub(crate) use sticky::reset_sticky_task_queue;
