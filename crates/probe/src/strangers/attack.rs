//! What strangers do, each with its size. What an attack holds open is closed when it is dropped.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    client::{Begun, Client},
    stage::{Port, Stage},
};
use crate::{Fault, catalog::Catalog, wire::Wire};

const SYSTEM_INFO: &str = "/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo";
const START: &str = "/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution";
/// Bytes of a message that is sent but for its last byte.
const MESSAGE: usize = 4 * 1000 * 1000;
/// Bytes of a workflow's input, which is in each reply that is not read.
const INPUT: usize = 1_900_000;
/// The first bytes of a handshake: a record that is to have more.
const HANDSHAKE: [u8; 6] = [0x16, 3, 1, 2, 0, 1];

/// What is held open. `Window` and `Deaf` are two ways not to read: the one takes bytes and gives the server no leave to
/// send more, the other takes no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    /// Heads of calls, on each of so many connections.
    Heads {
        connections: usize,
        calls: usize,
    },
    /// Messages without their last byte.
    Messages {
        connections: usize,
        calls: usize,
    },
    /// Calls whose replies are not read.
    Deaf {
        calls: usize,
    },
    Window {
        calls: usize,
    },
    /// Connections that say nothing.
    Silent(usize),
    /// TLS handshakes that do not go on.
    Handshakes(usize),
}

/// What an attack holds open.
#[derive(Default)]
pub(super) struct Open {
    clients: Vec<Client>,
    calls: Vec<Begun>,
    sockets: Vec<TcpStream>,
}

impl Attack {
    pub(super) fn name(self) -> String {
        match self {
            Self::Heads { connections, calls } => format!("{connections} × {calls} heads of GetSystemInfo"),
            Self::Messages { connections, calls } => format!("{connections} × {calls} messages of 4 MB, unfinished"),
            Self::Deaf { calls } => format!("{calls} replies of 1.9 MB, nothing read"),
            Self::Window { calls } => format!("{calls} replies of 1.9 MB, windows shut"),
            Self::Silent(connections) => format!("{connections} silent connections"),
            Self::Handshakes(connections) => format!("{connections} half-open handshakes"),
        }
    }

    /// By how many bytes the server's memory may grow meanwhile. Beside what is counted it has to hold the library's own
    /// state of each stream, and what the allocator keeps.
    pub(super) fn bound(self) -> u64 {
        const MEBI: u64 = 1 << 20;
        match self {
            // A tenth of 1,000 calls; what is read at once, until it is refused.
            Self::Heads { connections, .. } => 32 * MEBI + 8 * MEBI * connections as u64,
            // A tenth of 64 MiB and the windows of those that wait, all of them at most an eighth of the memory.
            Self::Messages { connections, .. } => 32 * MEBI + (24 * MEBI * connections as u64).min(160 * MEBI),
            // 64 MiB of an identified caller, one reply on its way, and the workflow itself.
            Self::Deaf { .. } | Self::Window { .. } => 128 * MEBI,
            // 4,096 at a time.
            Self::Silent(_) => 96 * MEBI,
            Self::Handshakes(_) => 192 * MEBI,
        }
    }

    /// Carries it out against one port, and keeps it open.
    pub(super) async fn launch(self, stage: &Stage, port: &Port, catalog: &Catalog) -> Result<Open, Fault> {
        let mut open = Open::default();
        match self {
            Self::Heads { connections, calls } => {
                open.begin(port, [connections, calls], SYSTEM_INFO, &Bytes::new()).await?;
            }
            Self::Messages { connections, calls } => {
                open.begin(port, [connections, calls], START, &unfinished()).await?;
            }
            Self::Deaf { calls } => open.ask(stage, catalog, calls, None).await?,
            Self::Window { calls } => open.ask(stage, catalog, calls, Some(65_535)).await?,
            Self::Silent(connections) => open.connect(port, connections, &[]).await?,
            Self::Handshakes(connections) => open.connect(port, connections, &HANDSHAKE).await?,
        }
        Ok(open)
    }
}

/// A message without its last byte.
fn unfinished() -> Bytes {
    let mut message = BytesMut::zeroed(MESSAGE + 4);
    message[1..5].copy_from_slice(&u32::try_from(MESSAGE).unwrap_or(u32::MAX).to_be_bytes());
    message.freeze()
}

impl Open {
    async fn begin(
        &mut self,
        port: &Port,
        [connections, calls]: [usize; 2],
        path: &str,
        message: &Bytes,
    ) -> Result<(), Fault> {
        for _ in 0..connections {
            let mut client = Client::connect(port.number(), None).await?;
            for number in 0..calls {
                match client.begin(path, message.clone(), false).await {
                    Ok(call) => self.calls.push(call),
                    // That the server has closed the connection is an answer, too.
                    Err(_) => break,
                }
                if number % 1_000 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            self.clients.push(client);
        }
        Ok(())
    }

    /// Asks for the history of a workflow with a large input, again and again.
    async fn ask(&mut self, stage: &Stage, catalog: &Catalog, calls: usize, window: Option<u32>) -> Result<(), Fault> {
        start(&Wire::to(stage.port())?, catalog).await?;
        let method = catalog.method("GetWorkflowExecutionHistory")?;
        let body = catalog.encode(method, &json!({"namespace": "default", "execution": {"workflowId": "large"}}))?;
        let mut message = BytesMut::new();
        message.put_u8(0);
        message.put_u32(u32::try_from(body.len())?);
        message.extend_from_slice(&body);
        let message = message.freeze();
        let mut client = Client::connect(stage.port(), window).await?;
        self.calls.push(client.begin(method.path.path(), message.clone(), true).await?);
        // By then the server's settings have come.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        if window.is_none() {
            client.turn_deaf();
        }
        for _ in 1..calls {
            match client.begin(method.path.path(), message.clone(), true).await {
                Ok(call) => self.calls.push(call),
                Err(_) => break,
            }
        }
        self.clients.push(client);
        Ok(())
    }

    async fn connect(&mut self, port: &Port, connections: usize, says: &[u8]) -> Result<(), Fault> {
        for _ in 0..connections {
            let mut stream = TcpStream::connect(("127.0.0.1", port.number())).await?;
            // One that was closed by now has been dropped for another.
            let _ = stream.write_all(says).await;
            self.sockets.push(stream);
        }
        Ok(())
    }
}

async fn start(wire: &Wire, catalog: &Catalog) -> Result<(), Fault> {
    let method = catalog.method("StartWorkflowExecution")?;
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, vec![b'a'; INPUT]);
    let request = json!({
        "namespace": "default",
        "workflowId": "large",
        "workflowType": {"name": "large"},
        "taskQueue": {"name": "unpolled"},
        "input": {"payloads": [{"data": data}]},
        "requestId": "strangers",
    });
    wire.call(&method.path, catalog.encode(method, &request)?, std::time::Duration::from_secs(20)).await?;
    Ok(())
}
