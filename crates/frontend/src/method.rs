//! The methods of the API: what is known of one that is served, and what is answered to one that is not in it.

use model::{Kind, Reject};
use tonic::Status;
use transport::to_status;

use crate::{quota::Class, turn::Turn};

/// A method that is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method {
    /// `/package.Service/Method`.
    pub(crate) path: &'static str,
    /// What a call of it counts as.
    pub(crate) class: Class,
    /// When a call of it has its turn.
    pub(crate) turn: Turn,
}

impl Method {
    pub(crate) fn new(path: &'static str, class: Class) -> Self {
        Self { path, class, turn: Turn::of(path.rsplit('/').next().unwrap_or_default()) }
    }

    pub(crate) fn name(self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The services of the API whose methods are served by their own handlers.
pub(crate) const SERVICES: [&str; 2] =
    ["/temporal.api.workflowservice.v1.WorkflowService/", "/temporal.api.operatorservice.v1.OperatorService/"];

/// What the reference answers to a method that is not in the API.
pub(crate) fn unknown(path: &str) -> Status {
    let (service, method) = path.trim_start_matches('/').rsplit_once('/').unwrap_or((path, ""));
    let is_known = SERVICES.iter().any(|known| known.trim_matches('/') == service);
    let text = if is_known {
        format!("unknown method {method} for service {service}")
    } else {
        format!("unknown service {service}")
    };
    to_status(&Reject::new(Kind::Unimplemented, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_is_not_in_the_api_is_unknown_by_name() {
        let text = |path: &str| unknown(path).message().to_owned();
        assert_eq!(
            text("/temporal.api.workflowservice.v1.WorkflowService/Nope"),
            "unknown method Nope for service temporal.api.workflowservice.v1.WorkflowService"
        );
        assert_eq!(text("/a.b.C/Nope"), "unknown service a.b.C");
    }
}
