//! Clients that no server wishes for: open heads, messages without an end, replies that are not read, silent connections,
//! handshakes that do not go on. Each against a server of its own: how much memory it takes meanwhile and afterwards, how
//! ten clients fare that come anew, and how long the server takes to end.

mod attack;
mod client;
mod stage;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{Fault, catalog::Catalog, reference};
use attack::Attack;
use stage::{NEWCOMERS, Port, Stage};

/// How long an attack is held open before the clients come.
const HELD: Duration = Duration::from_secs(2);
/// How long a server has to give memory back.
const AFTER: Duration = Duration::from_secs(12);
/// How often memory is looked at.
const GLANCE: Duration = Duration::from_millis(50);
/// The aim for an answer to a client that comes anew, and for an end.
const PROMPT: Duration = Duration::from_secs(1);

/// How to run it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server under test; `target/release/perdure` by default.
    #[arg(long)]
    perdure: Option<PathBuf>,
    /// A tenth of each attack.
    #[arg(long)]
    brief: bool,
    /// Only attacks whose names have this in them; `end`: only how long servers take to end.
    #[arg(long)]
    only: Option<String>,
}

/// Carries out every attack and prints what it did.
pub(crate) async fn run(options: Options) -> Result<(), Fault> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    let catalog = Arc::new(Catalog::load()?);
    let binary = reference::subject(options.perdure.clone())?;
    let part = if options.brief { 10 } else { 1 };
    println!(
        "{:<46} {:>12} {:>8} {:>8} {:>8} {:>8}  {:>8} {:>9}",
        "attack", "port", "before", "most", "after", "bound", "answered", "slowest"
    );
    let mut faults = Vec::new();
    for (attack, is_secured) in attacks(part) {
        if options.only.as_ref().is_some_and(|only| !attack.name().contains(only.as_str())) {
            continue;
        }
        let ports = if is_secured { 2 } else { attack_ports(attack) };
        for number in 0..ports {
            faults.extend(one(attack, is_secured, number, &binary, &catalog).await?);
        }
    }
    if options.only.as_deref().is_none_or(|only| only == "end") {
        faults.extend(end(part, &binary, &catalog).await?);
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(faults.join("; ").into())
}

/// The attacks, and whether they are on a secured server.
fn attacks(part: usize) -> [(Attack, bool); 8] {
    [
        (Attack::Heads { connections: 1, calls: 100_000 / part }, false),
        (Attack::Heads { connections: 4, calls: 100_000 / part }, false),
        (Attack::Messages { connections: 1, calls: 400 / part }, false),
        (Attack::Messages { connections: 16, calls: 400 / part }, false),
        (Attack::Deaf { calls: 1_500 / part }, false),
        (Attack::Window { calls: 1_500 / part }, false),
        (Attack::Silent(5_000 / part), false),
        (Attack::Handshakes(5_000 / part), true),
    ]
}

/// On how many ports of a development server an attack is carried out.
fn attack_ports(attack: Attack) -> usize {
    match attack {
        Attack::Silent(_) => 4,
        _ => 1,
    }
}

/// Carries out one attack on the port of this number. What is wrong with how the server bore it.
async fn one(
    attack: Attack,
    is_secured: bool,
    number: usize,
    binary: &Path,
    catalog: &Arc<Catalog>,
) -> Result<Vec<String>, Fault> {
    let stage = if is_secured { Stage::secured(binary, catalog).await? } else { Stage::open(binary, catalog).await? };
    let (name, port) = stage.ports.get(number).ok_or("no such port")?.clone();
    let _ = port.newcomers(catalog).await;
    let before = stage.server().usage()?.resident;
    let (open, most) = watched(&stage, attack.launch(&stage, &port, catalog)).await?;
    let (open, (answered, slowest), most) = {
        let (met, later) = watched(&stage, met(&port, catalog)).await?;
        (open, met, most.max(later))
    };
    drop(open);
    tokio::time::sleep(AFTER).await;
    let after = stage.server().usage()?.resident;
    let grown = most.saturating_sub(before);
    println!(
        "{:<46} {name:>12} {:>8} {:>8} {:>8} {:>8}  {:>8} {:>6} ms",
        attack.name(),
        mebi(before),
        format!("+{}", mebi(grown)),
        format!("+{}", mebi(after.saturating_sub(before))),
        format!("+{}", mebi(attack.bound())),
        format!("{answered}/{NEWCOMERS}"),
        slowest.as_millis()
    );
    let mut faults = Vec::new();
    if grown > attack.bound() {
        faults.push(format!("{} took {} MiB", attack.name(), mebi(grown)));
    }
    if answered < NEWCOMERS {
        faults.push(format!("{} at {name} left {} clients without an answer", attack.name(), NEWCOMERS - answered));
    }
    Ok(faults)
}

async fn met(port: &Port, catalog: &Catalog) -> Result<(usize, Duration), Fault> {
    tokio::time::sleep(HELD).await;
    Ok(port.newcomers(catalog).await)
}

/// What comes of something, and the most memory that the server had meanwhile.
async fn watched<T>(stage: &Stage, doing: impl Future<Output = Result<T, Fault>>) -> Result<(T, u64), Fault> {
    let mut doing = std::pin::pin!(doing);
    let mut most = 0;
    loop {
        most = most.max(stage.server().usage()?.resident);
        tokio::select! {
            done = &mut doing => return Ok((done?, most.max(stage.server().usage()?.resident))),
            () = tokio::time::sleep(GLANCE) => {}
        }
    }
}

fn mebi(bytes: u64) -> u64 {
    bytes >> 20
}

/// Ends servers on which everything is held open, and sees how long that takes.
async fn end(part: usize, binary: &Path, catalog: &Arc<Catalog>) -> Result<Vec<String>, Fault> {
    let mut faults = Vec::new();
    for is_secured in [false, true] {
        let mut stage =
            if is_secured { Stage::secured(binary, catalog).await? } else { Stage::open(binary, catalog).await? };
        let mut open = Vec::new();
        for (_, port) in stage.ports.clone() {
            open.push(Attack::Silent(500 / part).launch(&stage, &port, catalog).await?);
        }
        let (_, port) = stage.ports.first().ok_or("no port")?.clone();
        let others = if is_secured {
            vec![Attack::Handshakes(500 / part)]
        } else {
            vec![
                Attack::Heads { connections: 4, calls: 100 },
                Attack::Messages { connections: 1, calls: 10 },
                Attack::Deaf { calls: 100 },
                Attack::Window { calls: 100 },
            ]
        };
        for attack in others {
            match attack.launch(&stage, &port, catalog).await {
                Ok(held) => open.push(held),
                Err(error) => faults.push(format!("{}: {error}", attack.name())),
            }
        }
        tokio::time::sleep(HELD).await;
        let took = stage.end().await?;
        let what = if is_secured { "a secured server" } else { "a development server" };
        println!("{what} with all of this open ended in {} ms (aim: {} ms)", took.as_millis(), PROMPT.as_millis());
        if took > 3 * PROMPT {
            faults.push(format!("{what} took {} ms to end", took.as_millis()));
        }
    }
    Ok(faults)
}
