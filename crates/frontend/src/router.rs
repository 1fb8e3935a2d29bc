//! The table of what is served: one line for each method, from its path to its handler, with the kind of its gate and what
//! a call of it counts as among those of its namespace. A
//! method that is declared in the API and has no line answers UNIMPLEMENTED by its name.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use tonic::{body::Body, codegen::http::Request};
use transport::Answering;

use crate::{
    context::ServerContext,
    method::{Method, SERVICES, unknown},
    quota::{Class, Waiting::*, calls, lists, namespace_changes, unlimited},
    services::{namespace, operator, queue, system, visibility, worker, workflow},
    turn::Turn,
    unary,
};

type Serve = fn(Arc<ServerContext>, Method, Request<Body>) -> Answering;

macro_rules! workflow_service {
    ($($gate:ident $method:literal $class:expr => $handler:path;)*) => {
        [$((
            concat!("/temporal.api.workflowservice.v1.WorkflowService/", $method),
            $class,
            (|context: Arc<ServerContext>, method: Method, request: Request<Body>| -> Answering {
                unary::$gate(context, method, request, $handler)
            }) as Serve,
        )),*]
    };
}

macro_rules! operator_service {
    ($($gate:ident $method:literal $class:expr => $handler:path;)*) => {
        [$((
            concat!("/temporal.api.operatorservice.v1.OperatorService/", $method),
            $class,
            (|context: Arc<ServerContext>, method: Method, request: Request<Body>| -> Answering {
                unary::$gate(context, method, request, $handler)
            }) as Serve,
        )),*]
    };
}

const WORKFLOW_SERVICE: &[(&str, Class, Serve)] = &workflow_service! {
    in_cluster "GetSystemInfo" calls(0) => system::get_system_info;
    in_cluster "GetClusterInfo" calls(0) => system::get_cluster_info;
    in_cluster "GetSearchAttributes" calls(0) => visibility::get_search_attributes;

    in_cluster "RegisterNamespace" namespace_changes() => namespace::register_namespace;
    in_cluster "DescribeNamespace" calls(0) => namespace::describe_namespace;
    in_cluster "ListNamespaces" calls(0) => namespace::list_namespaces;
    in_namespace "UpdateNamespace" namespace_changes() => namespace::update_namespace;
    in_namespace "DeprecateNamespace" calls(0) => namespace::deprecate_namespace;

    in_namespace "StartWorkflowExecution" calls(1) => workflow::start_workflow_execution;
    in_namespace "SignalWithStartWorkflowExecution" calls(1) => workflow::signal_with_start_workflow_execution;
    in_namespace "SignalWorkflowExecution" calls(1) => workflow::signal_workflow_execution;
    in_namespace "RequestCancelWorkflowExecution" calls(2) => workflow::request_cancel_workflow_execution;
    in_namespace "TerminateWorkflowExecution" calls(2) => workflow::terminate_workflow_execution;
    in_namespace "DeleteWorkflowExecution" calls(2) => workflow::delete_workflow_execution;
    in_namespace "DescribeWorkflowExecution" calls(3) => workflow::describe_workflow_execution;
    in_namespace "UpdateWorkflowExecution" calls(1).waiting(Updates) => workflow::update_workflow_execution;
    in_namespace "PollWorkflowExecutionUpdate" calls(4).waiting(UpdateOutcomes) => workflow::poll_workflow_execution_update;
    in_namespace "ExecuteMultiOperation" calls(1).waiting(Operations) => workflow::execute_multi_operation;
    in_namespace "QueryWorkflow" calls(3).waiting(Queries) => workflow::query_workflow;
    in_namespace "GetWorkflowExecutionHistory" calls(2).waiting(Histories) => workflow::get_workflow_execution_history;
    in_namespace "GetWorkflowExecutionHistoryReverse" calls(4) => workflow::get_workflow_execution_history_reverse;

    in_namespace "PollWorkflowTaskQueue" calls(4).waiting(WorkflowTasks) => worker::poll_workflow_task_queue;
    by_token "RespondWorkflowTaskCompleted" calls(1) => worker::respond_workflow_task_completed;
    by_token "RespondWorkflowTaskFailed" calls(3) => worker::respond_workflow_task_failed;
    by_token "RespondQueryTaskCompleted" calls(1) => worker::respond_query_task_completed;
    in_namespace "ResetStickyTaskQueue" calls(4) => worker::reset_sticky_task_queue;
    in_namespace "ShutdownWorker" calls(4) => worker::shutdown_worker;

    in_namespace "PollActivityTaskQueue" calls(4).waiting(ActivityTasks) => worker::poll_activity_task_queue;
    by_token "RecordActivityTaskHeartbeat" calls(1) => worker::record_activity_task_heartbeat;
    by_token "RespondActivityTaskCompleted" calls(1) => worker::respond_activity_task_completed;
    by_token "RespondActivityTaskFailed" calls(3) => worker::respond_activity_task_failed;
    by_token "RespondActivityTaskCanceled" calls(3) => worker::respond_activity_task_canceled;
    in_namespace "RecordActivityTaskHeartbeatById" calls(1) => worker::record_activity_task_heartbeat_by_id;
    in_namespace "RespondActivityTaskCompletedById" calls(1) => worker::respond_activity_task_completed_by_id;
    in_namespace "RespondActivityTaskFailedById" calls(3) => worker::respond_activity_task_failed_by_id;
    in_namespace "RespondActivityTaskCanceledById" calls(3) => worker::respond_activity_task_canceled_by_id;

    in_namespace "DescribeTaskQueue" calls(3) => queue::describe_task_queue;
    in_namespace "ListTaskQueuePartitions" calls(3) => queue::list_task_queue_partitions;
    in_namespace "ListWorkers" calls(3) => queue::list_workers;

    in_namespace "ListWorkflowExecutions" lists() => visibility::list_workflow_executions;
    in_namespace "ScanWorkflowExecutions" lists() => visibility::scan_workflow_executions;
    in_namespace "CountWorkflowExecutions" lists() => visibility::count_workflow_executions;
    in_namespace "ListArchivedWorkflowExecutions" lists() => visibility::list_archived_workflow_executions;
    in_namespace "ListOpenWorkflowExecutions" lists() => visibility::list_open_workflow_executions;
    in_namespace "ListClosedWorkflowExecutions" lists() => visibility::list_closed_workflow_executions;
};

const OPERATOR_SERVICE: &[(&str, Class, Serve)] = &operator_service! {
    in_cluster "AddSearchAttributes" unlimited() => operator::add_search_attributes;
    in_cluster "RemoveSearchAttributes" unlimited() => operator::remove_search_attributes;
    in_cluster "ListSearchAttributes" unlimited() => operator::list_search_attributes;
    in_cluster "DeleteNamespace" unlimited() => namespace::delete_namespace;
};

static ROUTES: LazyLock<BTreeMap<&str, (Method, Serve)>> = LazyLock::new(|| {
    let rows = WORKFLOW_SERVICE.iter().chain(OPERATOR_SERVICE);
    rows.map(|(path, class, serve)| (*path, (Method::new(path, *class), *serve))).collect()
});

/// Whether a method (`/package.Service/Method`) has a handler.
pub fn is_served(path: &str) -> bool {
    ROUTES.contains_key(path)
}

/// Whether a method is declared in the API but has no handler yet.
pub fn not_yet(path: &str) -> bool {
    !is_served(path) && SERVICES.iter().any(|service| path.starts_with(service)) && auth::permission(path).is_some()
}

/// Answers a call of one of the API's own services.
pub(crate) fn route(context: Arc<ServerContext>, request: Request<Body>) -> Answering {
    let path = request.uri().path();
    if let Some((method, serve)) = ROUTES.get(path) {
        return serve(context, *method, request);
    }
    let path = path.to_owned();
    Answering::new(Turn::MIDDLE.priority(), async move {
        Ok(match not_yet(&path) {
            true => unary::not_yet(context, &path, request).await,
            false => unknown(&path).into_http(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_served_or_not_yet() {
        let path = |method: &str| format!("/temporal.api.workflowservice.v1.WorkflowService/{method}");
        assert!(is_served(&path("StartWorkflowExecution")) && !not_yet(&path("StartWorkflowExecution")));
        assert!(not_yet(&path("CreateSchedule")) && !is_served(&path("CreateSchedule")));
    }

    #[test]
    fn what_is_served_has_a_permission() {
        for path in ROUTES.keys() {
            assert!(auth::permission(path).is_some(), "{path}");
        }
    }
}
