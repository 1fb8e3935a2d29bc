//! The engine: the only place where the machines meet clock, store and cluster.
//!
//! `Lane` is the whole of it without IO: events go in, actions come out, one after the other, so that the simulator can
//! run it from a seed. `Engine` is the thin driver that gives a `Lane` a clock, threads for the store and callers.

// A new input, answer or refusal must be decided about everywhere.
#![warn(clippy::wildcard_enum_match_arm)]

mod call;
mod driver;
mod lane;
mod namespace;
mod persist;
mod placement;
mod visibility;

pub use call::{
    Answer, Call, Execution, HistoryRange, HistoryState, JobPart, Poll, PollerVersion, PollingWorker, QueryOutcome,
    Request, Started, TaskQueueDescription, UpdateCall, UpdateOutcome, UpdateState, UpdateWait, Workers, WorkflowTask,
};
pub use driver::{Class, Clocks, Config, Delivery, Engine, ListPage, Listed, PageLimit, Pass, Stands};
#[cfg(any(test, feature = "planted-panics"))]
pub use lane::PlantedPanic;
pub use lane::{Action, CallId, Event, Lane, LaneConfig, Parcel, QuarantinedRun, ReadRequest, ReadResult};
/// What calls are made of, and the checks of a request's form that only the machine can make: cron schedules and search
/// attributes. They are the machine's; the doors reach them through here.
pub use machine::{
    ActivityAnswer, ActivityRef, Job, JobInput, JobStage, JobWork, Signal, cron::validate as check_cron_schedule,
    validate_search_attributes as check_search_attributes,
};
pub use namespace::{NamespaceRecord, NamespaceTable};
/// Events as they are stored.
pub use persist::history_batch;
pub use placement::{LaneId, Placement};
