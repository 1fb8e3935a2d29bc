//! The one mapping from a refusal to a gRPC status: its code and, where the API has one, its detail message.

use std::{cell::RefCell, error::Error};

use hyper::StatusCode;
use model::{Kind, Reject};
use prost::{Message, Name};
use proto::{
    google::rpc,
    temporal::api::{
        errordetails::v1::{
            CancellationAlreadyRequestedFailure, ClientVersionNotSupportedFailure, MultiOperationExecutionFailure,
            NamespaceAlreadyExistsFailure, NamespaceInvalidStateFailure, NamespaceNotFoundFailure, NotFoundFailure,
            PermissionDeniedFailure, QueryFailedFailure, ResourceExhaustedFailure, ServerVersionNotSupportedFailure,
            WorkflowExecutionAlreadyStartedFailure, WorkflowNotReadyFailure,
            multi_operation_execution_failure::OperationStatus,
        },
        failure::v1::MultiOperationExecutionAborted,
    },
};
use tonic::{Code, Status, body::Body, codegen::http};

use crate::advice;

/// Bytes of a text that fit into the headers of a response for every client: it stands there twice, once encoded so
/// that a byte may take three.
const LONGEST_TEXT: usize = 3_000;
/// Refusals whose responses are kept.
const KEPT: usize = 4;

/// The status that the caller of a refused call gets.
pub fn to_status(reject: &Reject) -> Status {
    let (code, detail) = code_and_detail(&reject.kind);
    let message = cut(&reject.message);
    let Some(detail) = detail else { return Status::new(code, message) };
    let details = std::iter::once(detail).chain(advice::details(&reject.kind)).collect();
    let status = rpc::Status { code: code as i32, message: message.to_owned(), details };
    Status::with_details(code, message, status.encode_to_vec().into())
}

/// The response to a call that is refused before anything is done with it. There may be very many of them and they are alike,
/// so what was made for one is kept.
pub fn refused(reject: &Reject) -> http::Response<Body> {
    thread_local! {
        static MADE: RefCell<Vec<(Kind, http::HeaderMap)>> = const { RefCell::new(Vec::new()) };
    }
    let headers = MADE.with_borrow_mut(|made| {
        if let Some((_, headers)) = made.iter().find(|(kind, _)| *kind == reject.kind) {
            return headers.clone();
        }
        let headers = to_status(reject).into_http::<Body>().into_parts().0.headers;
        made.truncate(KEPT - 1);
        made.push((reject.kind.clone(), headers.clone()));
        headers
    });
    let mut response = http::Response::new(Body::empty());
    *response.headers_mut() = headers;
    response
}

/// The HTTP status that a gRPC status has where a client speaks plain HTTP.
///
/// Source of the mapping: the comments of `google.rpc.Code`.
pub fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// The status of a message that is larger than a peer takes, in the reference's words: as of a gRPC library, without a detail.
pub fn too_large(text: String) -> Status {
    Status::new(Code::ResourceExhausted, text)
}

/// The status of a call whose connection broke in the middle of its message.
pub(crate) fn broken(error: impl Error + Send + Sync + 'static) -> Status {
    Status::from_error(Box::new(error))
}

fn cut(text: &str) -> &str {
    let mut end = LONGEST_TEXT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn code_and_detail(kind: &Kind) -> (Code, Option<prost_types::Any>) {
    match kind {
        Kind::InvalidArgument => (Code::InvalidArgument, None),
        Kind::NotFound => (Code::NotFound, detail(&NotFoundFailure::default())),
        Kind::NamespaceNotFound { namespace } => {
            (Code::NotFound, detail(&NamespaceNotFoundFailure { namespace: namespace.clone() }))
        }
        Kind::NamespaceInvalidState { namespace, state, allowed } => {
            let failure = NamespaceInvalidStateFailure {
                namespace: namespace.clone(),
                state: *state as i32,
                allowed_states: allowed.iter().map(|state| *state as i32).collect(),
            };
            (Code::FailedPrecondition, detail(&failure))
        }
        Kind::NamespaceAlreadyExists => (Code::AlreadyExists, detail(&NamespaceAlreadyExistsFailure {})),
        Kind::WorkflowAlreadyStarted { start_request_id, run_id, first_execution_run_id } => {
            let failure = WorkflowExecutionAlreadyStartedFailure {
                start_request_id: start_request_id.clone(),
                run_id: run_id.clone(),
                first_execution_run_id: first_execution_run_id.clone(),
            };
            (Code::AlreadyExists, detail(&failure))
        }
        Kind::CancellationAlreadyRequested => (Code::AlreadyExists, detail(&CancellationAlreadyRequestedFailure {})),
        Kind::AlreadyExists => (Code::AlreadyExists, None),
        Kind::FailedPrecondition => (Code::FailedPrecondition, None),
        Kind::WorkflowNotReady => (Code::FailedPrecondition, detail(&WorkflowNotReadyFailure {})),
        Kind::QueryFailed { failure } => {
            (Code::InvalidArgument, detail(&QueryFailedFailure { failure: failure.as_deref().cloned() }))
        }
        Kind::ClientVersionNotSupported { client_version, client_name, supported_versions } => {
            let failure = ClientVersionNotSupportedFailure {
                client_version: client_version.clone(),
                client_name: client_name.clone(),
                supported_versions: supported_versions.clone(),
            };
            (Code::FailedPrecondition, detail(&failure))
        }
        Kind::ServerVersionNotSupported { server_version, client_supported_server_versions } => {
            let failure = ServerVersionNotSupportedFailure {
                server_version: server_version.clone(),
                client_supported_server_versions: client_supported_server_versions.clone(),
            };
            (Code::FailedPrecondition, detail(&failure))
        }
        Kind::ResourceExhausted { cause, scope, advice: _ } => {
            let failure = ResourceExhaustedFailure { cause: *cause as i32, scope: *scope as i32 };
            (Code::ResourceExhausted, detail(&failure))
        }
        Kind::MultiOperation { operations } => several(operations),
        Kind::MultiOperationAborted => (Code::Aborted, detail(&MultiOperationExecutionAborted {})),
        Kind::PermissionDenied => (Code::PermissionDenied, detail(&PermissionDeniedFailure::default())),
        Kind::Unauthenticated => (Code::Unauthenticated, None),
        Kind::Unimplemented => (Code::Unimplemented, None),
        Kind::Unavailable => (Code::Unavailable, None),
        Kind::DeadlineExceeded => (Code::DeadlineExceeded, None),
        Kind::Canceled => (Code::Cancelled, None),
        Kind::Aborted => (Code::Aborted, None),
        Kind::Internal | Kind::Quarantined => (Code::Internal, None),
    }
}

/// The status of several operations: the code is that of the first one that failed by itself.
fn several(operations: &[Option<Reject>]) -> (Code, Option<prost_types::Any>) {
    let mut code = Code::Aborted;
    let mut statuses = Vec::new();
    for operation in operations {
        let Some(reject) = operation else {
            statuses.push(OperationStatus::default());
            continue;
        };
        let (own, detail) = code_and_detail(&reject.kind);
        if code == Code::Aborted {
            code = own;
        }
        let details = detail.into_iter().collect();
        statuses.push(OperationStatus { code: own as i32, message: cut(&reject.message).to_owned(), details });
    }
    (code, detail(&MultiOperationExecutionFailure { statuses }))
}

fn detail<M: Message + Name>(message: &M) -> Option<prost_types::Any> {
    let type_url = format!("type.googleapis.com/{}", M::full_name());
    Some(prost_types::Any { type_url, value: message.encode_to_vec() })
}

#[cfg(test)]
mod tests {
    use model::Advice;
    use proto::temporal::api::enums::v1::{NamespaceState, ResourceExhaustedCause, ResourceExhaustedScope};

    use super::*;

    /// Kinds without fields: the code, and the type of the detail; empty where there is none.
    const PLAIN: [(Kind, Code, &str); 17] = [
        (Kind::InvalidArgument, Code::InvalidArgument, ""),
        (Kind::NotFound, Code::NotFound, "NotFoundFailure"),
        (Kind::NamespaceAlreadyExists, Code::AlreadyExists, "NamespaceAlreadyExistsFailure"),
        (Kind::CancellationAlreadyRequested, Code::AlreadyExists, "CancellationAlreadyRequestedFailure"),
        (Kind::AlreadyExists, Code::AlreadyExists, ""),
        (Kind::FailedPrecondition, Code::FailedPrecondition, ""),
        (Kind::WorkflowNotReady, Code::FailedPrecondition, "WorkflowNotReadyFailure"),
        (Kind::QueryFailed { failure: None }, Code::InvalidArgument, "QueryFailedFailure"),
        (Kind::PermissionDenied, Code::PermissionDenied, "PermissionDeniedFailure"),
        (Kind::Unauthenticated, Code::Unauthenticated, ""),
        (Kind::Unimplemented, Code::Unimplemented, ""),
        (Kind::Unavailable, Code::Unavailable, ""),
        (Kind::DeadlineExceeded, Code::DeadlineExceeded, ""),
        (Kind::Canceled, Code::Cancelled, ""),
        (Kind::Aborted, Code::Aborted, ""),
        (Kind::Internal, Code::Internal, ""),
        (Kind::Quarantined, Code::Internal, ""),
    ];

    /// Kinds whose fields are in the detail.
    fn with_fields() -> [(Kind, Code, &'static str); 6] {
        let already_started = Kind::WorkflowAlreadyStarted {
            start_request_id: "r".into(),
            run_id: "i".into(),
            first_execution_run_id: "f".into(),
        };
        let invalid_state = Kind::NamespaceInvalidState {
            namespace: "x".into(),
            state: NamespaceState::Deleted,
            allowed: vec![NamespaceState::Registered],
        };
        let exhausted = Kind::ResourceExhausted {
            cause: ResourceExhaustedCause::BusyWorkflow,
            scope: ResourceExhaustedScope::Namespace,
            advice: Advice::default(),
        };
        let client_version = Kind::ClientVersionNotSupported {
            client_version: "3.0.0".into(),
            client_name: "temporal-go".into(),
            supported_versions: "<2.0.0".into(),
        };
        let server_version = Kind::ServerVersionNotSupported {
            server_version: "1.32.0".into(),
            client_supported_server_versions: ">=2.0.0".into(),
        };
        let not_found = Kind::NamespaceNotFound { namespace: "x".into() };
        [
            (not_found, Code::NotFound, "NamespaceNotFoundFailure"),
            (invalid_state, Code::FailedPrecondition, "NamespaceInvalidStateFailure"),
            (already_started, Code::AlreadyExists, "WorkflowExecutionAlreadyStartedFailure"),
            (client_version, Code::FailedPrecondition, "ClientVersionNotSupportedFailure"),
            (server_version, Code::FailedPrecondition, "ServerVersionNotSupportedFailure"),
            (exhausted, Code::ResourceExhausted, "ResourceExhaustedFailure"),
        ]
    }

    #[test]
    fn several_operations_have_the_code_of_the_first_that_failed_by_itself() {
        let aborted = || Some(Reject::new(Kind::MultiOperationAborted, "Operation was aborted."));
        let operations = vec![aborted(), Some(Reject::not_found("gone")), None];
        let status = to_status(&Reject::new(Kind::MultiOperation { operations }, "text"));
        assert_eq!((status.code(), status.message()), (Code::NotFound, "text"));
        let carried = rpc::Status::decode(status.details()).unwrap();
        let failure = MultiOperationExecutionFailure::decode(carried.details[0].value.as_slice()).unwrap();
        let codes: Vec<_> = failure.statuses.iter().map(|status| status.code).collect();
        assert_eq!(codes, [Code::Aborted as i32, Code::NotFound as i32, Code::Ok as i32]);
        let url = &failure.statuses[0].details[0].type_url;
        assert_eq!(url, "type.googleapis.com/temporal.api.failure.v1.MultiOperationExecutionAborted");
    }

    #[test]
    fn a_text_that_would_burst_the_headers_is_cut() {
        let status = to_status(&Reject::not_found("é".repeat(50_000)));
        assert_eq!(status.message(), "é".repeat(1_500));
        assert!(status.details().len() < 4_096);
    }

    #[test]
    fn every_kind_has_the_references_code_and_detail() {
        for (kind, code, detail) in PLAIN.into_iter().chain(with_fields()) {
            let status = to_status(&Reject::new(kind.clone(), "text"));
            assert_eq!((status.code(), status.message()), (code, "text"), "{kind:?}");
            if detail.is_empty() {
                assert!(status.details().is_empty(), "{kind:?}");
                continue;
            }
            let carried = rpc::Status::decode(status.details()).unwrap();
            assert_eq!((carried.code, carried.message.as_str()), (code as i32, "text"));
            let url = format!("type.googleapis.com/temporal.api.errordetails.v1.{detail}");
            assert_eq!(carried.details[0].type_url, url, "{kind:?}");
        }
    }
}
