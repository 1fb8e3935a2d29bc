//! Programs that go on across restarts. They have two servers of their own, which store in files: after each part of the
//! programs both end, and come back with the same files and ports.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::task::JoinSet;

use super::{
    Options, Outcome, Stage,
    pair::{Pair, Stop},
    program::Program,
    report,
};
use crate::{
    Fault,
    catalog::Catalog,
    seed::Seed,
    server::{Kind, Launch, Server, free_port},
    wire::Wire,
};

/// Parts of a program; between two of them both servers are restarted.
const PARTS: usize = 3;
/// Keeps the seeds of these programs apart from those of the others.
const NUMBERS_FROM: u64 = 1 << 32;

/// The two servers, and how they are started again.
struct Servers {
    launches: [Launch; 2],
    ports: [u16; 2],
    running: Vec<Server>,
    directory: PathBuf,
}

/// A program that has come as far as it can, with its number.
type Ended = (u64, Program, Result<(), Stop>);

/// Runs the programs that the options ask for, and adds to the outcome. Those that differ are run once more, each by itself.
pub(super) async fn run(
    stage: &Stage,
    launches: [Launch; 2],
    options: &Options,
    outcome: &mut Outcome,
) -> Result<(), Fault> {
    let numbers: Vec<u64> = match options.restarted_program {
        Some(number) => vec![number],
        None => (0..options.restarted).collect(),
    };
    if numbers.is_empty() {
        return Ok(());
    }
    let mut servers = Servers::start(launches, &stage.catalog).await?;
    outcome.restarted = numbers.len();
    for (number, program, ended) in play(stage, &mut servers, &numbers, "").await? {
        if options.restarted_program.is_some() {
            report::transcript(&program);
        }
        match ended {
            Ok(()) => {}
            Err(Stop::Undecided) => outcome.undecided += 1,
            Err(stop) => {
                let name = report::Name { seed: options.seed, flag: "--restarted-program", number };
                let among_others = report::brief(&name, &stop);
                let (_, program, ended) = alone(stage, &mut servers, number).await?;
                outcome.judge(&name, &program, ended, among_others);
            }
        }
    }
    servers.end().await
}

async fn alone(stage: &Stage, servers: &mut Servers, number: u64) -> Result<Ended, Fault> {
    let mut ended = play(stage, servers, &[number], "again-").await?;
    ended.pop().ok_or_else(|| "a program was lost".into())
}

/// Plays programs side by side, from restart to restart.
async fn play(stage: &Stage, servers: &mut Servers, numbers: &[u64], again: &str) -> Result<Vec<Ended>, Fault> {
    let mut going = Vec::new();
    for number in numbers {
        let prefix = format!("p{}r{number}-{again}", stage.seed);
        let pair =
            Pair::new(Arc::clone(&stage.catalog), servers.wires()?, stage.manner, Arc::clone(&stage.ledger), prefix);
        let seed = Seed::of(stage.seed, NUMBERS_FROM + number);
        going.push((*number, Program::new(pair, seed, *number, stage.only.clone())));
    }
    let mut ended = Vec::new();
    for part in 0..PARTS {
        if part > 0 {
            servers.restart(part, &stage.catalog).await?;
        }
        let mut running = JoinSet::new();
        for (number, mut program) in std::mem::take(&mut going) {
            program.pair.reconnect(servers.wires()?);
            running.spawn(async move {
                let outcome = program.part(part, PARTS - 1).await;
                (number, program, outcome)
            });
        }
        while let Some(joined) = running.join_next().await {
            match joined? {
                (number, program, Ok(())) if part + 1 < PARTS => going.push((number, program)),
                over => ended.push(over),
            }
        }
    }
    Ok(ended)
}

impl Servers {
    async fn start(mut launches: [Launch; 2], catalog: &Catalog) -> Result<Servers, Fault> {
        let directory = std::env::temp_dir().join(format!("perdure-differential-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        for (launch, name) in launches.iter_mut().zip(["reference.db", "subject.db"]) {
            launch.database = Some(directory.join(name));
        }
        let ports = [free_port()?, free_port()?];
        let mut servers = Servers { launches, ports, running: Vec::new(), directory };
        servers.begin(catalog).await?;
        Ok(servers)
    }

    async fn begin(&mut self, catalog: &Catalog) -> Result<(), Fault> {
        for (launch, port) in self.launches.iter().zip(self.ports) {
            self.running.push(Server::start_at(launch, port, catalog).await?);
        }
        Ok(())
    }

    /// Ends both and starts them again: the server under test is killed the first time, and stopped as an operator does the
    /// next. The reference is always stopped: after a kill it reads anew what its workers had taken, and while it finds out that
    /// such a task is over, it forgets the updates and queries that wait for the run.
    async fn restart(&mut self, part: usize, catalog: &Catalog) -> Result<(), Fault> {
        for (server, launch) in std::mem::take(&mut self.running).into_iter().zip(&self.launches) {
            if part % 2 == 1 && launch.kind != Kind::Reference {
                server.kill().await?;
            } else {
                server.stop().await?;
            }
        }
        self.begin(catalog).await
    }

    fn wires(&self) -> Result<[Wire; 2], Fault> {
        Ok([Wire::to(self.ports[0])?, Wire::to(self.ports[1])?])
    }

    async fn end(mut self) -> Result<(), Fault> {
        for server in std::mem::take(&mut self.running) {
            server.stop().await?;
        }
        Ok(())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // A file that stays behind does no harm, and no other run meets it.
        let _ = fs::remove_dir_all(Path::new(&self.directory));
    }
}
