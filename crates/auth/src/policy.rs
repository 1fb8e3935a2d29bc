//! The policy: from credentials to an identity, from an identity and a permission to yes or no.

use std::{fmt, sync::Arc};

use model::{Kind, Reject, Time};

use crate::{Caller, Credentials, Directory, Permission};

/// How callers are identified and what they may do.
#[derive(Clone, Debug)]
pub enum Policy {
    /// Everybody may do everything that the permission table names: the development server on its own machine.
    Open,
    /// Everybody shows an API key or a certificate and may do what the tables give.
    Secured(Arc<Secured>),
}

/// The policy of an account.
pub struct Secured {
    directory: Arc<dyn Directory>,
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").field("account", &self.directory.account_id()).finish_non_exhaustive()
    }
}

/// The one answer to whoever may not, whether or not there is what it asked for.
pub fn unauthorized() -> Reject {
    Reject::new(Kind::PermissionDenied, "Request unauthorized.")
}

/// The one answer to whoever is not known, whatever is wrong with what it showed.
pub fn unauthenticated() -> Reject {
    Reject::new(Kind::Unauthenticated, "request not authenticated")
}

impl Policy {
    /// The policy of the account that `directory` describes.
    pub fn secured(directory: Arc<dyn Directory>) -> Self {
        Policy::Secured(Arc::new(Secured { directory }))
    }

    /// Who it is that shows these credentials.
    ///
    /// # Errors
    /// `Unauthenticated` when something was shown and is not good; `PermissionDenied` for a good certificate that the
    /// namespace's filters leave out.
    pub fn identify(&self, credentials: &Credentials<'_>, now: Time) -> Result<Caller, Reject> {
        match self {
            Policy::Open => Ok(Caller::Anyone),
            Policy::Secured(secured) => secured.identify(credentials, now),
        }
    }

    /// Whether a caller may use a method that needs `permission`, in a namespace where the method names one.
    ///
    /// # Errors
    /// `PermissionDenied` with the reference's text; also for a method without a declared permission (`None`).
    pub fn authorize(
        &self,
        caller: &Caller,
        permission: Option<Permission>,
        namespace: Option<&str>,
    ) -> Result<(), Reject> {
        let Some(permission) = permission else {
            return Err(unauthorized());
        };
        match self {
            Policy::Open => Ok(()),
            Policy::Secured(secured) => secured.authorize(caller, permission, namespace),
        }
    }
}

impl Secured {
    fn identify(&self, _credentials: &Credentials<'_>, _now: Time) -> Result<Caller, Reject> {
        Err(unauthenticated())
    }

    fn authorize(&self, _caller: &Caller, _permission: Permission, _namespace: Option<&str>) -> Result<(), Reject> {
        Err(unauthorized())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission;

    #[test]
    fn even_the_open_policy_denies_what_is_not_declared() {
        let caller = Policy::Open.identify(&Credentials::default(), Time::ZERO).unwrap();
        let start = permission("/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution");
        assert_eq!(Policy::Open.authorize(&caller, start, Some("default")), Ok(()));
        let denied =
            Policy::Open.authorize(&caller, permission("/temporal.api.workflowservice.v1.WorkflowService/Nope"), None);
        assert_eq!(denied.unwrap_err().kind, Kind::PermissionDenied);
    }
}
