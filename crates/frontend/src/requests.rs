//! What the gate reads of a request: the namespace that it names and, where it has one, its task token.

use proto::temporal::api::{operatorservice::v1::*, workflowservice::v1::*};

/// A request, as far as the gate is concerned.
pub(crate) trait Addressed {
    /// The namespace that the request names; empty where it names none.
    fn namespace(&self) -> &str;

    /// Whether it may wait, where its method is one whose calls do.
    fn waits(&self) -> bool {
        true
    }
}

/// A request that answers a task.
pub(crate) trait Tokened: Addressed {
    fn task_token(&self) -> &[u8];
}

macro_rules! addressed {
    ($($request:ident),* $(,)?) => {
        $(impl Addressed for $request {
            fn namespace(&self) -> &str {
                &self.namespace
            }
        })*
    };
}

macro_rules! tokened {
    ($($request:ident),* $(,)?) => {
        addressed!($($request),*);
        $(impl Tokened for $request {
            fn task_token(&self) -> &[u8] {
                &self.task_token
            }
        })*
    };
}

macro_rules! of_the_cluster {
    ($($request:ident),* $(,)?) => {
        $(impl Addressed for $request {
            fn namespace(&self) -> &str {
                ""
            }
        })*
    };
}

addressed!(
    AddSearchAttributesRequest,
    CountWorkflowExecutionsRequest,
    DeleteNamespaceRequest,
    DeleteWorkflowExecutionRequest,
    DeprecateNamespaceRequest,
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    DescribeWorkflowExecutionRequest,
    ExecuteMultiOperationRequest,
    GetWorkflowExecutionHistoryReverseRequest,
    ListArchivedWorkflowExecutionsRequest,
    ListClosedWorkflowExecutionsRequest,
    ListOpenWorkflowExecutionsRequest,
    ListSearchAttributesRequest,
    ListTaskQueuePartitionsRequest,
    ListWorkersRequest,
    ListWorkflowExecutionsRequest,
    PollActivityTaskQueueRequest,
    PollWorkflowExecutionUpdateRequest,
    PollWorkflowTaskQueueRequest,
    QueryWorkflowRequest,
    RecordActivityTaskHeartbeatByIdRequest,
    RegisterNamespaceRequest,
    RemoveSearchAttributesRequest,
    RequestCancelWorkflowExecutionRequest,
    ResetStickyTaskQueueRequest,
    RespondActivityTaskCanceledByIdRequest,
    RespondActivityTaskCompletedByIdRequest,
    RespondActivityTaskFailedByIdRequest,
    ScanWorkflowExecutionsRequest,
    ShutdownWorkerRequest,
    SignalWithStartWorkflowExecutionRequest,
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
    TerminateWorkflowExecutionRequest,
    UpdateNamespaceRequest,
    UpdateWorkflowExecutionRequest,
);

tokened!(
    RecordActivityTaskHeartbeatRequest,
    RespondActivityTaskCanceledRequest,
    RespondActivityTaskCompletedRequest,
    RespondActivityTaskFailedRequest,
    RespondQueryTaskCompletedRequest,
    RespondWorkflowTaskCompletedRequest,
    RespondWorkflowTaskFailedRequest,
);

impl Addressed for GetWorkflowExecutionHistoryRequest {
    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn waits(&self) -> bool {
        self.wait_new_event
    }
}

of_the_cluster!(GetClusterInfoRequest, GetSearchAttributesRequest, GetSystemInfoRequest, ListNamespacesRequest);
