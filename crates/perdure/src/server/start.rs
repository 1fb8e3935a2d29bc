//! A server's life: ports, store, engine, services, banner; then a signal, and the way back.

use std::{collections::BTreeMap, io::Write, sync::Arc, time::Duration};

use engine::Engine;
use frontend::{About, Hosts, NewNamespace, Page, ServerContext, Ui};
use model::Limits;
use proto::temporal::api::enums::v1::IndexedValueType;
use store::{MemoryStore, Store};
use store_sqlite::{OpenOptions, SqliteStore};
use tokio::{
    net::TcpListener,
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};
use transport::{LoopHandles, Loops};

use super::{
    banner::Banner,
    flags::StartDevArgs,
    listen::{self, Ports, shown},
    open_files, settings,
    upkeep::Upkeep,
    verification::Verification,
};
use crate::{logs::Output, memory};

/// The version that clients read to decide what they may use.
pub(super) const SERVER_VERSION: &str = "1.32.0";
/// The fewest threads that connections live on; there is one for each processor. What waits for the disk long has threads of
/// its own.
const FEWEST_LOOPS: usize = 2;
/// Shards of new data: enough for the lanes of a large machine, and to be dealt out among several.
const SHARDS: u32 = 64;
/// Idle runs that are kept in memory.
const CACHED_RUNS: usize = 2_000;
/// How long a closed workflow is kept in a namespace that the server makes itself.
const RETENTION: Duration = Duration::from_secs(24 * 3_600);
/// How long calls that are under way may take after a signal.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the development server.
pub(super) fn run(args: StartDevArgs, output: &Output) -> Result<(), String> {
    output.start();
    on_loops(|loops| serve(args, output, loops))
}

/// Runs a server on this thread, and its connections on others.
pub(super) fn on_loops<F>(serve: impl FnOnce(LoopHandles) -> F) -> Result<(), String>
where
    F: Future<Output = Result<(), String>>,
{
    let no_loop = |error| format!("an event loop can't start: {error}");
    let runtime = Builder::new_current_thread().enable_all().build().map_err(no_loop)?;
    let loops = Loops::start(memory::processors().max(FEWEST_LOOPS)).map_err(no_loop)?;
    let outcome = runtime.block_on(serve(loops.handles()));
    drop(loops);
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

async fn serve(args: StartDevArgs, output: &Output, loops: LoopHandles) -> Result<(), String> {
    // Lists as on the reference's development server.
    let base = Limits { lists_per_second: 100, ..memory::limits() };
    let mut limits = settings::limits(base, &args.dynamic_config_value)?;
    limits.memory = args.memory.as_deref().map_or(Ok(limits.memory), memory::read)?;
    open_files::raise(&mut limits);
    let attributes = settings::search_attributes(&args.search_attribute)?;
    let pragmas = settings::pragmas(&args.sqlite_pragma)?;
    let ports = listen::bind(&args)?;
    let banner = banner(&args, &ports)?;
    let address = banner.grpc.to_string();
    if !banner.grpc.ip().is_loopback() {
        tracing::warn!(%address, "the development server is open to everybody who can reach this address");
    }
    if args.log_config {
        eprintln!("{args:#?}\n{limits:#?}");
    }
    let OpenStore { store, name, verification, upkeep } = open_store(&args, &address, pragmas)?;
    let config =
        engine::Config { shards: SHARDS, limits: Arc::new(limits), address: address.clone(), cached_runs: CACHED_RUNS };
    let engine = Engine::open(store, config).map_err(|error| error.to_string())?;
    let about = About { server_version: SERVER_VERSION, store: name, shards: engine.shards(), address };
    let context = ServerContext::new(engine.clone(), auth::Policy::Open, about, uuid::Uuid::new_v4);
    namespaces(&context, &args.namespace, &attributes).await?;
    frontend::resume_deletions(&context);

    let (stop, stopped) = watch::channel(false);
    let hosts = Hosts::new(args.public_host);
    let servers = open_ports(&context, ports, loops, &banner, hosts, &stopped);
    let ended = signalled().map_err(|error| format!("signals can't be watched: {error}"))?;
    if output.is_text() {
        print(&banner.text())?;
    }
    Running { context, engine, servers, stop, grace: GRACE, verification, upkeep }.until(ended).await
}

/// A server whose ports are served.
pub(super) struct Running {
    pub(super) context: Arc<ServerContext>,
    pub(super) engine: Engine,
    pub(super) servers: JoinSet<()>,
    /// Told `true` when it is time to close.
    pub(super) stop: watch::Sender<bool>,
    /// How long calls that are under way may then take.
    pub(super) grace: Duration,
    pub(super) verification: Verification,
    pub(super) upkeep: Upkeep,
}

impl Running {
    /// Serves until `ended` is, and ends in good order.
    ///
    /// # Errors
    /// When a port ends by itself, or a page of the database is found to be damaged.
    pub(super) async fn until(self, ended: impl Future<Output = ()>) -> Result<(), String> {
        let Self { context, engine, mut servers, stop, grace, mut verification, upkeep } = self;
        tokio::select! {
            () = ended => {}
            Some(_) = servers.join_next() => return Err("a listener failed; see the log".to_owned()),
            damage = verification.damage() => return Err(damage),
        }
        drop(verification);
        let _ = stop.send(true);
        context.stop_tasks();
        // Polls return empty now, so that their connections can close.
        engine.shutdown().await;
        let _ = tokio::time::timeout(grace, async { while servers.join_next().await.is_some() {} }).await;
        drop(upkeep);
        Ok(())
    }
}

fn banner(args: &StartDevArgs, ports: &Ports) -> Result<Banner, String> {
    let at = |listener: &TcpListener| listener.local_addr().map_err(|error| error.to_string());
    Ok(Banner {
        grpc: at(&ports.grpc)?,
        persistence: args.file().map_or("in-memory".to_owned(), |file| file.display().to_string()),
        http: args.http_port.map(|_| at(&ports.http)).transpose()?,
        ui: ports.ui.as_ref().map(at).transpose()?,
        metrics: at(&ports.metrics)?,
    })
}

/// Prints the banner of a server.
pub(super) fn print(banner: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    out.write_all(banner.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| format!("the banner can't be printed: {error}"))
}

/// A store, what its kind is called, and what goes on beside it.
struct OpenStore {
    store: Arc<dyn Store>,
    name: &'static str,
    verification: Verification,
    upkeep: Upkeep,
}

fn open_store(args: &StartDevArgs, address: &str, pragmas: Vec<(String, String)>) -> Result<OpenStore, String> {
    let Some(file) = args.file() else {
        let store = Arc::new(MemoryStore::new());
        return Ok(OpenStore {
            store,
            name: "memory",
            verification: Verification::default(),
            upkeep: Upkeep::default(),
        });
    };
    let options = OpenOptions { address: address.to_owned(), pragmas, ..OpenOptions::default() };
    let store = SqliteStore::open(file, options).map_err(|error| error.to_string())?;
    let store = Arc::new(store);
    let no_thread = |error| format!("a thread can't start: {error}");
    let verification = Verification::begin(&store).map_err(no_thread)?;
    let upkeep = Upkeep::begin(&store).map_err(no_thread)?;
    Ok(OpenStore { store, name: "sqlite", verification, upkeep })
}

/// The namespaces of the flags, and the two that are always there.
async fn namespaces(
    context: &ServerContext,
    names: &[String],
    search_attributes: &BTreeMap<String, IndexedValueType>,
) -> Result<(), String> {
    for name in ["default"].into_iter().chain(names.iter().map(String::as_str)) {
        let new = NewNamespace { search_attributes: search_attributes.clone(), ..NewNamespace::named(name, RETENTION) };
        frontend::ensure(context, new)
            .await
            .map_err(|reject| format!("namespace \"{name}\" can't be created: {reject}"))?;
    }
    frontend::ensure_system(context).await.map_err(|reject| format!("the system namespace can't be created: {reject}"))
}

fn open_ports(
    context: &Arc<ServerContext>,
    ports: Ports,
    loops: LoopHandles,
    banner: &Banner,
    hosts: Hosts,
    stopped: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut servers = JoinSet::new();
    servers.spawn(frontend::serve(context.clone(), ports.grpc, loops.clone(), told(stopped)));
    let ui = Page::Ui(Ui::new(shown(banner.grpc), None));
    let pages = [(Some(ports.metrics), Page::Metrics), (Some(ports.http), Page::HttpApi), (ports.ui, ui)];
    show(&mut servers, context, &loops, pages, hosts, stopped);
    servers
}

/// Ends when the server is told to stop.
pub(super) fn told(stopped: &watch::Receiver<bool>) -> impl Future<Output = ()> + Send + use<> {
    let mut stopped = stopped.clone();
    async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }
}

/// Serves the pages that have a listener, under `hosts`.
pub(super) fn show(
    servers: &mut JoinSet<()>,
    context: &Arc<ServerContext>,
    loops: &LoopHandles,
    pages: impl IntoIterator<Item = (Option<TcpListener>, Page)>,
    hosts: Hosts,
    stopped: &watch::Receiver<bool>,
) {
    for (listener, page) in pages {
        if let Some(listener) = listener {
            let (loops, hosts) = (loops.clone(), hosts.clone());
            servers.spawn(frontend::serve_page(context.clone(), listener, loops, page, hosts, told(stopped)));
        }
    }
}

/// Ends when somebody interrupts or terminates the process.
pub(super) fn signalled() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
