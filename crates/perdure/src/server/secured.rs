//! `perdure server start --config FILE`: a server that asks everybody who they are.
//!
//! The order of its life is that of the development server: ports, store, account, engine, services, banner, a signal and
//! the way back. Nothing here decides who may do what.

use std::{net::SocketAddr, path::Path, sync::Arc};

use control::{Control, NowAndSeed, Settings};
use engine::Engine;
use frontend::{About, Hosts, Login, Page, Port, Secured, ServerContext, Ui};
use model::Time;
use store::Store;
use store_sqlite::{OpenOptions, SqliteStore};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};
use transport::{LoopHandles, ServerTls};
use uuid::Uuid;

use super::{
    listen::{bound, shown, why_not},
    open_files,
    start::{self, Running, SERVER_VERSION, signalled},
    upkeep::Upkeep,
    verification::Verification,
};
use crate::{
    certificates::signing_key,
    config::{self, Config},
    logs::Output,
};

/// Runs the server that a configuration describes. `open_network` is the flag by which the operator names the risk of
/// plain HTTP on other addresses than loopback, `memory` the one that wins over the file.
pub(super) fn run(file: &Path, open_network: bool, memory: Option<usize>, output: &Output) -> Result<(), String> {
    let mut config = config::load(file)?;
    config.limits.memory = memory.unwrap_or(config.limits.memory);
    output.start_or(config.log_level, config.log_format);
    check_plain_ports(&config, open_network)?;
    check_ports_differ(&config)?;
    if !config.storage_file.exists() {
        return Err(format!(
            "storage.file = {}: there is no such file; `perdure cloud init` makes one with an account",
            config.storage_file.display()
        ));
    }
    start::on_loops(|loops| serve(config, output, loops))
}

/// How the control plane shows the account and signs its API keys.
pub(crate) fn control_settings(config: &Config) -> Result<Settings, String> {
    Ok(Settings {
        domain: config.domain.0.clone(),
        data_port: config.data_plane_listen.port(),
        web_address: config.web_listen.map(|address| format!("http://{}", shown(address))).unwrap_or_default(),
        region: config.region.0.clone(),
        signer: signing_key(&config.signing_key).map_err(|error| format!("api_keys.signing_key: {error}"))?,
        secret,
    })
}

/// The present moment, and what ids are drawn from.
pub(crate) fn now_and_seed() -> NowAndSeed {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    NowAndSeed { now: Time::ZERO + since_epoch, seed: seed() }
}

fn seed() -> u128 {
    Uuid::new_v4().as_u128()
}

/// Randomness that nobody can guess.
pub(crate) fn secret() -> [u8; 32] {
    // A UUID has its version and its variant in fixed places, which the other's random bits cover.
    let half = || (Uuid::new_v4().as_u128() ^ Uuid::new_v4().as_u128().rotate_left(64)).to_be_bytes();
    let mut secret = [0; 32];
    secret[..16].copy_from_slice(&half());
    secret[16..].copy_from_slice(&half());
    secret
}

/// The planes are always behind TLS and identities; the pages beside them are neither.
fn check_plain_ports(config: &Config, open_network: bool) -> Result<(), String> {
    for (name, address) in [("web.listen", config.web_listen), ("metrics.listen", config.metrics_listen)] {
        if let Some(address) = address.filter(|address| !address.ip().is_loopback() && !open_network) {
            return Err(format!(
                "{name} = {address}: what is served there goes over the network in plain HTTP, to everybody who can \
                 reach it; listen on 127.0.0.1, or accept that with --allow-open-network"
            ));
        }
    }
    Ok(())
}

/// No two listeners on one port, unless the system chooses it.
fn check_ports_differ(config: &Config) -> Result<(), String> {
    let ports = [
        ("data_plane.listen", Some(config.data_plane_listen)),
        ("control_plane.listen", Some(config.control_plane_listen)),
        ("web.listen", config.web_listen),
        ("metrics.listen", config.metrics_listen),
    ];
    let mut known: Vec<(&str, SocketAddr)> = Vec::new();
    for (name, address) in ports {
        let Some(address) = address.filter(|address| address.port() != 0) else { continue };
        if let Some((other, _)) = known.iter().find(|(_, known)| *known == address) {
            return Err(format!("{name} = {address}: {other} is the same; give each a port of its own"));
        }
        known.push((name, address));
    }
    Ok(())
}

/// The bound ports.
struct Ports {
    data: TcpListener,
    control: TcpListener,
    web: Option<TcpListener>,
    metrics: Option<TcpListener>,
}

impl Ports {
    fn bind(config: &Config) -> Result<Self, String> {
        let optional = |name, address: Option<SocketAddr>| address.map(|address| bind(name, address)).transpose();
        Ok(Self {
            data: bind("data_plane.listen", config.data_plane_listen)?,
            control: bind("control_plane.listen", config.control_plane_listen)?,
            web: optional("web.listen", config.web_listen)?,
            metrics: optional("metrics.listen", config.metrics_listen)?,
        })
    }
}

fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, String> {
    bound(address).map_err(|error| format!("{name} = {address}: nobody can listen there: {}", why_not(&error)))
}

async fn serve(mut config: Config, output: &Output, loops: LoopHandles) -> Result<(), String> {
    open_files::raise(&mut config.limits);
    let tls = ServerTls::load(&config.tls_certificate, &config.tls_key)
        .map_err(|fault| format!("tls.certificate and tls.key: {fault}"))?;
    let ports = Ports::bind(&config)?;
    let at = |listener: &TcpListener| listener.local_addr().map_err(|error| error.to_string());
    // What is told of the ports is what they are: the system may have chosen.
    config.data_plane_listen = at(&ports.data)?;
    config.control_plane_listen = at(&ports.control)?;
    let address = config.data_plane_listen.to_string();
    let options = OpenOptions { address: address.clone(), ..OpenOptions::default() };
    let store = SqliteStore::open(&config.storage_file, options).map_err(|error| format!("storage.file: {error}"))?;
    let store = Arc::new(store);
    let no_thread = |error| format!("a thread can't start: {error}");
    let verification = Verification::begin(&store).map_err(no_thread)?;
    let upkeep = Upkeep::begin(&store).map_err(no_thread)?;
    let store: Arc<dyn Store> = store;
    let control = open_account(&config, &store)?;
    let engine_config = engine::Config {
        shards: config.shards,
        limits: Arc::new(config.limits.clone()),
        address: address.clone(),
        cached_runs: config.cached_runs as usize,
    };
    let engine = Engine::open(store, engine_config).map_err(|error| error.to_string())?;
    let about = About { server_version: SERVER_VERSION, store: "sqlite", shards: engine.shards(), address };
    let policy = auth::Policy::secured(Arc::new(control.clone()));
    let context = ServerContext::new(engine.clone(), policy, about, Uuid::new_v4);
    frontend::resume_deletions(&context);

    let (stop, stopped) = watch::channel(false);
    let servers = open_ports(&context, control, &tls, ports, loops, &config, &stopped);
    let ended = signalled().map_err(|error| format!("signals can't be watched: {error}"))?;
    // Apart from the servers, because it ends with the process only.
    let mut background = JoinSet::new();
    background.spawn(reload_on_hangup(tls).map_err(|error| format!("signals can't be watched: {error}"))?);
    if output.is_text() {
        start::print(&banner(&config))?;
    }
    Running { context, engine, servers, stop, grace: config.shutdown_grace, verification, upkeep }.until(ended).await
}

fn open_account(config: &Config, store: &Arc<dyn Store>) -> Result<Control, String> {
    let control =
        Control::open(store.clone(), control_settings(config)?, &now_and_seed()).map_err(|error| error.to_string())?;
    let [configured, held] = [config.account_id.0.as_str(), control.account_id()];
    if configured != held {
        return Err(format!(
            "account.id = {configured:?}: {} holds the account {held:?}; correct account.id or storage.file",
            config.storage_file.display()
        ));
    }
    Ok(control)
}

fn open_ports(
    context: &Arc<ServerContext>,
    control: Control,
    tls: &Arc<ServerTls>,
    ports: Ports,
    loops: LoopHandles,
    config: &Config,
    stopped: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut servers = JoinSet::new();
    let secured = Secured {
        data: Port { listener: ports.data, tls: Some(tls.clone()) },
        cloud: Port { listener: ports.control, tls: Some(tls.clone()) },
        loops: loops.clone(),
        seed,
    };
    let login = Login { control: control.clone(), seed, secret };
    let ui = Page::Ui(Ui::new(shown(config.data_plane_listen), Some(login)));
    let serving = frontend::serve_secured(context.clone(), control, secured, start::told(stopped));
    servers.spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "serving failed");
        }
    });
    let hosts = Hosts::new([config.domain.0.clone()]);
    start::show(&mut servers, context, &loops, [(ports.metrics, Page::Metrics), (ports.web, ui)], hosts, stopped);
    servers
}

/// Reads the certificate again whenever the process is told to. It ends with its server.
fn reload_on_hangup(tls: Arc<ServerTls>) -> std::io::Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            if let Err(fault) = tls.reload() {
                tracing::error!(%fault, "the server's certificate is the one from before");
            }
        }
    })
}

fn banner(config: &Config) -> String {
    let mut lines = vec![
        format!("Perdure {} (Server {SERVER_VERSION} compatible)", env!("CARGO_PKG_VERSION")),
        String::new(),
        format!("Account:              {}", config.account_id.0),
        format!("Data plane:           {} with TLS", shown(config.data_plane_listen)),
        format!(
            "Endpoints:            <namespace>.{}.{}:{}",
            config.account_id.0,
            config.domain.0,
            config.data_plane_listen.port()
        ),
        format!("Control plane:        {} with TLS", shown(config.control_plane_listen)),
        format!("Persistence:          {}", config.storage_file.display()),
    ];
    lines.extend(config.web_listen.map(|address| format!("Web page:             http://{}", shown(address))));
    lines.extend(
        config.metrics_listen.map(|address| format!("Metrics:              http://{}/metrics", shown(address))),
    );
    lines.join("\n") + "\n"
}
