//! The pure state machines: what happens to a workflow when something is asked of it.
//!
//! `Run::handle` decides, `Run::evolve` writes, `Run::due` says which tasks, wake-ups and messages must exist. There is
//! no clock, randomness, log, lock, task or IO in this crate: time and ids come in as `StepContext`, and everything that
//! shall happen goes out as the difference between two states.

// A new input, command, change or event must be decided about everywhere.
#![warn(clippy::wildcard_enum_match_arm)]

mod activity;
mod assert;
mod change;
mod close;
mod context;
mod draft;
mod due;
mod input;
mod job;
mod machine;
mod names;
mod payload;
mod run;
mod search_attributes;
mod step;
mod task;
mod timer;
mod update;

pub(crate) mod command;
pub mod cron;
pub mod on;

pub use change::{Change, StateChange};
pub use context::StepContext;
pub use draft::Draft;
pub use due::{Due, Message, MessageKey, Target, Task};
pub use input::{
    ActivityAnswer, ActivityRef, ChildClosed, ChildOutcome, EagerStart, Earlier, External, ExternalOutcome, Input,
    Signal, StartSpec, TaskRef,
};
pub use job::{Job, JobChange, JobDue, JobInput, JobRecord, JobStage, JobStep, JobType, JobWork};
pub use machine::Machine;
/// An update as a client asks for it.
pub use proto::temporal::api::update::v1::Request as UpdateRequest;
pub use run::{
    Activity, Attributes, Child, Core, EARLIER_STARTS, EarlierRequest, ExternalCancel, ExternalSignal, Requests, Run,
    StartedWorkflowTask, Sticky, Timer, Update, WorkflowTask,
};
pub use search_attributes::validate as validate_search_attributes;
pub use step::{ActivityTask, Reply, Step, WorkflowTaskAnswer};
pub use update::{PendingUpdate, UpdateStage, failed_by_server};
