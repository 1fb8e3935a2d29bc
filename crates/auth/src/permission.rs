//! The permission that each served method needs: a table, and nothing else decides.

/// Where a permission holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In the namespace that the request names.
    Namespace,
    /// In the whole cluster.
    Cluster,
}

/// What a permission allows; each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing is shown that a stranger may not see; needs no identity.
    Anyone,
    Read,
    Write,
    Admin,
}

/// What a caller must be allowed for a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    pub reach: Reach,
    pub access: Access,
}

/// Methods of one service that need the same permission.
struct Row {
    service: &'static str,
    reach: Reach,
    access: Access,
    methods: &'static [&'static str],
}

const WORKFLOW: &str = "temporal.api.workflowservice.v1.WorkflowService";
const OPERATOR: &str = "temporal.api.operatorservice.v1.OperatorService";

/// The permission of a method, named by its full path (`/package.Service/Method`). `None`: not declared, so denied.
pub fn permission(path: &str) -> Option<Permission> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let row = ROWS.iter().find(|row| row.service == service && row.methods.contains(&method))?;
    Some(Permission { reach: row.reach, access: row.access })
}

#[rustfmt::skip]
const WORKFLOW_READ: &[&str] = &[
    "CountActivityExecutions", "CountNexusOperationExecutions", "CountSchedules", "CountWorkers",
    "CountWorkflowExecutions", "DescribeActivityExecution", "DescribeBatchOperation", "DescribeDeployment",
    "DescribeNamespace", "DescribeNexusOperationExecution", "DescribeSchedule", "DescribeTaskQueue", "DescribeWorker",
    "DescribeWorkerDeployment", "DescribeWorkerDeploymentVersion", "DescribeWorkflowExecution",
    "DescribeWorkflowRule", "FetchWorkerConfig", "GetCurrentDeployment", "GetDeploymentReachability",
    "GetWorkerBuildIdCompatibility", "GetWorkerTaskReachability", "GetWorkerVersioningRules",
    "GetWorkflowExecutionHistory", "GetWorkflowExecutionHistoryReverse", "ListActivityExecutions",
    "ListArchivedWorkflowExecutions", "ListBatchOperations", "ListClosedWorkflowExecutions", "ListDeployments",
    "ListNexusOperationExecutions", "ListOpenWorkflowExecutions", "ListScheduleMatchingTimes", "ListSchedules",
    "ListTaskQueuePartitions", "ListWorkerDeployments", "ListWorkers", "ListWorkflowExecutions", "ListWorkflowRules",
    "PollActivityExecution", "PollNexusOperationExecution", "PollWorkflowExecutionTimeSkipping",
    "PollWorkflowExecutionUpdate", "QueryWorkflow", "ScanWorkflowExecutions",
    "ValidateWorkerDeploymentVersionComputeConfig",
];

#[rustfmt::skip]
const WORKFLOW_WRITE: &[&str] = &[
    "CreateSchedule", "CreateWorkerDeployment", "CreateWorkerDeploymentVersion", "CreateWorkflowRule",
    "DeleteActivityExecution", "DeleteNexusOperationExecution", "DeleteSchedule", "DeleteWorkerDeployment",
    "DeleteWorkerDeploymentVersion", "DeleteWorkflowExecution", "DeleteWorkflowRule", "ExecuteMultiOperation",
    "PatchSchedule", "PauseActivity", "PauseActivityExecution", "PauseWorkflowExecution", "PollActivityTaskQueue",
    "PollNexusTaskQueue", "PollWorkflowTaskQueue", "RecordActivityTaskHeartbeat", "RecordActivityTaskHeartbeatById",
    "RecordWorkerHeartbeat", "RequestCancelActivityExecution", "RequestCancelNexusOperationExecution",
    "RequestCancelWorkflowExecution", "ResetActivity", "ResetActivityExecution", "ResetStickyTaskQueue",
    "ResetWorkflowExecution", "RespondActivityTaskCanceled", "RespondActivityTaskCanceledById",
    "RespondActivityTaskCompleted", "RespondActivityTaskCompletedById", "RespondActivityTaskFailed",
    "RespondActivityTaskFailedById", "RespondNexusTaskCompleted", "RespondNexusTaskFailed",
    "RespondQueryTaskCompleted", "RespondWorkflowTaskCompleted", "RespondWorkflowTaskFailed", "SetCurrentDeployment",
    "SetWorkerDeploymentCurrentVersion", "SetWorkerDeploymentManager", "SetWorkerDeploymentRampingVersion",
    "ShutdownWorker", "SignalWithStartWorkflowExecution", "SignalWorkflowExecution", "StartActivityExecution",
    "StartBatchOperation", "StartNexusOperationExecution", "StartWorkflowExecution", "StopBatchOperation",
    "TerminateActivityExecution", "TerminateNexusOperationExecution", "TerminateWorkflowExecution",
    "TriggerWorkflowRule", "UnpauseActivity", "UnpauseActivityExecution", "UnpauseWorkflowExecution",
    "UpdateActivityExecutionOptions", "UpdateActivityOptions", "UpdateSchedule", "UpdateTaskQueueConfig",
    "UpdateWorkerBuildIdCompatibility", "UpdateWorkerConfig", "UpdateWorkerDeploymentVersionComputeConfig",
    "UpdateWorkerDeploymentVersionMetadata", "UpdateWorkerVersioningRules", "UpdateWorkflowExecution",
    "UpdateWorkflowExecutionOptions",
];

#[rustfmt::skip]
const OPERATOR_ADMIN: &[&str] = &[
    "AddOrUpdateRemoteCluster", "CreateNexusEndpoint", "DeleteNexusEndpoint", "GetNexusEndpoint", "ListClusters",
    "ListNexusEndpoints", "RemoveRemoteCluster", "UpdateNexusEndpoint",
];

const ROWS: &[Row] = &[
    Row { service: WORKFLOW, reach: Reach::Cluster, access: Access::Anyone, methods: &["GetSystemInfo"] },
    Row {
        service: WORKFLOW,
        reach: Reach::Cluster,
        access: Access::Read,
        methods: &["GetClusterInfo", "GetSearchAttributes", "ListNamespaces"],
    },
    Row { service: WORKFLOW, reach: Reach::Namespace, access: Access::Read, methods: WORKFLOW_READ },
    Row { service: WORKFLOW, reach: Reach::Namespace, access: Access::Write, methods: WORKFLOW_WRITE },
    Row {
        service: WORKFLOW,
        reach: Reach::Namespace,
        access: Access::Admin,
        methods: &["DeprecateNamespace", "RegisterNamespace", "UpdateNamespace"],
    },
    Row { service: OPERATOR, reach: Reach::Namespace, access: Access::Read, methods: &["ListSearchAttributes"] },
    Row {
        service: OPERATOR,
        reach: Reach::Namespace,
        access: Access::Admin,
        methods: &["AddSearchAttributes", "DeleteNamespace", "RemoveSearchAttributes"],
    },
    Row { service: OPERATOR, reach: Reach::Cluster, access: Access::Admin, methods: OPERATOR_ADMIN },
    Row {
        service: "grpc.health.v1.Health",
        reach: Reach::Cluster,
        access: Access::Anyone,
        methods: &["Check", "List", "Watch"],
    },
    Row {
        service: "grpc.reflection.v1.ServerReflection",
        reach: Reach::Cluster,
        access: Access::Anyone,
        methods: &["ServerReflectionInfo"],
    },
    Row {
        service: "grpc.reflection.v1alpha.ServerReflection",
        reach: Reach::Cluster,
        access: Access::Anyone,
        methods: &["ServerReflectionInfo"],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;

    use super::*;

    fn served() -> BTreeSet<String> {
        let set = prost_types::FileDescriptorSet::decode(proto::DESCRIPTOR_SET).unwrap();
        let mut paths = BTreeSet::new();
        for file in &set.file {
            for service in &file.service {
                let name = format!("{}.{}", file.package(), service.name());
                if [WORKFLOW, OPERATOR].contains(&name.as_str()) {
                    paths.extend(service.method.iter().map(|method| format!("/{name}/{}", method.name())));
                }
            }
        }
        paths
    }

    #[test]
    fn every_served_method_has_one_permission_and_no_other_is_declared() {
        let served = served();
        assert!(served.len() > 100, "{} methods found", served.len());
        for path in &served {
            assert!(permission(path).is_some(), "{path} has no permission");
        }
        let mut declared = BTreeSet::new();
        for row in ROWS.iter().filter(|row| [WORKFLOW, OPERATOR].contains(&row.service)) {
            for method in row.methods {
                let path = format!("/{}/{method}", row.service);
                assert!(served.contains(&path), "{path} is declared but not in the descriptor set");
                assert!(declared.insert(path.clone()), "{path} is declared twice");
            }
        }
    }

    #[test]
    fn what_is_not_declared_is_denied() {
        for path in ["", "/", "StartWorkflowExecution", "/temporal.api.workflowservice.v1.WorkflowService/", "/a.B/C"] {
            assert_eq!(permission(path), None, "{path}");
        }
    }
}
