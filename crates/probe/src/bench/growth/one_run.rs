//! One run from its first hundred events to tens of thousands: a signal and the Workflow Task that it causes, again and
//! again, with a worker that keeps the run and is sent only what is new.

use std::time::{Duration, Instant};

use proto::temporal::api::{
    enums::v1::TaskQueueKind,
    taskqueue::v1::{StickyExecutionAttributes, TaskQueue},
    workflowservice::v1::{
        PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse, RespondWorkflowTaskCompletedRequest,
    },
};
use tokio::task::JoinSet;

use super::{Cost, Ground, watched};
use crate::{
    Fault,
    bench::{
        client::{CALL, Client, IDENTITY, queue, timed},
        figures::quantile,
        measure::Folder,
        worker::POLL,
    },
    server::Server,
};

/// Runs that grow side by side, so that each part takes long enough for the kernel's clock.
const RUNS: usize = 4;
/// Events of one step: the signal, and the task scheduled, started and completed.
const STEP: i64 = 4;
/// Where the parts end, in events; the last is where the option says.
const BOUNDS: [i64; 7] = [100, 2_000, 5_000, 10_000, 20_000, 30_000, 40_000];

/// How long the first poll of a worker's own queue waits before anything comes to it.
const FIRST_POLL: Duration = Duration::from_millis(300);

/// What one part cost.
#[derive(Debug, Clone, Copy)]
struct Part {
    from: i64,
    to: i64,
    cost: Cost,
    p50_ms: f64,
}

pub(super) async fn run(ground: Ground<'_>, events: i64) -> Result<(), Fault> {
    let folder = Folder::new()?;
    let mut launch = ground.perdure.launch(&folder.0);
    // A run takes ten thousand signals where nothing else is said.
    launch.arguments = vec!["--dynamic-config-value".into(), "history.maximumSignalsPerExecution=100000".into()];
    let server = Server::start(&launch, ground.setting.catalog).await?;
    let client = Client::to(server.way)?;
    let warm = begin(&client, "warm").await?;
    grow(warm, events.min(1_000)).await?;
    let mut runs = begin(&client, "long").await?;
    let mut parts = Vec::new();
    let mut from = 0;
    for to in BOUNDS.into_iter().filter(|bound| *bound < events).chain([events]) {
        let (grown, cost) = watched(&server, grow(runs, to)).await?;
        let mut latencies;
        (runs, latencies) = grown;
        latencies.sort();
        parts.push(Part {
            from,
            to: runs.first().map_or(to, |run| run.events),
            cost,
            p50_ms: quantile(&latencies, 0.5),
        });
        from = to;
    }
    let mut reader = client.clone();
    for run in &runs {
        let there = reader.history(&run.name).await?;
        if there as i64 != run.events {
            return Err(format!("{there} events in {:?}, not {}", run.name, run.events).into());
        }
    }
    print!("{}", table(&parts));
    Ok(())
}

/// The parts, and the dearest one's cost as a multiple of the first's.
fn table(parts: &[Part]) -> String {
    let events = |part: &Part| (part.to - part.from).max(1) as usize * RUNS;
    let mut text = format!(
        "\nSignals with their tasks to {RUNS} runs side by side, {STEP} events each:\n\n\
         | events of a run | CPU µs/event | p50 ms of a step | RSS MiB |\n|---|---|---|---|\n"
    );
    // The first part is short and warms up.
    let parts = if parts.len() > 1 { &parts[1..] } else { parts };
    for part in parts {
        let Part { from, to, cost, p50_ms } = part;
        let cpu = cost.cpu_us(events(part));
        text.push_str(&format!("| {from} to {to} | {cpu:.1} | {p50_ms:.2} | {:.0} |\n", cost.resident_mib));
    }
    let costs: Vec<f64> = parts.iter().map(|part| part.cost.cpu_us(events(part))).collect();
    let (least, most) =
        costs.iter().fold((f64::MAX, 0.0_f64), |(least, most), cost| (least.min(*cost), most.max(*cost)));
    if least > 0.0 && least < f64::MAX {
        text.push_str(&format!("\nThe dearest part is {:.2} × the cheapest (goal: ≤ 1.3 ×).\n", most / least));
    }
    text
}

/// A run as its one worker knows it.
struct Grown {
    client: Client,
    name: String,
    sticky: String,
    events: i64,
    /// Its own queue has not been polled yet.
    fresh: bool,
}

/// Starts the runs, and completes the first task of each so that the next ones come to its worker's own queue.
async fn begin(client: &Client, kind: &str) -> Result<Vec<Grown>, Fault> {
    let mut runs = Vec::new();
    for at in 0..RUNS {
        let name = format!("{kind}-{at}");
        let mut run = Grown { client: client.clone(), sticky: format!("{name}-own"), name, events: 0, fresh: true };
        run.client.start_on(&run.name, &run.name, "idle").await?;
        let task = run.task(queue(&run.name)).await?;
        run.events = task.started_event_id + 1;
        run.answer(task).await?;
        runs.push(run);
    }
    Ok(runs)
}

/// Grows all runs side by side until each has at least so many events; the latency of each step.
async fn grow(runs: Vec<Grown>, events: i64) -> Result<(Vec<Grown>, Vec<Duration>), Fault> {
    let mut lanes = JoinSet::new();
    for mut run in runs {
        lanes.spawn(async move {
            let mut latencies = Vec::new();
            while run.events < events {
                let started = Instant::now();
                run.step().await?;
                latencies.push(started.elapsed());
            }
            Ok::<_, Fault>((run, latencies))
        });
    }
    let (mut runs, mut latencies) = (Vec::new(), Vec::new());
    while let Some(lane) = lanes.join_next().await {
        let (run, some) = lane??;
        runs.push(run);
        latencies.extend(some);
    }
    Ok((runs, latencies))
}

impl Grown {
    async fn step(&mut self) -> Result<(), Fault> {
        let (name, events) = (self.name.clone(), self.events);
        let own =
            TaskQueue { name: self.sticky.clone(), kind: TaskQueueKind::Sticky.into(), normal_name: self.name.clone() };
        let mut signaller = self.client.clone();
        let first = std::mem::take(&mut self.fresh);
        let signal = async move {
            if first {
                // A worker's own queue is used only while its poll has been seen.
                tokio::time::sleep(FIRST_POLL).await;
            }
            signaller.signal(&name, format!("{name}-{events}")).await
        };
        let (task, signalled) = tokio::join!(self.task(Some(own)), signal);
        signalled?;
        let task = task?;
        let sent = task.history.as_ref().map_or(0, |history| history.events.len() as i64);
        if task.started_event_id + 1 != events + STEP || sent > STEP {
            let started = task.started_event_id;
            return Err(format!("after {events} events a task started at {started} with {sent} of them").into());
        }
        self.answer(task).await?;
        self.events += STEP;
        Ok(())
    }

    async fn task(&mut self, task_queue: Option<TaskQueue>) -> Result<PollWorkflowTaskQueueResponse, Fault> {
        let poll = PollWorkflowTaskQueueRequest {
            namespace: self.client.namespace.to_owned(),
            task_queue,
            identity: IDENTITY.to_owned(),
            ..PollWorkflowTaskQueueRequest::default()
        };
        let task = self.client.service.poll_workflow_task_queue(timed(poll, POLL)).await?.into_inner();
        if task.task_token.is_empty() { Err(format!("no task came to {:?}", self.name).into()) } else { Ok(task) }
    }

    async fn answer(&mut self, task: PollWorkflowTaskQueueResponse) -> Result<(), Fault> {
        let sticky_attributes = Some(StickyExecutionAttributes {
            worker_task_queue: queue(&self.sticky),
            schedule_to_start_timeout: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        });
        let answer = RespondWorkflowTaskCompletedRequest {
            task_token: task.task_token,
            identity: IDENTITY.to_owned(),
            namespace: self.client.namespace.to_owned(),
            sticky_attributes,
            ..RespondWorkflowTaskCompletedRequest::default()
        };
        self.client.service.respond_workflow_task_completed(timed(answer, CALL)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearest_part_is_set_beside_the_cheapest() {
        let part = |from, to, cpu| {
            let cost = Cost { elapsed: Duration::from_secs(1), cpu, resident_mib: 30.0, peak_mib: 30.0 };
            Part { from, to, cost, p50_ms: 1.0 }
        };
        let text = table(&[part(0, 100, 9.0), part(100, 200, 0.04), part(200, 300, 0.05)]);
        assert!(text.contains("| 100 to 200 | 100.0 | 1.00 | 30 |"), "{text}");
        assert!(text.contains("1.25 × the cheapest"), "{text}");
    }
}
