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
    /// Nothing is told that an anonymous caller may not know; needs no identity.
    Open,
    Read,
    Write,
    Admin,
}

/// What a caller must be allowed for a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    pub reach: Reach,
    pub access: Access,
    /// Whether the callers of a secured account may use it at all, given the access. What may see or change more than
    /// a namespace, or has no place in the documented tables, is for nobody there.
    pub tenants: bool,
}

/// Methods of one service that need the same permission.
struct Row {
    service: &'static str,
    reach: Reach,
    access: Access,
    tenants: bool,
    methods: &'static [&'static str],
}

const WORKFLOW: &str = "temporal.api.workflowservice.v1.WorkflowService";
const OPERATOR: &str = "temporal.api.operatorservice.v1.OperatorService";

/// The permission of a method, named by its full path (`/package.Service/Method`). `None`: not declared, so denied.
pub fn permission(path: &str) -> Option<Permission> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let row = ROWS.iter().find(|row| row.service == service && row.methods.contains(&method))?;
    Some(Permission { reach: row.reach, access: row.access, tenants: row.tenants })
}

#[rustfmt::skip]
const TENANT_READ: &[&str] = &[
    "CountActivityExecutions", "CountSchedules", "CountWorkflowExecutions", "DescribeActivityExecution",
    "DescribeBatchOperation", "DescribeNamespace", "DescribeSchedule", "DescribeTaskQueue", "DescribeWorker",
    "DescribeWorkerDeployment", "DescribeWorkerDeploymentVersion", "DescribeWorkflowExecution",
    "DescribeWorkflowRule", "FetchWorkerConfig", "GetWorkerBuildIdCompatibility", "GetWorkerTaskReachability",
    "GetWorkerVersioningRules", "GetWorkflowExecutionHistory", "GetWorkflowExecutionHistoryReverse",
    "ListActivityExecutions", "ListBatchOperations", "ListClosedWorkflowExecutions", "ListOpenWorkflowExecutions",
    "ListScheduleMatchingTimes", "ListSchedules", "ListTaskQueuePartitions", "ListWorkerDeployments", "ListWorkers",
    "ListWorkflowExecutions", "ListWorkflowRules", "QueryWorkflow",
];

/// Waiting for an outcome needs more than reading: it may wake a worker.
#[rustfmt::skip]
const TENANT_WRITE: &[&str] = &[
    "CreateSchedule", "CreateWorkflowRule", "DeleteActivityExecution", "DeleteSchedule", "DeleteWorkerDeployment",
    "DeleteWorkerDeploymentVersion", "DeleteWorkflowExecution", "DeleteWorkflowRule", "ExecuteMultiOperation",
    "PatchSchedule", "PauseActivity", "PauseWorkflowExecution", "PollActivityExecution", "PollActivityTaskQueue",
    "PollNexusTaskQueue", "PollWorkflowExecutionUpdate", "PollWorkflowTaskQueue", "RecordActivityTaskHeartbeat",
    "RecordActivityTaskHeartbeatById", "RecordWorkerHeartbeat", "RequestCancelActivityExecution",
    "RequestCancelWorkflowExecution", "ResetActivity", "ResetStickyTaskQueue", "ResetWorkflowExecution",
    "RespondActivityTaskCanceled", "RespondActivityTaskCanceledById", "RespondActivityTaskCompleted",
    "RespondActivityTaskCompletedById", "RespondActivityTaskFailed", "RespondActivityTaskFailedById",
    "RespondNexusTaskCompleted", "RespondNexusTaskFailed", "RespondQueryTaskCompleted",
    "RespondWorkflowTaskCompleted", "RespondWorkflowTaskFailed", "SetWorkerDeploymentCurrentVersion",
    "SetWorkerDeploymentManager", "SetWorkerDeploymentRampingVersion", "ShutdownWorker",
    "SignalWithStartWorkflowExecution", "SignalWorkflowExecution", "StartActivityExecution", "StartBatchOperation",
    "StartWorkflowExecution", "StopBatchOperation", "TerminateActivityExecution", "TerminateWorkflowExecution",
    "TriggerWorkflowRule", "UnpauseActivity", "UnpauseWorkflowExecution", "UpdateActivityOptions", "UpdateSchedule",
    "UpdateTaskQueueConfig", "UpdateWorkerBuildIdCompatibility", "UpdateWorkerConfig",
    "UpdateWorkerDeploymentVersionMetadata", "UpdateWorkerVersioningRules", "UpdateWorkflowExecution",
    "UpdateWorkflowExecutionOptions",
];

/// Without a row in the service's documented tables, so not for tenants.
#[rustfmt::skip]
const OPEN_READ: &[&str] = &[
    "CountNexusOperationExecutions", "CountWorkers", "DescribeDeployment", "DescribeNexusOperationExecution",
    "GetCurrentDeployment", "GetDeploymentReachability", "ListArchivedWorkflowExecutions", "ListDeployments",
    "ListNexusOperationExecutions", "PollNexusOperationExecution", "PollWorkflowExecutionTimeSkipping",
    "ScanWorkflowExecutions", "ValidateWorkerDeploymentVersionComputeConfig",
];

/// The same.
#[rustfmt::skip]
const OPEN_WRITE: &[&str] = &[
    "CreateWorkerDeployment", "CreateWorkerDeploymentVersion", "DeleteNexusOperationExecution",
    "PauseActivityExecution", "RequestCancelNexusOperationExecution", "ResetActivityExecution",
    "SetCurrentDeployment", "StartNexusOperationExecution", "TerminateNexusOperationExecution",
    "UnpauseActivityExecution", "UpdateActivityExecutionOptions", "UpdateWorkerDeploymentVersionComputeConfig",
];

#[rustfmt::skip]
const OPERATOR_ADMIN: &[&str] = &[
    "AddOrUpdateRemoteCluster", "CreateNexusEndpoint", "DeleteNexusEndpoint", "GetNexusEndpoint", "ListClusters",
    "ListNexusEndpoints", "RemoveRemoteCluster", "UpdateNexusEndpoint",
];

const ROWS: &[Row] = &[
    Row { service: WORKFLOW, reach: Reach::Cluster, access: Access::Open, tenants: true, methods: &["GetSystemInfo"] },
    Row {
        service: WORKFLOW,
        reach: Reach::Cluster,
        access: Access::Read,
        tenants: true,
        // The names that every namespace has; none of a tenant's own.
        methods: &["GetSearchAttributes"],
    },
    Row {
        service: WORKFLOW,
        reach: Reach::Cluster,
        access: Access::Read,
        tenants: false,
        methods: &["GetClusterInfo", "ListNamespaces"],
    },
    Row { service: WORKFLOW, reach: Reach::Namespace, access: Access::Read, tenants: true, methods: TENANT_READ },
    Row { service: WORKFLOW, reach: Reach::Namespace, access: Access::Write, tenants: true, methods: TENANT_WRITE },
    Row { service: WORKFLOW, reach: Reach::Namespace, access: Access::Read, tenants: false, methods: OPEN_READ },
    Row { service: WORKFLOW, reach: Reach::Namespace, access: Access::Write, tenants: false, methods: OPEN_WRITE },
    Row {
        service: WORKFLOW,
        reach: Reach::Namespace,
        access: Access::Admin,
        tenants: false,
        methods: &["DeprecateNamespace", "RegisterNamespace", "UpdateNamespace"],
    },
    Row {
        service: OPERATOR,
        reach: Reach::Namespace,
        access: Access::Read,
        tenants: false,
        methods: &["ListSearchAttributes"],
    },
    Row {
        service: OPERATOR,
        reach: Reach::Namespace,
        access: Access::Admin,
        tenants: false,
        methods: &["AddSearchAttributes", "DeleteNamespace", "RemoveSearchAttributes"],
    },
    Row { service: OPERATOR, reach: Reach::Cluster, access: Access::Admin, tenants: false, methods: OPERATOR_ADMIN },
    Row {
        service: "grpc.health.v1.Health",
        reach: Reach::Cluster,
        access: Access::Open,
        tenants: true,
        methods: &["Check", "List", "Watch"],
    },
    Row {
        service: "grpc.reflection.v1.ServerReflection",
        reach: Reach::Cluster,
        access: Access::Read,
        tenants: true,
        methods: &["ServerReflectionInfo"],
    },
    Row {
        service: "grpc.reflection.v1alpha.ServerReflection",
        reach: Reach::Cluster,
        access: Access::Read,
        tenants: true,
        methods: &["ServerReflectionInfo"],
    },
];

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::served;
