//! Task tokens that this cluster did not make: what a worker or client hands in that had them of another server, or made
//! them up. Nothing is done on their word; they are answered as the reference answers for tasks that are not there.

use model::{Namespace, Reject};
use prost::Message;

use super::not_found;

/// What the reference's tokens begin with: those of workflow and activity tasks name a workflow and a run where those of
/// queries name a task queue and a task. Source: `token.v1.Task` and `token.v1.QueryTask` of the reference server.
#[derive(Clone, PartialEq, Message)]
struct Foreign {
    #[prost(string, tag = "1")]
    namespace_id: String,
    #[prost(string, tag = "2")]
    place: String,
    #[prost(string, tag = "3")]
    id: String,
}

/// How a call of this method with such a token is refused. Of namespaces only `named` is known to the caller, so that any other
/// id is that of none.
pub(crate) fn refusal(method: &str, named: Option<&Namespace>, token: &[u8]) -> Reject {
    let Ok(Foreign { namespace_id, place, id }) = Foreign::decode(token) else {
        return Reject::invalid("Error deserializing task token.");
    };
    if namespace_id.is_empty() {
        return Reject::invalid("Namespace not set on request.");
    }
    if named.is_none_or(|named| named.id.to_string() != namespace_id) {
        return not_found(&namespace_id);
    }
    match method {
        "RespondQueryTaskCompleted" if place.is_empty() || id.is_empty() => Reject::invalid("Invalid TaskToken."),
        "RespondQueryTaskCompleted" => Reject::not_found("query task not found, or already expired"),
        _ if place.is_empty() => Reject::invalid("Business ID is not set on request."),
        _ if !id.is_empty() && uuid::Uuid::try_parse(&id).is_err() => Reject::invalid("RunId is not valid UUID."),
        "RespondWorkflowTaskCompleted" | "RespondWorkflowTaskFailed" => Reject::not_found("Workflow task not found."),
        _ => Reject::not_found("invalid activityID or activity already timed out or invoking workflow is completed"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Kind, NamespaceId};
    use proto::temporal::api::enums::v1::NamespaceState;

    use super::*;

    const RUN: &str = "5d2a3c10-0000-4000-8000-000000000001";

    fn namespace() -> Namespace {
        Namespace {
            id: NamespaceId(uuid::Uuid::from_u128(7)),
            name: Arc::from("default"),
            state: NamespaceState::Registered,
            retention: std::time::Duration::ZERO,
            search_attributes: Arc::default(),
        }
    }

    fn refused(method: &str, token: &[u8]) -> (bool, String) {
        let reject = refusal(method, Some(&namespace()), token);
        (matches!(reject.kind, Kind::NotFound | Kind::NamespaceNotFound { .. }), reject.message)
    }

    fn token(namespace_id: &str, place: &str, id: &str) -> Vec<u8> {
        let parts = [namespace_id, place, id].map(str::to_owned);
        let [namespace_id, place, id] = parts;
        Foreign { namespace_id, place, id }.encode_to_vec()
    }

    /// Asked of the reference.
    #[test]
    fn tokens_of_others_are_answered_as_on_the_reference() {
        let own = namespace().id.to_string();
        let gone = "invalid activityID or activity already timed out or invoking workflow is completed";
        let rows = [
            ("RespondActivityTaskCompleted", b"\0".to_vec(), false, "Error deserializing task token.".to_owned()),
            (
                "RespondActivityTaskCompleted",
                b"not a token".to_vec(),
                false,
                "Error deserializing task token.".to_owned(),
            ),
            ("RespondActivityTaskCompleted", b"\x7a\x01x".to_vec(), false, "Namespace not set on request.".to_owned()),
            ("RespondActivityTaskCompleted", token(RUN, "w", RUN), true, format!("Namespace {RUN} is not found.")),
            (
                "RespondActivityTaskCompleted",
                token(&own, "", ""),
                false,
                "Business ID is not set on request.".to_owned(),
            ),
            ("RespondActivityTaskCompleted", token(&own, "w", "x"), false, "RunId is not valid UUID.".to_owned()),
            ("RespondActivityTaskCompleted", token(&own, "w", RUN), true, gone.to_owned()),
            ("RecordActivityTaskHeartbeat", token(&own, "w", ""), true, gone.to_owned()),
            ("RespondWorkflowTaskCompleted", token(&own, "w", RUN), true, "Workflow task not found.".to_owned()),
            ("RespondQueryTaskCompleted", token(&own, "", ""), false, "Invalid TaskToken.".to_owned()),
            (
                "RespondQueryTaskCompleted",
                token(&own, "q", "x"),
                true,
                "query task not found, or already expired".to_owned(),
            ),
        ];
        for (method, token, is_not_found, text) in rows {
            assert_eq!(refused(method, &token), (is_not_found, text), "{method} {token:?}");
        }
        let unnamed = refusal("RespondActivityTaskCompleted", None, &token(&own, "w", RUN));
        assert_eq!(unnamed.message, format!("Namespace {own} is not found."), "a caller who names none knows none");
    }
}
