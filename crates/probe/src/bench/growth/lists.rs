//! Lists over many runs with large memos: the processor time of a page and of a count for filters that select few runs, many
//! and none, and what starts notice of callers that list without a pause.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::task::JoinSet;

use super::{Ground, files_mib, watched};
use crate::{
    Fault,
    bench::{
        client::{Client, Listed},
        figures::quantile,
        lanes::{Stage, each, expect_count, names},
        measure::Folder,
    },
    server::Server,
};

const PAGE: i32 = 100;
/// Callers that list without a pause.
const CALLERS: usize = 16;
/// One run in so many is rare: in its type, its queue and its schedule.
const RARE: usize = 10_000;
/// Starts whose latency is measured, alone and beside the callers, one at a time.
const STARTS: usize = 2_000;

/// Filters by what they select.
const FILTERS: [(&str, &str); 20] = [
    ("one Workflow Id", "WorkflowId = 'listed-17'"),
    ("a prefix of Workflow Ids", "WorkflowId STARTS_WITH 'listed-1700'"),
    ("a range of Workflow Ids", "WorkflowId BETWEEN 'listed-171' AND 'listed-17100'"),
    ("a rare type", "WorkflowType = 'Rare'"),
    ("a rare queue", "TaskQueue = 'rare'"),
    ("types that begin so", "WorkflowType STARTS_WITH 'Ra'"),
    ("a rare schedule", "TemporalScheduledById = 'rare'"),
    ("schedules that begin so", "TemporalScheduledById STARTS_WITH 'schedule-77'"),
    ("an item of a list", "BuildIds = 'build-42'"),
    ("a narrow time", "TemporalScheduledStartTime BETWEEN '2024-01-01T00:00:50Z' AND '2024-01-01T00:00:51Z'"),
    ("a status that none has", "ExecutionStatus = 'Failed'"),
    ("nothing before", "StartTime < '2020-01-01T00:00:00Z'"),
    ("a closed run", "CloseTime IS NOT NULL"),
    ("a flag that few have", "TemporalSchedulePaused = true"),
    ("all", ""),
    ("one type of twenty", "WorkflowType = 'Type3'"),
    ("all but one type", "WorkflowType != 'Type3'"),
    ("two that few have both", "WorkflowType = 'Type3' AND TemporalSchedulePaused = true"),
    ("two that exclude each other", "WorkflowType = 'Type3' AND TaskQueue = 'queue-4'"),
    ("a rare type among many", "WorkflowType = 'Rare' AND ExecutionStatus = 'Running'"),
];

/// Those of them that read most.
const WORST: [&str; 4] = [
    "TaskQueue = 'rare'",
    "WorkflowType = 'Type3' AND TaskQueue = 'queue-4'",
    "TemporalScheduledStartTime BETWEEN '2024-01-01T00:00:50Z' AND '2024-01-01T00:00:51Z'",
    "WorkflowType != 'Type3' AND TemporalSchedulePaused = true",
];

pub(super) async fn run(ground: Ground<'_>, runs: usize, memo_bytes: usize) -> Result<(), Fault> {
    let folder = Folder::new()?;
    let server = ground.server(&folder).await?;
    let stage = ground.stage(&server);
    let before = files_mib(&folder)?;
    let ((), cost) = watched(&server, async { fill(&stage, runs, memo_bytes).await }).await?;
    let mut client = Client::to(stage.way)?;
    expect_count(&mut client, "", runs).await?;
    let kib = (files_mib(&folder)? - before) * 1_024.0 / runs as f64;
    println!(
        "\nLists over {runs} open runs with memos of {memo_bytes} bytes ({:.0} µs and {kib:.1} KiB of disk for each start):\n",
        cost.cpu_us(runs)
    );
    println!("| filter | | runs | page of {PAGE}: CPU µs | count: CPU µs |\n|---|---|---|---|---|");
    let times = if ground.setting.smoke { 2 } else { 50 };
    for (what, filter) in FILTERS {
        report(&server, &mut client, what, filter, times).await?;
    }
    if !ground.setting.smoke {
        beside(&server, &stage).await?;
    }
    server.stop().await
}

/// Starts the runs.
async fn fill(stage: &Stage, runs: usize, memo_bytes: usize) -> Result<(), Fault> {
    each(stage, &names("listed", runs), move |mut client, name| async move {
        let number: usize = name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or_default();
        client.start_listed(&name, &listed(number, memo_bytes)).await
    })
    .await?;
    Ok(())
}

/// What is shown of the run of this number.
fn listed(number: usize, memo_bytes: usize) -> Listed {
    let is_rare = number % RARE == 17;
    Listed {
        kind: if is_rare { "Rare".to_owned() } else { format!("Type{}", number % 20) },
        queue: if is_rare { "rare".to_owned() } else { format!("queue-{}", number % 20) },
        schedule: if is_rare { "rare".to_owned() } else { format!("schedule-{}", number % 100_003) },
        build: format!("build-{}", number.wrapping_mul(7) % 50_000),
        second: number % 86_400,
        is_paused: number % 5_000 == 3,
        memo_bytes,
    }
}

/// A line of the table.
async fn report(server: &Server, client: &mut Client, what: &str, filter: &str, times: usize) -> Result<(), Fault> {
    let number = client.count(filter).await?;
    let (_, listed) = watched(server, async {
        for _ in 0..times {
            client.list(filter, PAGE).await?;
        }
        Ok(())
    })
    .await?;
    let (_, counted) = watched(server, async {
        for _ in 0..times {
            client.count(filter).await?;
        }
        Ok(())
    })
    .await?;
    println!("| {what} | `{filter}` | {number} | {:.0} | {:.0} |", listed.cpu_us(times), counted.cpu_us(times));
    Ok(())
}

/// Starts alone, and beside callers that list all the time.
async fn beside(server: &Server, stage: &Stage) -> Result<(), Fault> {
    println!("\n| starts, one at a time | p50 ms | p99 ms | CPU µs of the server |\n|---|---|---|---|");
    for turn in 0..4 {
        let is_beside = turn % 2 == 1;
        let ends = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for number in 0..if is_beside { CALLERS } else { 0 } {
            let (mut client, ends) = (Client::to(stage.way)?, Arc::clone(&ends));
            callers.spawn(async move {
                while !ends.load(Ordering::Relaxed) {
                    client.list(WORST[number % WORST.len()], PAGE).await?;
                }
                Ok::<_, Fault>(())
            });
        }
        let alone = Stage { concurrency: 1, ..stage.clone() };
        let starts = names(&format!("beside-{turn}"), STARTS);
        let (latencies, cost) = watched(server, async {
            each(&alone, &starts, |mut client, name| async move { client.start_listed(&name, &listed(3, 1_000)).await })
                .await
        })
        .await?;
        ends.store(true, Ordering::Relaxed);
        while let Some(caller) = callers.join_next().await {
            caller??;
        }
        let mut latencies = latencies;
        latencies.sort();
        let who = if is_beside { format!("beside {CALLERS} that list") } else { "alone".to_owned() };
        println!(
            "| {who} | {:.2} | {:.2} | {:.0} |",
            quantile(&latencies, 0.5),
            quantile(&latencies, 0.99),
            cost.cpu_us(STARTS)
        );
    }
    Ok(())
}
