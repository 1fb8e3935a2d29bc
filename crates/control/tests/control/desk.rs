//! An account in memory with its owner at the desk.

use std::{cell::Cell, sync::Arc, time::Duration};

use auth::{Caller, Directory, SigningKey};
use control::{ApiRequest, Control, Created, NewAccount, NowAndSeed, RequestContext, Settings, create_account};
use model::{Kind, Reject, Time};
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        CreateApiKeyRequest, CreateApiKeyResponse, CreateNamespaceRequest, CreateServiceAccountRequest,
        CreateUserRequest, GetNamespaceRequest,
    },
    identity::v1::{
        Access, AccountAccess, ApiKeySpec, NamespaceAccess, OwnerType, ServiceAccountSpec, UserSpec,
        account_access::Role, namespace_access::Permission,
    },
    namespace::v1::{ApiKeyAuthSpec, Namespace, NamespaceSpec},
};
use store::{MemoryStore, Store};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const ACCOUNT: &str = "a2dd6";

/// An account, a clock that moves by a second with each call, and its owner.
pub(crate) struct Desk<S: Store = MemoryStore> {
    pub(crate) store: Arc<S>,
    pub(crate) control: Control,
    pub(crate) settings: Settings,
    pub(crate) created: Created,
    pub(crate) owner: Caller,
    ticks: Cell<u64>,
}

pub(crate) fn settings() -> Settings {
    let pem = SigningKey::generate_pem().unwrap();
    Settings {
        domain: "example.test".to_owned(),
        data_port: 7233,
        web_address: "https://localhost:8233".to_owned(),
        region: "local".to_owned(),
        signer: Arc::new(SigningKey::from_pem(&pem).unwrap()),
        secret: || {
            static LAST: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(100);
            [LAST.fetch_add(1, std::sync::atomic::Ordering::Relaxed); 32]
        },
    }
}

pub(crate) fn start() -> Time {
    Time::from_millis(1_800_000_000_000)
}

impl Desk {
    pub(crate) fn new() -> Self {
        Desk::over(MemoryStore::new())
    }
}

impl<S: Store> Desk<S> {
    pub(crate) fn over(store: S) -> Self {
        let store = Arc::new(store);
        let settings = settings();
        let account = NewAccount {
            account_id: ACCOUNT.to_owned(),
            owner_email: "Owner@Example.test".to_owned(),
            api_key_expires: start() + DAY * 90,
            login_secret: [7; 32],
            login_expires: start() + DAY,
        };
        let created = create_account(&*store, &account, &settings, &NowAndSeed { now: start(), seed: 1 }).unwrap();
        let control = Control::open(store.clone(), settings.clone(), &NowAndSeed { now: start(), seed: 2 }).unwrap();
        let owner = caller(&control, &created.api_key_id);
        Self { store, control, settings, created, owner, ticks: Cell::new(10) }
    }

    /// Ends the process and opens the account again.
    pub(crate) fn reopen(&mut self) {
        self.control = Control::open(self.store.clone(), self.settings.clone(), &self.now_and_seed()).unwrap();
    }

    pub(crate) fn now(&self) -> Time {
        start() + Duration::from_secs(self.ticks.get())
    }

    pub(crate) fn pass(&self, span: Duration) {
        self.ticks.set(self.ticks.get() + span.as_secs());
    }

    pub(crate) fn now_and_seed(&self) -> NowAndSeed {
        self.ticks.set(self.ticks.get() + 1);
        NowAndSeed { now: self.now(), seed: u128::from(self.ticks.get()) }
    }

    pub(crate) fn request_context(&self) -> RequestContext {
        RequestContext { at: self.now_and_seed(), address: "192.0.2.7".to_owned() }
    }

    pub(crate) fn ask<Q: ApiRequest>(&self, caller: &Caller, request: &Q) -> Result<Q::Answer, Reject> {
        self.control.ask(caller, &self.request_context(), request)
    }

    /// The answer to the owner, who must get one.
    pub(crate) fn own<Q: ApiRequest>(&self, request: &Q) -> Q::Answer {
        match self.ask(&self.owner, request) {
            Ok(answer) => answer,
            Err(refusal) => panic!("{} was refused: {:?}", Q::METHOD, refusal),
        }
    }

    /// The refusal of a call of the owner, which must be one.
    pub(crate) fn refused<Q: ApiRequest>(&self, request: &Q) -> Reject {
        match self.ask(&self.owner, request) {
            Ok(answer) => panic!("{} was answered: {answer:?}", Q::METHOD),
            Err(refusal) => refusal,
        }
    }

    /// Does all jobs that wait.
    pub(crate) fn work(&self) {
        while let Some(job) = self.control.next_job() {
            self.control.finish(&self.now_and_seed(), &job.operation_id, Ok(())).unwrap();
        }
    }

    /// A namespace of this name, ready for use; its id.
    pub(crate) fn namespace(&self, name: &str) -> String {
        let id = self.own(&create_namespace(name)).namespace;
        self.work();
        id
    }

    pub(crate) fn describe(&self, id: &str) -> Namespace {
        self.own(&GetNamespaceRequest { namespace: id.to_owned() }).namespace.unwrap()
    }

    /// A user with the role; its id.
    pub(crate) fn user(&self, email: &str, role: Role) -> String {
        let spec = UserSpec { email: email.to_owned(), access: Some(access(role)) };
        self.own(&CreateUserRequest { spec: Some(spec), ..CreateUserRequest::default() }).user_id
    }

    pub(crate) fn service_account(&self, spec: ServiceAccountSpec) -> String {
        let request = CreateServiceAccountRequest { spec: Some(spec), ..CreateServiceAccountRequest::default() };
        self.own(&request).service_account_id
    }

    /// A key of the owner's making for somebody.
    pub(crate) fn key(&self, owner_id: &str) -> CreateApiKeyResponse {
        self.own(&self.create_key(owner_id, "key"))
    }

    pub(crate) fn create_key(&self, owner_id: &str, name: &str) -> CreateApiKeyRequest {
        let spec = ApiKeySpec {
            owner_id: owner_id.to_owned(),
            display_name: name.to_owned(),
            expiry_time: Some((self.now() + DAY * 30).to_proto()),
            ..ApiKeySpec::default()
        };
        CreateApiKeyRequest { spec: Some(spec), async_operation_id: String::new() }
    }

    /// Somebody who calls with a key of its own.
    pub(crate) fn caller(&self, owner_id: &str) -> Caller {
        caller(&self.control, &self.key(owner_id).key_id)
    }

    /// A new user with the role, calling with a key.
    pub(crate) fn person(&self, email: &str, role: Role) -> Caller {
        let id = self.user(email, role);
        self.caller(&id)
    }

    /// The same caller with the rights of this moment.
    pub(crate) fn again(&self, caller: &Caller) -> Caller {
        self::caller(&self.control, principal(caller).api_key_id.as_ref().unwrap())
    }
}

pub(crate) fn principal(caller: &Caller) -> &auth::Principal {
    match caller {
        Caller::Principal(principal) => principal,
        other => panic!("{other:?} is no principal"),
    }
}

pub(crate) fn caller(control: &Control, key_id: &str) -> Caller {
    Caller::Principal(control.key(key_id).unwrap().principal)
}

pub(crate) fn access(role: Role) -> Access {
    let account = AccountAccess { role: role as i32, ..AccountAccess::default() };
    Access { account_access: Some(account), ..Access::default() }
}

pub(crate) fn permit(permission: Permission) -> NamespaceAccess {
    NamespaceAccess { permission: permission as i32, ..NamespaceAccess::default() }
}

pub(crate) fn spec(name: &str) -> NamespaceSpec {
    NamespaceSpec {
        name: name.to_owned(),
        retention_days: 7,
        api_key_auth: Some(ApiKeyAuthSpec { enabled: true }),
        ..NamespaceSpec::default()
    }
}

pub(crate) fn create_namespace(name: &str) -> CreateNamespaceRequest {
    CreateNamespaceRequest { spec: Some(spec(name)), ..CreateNamespaceRequest::default() }
}

pub(crate) fn service_account(name: &str, role: Role) -> ServiceAccountSpec {
    ServiceAccountSpec { name: name.to_owned(), access: Some(access(role)), ..ServiceAccountSpec::default() }
}

/// The owner type that an owner id stands for in these tests.
pub(crate) const SERVICE_ACCOUNT: i32 = OwnerType::ServiceAccount as i32;

#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(result: Result<T, Reject>, kind: &Kind, words: &str) {
    let refusal = result.unwrap_err();
    assert_eq!(&refusal.kind, kind, "{}", refusal.message);
    assert!(refusal.message.contains(words), "\"{}\" has no \"{words}\"", refusal.message);
}
