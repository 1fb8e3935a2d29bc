//! Tasks that wait for a worker, more of them than anyone would keep in memory, and a worker that comes at last.

use super::{Cost, Ground, QUARTERS, files_mib, mib, quarters, together, told, watched};
use crate::{
    Fault,
    bench::{
        client::Client,
        lanes::{Stage, answered, each, expect_count, names},
        measure::Folder,
        worker::{POLLERS, Worker},
    },
    server::Server,
};

pub(super) async fn run(ground: Ground<'_>, tasks: usize) -> Result<(), Fault> {
    let folder = Folder::new()?;
    let server = ground.server(&folder).await?;
    let stage = ground.stage(&server);
    let empty = mib(server.usage()?);
    let filled = fill(&server, &stage, tasks).await?;
    let file = files_mib(&folder)?;
    let worker = Worker::start(stage.way, POLLERS, &stage.board)?;
    let mut drained = Vec::new();
    for to in quarters(tasks) {
        let ((), cost) = watched(&server, answered(&stage.board, to)).await?;
        eprintln!("{to} tasks done: {cost:?}");
        drained.push(cost);
    }
    drop(worker);
    expect_count(&mut Client::to(stage.way)?, "ExecutionStatus = 'Completed'", tasks).await?;
    println!("\nA backlog of {tasks} Workflow Tasks, in a file of {file:.0} MiB:\n");
    println!(
        "| | tasks/s | CPU µs/task by quarter | RSS MiB at the end of each | RSS MiB at most |\n|---|---|---|---|---|"
    );
    println!("| an empty server | | | {empty:.0} | |");
    for (what, costs) in [("filled by starts", &filled), ("drained by a worker that completes each run", &drained)] {
        let (all, cpu) = (together(costs), told(costs, |cost| cost.cpu_us(tasks / QUARTERS)));
        let resident = told(costs, |cost| cost.resident_mib);
        println!("| {what} | {:.0} | {cpu} | {resident} | {:.0} |", all.per_second(tasks), all.peak_mib);
    }
    Ok(())
}

/// Starts runs that nobody works on, quarter by quarter.
async fn fill(server: &Server, stage: &Stage, tasks: usize) -> Result<Vec<Cost>, Fault> {
    let runs = names("waiting", tasks);
    let (mut from, mut costs) = (0, Vec::new());
    for to in quarters(tasks) {
        let some = runs.get(from..to).unwrap_or_default();
        let starts = each(stage, some, |mut client, name| async move { client.start(&name, "none").await });
        let (_, cost) = watched(server, starts).await?;
        eprintln!("{to} tasks waiting: {cost:?}");
        costs.push(cost);
        from = to;
    }
    Ok(costs)
}
