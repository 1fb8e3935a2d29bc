//! A secured server on real sockets, over an account in memory.

use std::{
    fs,
    future::pending,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use auth::{Policy, SigningKey};
use control::{Control, NewAccount, NowAndSeed, Settings, create_account};
use engine::{Config, Engine};
use frontend::{About, Hosts, Login, Page, Port, Secured, ServerContext, Ui, serve_page, serve_secured};
use model::Limits;
use proto::temporal::api::{
    cloud::{
        cloudservice::v1::{
            CreateApiKeyRequest, CreateNamespaceRequest, CreateServiceAccountRequest, GetAsyncOperationRequest,
            cloud_service_client::CloudServiceClient,
        },
        identity::v1::{
            Access, AccountAccess, ApiKeySpec, NamespaceAccess, OwnerType, ServiceAccountSpec, account_access::Role,
            namespace_access::Permission,
        },
        namespace::v1::{ApiKeyAuthSpec, MtlsAuthSpec, NamespaceSpec},
        operation::v1::{AsyncOperation, async_operation::State},
    },
    workflowservice::v1::workflow_service_client::WorkflowServiceClient,
};
use store::MemoryStore;
use tokio::{net::TcpListener, task::JoinSet};
use tonic::{
    Request,
    metadata::MetadataValue,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use transport::{Loops, ServerTls};

use crate::pki::{Authority, Leaf};

pub(crate) const ACCOUNT: &str = "a2dd6";

fn count() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(1);
    LAST.fetch_add(1, Ordering::Relaxed)
}

fn new_id() -> uuid::Uuid {
    uuid::Uuid::from_u128(count().into())
}

fn seed() -> u128 {
    count().into()
}

/// The walks over all methods make more calls in a second than a caller should.
fn unhurried() -> Limits {
    let most = u32::MAX;
    Limits {
        requests_per_second: most,
        lists_per_second: most,
        namespace_changes_per_second_cluster: most,
        server_namespace_changes_per_second: most,
        ..Limits::default()
    }
}

/// An account that nobody serves yet.
pub(crate) struct Account {
    pub(crate) control: Control,
    pub(crate) owner_key: String,
    login_code: String,
    engine: Engine,
}

impl Account {
    pub(crate) fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let config = Config { shards: 1, limits: Arc::new(unhurried()), address: String::new(), cached_runs: 10 };
        let engine = Engine::open(store.clone(), config).unwrap();
        let now_and_seed = || NowAndSeed { now: engine.now(), seed: seed() };
        let signer = SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap();
        let settings = Settings {
            domain: "localhost.test".to_owned(),
            data_port: 7233,
            web_address: "http://127.0.0.1".to_owned(),
            region: "local".to_owned(),
            signer: Arc::new(signer),
            secret: || [u8::try_from(count() % 256).unwrap(); 32],
        };
        let soon = engine.now() + Duration::from_secs(90 * 86_400);
        let account = NewAccount {
            account_id: ACCOUNT.to_owned(),
            owner_email: "owner@example.test".to_owned(),
            api_key_expires: soon,
            login_secret: [7; 32],
            login_expires: soon,
        };
        let created = create_account(&*store, &account, &settings, &now_and_seed()).unwrap();
        let control = Control::open(store, settings, &now_and_seed()).unwrap();
        Self { control, owner_key: created.api_key, login_code: created.login_code, engine }
    }

    pub(crate) fn now_and_seed(&self) -> NowAndSeed {
        NowAndSeed { now: self.engine.now(), seed: seed() }
    }

    pub(crate) async fn serve(self) -> World {
        let folder = std::env::temp_dir().join(format!("secured-{}-{}", std::process::id(), count()));
        fs::create_dir_all(&folder).unwrap();
        let root = Authority::new("servers");
        let shown = root.server(&["*.a2dd6.localhost.test", "saas-api.localhost.test", "127.0.0.1"]);
        fs::write(folder.join("server.pem"), &shown.certificate_pem).unwrap();
        fs::write(folder.join("server.key"), &shown.key_pem).unwrap();
        let tls = ServerTls::load(&folder.join("server.pem"), &folder.join("server.key")).unwrap();
        let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (data, cloud, pages) = (listen().await, listen().await, listen().await);
        let (data_address, cloud_address) = (data.local_addr().unwrap(), cloud.local_addr().unwrap());
        let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
        let policy = Policy::secured(Arc::new(self.control.clone()));
        let context = ServerContext::new(self.engine, policy, about, new_id);
        let loops = Loops::start(1).unwrap();
        let ports = Secured {
            data: Port { listener: data, tls: Some(tls.clone()) },
            cloud: Port { listener: cloud, tls: Some(tls) },
            loops: loops.handles(),
            seed,
        };
        let web = pages.local_addr().unwrap();
        let secret = || [u8::try_from(count() % 256).unwrap(); 32];
        let login = Login { control: self.control.clone(), seed, secret };
        let ui = Page::Ui(Ui::new(data_address.to_string(), Some(login)));
        let showing = serve_page(context.clone(), pages, loops.handles(), ui, Hosts::default(), pending());
        let serving = serve_secured(context, self.control, ports, pending());
        let mut servers = JoinSet::new();
        servers.spawn(async move { serving.await.unwrap() });
        servers.spawn(showing);
        World {
            data: data_address,
            cloud: cloud_address,
            web,
            owner_key: self.owner_key,
            login_code: self.login_code,
            root,
            folder,
            _loops: loops,
            _servers: servers,
        }
    }
}

/// A secured server, until it is dropped.
pub(crate) struct World {
    pub(crate) data: SocketAddr,
    pub(crate) cloud: SocketAddr,
    /// The pages, in plain text.
    pub(crate) web: SocketAddr,
    pub(crate) owner_key: String,
    pub(crate) login_code: String,
    pub(crate) root: Authority,
    folder: PathBuf,
    _loops: Loops,
    _servers: JoinSet<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A message with a key, and with the namespace's header where there is one.
pub(crate) fn with<M>(message: M, key: &str, namespace: &str) -> Request<M> {
    let mut request = Request::new(message);
    let value = |text: String| MetadataValue::try_from(text).unwrap();
    if !key.is_empty() {
        request.metadata_mut().insert("authorization", value(format!("Bearer {key}")));
    }
    if !namespace.is_empty() {
        request.metadata_mut().insert("temporal-namespace", value(namespace.to_owned()));
    }
    request
}

impl World {
    fn tls(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.root.pem()))
    }

    pub(crate) fn cloud(&self) -> CloudServiceClient<Channel> {
        CloudServiceClient::new(self.channel(self.cloud, None))
    }

    /// A client of the data plane, by address, with this certificate.
    pub(crate) fn workflows(&self, leaf: Option<&Leaf>) -> WorkflowServiceClient<Channel> {
        WorkflowServiceClient::new(self.channel(self.data, leaf))
    }

    pub(crate) fn channel(&self, address: SocketAddr, leaf: Option<&Leaf>) -> Channel {
        let mut tls = self.tls();
        if let Some(leaf) = leaf {
            tls = tls.identity(Identity::from_pem(&leaf.certificate_pem, &leaf.key_pem));
        }
        Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap().connect_lazy()
    }

    /// A namespace that takes keys, and certificates of the authority if there is one; its id.
    pub(crate) async fn namespace(&self, name: &str, authority: Option<&Authority>) -> String {
        let request = create_namespace(name, authority);
        let made = self.cloud().create_namespace(with(request, &self.owner_key, "")).await.unwrap().into_inner();
        self.done(made.async_operation.unwrap()).await;
        made.namespace
    }

    /// Waits until an operation is fulfilled.
    pub(crate) async fn done(&self, operation: AsyncOperation) {
        let mut cloud = self.cloud();
        let mut state = operation.state();
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        while state != State::Fulfilled {
            assert!(matches!(state, State::Pending | State::InProgress), "{state:?}");
            ticks.tick().await;
            let request = GetAsyncOperationRequest { async_operation_id: operation.id.clone() };
            let found = cloud.get_async_operation(with(request, &self.owner_key, "")).await.unwrap().into_inner();
            state = found.async_operation.unwrap().state();
        }
    }

    /// The key of a new service account with a permission in each of these namespaces, and the key's id.
    pub(crate) async fn robot(&self, name: &str, rights: &[(&str, Permission)]) -> (String, String) {
        self.robot_as(name, Role::Read, rights).await
    }

    /// The same with a role in the account.
    pub(crate) async fn robot_as(&self, name: &str, role: Role, rights: &[(&str, Permission)]) -> (String, String) {
        let mut cloud = self.cloud();
        let right = |(namespace, permission): &(&str, Permission)| {
            ((*namespace).to_owned(), NamespaceAccess { permission: (*permission).into(), ..Default::default() })
        };
        let access = Access {
            account_access: Some(AccountAccess { role: role.into(), ..Default::default() }),
            namespace_accesses: rights.iter().map(right).collect(),
            ..Default::default()
        };
        let spec = ServiceAccountSpec { name: name.to_owned(), access: Some(access), ..Default::default() };
        let request = CreateServiceAccountRequest { spec: Some(spec), ..Default::default() };
        let made = cloud.create_service_account(with(request, &self.owner_key, "")).await.unwrap().into_inner();
        let expires = std::time::UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(30 * 86_400);
        let spec = ApiKeySpec {
            owner_id: made.service_account_id,
            owner_type: OwnerType::ServiceAccount.into(),
            display_name: name.to_owned(),
            expiry_time: Some(prost_types::Timestamp { seconds: i64::try_from(expires.as_secs()).unwrap(), nanos: 0 }),
            ..Default::default()
        };
        let request = CreateApiKeyRequest { spec: Some(spec), ..Default::default() };
        let made = cloud.create_api_key(with(request, &self.owner_key, "")).await.unwrap().into_inner();
        (made.token, made.key_id)
    }
}

/// The request for a namespace that takes keys, and certificates of the authority if there is one.
pub(crate) fn create_namespace(name: &str, authority: Option<&Authority>) -> CreateNamespaceRequest {
    let mtls = authority.map(|authority| MtlsAuthSpec {
        enabled: true,
        accepted_client_ca: authority.pem().into_bytes().into(),
        ..Default::default()
    });
    let spec = NamespaceSpec {
        name: name.to_owned(),
        regions: vec!["local".to_owned()],
        retention_days: 7,
        mtls_auth: mtls,
        api_key_auth: Some(ApiKeyAuthSpec { enabled: true }),
        ..Default::default()
    };
    CreateNamespaceRequest { spec: Some(spec), ..Default::default() }
}
