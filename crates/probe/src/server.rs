//! A server process under observation: started on a free loopback port, stopped when dropped, and asked what it has
//! used so far.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinSet,
};

use tonic::Code;

use crate::{
    Fault,
    catalog::Catalog,
    wire::{Way, Wire},
};

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a server may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// Kernel clock ticks per second in `/proc/<pid>/stat`; fixed at 100 for user space on Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// Lines of output that are kept for a report.
const LINES_KEPT: usize = 4_000;

/// Rate limits, lifted on both servers so that answers are compared and measured, and not how either throttles. A key that
/// only the reference knows means nothing to the other.
const LIFTED: [&str; 9] = [
    "frontend.rps=1000000",
    "frontend.namespaceRPS=1000000",
    "frontend.namespaceCount=100000",
    "frontend.namespaceRPS.visibility=1000000",
    "frontend.rps.namespaceReplicationInducingAPIs=1000000",
    "frontend.globalNamespaceRPS.namespaceReplicationInducingAPIs=1000000",
    "frontend.persistenceMaxQPS=1000000",
    "history.persistenceMaxQPS=1000000",
    "matching.persistenceMaxQPS=1000000",
];

/// Which program a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Reference,
    Perdure,
    /// Perdure with TLS and API keys.
    Secured,
}

/// How to start a server.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) kind: Kind,
    pub(crate) binary: PathBuf,
    /// Where it stores; in memory when absent.
    pub(crate) database: Option<PathBuf>,
    /// More arguments, such as search attributes to register.
    pub(crate) arguments: Vec<String>,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) port: u16,
    /// How a client gets in, to the namespace that is there from the start.
    pub(crate) way: Way,
    child: Child,
    output: Arc<Mutex<Vec<String>>>,
    /// Reads the output until the process ends.
    _readers: JoinSet<()>,
}

/// What a process has used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// User and system time, in seconds.
    pub(crate) cpu: f64,
    /// Resident memory, in bytes.
    pub(crate) resident: u64,
    /// Bytes that the process caused to be written to storage.
    pub(crate) written: u64,
}

impl Server {
    /// Starts a server that is open, and waits until it answers.
    pub(crate) async fn start_open(launch: &Launch, catalog: &Catalog) -> Result<Server, Fault> {
        Server::start_at(launch, free_port()?, catalog).await
    }

    /// As [`Server::start_open`], on a port of the caller's choice: of a server that goes on where another ended.
    pub(crate) async fn start_at(launch: &Launch, port: u16, catalog: &Catalog) -> Result<Server, Fault> {
        let mut command = Command::new(&launch.binary);
        command.args(["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port"]).arg(port.to_string());
        if let Some(database) = &launch.database {
            command.arg("--db-filename").arg(database);
        }
        command.args(LIFTED.iter().flat_map(|setting| ["--dynamic-config-value", setting]));
        command.args(&launch.arguments);
        Server::spawn(command, port, &Wire::to(port)?, "default", catalog).await
    }

    /// Runs a server that will listen on `port`, and waits until it answers on `wire` about a namespace.
    pub(crate) async fn spawn(
        mut command: Command,
        port: u16,
        wire: &Wire,
        namespace: &str,
        catalog: &Catalog,
    ) -> Result<Server, Fault> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let output = Arc::new(Mutex::new(Vec::new()));
        let mut readers = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(keep(stdout, Arc::clone(&output)));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.spawn(keep(stderr, Arc::clone(&output)));
        }
        let mut server = Server { port, way: Way::open(port), child, output, _readers: readers };
        server.answer(wire, namespace, catalog).await?;
        Ok(server)
    }

    async fn answer(&mut self, wire: &Wire, namespace: &str, catalog: &Catalog) -> Result<(), Fault> {
        let started = Instant::now();
        let method = catalog.method("DescribeNamespace")?;
        let request = catalog.encode(method, &serde_json::json!({"namespace": namespace}))?;
        while started.elapsed() < START_LIMIT {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("server ended with {status}: {}", self.output().join(" | ")).into());
            }
            let answer: Result<Bytes, _> = wire.call(&method.path, request.clone(), Duration::from_secs(2)).await;
            // A secured server refuses what it does not know, and so it answers.
            match answer.map_err(|status| status.code()) {
                Ok(_) | Err(Code::PermissionDenied | Code::NotFound) => return Ok(()),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("server on port {} does not answer: {}", self.port, self.output().join(" | ")).into())
    }

    /// The last lines that the process wrote to either stream.
    pub(crate) fn output(&self) -> Vec<String> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True while the process runs.
    pub(crate) fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks the process to stop, as an operator would, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<(), Fault> {
        self.end().await
    }

    /// Ends the process at once, as a power failure would, and waits until it is gone.
    pub(crate) async fn kill(mut self) -> Result<(), Fault> {
        Ok(self.child.kill().await?)
    }

    /// The same as `stop` for a server that is not one's own.
    pub(crate) async fn end(&mut self) -> Result<(), Fault> {
        let pid = self.child.id().ok_or("server has ended")?;
        Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        tokio::time::timeout(STOP_LIMIT, self.child.wait()).await.map_err(|_| "the server does not stop")??;
        Ok(())
    }

    /// What the process has used so far.
    pub(crate) fn usage(&self) -> Result<Usage, Fault> {
        let pid = self.child.id().ok_or("server has ended")?;
        let directory = PathBuf::from(format!("/proc/{pid}"));
        Ok(Usage {
            cpu: cpu_seconds(&directory)?,
            resident: field(&directory.join("status"), "VmRSS:")? * 1024,
            written: field(&directory.join("io"), "write_bytes:")?,
        })
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, Fault> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

async fn keep(stream: impl AsyncRead + Unpin, output: Arc<Mutex<Vec<String>>>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        if output.len() >= LINES_KEPT {
            output.remove(0);
        }
        output.push(line);
    }
}

/// Which part of this program.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Share {
    Process,
    /// The thread that asks.
    Thread,
}

/// User and system time of this program so far, in seconds.
pub(crate) fn own_cpu(share: Share) -> Result<f64, Fault> {
    cpu_seconds(Path::new(match share {
        Share::Process => "/proc/self",
        Share::Thread => "/proc/thread-self",
    }))
}

/// User and system time of a process or a thread: fields 14 and 15 of `proc_pid_stat(5)`.
fn cpu_seconds(directory: &Path) -> Result<f64, Fault> {
    let stat = fs::read_to_string(directory.join("stat"))?;
    let (_, after_name) = stat.rsplit_once(')').ok_or("no name in stat")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let user: f64 = fields.get(11).ok_or("stat is too short")?.parse()?;
    let system: f64 = fields.get(12).ok_or("stat is too short")?.parse()?;
    Ok((user + system) / TICKS_PER_SECOND)
}

fn field(path: &Path, name: &str) -> Result<u64, Fault> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(|| format!("no {name} in {path:?}"))?;
    let number = line.split_whitespace().next().ok_or_else(|| format!("no number after {name}"))?;
    Ok(number.parse()?)
}
