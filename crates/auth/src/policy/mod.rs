//! The policy: from credentials to an identity, from an identity and a permission to yes or no.

use std::{fmt, sync::Arc};

use model::{Kind, Plane, Reject, Time};

use crate::{
    Access, Caller, CertificateCaller, Claims, ClientCa, Credentials, Directory, KeyRecord, NamespacePermission,
    Permission, Principal, Reach,
    caller::namespace_of_host,
    token::{self, Shown, TokenHash},
    verified::Verified,
};

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
    tokens: Verified<Arc<Signed>>,
    chains: Verified<Arc<CertificateCaller>>,
}

/// What a token says that was signed by a key of ours.
struct Signed {
    kid: String,
    claims: Claims,
}

/// Tokens and chains that are verified once and not on every call.
const MOST_VERIFIED: usize = 4096;

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").field("account", &self.directory.account_id()).finish_non_exhaustive()
    }
}

/// The one answer to whoever may not, whether or not there is what it asked for.
pub fn unauthorized() -> Reject {
    Reject::new(Kind::PermissionDenied, "Request unauthorized.")
}

/// The answer to whoever is not known.
pub fn unauthenticated() -> Reject {
    Reject::new(Kind::Unauthenticated, "request not authenticated")
}

/// The same with a cause, which must be plain from what the caller shows, or be told only to whom it concerns.
fn unauthenticated_because(cause: impl fmt::Display) -> Reject {
    Reject::new(Kind::Unauthenticated, format!("request not authenticated: {cause}"))
}

impl Policy {
    /// The policy of the account that `directory` describes.
    pub fn secured(directory: Arc<dyn Directory>) -> Self {
        let (tokens, chains) = (Verified::new(MOST_VERIFIED), Verified::new(MOST_VERIFIED));
        Policy::Secured(Arc::new(Secured { directory, tokens, chains }))
    }

    /// Who it is that shows these credentials.
    ///
    /// # Errors
    /// `Unauthenticated` when something was shown and is not good.
    pub fn identify(&self, credentials: &Credentials<'_>, now: Time) -> Result<Caller, Reject> {
        self.identify_if(credentials, now, || Ok(()))
    }

    /// The same, where `may_try` has to allow a look at what was not found good before: a signature to verify, a guess.
    ///
    /// # Errors
    /// Those of `may_try`, too.
    pub fn identify_if(
        &self,
        credentials: &Credentials<'_>,
        now: Time,
        may_try: impl FnOnce() -> Result<(), Reject>,
    ) -> Result<Caller, Reject> {
        match self {
            Policy::Open => Ok(Caller::Open),
            Policy::Secured(secured) => secured.identify(credentials, now, may_try),
        }
    }

    /// Until when what the caller showed is good, if nothing is changed. `None`: it does not end by itself.
    pub fn good_until(&self, caller: &Caller) -> Option<Time> {
        match (self, caller) {
            (Policy::Secured(secured), Caller::Principal(principal)) => {
                secured.directory.key(principal.api_key_id.as_deref()?).map(|key| key.expires_at)
            }
            (_, Caller::Certificate(shown) | Caller::FilteredOut(shown)) => Some(shown.certificate.not_after),
            (_, Caller::Open | Caller::Anonymous) | (Policy::Open, Caller::Principal(_)) => None,
        }
    }

    /// Whether a caller may use a method that needs `permission`, in a namespace where the method names one.
    ///
    /// # Errors
    /// `PermissionDenied` with the reference's text; also for a method without a declared permission (`None`), and for a
    /// certificate that its namespace's filters leave out, saying so.
    /// `Unauthenticated` for a caller that showed nothing. `NamespaceNotFound` only for a caller who has rights there.
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
    /// A key goes before a certificate: a bad key is not made good by a certificate beside it.
    fn identify(
        &self,
        credentials: &Credentials<'_>,
        now: Time,
        may_try: impl FnOnce() -> Result<(), Reject>,
    ) -> Result<Caller, Reject> {
        if let Some(header) = credentials.authorization {
            return self.principal(header, now, may_try).map(Caller::Principal);
        }
        if credentials.plane == Plane::Control || credentials.peer_certificates.is_empty() {
            return Ok(Caller::Anonymous);
        }
        match self.named(credentials) {
            Some(namespace) => self.certificate(credentials, namespace, now, may_try),
            // Nothing says which namespace the certificate is for; the first call to one will.
            None => Ok(Caller::Anonymous),
        }
    }

    /// The namespace that the connection or the request is for, whether or not there is one.
    fn named(&self, credentials: &Credentials<'_>) -> Option<String> {
        let account = self.directory.account_id();
        let host = |name: Option<&str>| namespace_of_host(name?, account);
        let header = || credentials.namespace_header.filter(|name| !name.is_empty()).map(str::to_owned);
        host(credentials.server_name).or_else(|| host(credentials.authority)).or_else(header)
    }

    fn principal(
        &self,
        header: &str,
        now: Time,
        may_try: impl FnOnce() -> Result<(), Reject>,
    ) -> Result<Arc<Principal>, Reject> {
        let token = bearer(header).ok_or_else(|| unauthenticated_because("authorization is not a bearer token"))?;
        let hash = TokenHash::of(token);
        let signed = self.tokens.get(hash.0, || may_try().and_then(|()| self.signed(token, hash)))?;
        // What is on record may have changed since the signature was looked at.
        let record = self.record(&signed, hash)?;
        // From here on the caller is known to hold the key, and may know what became of it.
        if record.disabled {
            return Err(unauthenticated_because("the API key is disabled"));
        }
        if now >= record.expires_at || now >= signed.claims.expires_at {
            return Err(unauthenticated_because("the API key has expired"));
        }
        Ok(record.principal)
    }

    /// What a token says, once its signature is found good.
    fn signed(&self, token: &str, hash: TokenHash) -> Result<Arc<Signed>, Reject> {
        let shown = Shown::read(token).ok_or_else(|| unauthenticated_because("the bearer token is not an API key"))?;
        if shown.claims.account_id != self.directory.account_id() {
            return Err(unauthenticated_because("the API key belongs to another account"));
        }
        let key = self.directory.verifying_key(&shown.kid).ok_or_else(unauthenticated)?;
        let signed = Signed { kid: shown.kid.clone(), claims: shown.claims.clone() };
        // The hash goes first: it costs less than the signature.
        self.record(&signed, hash)?;
        if shown.is_signed_by(&key) { Ok(Arc::new(signed)) } else { Err(unauthenticated()) }
    }

    /// What is on record of the key that a token is.
    fn record(&self, signed: &Signed, hash: TokenHash) -> Result<KeyRecord, Reject> {
        if !self.directory.has_verifying_key(&signed.kid) {
            return Err(unauthenticated());
        }
        let record = self.directory.key(&signed.claims.key_id).ok_or_else(unauthenticated)?;
        if hash != record.token_hash || signed.claims.principal_id != record.principal.id {
            return Err(unauthenticated());
        }
        Ok(record)
    }

    fn certificate(
        &self,
        credentials: &Credentials<'_>,
        namespace: String,
        now: Time,
        may_try: impl FnOnce() -> Result<(), Reject>,
    ) -> Result<Caller, Reject> {
        let security = self.directory.namespace(&namespace).filter(|security| security.mtls_enabled);
        let ca = security.as_ref().and_then(|security| security.client_ca.clone());
        let ca = ca.unwrap_or_else(|| Arc::new(ClientCa::nobody()));
        let chain = credentials.peer_certificates;
        let mut shown = ca.digest().to_vec();
        for part in [namespace.as_bytes()].into_iter().chain(chain.iter().map(AsRef::as_ref)) {
            shown.extend_from_slice(&part.len().to_le_bytes());
            shown.extend_from_slice(part);
        }
        let caller = self.chains.get(token::sha256(&shown), || {
            may_try()?;
            let certificate = Arc::new(ca.verify(chain, now).map_err(unauthenticated_because)?);
            Ok(Arc::new(CertificateCaller { namespace, certificate }))
        })?;
        let certificate = &caller.certificate;
        if now < certificate.not_before || now > certificate.not_after {
            // It was good before: say what has changed.
            ca.verify(chain, now).map_err(unauthenticated_because)?;
            return Err(unauthenticated());
        }
        match security {
            Some(security) if security.filters.allow(certificate) => Ok(Caller::Certificate(caller)),
            _ => Ok(Caller::FilteredOut(caller)),
        }
    }

    fn authorize(&self, caller: &Caller, permission: Permission, namespace: Option<&str>) -> Result<(), Reject> {
        if permission.access == Access::Open {
            return Ok(());
        }
        if matches!(caller, Caller::Anonymous) {
            return Err(unauthenticated_because("no API key was shown, and no client certificate for a namespace"));
        }
        if let Caller::FilteredOut(shown) = caller {
            let text = format!(
                "Request unauthorized: no certificate filter of namespace \"{}\" matches the client certificate.",
                shown.namespace
            );
            return Err(Reject::new(Kind::PermissionDenied, text));
        }
        if !permission.tenants {
            return Err(unauthorized());
        }
        match permission.reach {
            Reach::Cluster => self.authorize_in_cluster(caller, permission.access),
            Reach::Namespace => {
                let namespace = namespace.ok_or_else(unauthorized)?;
                self.authorize_in_namespace(caller, permission.access, namespace)
            }
        }
    }

    /// What a tenant may ask of the cluster says nothing of other tenants: a right in any namespace is enough.
    fn authorize_in_cluster(&self, caller: &Caller, access: Access) -> Result<(), Reject> {
        let held = match caller {
            Caller::Principal(principal) if principal.is_account_admin() => Some(NamespacePermission::Admin),
            Caller::Principal(principal) => principal.namespace_accesses.values().max().copied(),
            Caller::Certificate(_) => Some(NamespacePermission::Admin),
            Caller::Open | Caller::Anonymous | Caller::FilteredOut(_) => None,
        };
        if suffices(held, access) { Ok(()) } else { Err(unauthorized()) }
    }

    fn authorize_in_namespace(&self, caller: &Caller, access: Access, namespace: &str) -> Result<(), Reject> {
        let held = match caller {
            Caller::Principal(principal) => principal.namespace_permission(namespace),
            Caller::Certificate(certificate) => {
                (certificate.namespace == namespace).then_some(NamespacePermission::Admin)
            }
            Caller::Open | Caller::Anonymous | Caller::FilteredOut(_) => None,
        };
        if !suffices(held, access) {
            return Err(unauthorized());
        }
        // From here on the caller has rights in a namespace of this name, and may know what became of it.
        let Some(security) = self.directory.namespace(namespace) else {
            let kind = Kind::NamespaceNotFound { namespace: namespace.to_owned() };
            return Err(Reject::new(kind, format!("Namespace {namespace} is not found.")));
        };
        // A person who has logged in shows no key.
        let shows_key = matches!(caller, Caller::Principal(principal) if principal.api_key_id.is_some());
        if shows_key && !security.api_key_enabled {
            let text = format!("Request unauthorized: namespace \"{namespace}\" does not take API keys.");
            return Err(Reject::new(Kind::PermissionDenied, text));
        }
        Ok(())
    }
}

/// Whether a permission includes what a method needs.
fn suffices(held: Option<NamespacePermission>, needed: Access) -> bool {
    match needed {
        Access::Open => true,
        Access::Read => held >= Some(NamespacePermission::Read),
        Access::Write => held >= Some(NamespacePermission::Write),
        Access::Admin => held >= Some(NamespacePermission::Admin),
    }
}

/// The token of an `authorization` header. The scheme's case does not count. Source: RFC 6750 section 2.1, RFC 9110
/// section 11.1.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_matches(' '))
}

#[cfg(test)]
mod tests;
