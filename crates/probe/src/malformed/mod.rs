//! Malformed requests: every implemented unary RPC with every field empty, too long, not UTF-8, out of range or above a
//! limit. Each has to get a precise answer within its deadline, and afterwards the server has to work as before.

mod mutate;
mod valid;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    Fault,
    catalog::{Catalog, Method},
    differential::{IMPLEMENTED, pair::code_name},
    reference,
    server::{Kind, Launch, Server},
    wire::Wire,
};
use mutate::Case;
use valid::Actors;

/// Deadline of each request. Polls that are let through wait for it, so it is short.
const DEADLINE: Duration = Duration::from_millis(3_000);
/// Requests after which a canary runs.
const BETWEEN_CANARIES: usize = 400;
/// Requests from this size on, in bytes, go over a connection of their own.
const LARGE: usize = 50_000;
/// Faults that are printed one by one.
const SHOWN: usize = 60;
/// What a server prints when part of it has broken down.
const PANIC_SIGNS: [&str; 3] = ["panicked at", "panic:", "goroutine "];

/// How the reference, and so every server that speaks its language, begins its answer to bytes that are no message.
const UNDECODABLE: &str = "grpc: error unmarshalling request: ";

/// How to run it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server under test; `target/release/perdure` by default.
    #[arg(long)]
    perdure: Option<PathBuf>,
    /// The reference server; `.venv/bin/temporal` by default.
    #[arg(long)]
    reference: Option<PathBuf>,
    /// Send everything to the reference as well, and print where the codes differ.
    #[arg(long)]
    compare: bool,
    /// Send it to the reference only.
    #[arg(long)]
    reference_only: bool,
    /// Only this RPC.
    #[arg(long)]
    only: Option<String>,
    /// How many requests are under way at a time.
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
}

/// How one request was answered.
#[derive(Debug, Clone)]
struct Verdict {
    rpc: String,
    what: String,
    code: Code,
    text: String,
    took: Duration,
}

impl Verdict {
    /// Why the answer is not acceptable, if it is not.
    fn fault(&self) -> Option<&'static str> {
        match self.code {
            Code::Ok => None,
            // The code that gRPC itself has for bytes that are no such message.
            Code::Internal if self.text.starts_with(UNDECODABLE) && self.text.len() > UNDECODABLE.len() => None,
            Code::Internal | Code::Unknown => Some("not a precise code"),
            Code::Cancelled if self.text.starts_with("probe:") => Some("no answer"),
            Code::Unavailable if self.text.starts_with("probe:") => Some("no connection"),
            _ if self.text.trim().is_empty() => Some("no text"),
            _ => None,
        }
    }
}

/// Sends everything and prints what was not answered as it has to be.
pub(crate) async fn run(options: Options) -> Result<(), Fault> {
    let catalog = Arc::new(Catalog::load()?);
    let mut sides = Vec::new();
    if !options.reference_only {
        sides.push((Kind::Perdure, reference::subject(options.perdure.clone())?));
    }
    if options.compare || options.reference_only {
        sides.push((Kind::Reference, reference::find(options.reference.clone())?));
    }
    let mut results = Vec::new();
    for (kind, binary) in sides {
        let launch = Launch { kind, binary, database: None, arguments: Vec::new() };
        results.push((kind, side(&launch, &catalog, &options).await?));
    }
    if let [(_, subject), (_, reference)] = results.as_slice() {
        compare(&subject.verdicts, &reference.verdicts);
    }
    match results.first() {
        Some((_, first)) if first.failed => Err("malformed requests were not answered as they have to be".into()),
        Some(_) | None => Ok(()),
    }
}

/// What one server made of all requests.
struct Outcome {
    verdicts: Vec<Verdict>,
    failed: bool,
}

async fn side(launch: &Launch, catalog: &Arc<Catalog>, options: &Options) -> Result<Outcome, Fault> {
    let mut server = Server::start(launch, catalog).await?;
    let actors = Actors::new(server.port, Arc::clone(catalog))?;
    actors.canary("first").await?;
    let started = Instant::now();
    let mut verdicts = Vec::new();
    let mut canaries: Vec<String> = Vec::new();
    for rpc in IMPLEMENTED.iter().filter(|rpc| options.only.as_deref().is_none_or(|only| only == **rpc)) {
        let method = catalog.method(rpc)?.clone();
        let cases = mutate::cases(&actors.valid(rpc, &method).await?)?;
        for batch in cases.chunks(BETWEEN_CANARIES) {
            let (large, small): (Vec<Case>, Vec<Case>) =
                batch.iter().cloned().partition(|case| case.body.len() > LARGE);
            let wire = Wire::to(server.port)?;
            verdicts.extend(send(&wire, rpc, &method, &small, options.concurrency).await?);
            for case in large {
                // An answer that breaks the connection must not be blamed on others.
                verdicts.extend(send(&Wire::to(server.port)?, rpc, &method, &[case], 1).await?);
            }
            if let Err(fault) = actors.canary(&format!("{rpc}-{}", verdicts.len())).await {
                canaries.push(format!("after {rpc}: {fault}"));
            }
        }
    }
    let panics: Vec<String> =
        server.output().into_iter().filter(|line| PANIC_SIGNS.iter().any(|sign| line.contains(sign))).collect();
    let alive = server.alive();
    Ok(report(launch.kind, verdicts, &canaries, &panics, alive, started.elapsed()))
}

/// Sends cases, as many at a time as asked for.
async fn send(
    wire: &Wire,
    rpc: &str,
    method: &Method,
    cases: &[Case],
    concurrency: usize,
) -> Result<Vec<Verdict>, Fault> {
    let mut verdicts = Vec::new();
    let mut running = JoinSet::new();
    for case in cases {
        if running.len() >= concurrency
            && let Some(verdict) = running.join_next().await
        {
            verdicts.push(verdict?);
        }
        let (wire, path, case, rpc) = (wire.clone(), method.path.clone(), case.clone(), rpc.to_owned());
        running.spawn(async move {
            let started = Instant::now();
            let answer = wire.call(&path, case.body, DEADLINE).await;
            let status = answer.err().unwrap_or_else(|| Status::ok(""));
            let text = status.message().to_owned();
            Verdict { rpc, what: case.what, code: status.code(), text, took: started.elapsed() }
        });
    }
    while let Some(verdict) = running.join_next().await {
        verdicts.push(verdict?);
    }
    verdicts.sort_by(|left, right| left.what.cmp(&right.what));
    Ok(verdicts)
}

fn report(
    kind: Kind,
    verdicts: Vec<Verdict>,
    canaries: &[String],
    panics: &[String],
    alive: bool,
    took: Duration,
) -> Outcome {
    let faults: Vec<&Verdict> = verdicts.iter().filter(|verdict| verdict.fault().is_some()).collect();
    println!("\n## {kind:?}: {} requests in {:.0} s", verdicts.len(), took.as_secs_f64());
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for verdict in &verdicts {
        *codes.entry(code_name(verdict.code)).or_default() += 1;
    }
    for (code, times) in codes {
        println!("{times:>7}  {code}");
    }
    println!("{} not answered as they have to be", faults.len());
    for verdict in faults.iter().take(SHOWN) {
        let why = verdict.fault().unwrap_or_default();
        let code = code_name(verdict.code);
        println!("    {why}: {} {} → {code} {:?} in {:?}", verdict.rpc, verdict.what, verdict.text, verdict.took);
    }
    for canary in canaries {
        println!("    the canary failed {canary}");
    }
    for line in panics.iter().take(SHOWN) {
        println!("    the server wrote: {line}");
    }
    if !alive {
        println!("    the server has ended");
    }
    let failed = !faults.is_empty() || !canaries.is_empty() || !panics.is_empty() || !alive;
    Outcome { verdicts, failed }
}

/// Prints where the two servers answered with different codes.
fn compare(subject: &[Verdict], reference: &[Verdict]) {
    let expected: BTreeMap<(&str, &str), &Verdict> =
        reference.iter().map(|verdict| ((verdict.rpc.as_str(), verdict.what.as_str()), verdict)).collect();
    let differing: Vec<(&Verdict, &Verdict)> = subject
        .iter()
        .filter_map(|verdict| {
            let other = expected.get(&(verdict.rpc.as_str(), verdict.what.as_str()))?;
            (other.code != verdict.code).then_some((verdict, *other))
        })
        .collect();
    println!("\n## Codes that differ from the reference: {}", differing.len());
    for (verdict, other) in differing {
        println!(
            "    {} {}: {} {:?}, the reference {} {:?}",
            verdict.rpc,
            verdict.what,
            code_name(verdict.code),
            verdict.text.chars().take(120).collect::<String>(),
            code_name(other.code),
            other.text.chars().take(120).collect::<String>()
        );
    }
}
