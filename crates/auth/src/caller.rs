//! What a caller shows of itself, and who it turned out to be.

use std::{fmt, sync::Arc};

use model::Plane;

use crate::{CertificateDer, ClientCertificate, Principal};

/// What a caller shows of itself, before anything of the request is read.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    pub plane: Plane,
    /// The `authorization` header. One that is not text is given as the empty text, so that it is refused and not
    /// taken for none.
    pub authorization: Option<&'a str>,
    /// The certificates that the client showed at the handshake, its own first; empty when it showed none.
    pub peer_certificates: &'a [CertificateDer<'static>],
    /// The server name of the handshake (SNI). Absent when the client connected to an address.
    pub server_name: Option<&'a str>,
    /// The `:authority` or `host` of the request, with or without a port.
    pub authority: Option<&'a str>,
    /// The `temporal-namespace` header.
    pub namespace_header: Option<&'a str>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("plane", &self.plane)
            .field("authorization", &self.authorization.map(|_| "…"))
            .field("peer_certificates", &self.peer_certificates.len())
            .field("server_name", &self.server_name)
            .field("authority", &self.authority)
            .field("namespace_header", &self.namespace_header)
            .finish()
    }
}

/// Who calls, as the policy has established it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The policy is open: no caller is asked who it is.
    Open,
    /// Showed nothing, or a certificate without a word of the namespace that it is for. May learn what the server is.
    Anonymous,
    /// Showed an API key.
    Principal(Arc<Principal>),
    /// Showed a certificate of a namespace.
    Certificate(Arc<CertificateCaller>),
    /// Showed a certificate that the namespace trusts and its filters leave out: known, and without any right.
    FilteredOut(Arc<CertificateCaller>),
}

/// The holder of a certificate that a namespace trusts: all rights on the data plane in that namespace, none elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateCaller {
    /// `<name>.<account>`.
    pub namespace: String,
    pub certificate: Arc<ClientCertificate>,
}

/// The namespace `<name>.<account>` that a host `<name>.<account>.<domain>` stands for, whether or not there is one.
/// The host may carry a port. `None` for any other host, and for addresses.
pub fn namespace_of_host(host: &str, account_id: &str) -> Option<String> {
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let mut labels = host.trim_end_matches('.').splitn(3, '.');
    let (name, account, domain) = (labels.next()?, labels.next()?, labels.next()?);
    let is_named = !name.is_empty() && !domain.is_empty() && account.eq_ignore_ascii_case(account_id);
    is_named.then(|| format!("{}.{account_id}", name.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_names_a_namespace_by_its_first_two_labels() {
        let rows = [
            ("orders.a2dd6.example.test", Some("orders.a2dd6")),
            ("Orders.A2DD6.Example.Test:7233", Some("orders.a2dd6")),
            ("orders.a2dd6.test.", Some("orders.a2dd6")),
            ("orders.b3ee7.example.test", None),
            ("orders.a2dd6", None),
            ("orders.a2dd6.", None),
            (".a2dd6.test", None),
            ("saas-api.example.test", None),
            ("127.0.0.1:7233", None),
            ("[::1]:7233", None),
            ("localhost", None),
            ("", None),
        ];
        for (host, namespace) in rows {
            assert_eq!(namespace_of_host(host, "a2dd6").as_deref(), namespace, "{host}");
        }
    }

    #[test]
    fn a_key_does_not_show_when_credentials_are_printed() {
        let credentials = Credentials { authorization: Some("Bearer sesame"), ..Credentials::default() };
        assert!(!format!("{credentials:?}").contains("sesame"));
    }
}
