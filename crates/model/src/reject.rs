//! `Reject`: why a call was refused, as its caller sees it. Everything that leaves a machine, the engine or a service as an
//! error is one of these; one function of the frontend turns it into a gRPC status with details.

use std::{fmt, time::Duration};

use proto::temporal::api::{
    enums::v1::{NamespaceState, ResourceExhaustedCause, ResourceExhaustedScope},
    failure::v1::Failure,
};

/// A refusal: its kind says what the caller should do, its text what happened. Where an SDK or the CLI can see the
/// text it equals Temporal's.
#[derive(Clone, Debug, PartialEq)]
pub struct Reject {
    pub kind: Kind,
    pub message: String,
}

/// What the caller should do about a refusal; with the fields of the API's error detail where there is one.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The request is malformed: do not send it again.
    InvalidArgument,
    /// There is no such thing (any more).
    NotFound,
    /// `NotFoundFailure` is not attached: the answer of a namespace that does not exist.
    NamespaceNotFound {
        namespace: String,
    },
    /// The namespace is in a state that does not allow the call.
    NamespaceInvalidState {
        namespace: String,
        state: NamespaceState,
        allowed: Vec<NamespaceState>,
    },
    NamespaceAlreadyExists,
    /// A run of this workflow id is open, or the reuse policy forbids another.
    WorkflowAlreadyStarted {
        start_request_id: String,
        run_id: String,
        /// The first run of the chain that the run belongs to.
        first_execution_run_id: String,
    },
    /// A cancellation was requested before.
    CancellationAlreadyRequested,
    AlreadyExists,
    /// The call does not fit the state of the thing; retry only after that changed.
    FailedPrecondition,
    /// The workflow has no completed workflow task yet, so it can't answer.
    WorkflowNotReady,
    /// A worker's query handler failed.
    QueryFailed {
        failure: Option<Box<Failure>>,
    },
    /// The client is of a version that is not served.
    ClientVersionNotSupported {
        client_version: String,
        client_name: String,
        /// The range that is served.
        supported_versions: String,
    },
    /// The client asks for a server of other versions.
    ServerVersionNotSupported {
        server_version: String,
        /// The range that the client asks for.
        client_supported_server_versions: String,
    },
    /// Back off and try again.
    ResourceExhausted {
        cause: ResourceExhaustedCause,
        scope: ResourceExhaustedScope,
        advice: Advice,
    },
    /// Several operations that stand or fall together, in their order: why each failed, `None` where it did not. One that
    /// fails only because another did is `MultiOperationAborted`.
    MultiOperation {
        operations: Vec<Option<Reject>>,
    },
    /// Not done because an operation beside it failed.
    MultiOperationAborted,
    PermissionDenied,
    Unauthenticated,
    /// Not served by this version; names what is missing.
    Unimplemented,
    /// Try again: the shard moved, the disk failed, the server is stopping.
    Unavailable,
    DeadlineExceeded,
    /// The caller went away.
    Canceled,
    Aborted,
    /// A defect of ours.
    Internal,
    /// A step of the run panicked: nothing is done with the run until a process of another build has it.
    Quarantined,
}

/// What else a refusal for now tells, beside the text that clients know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// The limit that was reached: its field in [`Limits`](crate::Limits), and its value.
    pub limit: Option<(&'static str, u64)>,
    /// How long to wait before the next try.
    pub retry_after: Option<Duration>,
}

impl Reject {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidArgument, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub fn precondition(message: impl Into<String>) -> Self {
        Self::new(Kind::FailedPrecondition, message)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Back off and try again.
    pub fn exhausted(cause: ResourceExhaustedCause, scope: ResourceExhaustedScope, message: impl Into<String>) -> Self {
        Self::new(Kind::ResourceExhausted { cause, scope, advice: Advice::default() }, message)
    }

    /// A refusal for now, with advice; any other stays as it is.
    pub fn advising(mut self, given: Advice) -> Self {
        if let Kind::ResourceExhausted { advice, .. } = &mut self.kind {
            *advice = given;
        }
        self
    }

    /// A start and an update that stand or fall together: why each of them failed, `None` where it did not.
    pub fn update_with_start(start: Option<Self>, update: Option<Self>) -> Self {
        let kind = Kind::MultiOperation { operations: vec![start, update] };
        Self::new(kind, "Update-with-Start could not be executed.")
    }

    /// What is said of an operation because of the one beside it.
    pub fn operation_aborted() -> Self {
        Self::new(Kind::MultiOperationAborted, "Operation was aborted.")
    }

    /// `what` names the feature, for instance "update messages".
    pub fn unimplemented(what: impl fmt::Display) -> Self {
        Self::new(Kind::Unimplemented, format!("{what} is not implemented yet"))
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Reject {}
