//! An account for tests: three namespaces, keys and certificates made on the spot.

use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
    time::Duration,
};

use model::Time;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use crate::{
    AccountRole, CertificateDer, Claims, ClientCa, Directory, Filters, KeyRecord, NamespacePermission,
    NamespaceSecurity, Principal, PrincipalKind, Scope, SigningKey, Token, VerifyingKey, mint,
};

pub(crate) const ACCOUNT: &str = "a2dd6";
/// Takes keys and certificates.
pub(crate) const ORDERS: &str = "orders.a2dd6";
/// Another tenant's, as far as the tests' callers go.
pub(crate) const BILLING: &str = "billing.a2dd6";
/// There is none of this name.
pub(crate) const NOTHING: &str = "nothing.a2dd6";

/// A time at which the certificates and keys of the tests are valid, in nanoseconds: 2030-01-01.
pub(crate) const NOW: Time = Time(1_893_456_000_000_000_000);

pub(crate) fn day(number: i64) -> Time {
    Time(NOW.0 + number * 86_400_000_000_000)
}

/// A principal of the account with a role there, and permissions.
pub(crate) fn principal(role: Option<AccountRole>, accesses: &[(&str, NamespacePermission)]) -> Principal {
    Principal {
        id: "5".repeat(32),
        kind: PrincipalKind::ServiceAccount,
        name: "worker".into(),
        api_key_id: Some("K".repeat(32)),
        account_role: role,
        namespace_accesses: accesses.iter().map(|(namespace, permission)| ((*namespace).into(), *permission)).collect(),
        scope: Scope::Account,
    }
}

/// What is on record, open to changes while the policy is in use.
pub(crate) struct Account {
    pub(crate) signing_key: SigningKey,
    pub(crate) retired: RwLock<bool>,
    pub(crate) keys: RwLock<BTreeMap<String, KeyRecord>>,
    pub(crate) namespaces: RwLock<BTreeMap<String, Arc<NamespaceSecurity>>>,
}

impl Account {
    /// With [`ORDERS`] and [`BILLING`], each with its authority.
    pub(crate) fn new(orders: &Authority, billing: &Authority) -> Arc<Self> {
        let security = |authority: &Authority| {
            Arc::new(NamespaceSecurity {
                mtls_enabled: true,
                api_key_enabled: true,
                client_ca: Some(Arc::new(ClientCa::parse(authority.pem.as_bytes()).unwrap())),
                filters: Filters::default(),
            })
        };
        let namespaces = [(ORDERS.to_owned(), security(orders)), (BILLING.to_owned(), security(billing))];
        Arc::new(Self {
            signing_key: SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap(),
            retired: RwLock::new(false),
            keys: RwLock::default(),
            namespaces: RwLock::new(namespaces.into()),
        })
    }

    /// A key for a principal, good for thirty days, and on record.
    pub(crate) fn key(&self, principal: Principal) -> Token {
        let key_id = principal.api_key_id.clone().unwrap();
        let expires_at = day(30);
        let claims = Claims {
            account_id: ACCOUNT.into(),
            principal_id: principal.id.clone(),
            key_id: key_id.clone(),
            expires_at,
        };
        let token = mint(&claims, &self.signing_key).unwrap();
        let principal = Arc::new(principal);
        let record = KeyRecord { principal, disabled: false, expires_at, token_hash: token.hash() };
        self.keys.write().unwrap().insert(key_id, record);
        token
    }

    /// Changes the record of a key.
    pub(crate) fn change(&self, key_id: &str, change: impl FnOnce(&mut KeyRecord)) {
        change(self.keys.write().unwrap().get_mut(key_id).unwrap());
    }

    /// Changes a namespace.
    pub(crate) fn secure(&self, namespace: &str, change: impl FnOnce(&mut NamespaceSecurity)) {
        let mut namespaces = self.namespaces.write().unwrap();
        let mut security = NamespaceSecurity::clone(&namespaces[namespace]);
        change(&mut security);
        namespaces.insert(namespace.to_owned(), Arc::new(security));
    }
}

impl Directory for Account {
    fn account_id(&self) -> &str {
        ACCOUNT
    }

    fn key(&self, key_id: &str) -> Option<KeyRecord> {
        self.keys.read().unwrap().get(key_id).cloned()
    }

    fn namespace(&self, namespace: &str) -> Option<Arc<NamespaceSecurity>> {
        self.namespaces.read().unwrap().get(namespace).cloned()
    }

    fn verifying_key(&self, kid: &str) -> Option<VerifyingKey> {
        let is_known = kid == self.signing_key.kid() && !*self.retired.read().unwrap();
        is_known.then(|| self.signing_key.verifying_key())
    }
}

/// An authority and its key.
pub(crate) struct Authority {
    pub(crate) pem: String,
    pub(crate) der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// What a certificate is made of: the tests change what they are about.
pub(crate) fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    valid(&mut params, -10, 10);
    params
}

/// From and until how many days after [`NOW`] a certificate is valid.
pub(crate) fn valid(params: &mut CertificateParams, from: i64, until: i64) {
    let now = rcgen::date_time_ymd(2030, 1, 1);
    let days = |number: i64| Duration::from_secs(number.unsigned_abs() * 86_400);
    params.not_before = if from < 0 { now - days(from) } else { now + days(from) };
    params.not_after = if until < 0 { now - days(until) } else { now + days(until) };
}

/// An authority that may sign.
pub(crate) fn ca_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, -100, 100);
    params
}

/// A client.
pub(crate) fn leaf_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        Self::self_signed(ca_params(name))
    }

    pub(crate) fn self_signed(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// An authority below this one.
    pub(crate) fn below(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// A client's certificate.
    pub(crate) fn leaf(&self, params: &CertificateParams) -> CertificateDer<'static> {
        params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap().der().clone()
    }
}
