//! Tasks that wait for a worker, more of them than anyone would keep in memory, and a worker that comes at last.

use super::{Ground, files_mib, mib, watched};
use crate::{
    Fault,
    bench::{
        client::Client,
        lanes::{answered, each, expect_count, names},
        measure::Folder,
        worker::{POLLERS, Worker},
    },
};

pub(super) async fn run(ground: Ground<'_>, tasks: usize) -> Result<(), Fault> {
    let folder = Folder::new()?;
    let server = ground.server(&folder).await?;
    let stage = ground.stage(&server);
    let empty = mib(server.usage()?);
    let runs = names("waiting", tasks);
    let starts = each(&stage, &runs, |mut client, name| async move { client.start(&name, "none").await });
    let (_, filled) = watched(&server, starts).await?;
    let file = files_mib(&folder)?;
    eprintln!("backlog of {tasks}: {filled:?}");
    let (worker, drained) = watched(&server, async {
        let worker = Worker::start(stage.way, POLLERS, &stage.board)?;
        answered(&stage.board, tasks).await?;
        Ok(worker)
    })
    .await?;
    drop(worker);
    expect_count(&mut Client::to(stage.way)?, "ExecutionStatus = 'Completed'", tasks).await?;
    println!("\nA backlog of {tasks} Workflow Tasks, in a file of {file:.0} MiB:\n");
    println!("| | tasks/s | CPU µs/task | RSS MiB at its end | RSS MiB at most |\n|---|---|---|---|---|");
    println!("| an empty server | | | {empty:.0} | |");
    for (what, cost) in [("filled by starts", filled), ("drained by a worker that completes each run", drained)] {
        let (speed, cpu) = (cost.per_second(tasks), cost.cpu_us(tasks));
        println!("| {what} | {speed:.0} | {cpu:.0} | {:.0} | {:.0} |", cost.resident_mib, cost.peak_mib);
    }
    Ok(())
}
