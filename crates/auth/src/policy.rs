//! The policy: from credentials to an identity, from an identity and a permission to yes or no.

use model::{Kind, Reject};

use crate::{Caller, Credentials, Permission};

/// How callers are identified and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Everybody may do everything that the permission table names: the development server on its own machine.
    Open,
}

impl Policy {
    /// Who it is that shows these credentials.
    ///
    /// # Errors
    /// `Unauthenticated` when the policy does not know the caller.
    pub fn identify(&self, _credentials: &Credentials<'_>) -> Result<Caller, Reject> {
        match self {
            Policy::Open => Ok(Caller::Anyone),
        }
    }

    /// Whether a caller may use a method that needs `permission`, in a namespace where the method names one.
    ///
    /// # Errors
    /// `PermissionDenied` with the reference's text; also for a method without a declared permission (`None`).
    pub fn authorize(
        &self,
        _caller: &Caller,
        permission: Option<Permission>,
        _namespace: Option<&str>,
    ) -> Result<(), Reject> {
        match (self, permission) {
            (_, None) => Err(Reject::new(Kind::PermissionDenied, "Request unauthorized.")),
            (Policy::Open, Some(_)) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission;

    #[test]
    fn even_the_open_policy_denies_what_is_not_declared() {
        let caller = Policy::Open.identify(&Credentials::default()).unwrap();
        let start = permission("/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution");
        assert_eq!(Policy::Open.authorize(&caller, start, Some("default")), Ok(()));
        let denied =
            Policy::Open.authorize(&caller, permission("/temporal.api.workflowservice.v1.WorkflowService/Nope"), None);
        assert_eq!(denied.unwrap_err().kind, Kind::PermissionDenied);
    }
}
