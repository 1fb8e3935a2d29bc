//! A data plane on real sockets: two namespaces of an account, and a server certificate in files.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use auth::{ClientCa, Directory, Filter, Filters, KeyRecord, NamespaceSecurity, Policy, VerifyingKey};
use engine::{Config, Engine};
use model::{Limits, Plane};
use proto::temporal::api::workflowservice::v1::{
    DescribeNamespaceRequest, GetSystemInfoRequest, workflow_service_client::WorkflowServiceClient,
};
use store::MemoryStore;
use tokio::{net::TcpListener, task::JoinSet};
use tonic::{
    Request, Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use transport::{Acceptor, Clients, Loops, Port, ServerTls};

use super::pki::{Authority, Leaf};
use crate::{About, NewNamespace, ServerContext, ensure, grpc};

pub(super) const ACCOUNT: &str = "a2dd6";
pub(super) const BANK: &str = "bank.a2dd6";
pub(super) const SHOP: &str = "shop.a2dd6";
pub(super) const BANK_HOST: &str = "bank.a2dd6.localhost.test";
pub(super) const NOBODYS_HOST: &str = "nobody.a2dd6.localhost.test";

/// The account as the policy sees it.
#[derive(Default)]
pub(super) struct Account(Mutex<BTreeMap<String, Arc<NamespaceSecurity>>>);

impl Account {
    pub(super) fn trust(&self, namespace: &str, authority: &Authority, filters: Vec<Filter>) {
        let security = NamespaceSecurity {
            mtls_enabled: true,
            api_key_enabled: true,
            client_ca: Some(Arc::new(ClientCa::parse(authority.pem().as_bytes()).unwrap())),
            filters: Filters::new(filters).unwrap(),
        };
        self.0.lock().unwrap().insert(namespace.to_owned(), Arc::new(security));
    }
}

impl Directory for Account {
    fn account_id(&self) -> &str {
        ACCOUNT
    }

    fn key(&self, _key_id: &str) -> Option<KeyRecord> {
        None
    }

    fn namespace(&self, namespace: &str) -> Option<Arc<NamespaceSecurity>> {
        self.0.lock().unwrap().get(namespace).cloned()
    }

    fn verifying_key(&self, _kid: &str) -> Option<VerifyingKey> {
        None
    }
}

/// One after the other: tests draw no randomness.
fn new_id() -> uuid::Uuid {
    static LAST: AtomicU64 = AtomicU64::new(0);
    uuid::Uuid::from_u128(LAST.fetch_add(1, Ordering::Relaxed).into())
}

/// A server, until it is dropped.
pub(super) struct World {
    pub(super) tls: SocketAddr,
    pub(super) plain: SocketAddr,
    pub(super) account: Arc<Account>,
    /// Signs the server's certificate.
    pub(super) root: Authority,
    /// Signs the clients of the bank, and those of the shop.
    pub(super) bank: Authority,
    pub(super) shop: Authority,
    pub(super) shown: Arc<ServerTls>,
    folder: PathBuf,
    _loops: Loops,
    _servers: JoinSet<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl World {
    pub(super) async fn new() -> Self {
        // Every kind of wrong credentials comes from one address.
        Self::with(Limits { wrong_credentials: 10_000, ..Limits::default() }).await
    }

    pub(super) async fn with(limits: Limits) -> Self {
        let folder = std::env::temp_dir().join(format!("frontend-{}-{}", std::process::id(), new_id()));
        fs::create_dir_all(&folder).unwrap();
        let root = Authority::new("servers");
        let (bank, shop) = (Authority::new("clients of the bank"), Authority::new("clients of the shop"));
        write(&folder, &root.server(&["*.a2dd6.localhost.test", "localhost", "127.0.0.1"]));
        let shown = ServerTls::load(&folder.join("server.pem"), &folder.join("server.key")).unwrap();
        let account = Arc::new(Account::default());
        account.trust(BANK, &bank, Vec::new());
        account.trust(SHOP, &shop, Vec::new());
        let context = context(account.clone(), limits).await;

        let (loops, mut servers) = (Loops::start(1).unwrap(), JoinSet::new());
        let mut open = async |tls: bool| {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let acceptor = tls.then(|| Acceptor::new(shown.clone(), Clients::MayShowCertificate, &[b"h2"]).unwrap());
            let port = Port::new(listener, acceptor, Plane::Data, loops.handles());
            servers.spawn(grpc::serve_data(context.clone(), port, std::future::pending()));
            address
        };
        let (tls, plain) = (open(true).await, open(false).await);
        Self { tls, plain, account, root, bank, shop, shown, folder, _loops: loops, _servers: servers }
    }

    /// Puts another server certificate into the files.
    pub(super) fn renew(&self, authority: &Authority) {
        write(&self.folder, &authority.server(&["*.a2dd6.localhost.test", "127.0.0.1"]));
    }

    /// Breaks the files.
    pub(super) fn spoil(&self) {
        fs::write(self.folder.join("server.key"), "nothing").unwrap();
    }

    /// A client of the TLS port. `host`: the server name and authority that it asks for; none: the address.
    pub(super) async fn client(&self, host: Option<&str>, leaf: Option<&Leaf>) -> Client {
        self.client_at(host, host, leaf).await
    }

    /// The same, where the server name and the authority of the requests may differ.
    pub(super) async fn client_at(
        &self,
        server_name: Option<&str>,
        authority: Option<&str>,
        leaf: Option<&Leaf>,
    ) -> Client {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.root.pem()));
        let mut endpoint = Endpoint::from_shared(format!("https://{}", self.tls)).unwrap();
        if let Some(name) = server_name {
            tls = tls.domain_name(name);
        }
        if let Some(host) = authority {
            endpoint = endpoint.origin(format!("https://{host}:7233").parse().unwrap());
        }
        if let Some(leaf) = leaf {
            tls = tls.identity(Identity::from_pem(&leaf.certificate_pem, &leaf.key_pem));
        }
        Client(WorkflowServiceClient::new(endpoint.tls_config(tls).unwrap().connect_lazy()))
    }
}

fn write(folder: &std::path::Path, leaf: &Leaf) {
    fs::write(folder.join("server.pem"), &leaf.certificate_pem).unwrap();
    fs::write(folder.join("server.key"), &leaf.key_pem).unwrap();
}

async fn context(account: Arc<Account>, limits: Limits) -> Arc<ServerContext> {
    let config = Config { shards: 1, limits: Arc::new(limits), address: String::new(), cached_runs: 10 };
    let engine = Engine::open(Arc::new(MemoryStore::default()), config).unwrap();
    let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
    let context = ServerContext::new(engine, Policy::secured(account), about, new_id);
    for name in [BANK, SHOP] {
        ensure(&context, NewNamespace::named(name, Duration::from_secs(86_400))).await.unwrap();
    }
    context
}

/// A client that shows what it was made with.
#[derive(Clone)]
pub(super) struct Client(WorkflowServiceClient<Channel>);

impl Client {
    /// Any client over a channel.
    pub(super) fn over(channel: Channel) -> Self {
        Self(WorkflowServiceClient::new(channel))
    }

    /// What a client asks first.
    pub(super) async fn greet(&mut self) -> Result<(), Status> {
        self.0.get_system_info(GetSystemInfoRequest {}).await.map(|_| ())
    }

    /// A read of a namespace.
    pub(super) async fn read(&mut self, namespace: &str) -> Result<(), Status> {
        self.read_with(namespace, &[("temporal-namespace", namespace.as_bytes())]).await
    }

    /// The same with these headers.
    pub(super) async fn read_with(&mut self, namespace: &str, headers: &[(&'static str, &[u8])]) -> Result<(), Status> {
        let mut request =
            Request::new(DescribeNamespaceRequest { namespace: namespace.to_owned(), ..Default::default() });
        let map = std::mem::take(request.metadata_mut());
        let mut map = map.into_headers();
        for (name, value) in headers {
            map.append(*name, tonic::codegen::http::HeaderValue::from_bytes(value).unwrap());
        }
        *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(map);
        self.0.describe_namespace(request).await.map(|_| ())
    }
}
