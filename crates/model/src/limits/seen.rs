//! What a limit counts over, and what the caller sees when it is exceeded: for people to read, and for the code that
//! refuses.

use std::fmt;

use proto::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope, WorkflowTaskFailedCause};

use crate::Reject;

/// What a limit counts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that one server does.
    Server,
    /// One Namespace. Such a limit can be set for each Namespace by itself.
    Namespace,
    /// One Workflow Execution, over all its life.
    WorkflowExecution,
    /// One connection of a client.
    Connection,
    /// One call.
    Request,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Namespace => "Namespace",
            Self::WorkflowExecution => "Workflow Execution",
            Self::Connection => "connection",
            Self::Request => "request",
        })
    }
}

/// What the caller sees when a limit is exceeded. In a text, `…` stands for what varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A refusal with this gRPC code.
    Refused { code: &'static str, text: &'static str },
    /// A refusal with the code RESOURCE_EXHAUSTED and its detail: try again later.
    Exhausted { cause: ResourceExhaustedCause, scope: ResourceExhaustedScope, text: &'static str },
    /// The Workflow Task whose completion asks for too much fails.
    TaskFails { cause: WorkflowTaskFailedCause, text: &'static str },
    /// No refusal, but what the sentence says.
    Described(&'static str),
}

/// The request is refused, with a gRPC code as the wire has it, in capitals.
pub(super) const fn refused(code: &'static str, text: &'static str) -> Seen {
    Seen::Refused { code, text }
}

/// The request is refused for now, because its Namespace has used up what it may.
pub(super) const fn exhausted(cause: ResourceExhaustedCause, text: &'static str) -> Seen {
    Seen::Exhausted { cause, scope: ResourceExhaustedScope::Namespace, text }
}

/// The request is refused for now, because the server has no more to give.
pub(super) const fn exhausted_server(cause: ResourceExhaustedCause, text: &'static str) -> Seen {
    Seen::Exhausted { cause, scope: ResourceExhaustedScope::System, text }
}

/// The Workflow Task fails.
pub(super) const fn task_fails(cause: WorkflowTaskFailedCause, text: &'static str) -> Seen {
    Seen::TaskFails { cause, text }
}

/// Nothing is refused: a sentence says what happens instead.
pub(super) const fn described(sentence: &'static str) -> Seen {
    Seen::Described(sentence)
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, text } => write!(f, "{code}: \"{text}\""),
            Self::Exhausted { cause, scope, text } => {
                let (cause, scope) = (cause.as_str_name(), scope.as_str_name());
                let cause = cause.strip_prefix("RESOURCE_EXHAUSTED_CAUSE_").unwrap_or(cause);
                let scope = scope.strip_prefix("RESOURCE_EXHAUSTED_SCOPE_").unwrap_or(scope);
                write!(f, "RESOURCE_EXHAUSTED, cause {cause}, scope {scope}: \"{text}\"")
            }
            Self::TaskFails { cause, text } => {
                let cause = cause.as_str_name();
                let cause = cause.strip_prefix("WORKFLOW_TASK_FAILED_CAUSE_").unwrap_or(cause);
                write!(f, "The Workflow Task fails, cause {cause}: \"{text}\"")
            }
            Self::Described(sentence) => f.write_str(sentence),
        }
    }
}

impl Seen {
    /// The refusal itself, where the limit is one that refuses for now.
    pub fn exhaustion(&self) -> Option<Reject> {
        match *self {
            Self::Exhausted { cause, scope, text } => Some(Reject::exhausted(cause, scope, text)),
            Self::Refused { .. } | Self::TaskFails { .. } | Self::Described(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_told_with_code_cause_and_scope() {
        let text = |seen: Seen| seen.to_string();
        assert_eq!(text(refused("INVALID_ARGUMENT", "too long")), "INVALID_ARGUMENT: \"too long\"");
        let busy = exhausted(ResourceExhaustedCause::RpsLimit, "busy");
        assert_eq!(text(busy), "RESOURCE_EXHAUSTED, cause RPS_LIMIT, scope NAMESPACE: \"busy\"");
        let full = exhausted_server(ResourceExhaustedCause::SystemOverloaded, "full");
        assert_eq!(text(full), "RESOURCE_EXHAUSTED, cause SYSTEM_OVERLOADED, scope SYSTEM: \"full\"");
        let failed = task_fails(WorkflowTaskFailedCause::PendingSignalsLimitExceeded, "many");
        assert_eq!(text(failed), "The Workflow Task fails, cause PENDING_SIGNALS_LIMIT_EXCEEDED: \"many\"");
        assert_eq!(text(described("It waits.")), "It waits.");
    }
}
