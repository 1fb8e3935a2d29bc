//! The scenarios: what is done, how often and how many times, on which server.

use clap::ValueEnum;

use super::worker::POLLERS;
use crate::server::Kind;

/// One kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Scenario {
    /// Runs that complete with their first Workflow Task.
    NoOp,
    /// Runs with one Activity.
    OneActivity,
    /// Runs with ten Activities, one after the other.
    TenActivities,
    /// No-op runs one at a time.
    Latency,
    /// Runs with one Activity, one at a time.
    ActivityLatency,
    /// Timers of one second that all run at once; the latency is their lateness.
    Timers,
    /// Signals, each with the Workflow Task that it causes.
    Signals,
    /// Signals to one run that nobody works on.
    OneRun,
    /// Starts without a worker.
    StartOnly,
    /// Starts without a worker, one at a time.
    StartLatency,
    /// Calls for which nothing is looked up or stored, one at a time.
    BareLatency,
    /// Queries to a run that does nothing else.
    Queries,
    /// Queries one at a time.
    QueryLatency,
    /// Updates to runs that do nothing else, one at a time.
    UpdateLatency,
    /// A worker that comes when many runs wait.
    Backlog,
    /// A history of ten thousand events, read from its first to its last page.
    LongHistory,
    /// Pages of a list over closed runs.
    List,
    /// The same over a tenth of the runs.
    ShortList,
    /// Seconds in which many pollers wait and nothing happens.
    Parked,
    /// Many no-op runs, for the memory that they leave in use.
    Memory,
}

impl Scenario {
    /// In the order in which they are run and printed.
    pub(super) const ALL: [Scenario; 20] = [
        Scenario::NoOp,
        Scenario::OneActivity,
        Scenario::TenActivities,
        Scenario::Latency,
        Scenario::ActivityLatency,
        Scenario::Timers,
        Scenario::Signals,
        Scenario::OneRun,
        Scenario::StartOnly,
        Scenario::StartLatency,
        Scenario::BareLatency,
        Scenario::Queries,
        Scenario::QueryLatency,
        Scenario::UpdateLatency,
        Scenario::Backlog,
        Scenario::LongHistory,
        Scenario::List,
        Scenario::ShortList,
        Scenario::Parked,
        Scenario::Memory,
    ];

    /// Its name and unit in the table.
    pub(super) fn title(self) -> &'static str {
        match self {
            Scenario::NoOp => "no-op workflow",
            Scenario::OneActivity => "one activity",
            Scenario::TenActivities => "ten sequential activities",
            Scenario::Latency => "no-op workflow, one at a time",
            Scenario::ActivityLatency => "one activity, one at a time",
            Scenario::Timers => "one-second timer (latency = lateness)",
            Scenario::Signals => "signal with its task",
            Scenario::OneRun => "signals to one run",
            Scenario::StartOnly => "start only",
            Scenario::StartLatency => "start only, one at a time",
            Scenario::BareLatency => "`GetSystemInfo`, one at a time",
            Scenario::Queries => "query",
            Scenario::QueryLatency => "query, one at a time",
            Scenario::UpdateLatency => "update, one at a time",
            Scenario::Backlog => "backlog drain",
            Scenario::LongHistory => "read a history of 10,000 events",
            Scenario::List => "list a page of 100",
            Scenario::ShortList => "list a page of 100, a tenth of the runs",
            Scenario::Parked => "a second with 200 parked pollers",
            Scenario::Memory => "no-op workflow, many",
        }
    }

    /// Pollers of each kind that the worker keeps open; none where there is no worker.
    pub(super) fn pollers(self) -> usize {
        match self {
            Scenario::StartOnly
            | Scenario::StartLatency
            | Scenario::BareLatency
            | Scenario::Backlog
            | Scenario::List
            | Scenario::ShortList
            | Scenario::OneRun
            | Scenario::LongHistory => 0,
            Scenario::Parked => 100,
            Scenario::NoOp
            | Scenario::OneActivity
            | Scenario::TenActivities
            | Scenario::Signals
            | Scenario::Timers
            | Scenario::Queries
            | Scenario::QueryLatency
            | Scenario::UpdateLatency
            | Scenario::Latency
            | Scenario::ActivityLatency
            | Scenario::Memory => POLLERS,
        }
    }

    /// How many operations are measured: as many as the clock of the kernel needs, whose ticks are 10 ms, but few
    /// enough that one run keeps the reference busy for about ten seconds.
    pub(super) fn operations(self, kind: Kind, smoke: bool) -> usize {
        if smoke {
            return if self == Scenario::Parked { 1 } else { 20 };
        }
        let (reference, perdure) = match self {
            Scenario::NoOp => (600, 15_000),
            Scenario::OneActivity => (300, 6_000),
            Scenario::TenActivities => (80, 1_000),
            Scenario::Latency => (100, 2_000),
            Scenario::ActivityLatency => (40, 1_000),
            Scenario::Timers => (400, 400),
            Scenario::Signals => (600, 8_000),
            Scenario::OneRun => (3_000, 9_000),
            Scenario::StartOnly => (1_000, 15_000),
            Scenario::StartLatency => (400, 2_000),
            Scenario::BareLatency => (2_000, 5_000),
            Scenario::Queries => (1_000, 15_000),
            Scenario::QueryLatency => (400, 3_000),
            Scenario::UpdateLatency => (150, 1_000),
            Scenario::Backlog => (600, 10_000),
            Scenario::LongHistory => (8, 80),
            Scenario::List | Scenario::ShortList => (100, 2_000),
            Scenario::Parked => (20, 20),
            Scenario::Memory => (3_000, 100_000),
        };
        if kind == Kind::Reference { reference } else { perdure }
    }

    /// What is there before the measured part: events of the long history, closed runs of the lists. The reference
    /// gets fewer closed runs, because it takes a hundredth of a second of two cores to make one.
    pub(super) fn fill(self, kind: Kind, smoke: bool) -> usize {
        match (self, smoke) {
            (Scenario::LongHistory, false) => 10_000,
            (Scenario::LongHistory, true) => 500,
            (_, true) => 150,
            (Scenario::List, false) if kind != Kind::Reference => 100_000,
            (_, false) => 10_000,
        }
    }

    /// How many servers are started for so many runs, and how many runs each of them gets. What only reads, or takes
    /// long to prepare, is measured several times on one server.
    pub(super) fn split(self, runs: usize) -> (usize, usize) {
        match self {
            Scenario::BareLatency
            | Scenario::Queries
            | Scenario::QueryLatency
            | Scenario::LongHistory
            | Scenario::List
            | Scenario::ShortList => (1, runs),
            Scenario::Parked => (1, runs.min(3)),
            Scenario::Memory => (1, 1),
            Scenario::OneRun | Scenario::Timers => (runs.min(3), 1),
            Scenario::NoOp
            | Scenario::OneActivity
            | Scenario::TenActivities
            | Scenario::Latency
            | Scenario::ActivityLatency
            | Scenario::UpdateLatency
            | Scenario::Signals
            | Scenario::StartOnly
            | Scenario::StartLatency
            | Scenario::Backlog => (runs, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_listed_once() {
        assert_eq!(Scenario::ALL.as_slice(), Scenario::value_variants());
    }

    #[test]
    fn a_smoke_run_is_small() {
        for scenario in Scenario::ALL {
            let (servers, windows) = scenario.split(1);
            assert_eq!((servers, windows), (1, 1));
            assert!(scenario.operations(Kind::Perdure, true) <= 20 && scenario.fill(Kind::Perdure, true) <= 500);
        }
    }
}
