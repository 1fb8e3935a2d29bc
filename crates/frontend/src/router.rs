//! The table of what is served: one line for each method, from its path to its handler and the kind of its gate. A
//! method that is declared in the API and has no line answers UNIMPLEMENTED by its name.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use tonic::{Status, body::Body, codegen::http::Request};

use crate::{
    door::Door,
    grpc::Answering,
    namespace, operator, queue, system,
    unary::{self, Method},
    visibility, worker, workflow,
};

type Serve = fn(Arc<Door>, Method, Request<Body>) -> Answering;

macro_rules! workflow_service {
    ($($gate:ident $method:literal $handler:path;)*) => {
        [$((
            concat!("/temporal.api.workflowservice.v1.WorkflowService/", $method),
            (|door: Arc<Door>, method: Method, request: Request<Body>| -> Answering {
                unary::$gate(door, method, request, $handler)
            }) as Serve,
        )),*]
    };
}

macro_rules! operator_service {
    ($($gate:ident $method:literal $handler:path;)*) => {
        [$((
            concat!("/temporal.api.operatorservice.v1.OperatorService/", $method),
            (|door: Arc<Door>, method: Method, request: Request<Body>| -> Answering {
                unary::$gate(door, method, request, $handler)
            }) as Serve,
        )),*]
    };
}

const WORKFLOW_SERVICE: &[(&str, Serve)] = &workflow_service! {
    in_cluster "GetSystemInfo" system::get_system_info;
    in_cluster "GetClusterInfo" system::get_cluster_info;
    in_cluster "GetSearchAttributes" visibility::get_search_attributes;

    in_cluster "RegisterNamespace" namespace::register_namespace;
    in_cluster "DescribeNamespace" namespace::describe_namespace;
    in_cluster "ListNamespaces" namespace::list_namespaces;
    in_namespace "UpdateNamespace" namespace::update_namespace;
    in_namespace "DeprecateNamespace" namespace::deprecate_namespace;

    in_namespace "StartWorkflowExecution" workflow::start_workflow_execution;
    in_namespace "SignalWithStartWorkflowExecution" workflow::signal_with_start_workflow_execution;
    in_namespace "SignalWorkflowExecution" workflow::signal_workflow_execution;
    in_namespace "RequestCancelWorkflowExecution" workflow::request_cancel_workflow_execution;
    in_namespace "TerminateWorkflowExecution" workflow::terminate_workflow_execution;
    in_namespace "DeleteWorkflowExecution" workflow::delete_workflow_execution;
    in_namespace "DescribeWorkflowExecution" workflow::describe_workflow_execution;
    in_namespace "UpdateWorkflowExecution" workflow::update_workflow_execution;
    in_namespace "PollWorkflowExecutionUpdate" workflow::poll_workflow_execution_update;
    in_namespace "ExecuteMultiOperation" workflow::execute_multi_operation;
    in_namespace "QueryWorkflow" workflow::query_workflow;
    in_namespace "GetWorkflowExecutionHistory" workflow::get_workflow_execution_history;
    in_namespace "GetWorkflowExecutionHistoryReverse" workflow::get_workflow_execution_history_reverse;

    in_namespace "PollWorkflowTaskQueue" worker::poll_workflow_task_queue;
    by_token "RespondWorkflowTaskCompleted" worker::respond_workflow_task_completed;
    by_token "RespondWorkflowTaskFailed" worker::respond_workflow_task_failed;
    by_token "RespondQueryTaskCompleted" worker::respond_query_task_completed;
    in_namespace "ResetStickyTaskQueue" worker::reset_sticky_task_queue;
    in_namespace "ShutdownWorker" worker::shutdown_worker;

    in_namespace "PollActivityTaskQueue" worker::poll_activity_task_queue;
    by_token "RecordActivityTaskHeartbeat" worker::record_activity_task_heartbeat;
    by_token "RespondActivityTaskCompleted" worker::respond_activity_task_completed;
    by_token "RespondActivityTaskFailed" worker::respond_activity_task_failed;
    by_token "RespondActivityTaskCanceled" worker::respond_activity_task_canceled;
    in_namespace "RecordActivityTaskHeartbeatById" worker::record_activity_task_heartbeat_by_id;
    in_namespace "RespondActivityTaskCompletedById" worker::respond_activity_task_completed_by_id;
    in_namespace "RespondActivityTaskFailedById" worker::respond_activity_task_failed_by_id;
    in_namespace "RespondActivityTaskCanceledById" worker::respond_activity_task_canceled_by_id;

    in_namespace "DescribeTaskQueue" queue::describe_task_queue;
    in_namespace "ListTaskQueuePartitions" queue::list_task_queue_partitions;

    in_namespace "ListWorkflowExecutions" visibility::list_workflow_executions;
    in_namespace "ScanWorkflowExecutions" visibility::scan_workflow_executions;
    in_namespace "CountWorkflowExecutions" visibility::count_workflow_executions;
    in_namespace "ListOpenWorkflowExecutions" visibility::list_open_workflow_executions;
    in_namespace "ListClosedWorkflowExecutions" visibility::list_closed_workflow_executions;
};

const OPERATOR_SERVICE: &[(&str, Serve)] = &operator_service! {
    in_cluster "AddSearchAttributes" operator::add_search_attributes;
    in_cluster "RemoveSearchAttributes" operator::remove_search_attributes;
    in_cluster "ListSearchAttributes" operator::list_search_attributes;
    in_cluster "DeleteNamespace" namespace::delete_namespace;
};

static ROUTES: LazyLock<BTreeMap<&str, Serve>> =
    LazyLock::new(|| WORKFLOW_SERVICE.iter().chain(OPERATOR_SERVICE).copied().collect());

/// The services whose methods are in the tables above.
const SERVICES: [&str; 2] =
    ["/temporal.api.workflowservice.v1.WorkflowService/", "/temporal.api.operatorservice.v1.OperatorService/"];

/// Whether a method (`/package.Service/Method`) has a handler.
pub fn is_served(path: &str) -> bool {
    ROUTES.contains_key(path)
}

/// Whether a method is declared in the API but has no handler yet.
pub fn not_yet(path: &str) -> bool {
    !is_served(path) && SERVICES.iter().any(|service| path.starts_with(service)) && auth::permission(path).is_some()
}

/// Answers a call of one of the API's own services.
pub(crate) fn route(door: Arc<Door>, request: Request<Body>) -> Answering {
    let path = request.uri().path();
    if let Some((path, serve)) = ROUTES.get_key_value(path) {
        return serve(door, Method { path }, request);
    }
    let path = path.to_owned();
    Box::pin(async move {
        Ok(match not_yet(&path) {
            true => unary::not_yet(door, &path, request).await,
            false => unknown(&path).into_http(),
        })
    })
}

/// What the reference answers to a method that is not in the API.
pub(crate) fn unknown(path: &str) -> Status {
    let (service, method) = path.trim_start_matches('/').rsplit_once('/').unwrap_or((path, ""));
    let is_known = SERVICES.iter().any(|known| known.trim_matches('/') == service);
    Status::unimplemented(if is_known {
        format!("unknown method {method} for service {service}")
    } else {
        format!("unknown service {service}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_served_or_not_yet_or_unknown() {
        let path = |method: &str| format!("/temporal.api.workflowservice.v1.WorkflowService/{method}");
        assert!(is_served(&path("StartWorkflowExecution")) && !not_yet(&path("StartWorkflowExecution")));
        assert!(not_yet(&path("CreateSchedule")) && !is_served(&path("CreateSchedule")));
        let text = |path: &str| unknown(path).message().to_owned();
        assert_eq!(
            text(&path("Nope")),
            "unknown method Nope for service temporal.api.workflowservice.v1.WorkflowService"
        );
        assert_eq!(text("/a.b.C/Nope"), "unknown service a.b.C");
    }

    #[test]
    fn what_is_served_has_a_permission() {
        for path in ROUTES.keys() {
            assert!(auth::permission(path).is_some(), "{path}");
        }
    }
}
