//! Two namespaces of one server: how long starts of a quiet one take while it is alone, and while the other offers many times
//! what it may. Both are measured in turn, many times in one run, so that what else the machine does falls on both alike.

use std::{
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::Args;
use serde_json::json;
use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tonic::{Code, codegen::http::uri::PathAndQuery};

use crate::{
    Fault,
    catalog::Catalog,
    reference,
    server::{Kind, Launch, Server},
    wire::Wire,
};

/// How to run it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server under test; `target/release/perdure` by default.
    #[arg(long)]
    perdure: Option<PathBuf>,
    /// Where its database goes; in memory when absent.
    #[arg(long)]
    database: Option<PathBuf>,
    /// Calls that a namespace may make in a second.
    #[arg(long, default_value_t = 200)]
    limit: u32,
    /// Starts that the loud namespace offers in a second.
    #[arg(long, default_value_t = 2_000)]
    offered: u32,
    /// Starts that the quiet one offers.
    #[arg(long, default_value_t = 50)]
    quiet: u32,
    /// How often the quiet namespace is measured alone, and beside the loud one.
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
}

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at who has to call.
const TICK: Duration = Duration::from_millis(1);
/// Before a measurement, for what the one before has left.
const REST: Duration = Duration::from_millis(500);
/// How much earlier the loud namespace begins, so that it has used up what it may do at once after a rest.
const AHEAD: Duration = Duration::from_secs(1);

/// One namespace's starts, evenly spread over a time, whatever becomes of those before.
#[derive(Clone)]
struct Load {
    namespace: &'static str,
    per_second: u32,
    lasts: Duration,
    port: u16,
    catalog: Arc<Catalog>,
}

/// What became of them.
#[derive(Default)]
struct Outcome {
    /// How long answers took, from when the call was due.
    answers: Vec<Duration>,
    refusals: Vec<Duration>,
    /// The first other failure.
    odd: Option<String>,
}

impl Load {
    /// Makes the calls, on a thread and a connection of its own.
    fn begin(self) -> Result<thread::JoinHandle<Result<Outcome, Fault>>, Fault> {
        let begun = thread::Builder::new().name(self.namespace.to_owned()).spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(self.run())
        });
        Ok(begun?)
    }

    async fn run(self) -> Result<Outcome, Fault> {
        let wire = Wire::to(self.port)?;
        let method = self.catalog.method("StartWorkflowExecution")?;
        let began = Instant::now();
        let mark = std::time::UNIX_EPOCH.elapsed()?.as_nanos();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut calls, mut outcome, mut number) = (JoinSet::new(), Outcome::default(), 0);
        while began.elapsed() < self.lasts {
            ticks.tick().await;
            loop {
                let due = Duration::from_secs_f64(f64::from(number) / f64::from(self.per_second));
                if due > began.elapsed().min(self.lasts) {
                    break;
                }
                let body = self.catalog.encode(method, &start(self.namespace, mark, number))?;
                calls.spawn(timed(wire.clone(), method.path.clone(), body, began + due));
                number += 1;
            }
            while let Some(ended) = calls.try_join_next() {
                outcome.add(ended?);
            }
        }
        while let Some(ended) = calls.join_next().await {
            outcome.add(ended?);
        }
        Ok(outcome)
    }
}

fn start(namespace: &str, mark: u128, number: u32) -> serde_json::Value {
    json!({
        "namespace": namespace, "workflowId": format!("w-{mark}-{number}"), "requestId": format!("r-{mark}-{number}"),
        "workflowType": {"name": "t"}, "taskQueue": {"name": "q"},
    })
}

type Ended = (Duration, Option<tonic::Status>);

async fn timed(wire: Wire, path: PathAndQuery, body: Bytes, due: Instant) -> Ended {
    let refusal = wire.call(&path, body, PATIENCE).await.err();
    (due.elapsed(), refusal)
}

impl Outcome {
    fn add(&mut self, (took, refusal): Ended) {
        match refusal {
            None => self.answers.push(took),
            Some(status) if status.code() == Code::ResourceExhausted => self.refusals.push(took),
            Some(status) => drop(self.odd.get_or_insert(format!("{status:?}"))),
        }
    }

    fn merge(&mut self, other: Self) {
        self.answers.extend(other.answers);
        self.refusals.extend(other.refusals);
        self.odd = self.odd.take().or(other.odd);
    }
}

/// Measures, and prints the figures.
///
/// # Errors
/// When a call fails that should not, or the quiet namespace is refused anything.
pub(crate) async fn run(options: Options) -> Result<(), Fault> {
    let catalog = Arc::new(Catalog::load()?);
    let limit = format!("frontend.namespaceRPS={}", options.limit);
    let arguments = ["--dynamic-config-value", &limit, "-n", "loud", "-n", "quiet"].map(str::to_owned).into();
    let binary = reference::subject(options.perdure.clone())?;
    let launch = Launch { kind: Kind::Perdure, binary, database: options.database.clone(), arguments };
    let server = Server::start(&launch, &catalog).await?;
    let lasts = Duration::from_secs(options.seconds);
    let load =
        |namespace, per_second| Load { namespace, per_second, lasts, port: server.port, catalog: catalog.clone() };
    let (mut alone, mut beside, mut loud) = (Outcome::default(), Outcome::default(), Outcome::default());
    for _ in 0..options.rounds {
        alone.merge(measured(load("quiet", options.quiet), None).await?.0);
        let (quiet, other) = measured(load("quiet", options.quiet), Some(load("loud", options.offered))).await?;
        beside.merge(quiet);
        loud.merge(other);
    }
    server.stop().await?;
    print("quiet, alone", &alone.answers);
    print("quiet, beside", &beside.answers);
    print("loud, answered", &loud.answers);
    print("loud, refused", &loud.refusals);
    let share = percentile(&beside.answers, 0.99) / percentile(&alone.answers, 0.99).max(f64::EPSILON);
    println!("the quiet namespace's 99th percentile beside the loud one: {share:.2} of what it is alone");
    let odd = [alone.odd, beside.odd, loud.odd].into_iter().flatten().next();
    match (odd, alone.refusals.len() + beside.refusals.len()) {
        (None, 0) => Ok(()),
        (Some(odd), _) => Err(odd.into()),
        (None, refused) => Err(format!("{refused} starts of the quiet namespace were refused").into()),
    }
}

async fn measured(quiet: Load, loud: Option<Load>) -> Result<(Outcome, Outcome), Fault> {
    tokio::time::sleep(REST).await;
    let loud = loud.map(|loud| Load { lasts: loud.lasts + AHEAD, ..loud }.begin()).transpose()?;
    tokio::time::sleep(AHEAD).await;
    let quiet = quiet.begin()?;
    let joined = tokio::task::spawn_blocking(move || {
        let ended = |thread: thread::JoinHandle<_>| thread.join().map_err(|_| "a load generator panicked")?;
        let quiet: Outcome = ended(quiet)?;
        Ok::<_, Fault>((quiet, loud.map(ended).transpose()?.unwrap_or_default()))
    });
    joined.await?
}

fn print(what: &str, times: &[Duration]) {
    let [half, most, all] = [0.5, 0.99, 1.0].map(|share| percentile(times, share));
    println!("{what:15} {:7} calls  p50 {half:8.2} ms  p99 {most:8.2} ms  max {all:8.2} ms", times.len());
}

/// In milliseconds; zero where there is none.
fn percentile(times: &[Duration], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_time_that_so_many_stay_within() {
        let times: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!([0.5, 0.99, 1.0].map(|share| percentile(&times, share)), [50.0, 99.0, 100.0]);
        assert_eq!(percentile(&[], 0.99), 0.0);
    }
}
