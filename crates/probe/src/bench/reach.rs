//! The comparison that the project sets itself: Perdure with its state on a disk beside the reference in memory, and
//! where it says so beside the reference on the same disk; one line for each goal.

use std::path::Path;

use super::{
    disk::{self, Syncs},
    figures::Figures,
    goals::{self, Aim, Line},
    measure::{self, Column, Folder, Setting},
    scenario::Scenario,
    table,
};
use crate::{Fault, server::Kind};

/// Writes of each kind that tell how long a sync takes.
const SYNCS: usize = 400;

/// What each scenario measured, by server.
#[derive(Debug, Clone, Default)]
struct Found(Vec<Case>);

/// One scenario, and its figures where they were measured.
#[derive(Debug, Clone, Copy)]
struct Case {
    scenario: Scenario,
    /// The reference with its state in memory.
    memory: Option<Figures>,
    /// The reference with its state on a disk.
    disk: Option<Figures>,
    perdure: Option<Figures>,
}

/// Which servers a scenario is run on, besides Perdure on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Against {
    Memory,
    MemoryAndDisk,
    Nothing,
}

/// The scenarios that the goals need.
const PLAN: [(Scenario, Against); 16] = [
    (Scenario::NoOp, Against::MemoryAndDisk),
    (Scenario::OneActivity, Against::MemoryAndDisk),
    (Scenario::TenActivities, Against::Memory),
    (Scenario::Latency, Against::Memory),
    (Scenario::ActivityLatency, Against::Memory),
    (Scenario::Timers, Against::Memory),
    (Scenario::Signals, Against::Memory),
    (Scenario::OneRun, Against::Memory),
    (Scenario::StartLatency, Against::Memory),
    (Scenario::BareLatency, Against::Memory),
    (Scenario::QueryLatency, Against::Memory),
    (Scenario::UpdateLatency, Against::Memory),
    (Scenario::LongHistory, Against::Memory),
    (Scenario::List, Against::Memory),
    (Scenario::ShortList, Against::Nothing),
    (Scenario::Parked, Against::Memory),
];

/// Measures all of it and prints two tables: the goals, and every figure of every scenario.
pub(super) async fn run(reference: &Path, perdure: &Path, setting: Setting<'_>) -> Result<(), Fault> {
    let mut memory = Column::new(Kind::Reference, reference, false);
    let mut durable = Column::new(Kind::Reference, reference, true);
    let mut subject = Column::new(Kind::Perdure, perdure, true);
    let syncs = disk::measure(&Folder::new()?.0, if setting.smoke { 10 } else { SYNCS })?;
    let mut found = Found::default();
    // What is left in memory is looked at last: it takes the longest, and nothing else waits for it.
    for (scenario, against) in PLAN.into_iter().chain([(Scenario::Memory, Against::Memory)]) {
        let mut columns = vec![&mut subject];
        match against {
            Against::Memory => columns.push(&mut memory),
            Against::MemoryAndDisk => columns.extend([&mut memory, &mut durable]),
            Against::Nothing => {}
        }
        let mut figures = measure::medians(scenario, &mut columns, setting).await?.into_iter();
        let perdure = figures.next();
        found.0.push(Case { scenario, perdure, memory: figures.next(), disk: figures.next() });
    }
    let runs = if setting.smoke { 1 } else { setting.runs };
    println!("\n### Reach, medians of {runs}\n");
    println!("{}\n", machine(syncs));
    print!("{}", goals::markdown(&found.lines(syncs, Sizes::of(memory.kind, subject.kind, setting.smoke))));
    let pairs = |of: fn(&Case) -> Option<Figures>| -> Vec<table::Row> {
        let cases = found.0.iter().filter(|case| of(case).is_some());
        cases.map(|case| table::Row { scenario: case.scenario, reference: of(case), perdure: case.perdure }).collect()
    };
    print!("{}", table::markdown("The reference in memory, Perdure durable", false, runs, &pairs(|case| case.memory)));
    print!("{}", table::markdown("Both durable", true, runs, &pairs(|case| case.disk)));
    Ok(())
}

/// What the figures were measured on.
fn machine(syncs: Syncs) -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let of = |path: &str, name: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim_start_matches([' ', '\t', ':']).trim().to_owned()
    };
    let kib: u64 = of("/proc/meminfo", "MemTotal:").split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
    format!(
        "{cores} cores ({}), {} GiB, Linux {}. A synced write of 4 KiB took {:.2} ms where the file grew and {:.2} ms \
         where it did not.",
        of("/proc/cpuinfo", "model name"),
        (kib + (1 << 19)) >> 20,
        of("/proc/sys/kernel/osrelease", ""),
        syncs.growing_ms,
        syncs.allocated_ms,
    )
}

/// Sizes that the lines name; pairs are the reference's and Perdure's.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    closed: [usize; 2],
    many: [usize; 2],
    short: usize,
    history: usize,
    timers: usize,
}

impl Sizes {
    fn of(reference: Kind, perdure: Kind, smoke: bool) -> Sizes {
        let many = |kind| Scenario::Memory.operations(kind, smoke);
        Sizes {
            closed: [Scenario::List.fill(reference, smoke), Scenario::List.fill(perdure, smoke)],
            many: [many(reference), many(perdure)],
            short: Scenario::ShortList.fill(perdure, smoke),
            history: Scenario::LongHistory.fill(perdure, smoke),
            timers: Scenario::Timers.operations(perdure, smoke),
        }
    }
}

/// One figure of both servers.
type Both = [Option<f64>; 2];

impl Found {
    fn both(&self, scenario: Scenario, figure: fn(&Figures) -> f64) -> Both {
        let case = self.0.iter().find(|case| case.scenario == scenario);
        [
            case.and_then(|case| case.memory).as_ref().map(figure),
            case.and_then(|case| case.perdure).as_ref().map(figure),
        ]
    }

    /// The same with both on a disk.
    fn durable(&self, scenario: Scenario, figure: fn(&Figures) -> f64) -> Both {
        let case = self.0.iter().find(|case| case.scenario == scenario);
        [case.and_then(|case| case.disk).as_ref().map(figure), case.and_then(|case| case.perdure).as_ref().map(figure)]
    }

    /// One line for each goal.
    fn lines(&self, syncs: Syncs, sizes: Sizes) -> Vec<Line> {
        let mut lines = self.costs();
        lines.extend(self.waits(sizes));
        lines.extend(self.rates());
        lines.extend(self.starts(syncs));
        lines.extend(self.reads(sizes));
        lines.extend(self.sizes(sizes));
        lines
    }

    fn costs(&self) -> Vec<Line> {
        let cpu = |what: &str, scenario, share| {
            Line::new(format!("{what}: server CPU per workflow"), "µs", 0, Aim::Share(share))
                .with(self.both(scenario, |figures| figures.cpu_us))
        };
        vec![
            cpu("no-op workflow", Scenario::NoOp, 60.0),
            cpu("one activity", Scenario::OneActivity, 50.0),
            cpu("ten sequential activities", Scenario::TenActivities, 40.0),
        ]
    }

    fn waits(&self, sizes: Sizes) -> Vec<Line> {
        let p50 = |what: &str, scenario, most| {
            Line::new(format!("latency at concurrency 1, p50: {what}"), "ms", 2, Aim::AtMost(most))
                .with(self.both(scenario, |figures| figures.p50_ms))
        };
        let timers = format!("lateness of {} one-second timers started together, p99", sizes.timers);
        vec![
            p50("no-op", Scenario::Latency, 3.0),
            p50("one activity", Scenario::ActivityLatency, 6.0),
            Line::new(timers, "ms", 1, Aim::AtMost(20.0)).with(self.both(Scenario::Timers, |figures| figures.p99_ms)),
        ]
    }

    fn rates(&self) -> Vec<Line> {
        let rate = |what: &str, times, both| Line::new(what, "/s", 0, Aim::Times(times)).with(both);
        let speed = |figures: &Figures| figures.per_second;
        vec![
            rate("throughput, no-op workflow", 20.0, self.both(Scenario::NoOp, speed)),
            rate("throughput, one activity", 20.0, self.both(Scenario::OneActivity, speed)),
            rate("throughput, no-op workflow, reference on disk", 50.0, self.durable(Scenario::NoOp, speed)),
            rate("throughput, one activity, reference on disk", 50.0, self.durable(Scenario::OneActivity, speed)),
            rate("signals to one workflow, each acknowledged when durable", 20.0, self.both(Scenario::OneRun, speed)),
        ]
    }

    fn starts(&self, syncs: Syncs) -> Vec<Line> {
        let line = |quantile: &str, most: f64, figure: fn(&Figures) -> f64| {
            let both = self.both(Scenario::StartLatency, figure);
            let in_syncs = |sync_ms: f64| both.map(|value| value.map(|ms| ms / sync_ms.max(f64::EPSILON)));
            let what = |file: &str| format!("StartWorkflowExecution alone, {quantile}, in syncs of {file}");
            [
                Line::new(what("a growing file"), "syncs", 1, Aim::AtMost(most)).with(in_syncs(syncs.growing_ms)),
                Line::new(what("an allocated file"), "syncs", 1, Aim::AtMost(most)).with(in_syncs(syncs.allocated_ms)),
            ]
        };
        let mut lines = line("p50", 2.0, |figures| figures.p50_ms).to_vec();
        lines.extend(line("p99", 10.0, |figures| figures.p99_ms));
        lines
    }

    fn reads(&self, sizes: Sizes) -> Vec<Line> {
        let cpu = |figures: &Figures| figures.cpu_us;
        let [fewer, more] = sizes.closed;
        let short = self.both(Scenario::ShortList, cpu)[1];
        let history = format!("full read of a history of {} events: CPU", sizes.history);
        vec![
            Line::new(history, "µs", 0, Aim::Share(15.0)).with(self.both(Scenario::LongHistory, cpu)),
            Line::new("update round trip, p50", "ms", 2, Aim::Share(3.0))
                .with(self.both(Scenario::UpdateLatency, |figures| figures.p50_ms)),
            Line::new("query round trip, p50", "ms", 2, Aim::Share(3.0))
                .with(self.both(Scenario::QueryLatency, |figures| figures.p50_ms)),
            Line::new(format!("list page of 100 with a filter over {more} closed runs: CPU per call"), "µs", 0, {
                Aim::Share(10.0)
            })
            .with(self.both(Scenario::List, cpu))
            .noting(if fewer < more { format!("the reference over {fewer}") } else { String::new() }),
            Line::new(format!("the same as a multiple of that over {} runs", sizes.short), "µs", 0, Aim::Flat(1.3))
                .with([short, self.both(Scenario::List, cpu)[1]])
                .noting("both figures are Perdure's".to_owned()),
        ]
    }

    fn sizes(&self, sizes: Sizes) -> Vec<Line> {
        let [fewer, more] = sizes.many;
        let idle = self.both(Scenario::Parked, |figures| figures.cpu_us).map(|cpu| cpu.map(|us| us / 1e4));
        vec![
            Line::new("file bytes per completed no-op workflow, reference on disk", "B", 0, Aim::Share(10.0))
                .with(self.durable(Scenario::NoOp, |figures| figures.disk)),
            Line::new("bytes written per no-op workflow, reference on disk", "B", 0, Aim::Share(50.0))
                .with(self.durable(Scenario::NoOp, |figures| figures.written)),
            Line::new(format!("resident memory after {more} workflows"), "MiB", 0, Aim::Share(5.0))
                .with(self.both(Scenario::Memory, |figures| figures.resident_mib))
                .noting(if fewer < more { format!("the reference after {fewer}") } else { String::new() }),
            Line::new("idle with 200 parked pollers", "% of a core", 2, Aim::AtMost(0.2)).with(idle),
        ]
    }
}
