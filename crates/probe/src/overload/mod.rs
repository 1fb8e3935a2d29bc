//! More calls than a server can serve, from callers who do not wait for ever: how many of them are answered in time, how soon
//! the others hear that they are not, and what the server keeps of it all.
//!
//! What it can serve is found first, in the same run: so many starts in a second come back where callers ask again only when
//! they were answered. A worker completes what is started all the while. Then callers come at a multiple of that rate,
//! whatever becomes of those before them.

mod caller;
mod flood;
mod frames;
mod tally;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use prost::Message as _;
use proto::temporal::api::{
    common::v1::{Payload, Payloads, WorkflowType},
    workflowservice::v1::StartWorkflowExecutionRequest,
};
use tokio::task::JoinSet;

use crate::{
    Fault,
    bench::{
        client::{Client, IDENTITY, QUEUE, queue},
        worker::{Board, Worker},
    },
    catalog::Catalog,
    reference,
    server::{Kind, Launch, Server, Share, own_cpu},
};
use caller::{Caller, Heard};
use flood::{Flood, Pace};
use frames::{NUMBER, Template};
use tally::Tally;

const PATH: &str = "/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution";
/// How long it is measured what the server can serve.
const FINDING: Duration = Duration::from_secs(10);
/// How long each caller waits then.
const PATIENT: Duration = Duration::from_secs(60);
/// Between two loads, so that what the one has left is done.
const REST: Duration = Duration::from_secs(2);
/// Numbers of calls that one connection takes.
const NUMBERS: u64 = 1 << 40;

/// How to run it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server under test; `target/release/perdure` by default.
    #[arg(long)]
    perdure: Option<PathBuf>,
    /// Multiples of what the server can serve.
    #[arg(long, value_delimiter = ',', default_values_t = [3.0, 10.0, 30.0])]
    times: Vec<f64>,
    /// How many seconds a caller waits.
    #[arg(long, value_delimiter = ',', default_values_t = [5, 1])]
    deadline: Vec<u64>,
    /// How long each load lasts.
    #[arg(long, default_value_t = 180)]
    seconds: u64,
    /// Connections that the callers share.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Callers at a time on each connection while it is found what the server can serve.
    #[arg(long, default_value_t = 128)]
    callers: usize,
    /// Bytes of each workflow's input.
    #[arg(long, default_value_t = 1024)]
    input: usize,
    /// What each workflow does: `none`, or `activities-N`.
    #[arg(long, default_value = "none")]
    kind: String,
    /// Pollers of each kind of the worker.
    #[arg(long, default_value_t = 64)]
    pollers: usize,
    /// More arguments for the server.
    #[arg(long)]
    argument: Vec<String>,
    /// A few seconds of it, to see that what is answered is right.
    #[arg(long)]
    smoke: bool,
}

/// A server under load, with its worker.
struct Stage {
    server: Server,
    board: Arc<Board>,
    _worker: Worker,
    client: Client,
    /// The number of the next flood.
    floods: u64,
}

/// What a load did.
struct Load {
    tally: Tally,
    heard: Heard,
    /// What the server held, second by second, in MiB.
    resident: Vec<f64>,
    /// Seconds of processor time that the server took, and this program with the generator and the worker in it.
    cpu: f64,
    own_cpu: f64,
    /// How long callers came, in whole seconds.
    came: usize,
    /// Seconds until the last of them was answered or had given up.
    lasted: f64,
    /// Runs that were begun, and those that were completed, while it lasted.
    begun: usize,
    completed: usize,
}

/// Finds what the server can serve, puts each load on it, and prints the table.
///
/// # Errors
/// When the server or the worker fails, or what is counted does not add up.
pub(crate) async fn run(options: Options) -> Result<(), Fault> {
    let catalog = Catalog::load()?;
    let directory = std::env::temp_dir().join(format!("perdure-overload-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let outcome = loads(&options, &catalog, &directory.join("overload.db")).await;
    std::fs::remove_dir_all(&directory)?;
    outcome
}

async fn loads(options: &Options, catalog: &Catalog, database: &std::path::Path) -> Result<(), Fault> {
    let seconds = if options.smoke { 3 } else { options.seconds };
    let (times, deadlines) =
        if options.smoke { (vec![3.0], vec![1]) } else { (options.times.clone(), options.deadline.clone()) };
    let launch = Launch {
        kind: Kind::Perdure,
        binary: reference::subject(options.perdure.clone())?,
        database: Some(database.to_owned()),
        arguments: options.argument.clone(),
    };
    let mut stage = Stage::set(&launch, options, catalog).await?;
    let finding = if options.smoke { Duration::from_secs(1) } else { FINDING };
    let found = stage.load(options, Pace::AtATime(options.callers), PATIENT, finding).await?;
    let capacity = found.tally.answers.total as f64 / finding.as_secs_f64();
    println!(
        "| load | callers wait | offered /s | sent /s | goodput /s | of capacity | worst second | in the generator's line p50, p99 ms | then answered p50, p99 ms | refused p50, p99 ms | a quiet caller: answered p99, refused p99 ms | given up | connections closed | for gone callers | completed /s | CPU: server, generator, worker | RSS first, last, most MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    found.print("capacity", capacity, 0.0, PATIENT);
    for deadline in deadlines {
        let patience = Duration::from_secs(deadline);
        for times in &times {
            tokio::time::sleep(REST).await;
            let rate = capacity * times;
            let load = stage.load(options, Pace::PerSecond(rate), patience, Duration::from_secs(seconds)).await?;
            load.print(&format!("{times} ×"), capacity, rate, patience);
            load.check(options)?;
        }
    }
    stage.server.stop().await
}

impl Stage {
    async fn set(launch: &Launch, options: &Options, catalog: &Catalog) -> Result<Self, Fault> {
        let server = Server::start(launch, catalog).await?;
        let board = Arc::new(Board::default());
        let worker = Worker::start(server.way, options.pollers, &board)?;
        let client = Client::to(server.way)?;
        Ok(Self { server, board, _worker: worker, client, floods: 0 })
    }

    /// Puts a load on the server, and looks at it from outside meanwhile.
    async fn load(
        &mut self,
        options: &Options,
        pace: Pace,
        patience: Duration,
        lasts: Duration,
    ) -> Result<Load, Fault> {
        let before = (self.client.count("").await?, self.board.answered(), self.server.usage()?);
        let own_before = own_cpu(Share::Process)?;
        let began = Instant::now();
        let mut floods = JoinSet::new();
        let all: Vec<_> = (0..options.connections).map(|_| self.flood(options, pace, patience, lasts)).collect();
        floods.spawn_blocking(move || flood::run_all(all));
        let mut heard = JoinSet::new();
        let caller = Caller::new(self.server.way, &request(options, "quiet"), patience)?;
        heard.spawn(caller.run(lasts));
        let mut resident = Vec::new();
        let mut tally = Tally::new(began);
        while !floods.is_empty() {
            tokio::select! {
                Some(ended) = floods.join_next() => tally.merge(&ended??),
                () = tokio::time::sleep(Duration::from_secs(1)) => {
                    resident.push(self.server.usage()?.resident as f64 / f64::from(1 << 20));
                }
            }
        }
        let heard = heard.join_next().await.ok_or("the caller has gone")???;
        let after = (self.client.count("").await?, self.board.answered(), self.server.usage()?);
        if let Some(fault) = self.board.first_fault() {
            return Err(format!("the worker was refused: {fault}").into());
        }
        Ok(Load {
            tally,
            heard,
            resident,
            cpu: after.2.cpu - before.2.cpu,
            own_cpu: own_cpu(Share::Process)? - own_before,
            came: usize::try_from(lasts.as_secs())?,
            lasted: began.elapsed().as_secs_f64(),
            begun: after.0.saturating_sub(before.0),
            completed: after.1 - before.1,
        })
    }

    fn flood(&mut self, options: &Options, pace: Pace, patience: Duration, lasts: Duration) -> Flood {
        self.floods += 1;
        let pace = match pace {
            Pace::PerSecond(rate) => Pace::PerSecond(rate / options.connections as f64),
            each @ Pace::AtATime(_) => each,
        };
        let port = self.server.port;
        let message = request(options, NUMBER).encode_to_vec();
        let template = Template::new(PATH, &format!("127.0.0.1:{port}"), &message);
        Flood { port, template, pace, patience, lasts, first: self.floods * NUMBERS }
    }
}

/// A start of the workflow that this number names.
fn request(options: &Options, number: &str) -> StartWorkflowExecutionRequest {
    let payload = Payload {
        metadata: [("encoding".to_owned(), bytes::Bytes::from_static(b"binary/plain"))].into(),
        data: vec![b'x'; options.input].into(),
        ..Payload::default()
    };
    StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: number.to_owned(),
        workflow_type: Some(WorkflowType { name: options.kind.clone() }),
        task_queue: queue(QUEUE),
        identity: IDENTITY.to_owned(),
        request_id: number.to_owned(),
        input: Some(Payloads { payloads: vec![payload] }),
        ..StartWorkflowExecutionRequest::default()
    }
}

impl Load {
    fn print(&self, name: &str, capacity: f64, offered: f64, patience: Duration) {
        let Self { tally, heard, resident, cpu, own_cpu, came, lasted, begun, completed } = self;
        let seconds = *came as f64;
        let by_second = || tally.by_second.iter().copied().chain(std::iter::repeat(0)).take(*came);
        let good = by_second().sum::<u64>() as f64 / seconds;
        let worst = by_second().min().unwrap_or_default();
        let (answers, refusals) = (&tally.answers, &tally.refusals);
        let answered = answers.total + heard.answers.total;
        println!(
            "| {name} | {} s | {offered:.0} | {:.0} | {good:.0} | {:.0} % | {worst} | {:.1}, {:.1} | {:.0}, {:.0} | {:.1}, {:.1} | {:.0}, {:.1} | {} | {} | {} | {:.0} | {:.0} %, {:.0} %, {:.0} % | {:.0}, {:.0}, {:.0} |",
            patience.as_secs(),
            tally.sent as f64 / seconds,
            100.0 * good / capacity,
            tally.line.percentile(0.5),
            tally.line.percentile(0.99),
            answers.percentile(0.5),
            answers.percentile(0.99),
            refusals.percentile(0.5),
            refusals.percentile(0.99),
            heard.answers.percentile(0.99),
            heard.refusals.percentile(0.99),
            tally.given_up + tally.unsent,
            tally.closings,
            (*begun as u64).saturating_sub(answered),
            *completed as f64 / lasted,
            100.0 * cpu / lasted,
            100.0 * tally.cpu / lasted,
            100.0 * (own_cpu - tally.cpu) / lasted,
            resident.first().unwrap_or(&0.0),
            resident.last().unwrap_or(&0.0),
            resident.iter().fold(0.0_f64, |most, now| most.max(*now)),
        );
    }

    /// What must be so however fast the machine is: every call has come to one end, and in the short form, whose callers
    /// are more than the server may serve at a time, some are answered, and the others told that it is too busy.
    fn check(&self, options: &Options) -> Result<(), Fault> {
        let [sent, ended] = self.tally.accounted();
        if sent != ended {
            return Err(format!("{sent} calls were sent, and {ended} came to an end").into());
        }
        if options.smoke && self.tally.answers.total == 0 {
            return Err("no call was answered".into());
        }
        if self.tally.closings > 0 {
            return Err(format!("{} connections were closed", self.tally.closings).into());
        }
        match &self.heard.odd {
            Some(odd) => Err(format!("a caller heard {odd}").into()),
            None => Ok(()),
        }
    }
}
