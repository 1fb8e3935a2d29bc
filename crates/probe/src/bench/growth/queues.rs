//! Many task queues with a few tasks each, beside the same number of tasks on one.

use std::sync::Arc;

use super::{Cost, Ground, mib, watched};
use crate::{
    Fault,
    bench::{
        client::{Client, QUEUE},
        lanes::{Stage, answered, each, expect_count},
        measure::Folder,
        worker,
    },
};

/// Tasks on each queue.
const TASKS: usize = 5;

pub(super) async fn run(ground: Ground<'_>, queues: usize) -> Result<(), Fault> {
    println!("\n{TASKS} Workflow Tasks on each of {queues} task queues, beside as many on one:\n");
    println!(
        "| task queues | | runs/s | CPU µs/run | RSS MiB at its end | RSS MiB at most |\n|---|---|---|---|---|---|"
    );
    for spread in [1, queues] {
        let folder = Folder::new()?;
        let server = ground.server(&folder).await?;
        let stage = ground.stage(&server);
        let empty = mib(server.usage()?);
        // In turn, as tasks for many queues come.
        let tasks: Vec<String> = (0..TASKS * queues).map(|at| format!("{QUEUE}-{}/{at}", at % spread)).collect();
        let (_, filled) = watched(&server, fill(&stage, &tasks)).await?;
        let (_, drained) = watched(&server, drain(&stage, &tasks)).await?;
        expect_count(&mut Client::to(stage.way)?, "ExecutionStatus = 'Completed'", tasks.len()).await?;
        println!("| {spread} | an empty server | | | {empty:.0} | |");
        row(spread, "starts", filled, tasks.len());
        row(spread, "polls and completions", drained, tasks.len());
    }
    Ok(())
}

fn row(queues: usize, what: &str, cost: Cost, tasks: usize) {
    let (speed, cpu) = (cost.per_second(tasks), cost.cpu_us(tasks));
    println!("| {queues} | {what} | {speed:.0} | {cpu:.0} | {:.0} | {:.0} |", cost.resident_mib, cost.peak_mib);
}

/// The queue that a task's name begins with.
fn queue_of(task: &str) -> &str {
    task.split_once('/').map_or(task, |(queue, _)| queue)
}

async fn fill(stage: &Stage, tasks: &[String]) -> Result<(), Fault> {
    each(stage, tasks, |mut client, task| async move { client.start_on(queue_of(&task), &task, "none").await }).await?;
    Ok(())
}

async fn drain(stage: &Stage, tasks: &[String]) -> Result<(), Fault> {
    let board = Arc::clone(&stage.board);
    each(stage, tasks, move |mut client, task| {
        let board = Arc::clone(&board);
        async move { worker::work(&mut client, &board, queue_of(&task)).await }
    })
    .await?;
    answered(&stage.board, tasks.len()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_names_its_queue() {
        assert_eq!(queue_of("bench-7/31"), "bench-7");
    }
}
