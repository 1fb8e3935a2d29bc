//! The changes that make up a run's state. `Run::evolve` applies them; nothing else writes state.

use std::sync::Arc;

use model::Time;
use proto::temporal::api::{
    common::v1::{Payloads, WorkerVersionStamp},
    failure::v1::Failure,
    history::v1::HistoryEvent,
};

use crate::{EarlierRequest, PendingUpdate, StartedWorkflowTask, Sticky, WorkflowTask};

/// One change of state.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An event, with its id, is appended to the history.
    Event(Box<HistoryEvent>),
    /// Something changes that the history doesn't tell.
    State(StateChange),
}

impl Change {
    /// Whether the change outlives a crash.
    pub(crate) fn is_durable(&self) -> bool {
        match self {
            Change::Event(_) => true,
            Change::State(change) => change.is_durable(),
        }
    }
}

/// A change that leaves no event.
#[derive(Clone, Debug, PartialEq)]
pub enum StateChange {
    /// An event arrived while a worker decides; it gets its id later.
    Buffered(Arc<HistoryEvent>),
    /// The buffered events are about to be appended.
    BufferTaken,
    /// A buffered `TimerFired` is taken back, because the worker cancels that timer before it has heard of its firing.
    BufferedTimerFiredDropped {
        /// Its place in the buffer, from zero.
        index: usize,
    },
    /// A request id was applied.
    RequestSeen(Arc<str>),
    /// The request that started the run.
    StartRequestSeen(String),
    /// The request that started an earlier run of the chain.
    EarlierStartSeen(EarlierRequest),
    /// A signal or a request to cancel that an earlier run of the chain has taken.
    EarlierRequestSeen(EarlierRequest),
    /// The request that asked for the cancellation.
    CancelRequestSeen(String),
    /// A step changed something durable.
    Stepped,
    /// A delayed first workflow task becomes due at another time.
    FirstTaskDueSet(Time),
    /// A transient attempt of the workflow task waits, or its waiting changed.
    WorkflowTaskSet(Option<WorkflowTask>),
    /// In memory only.
    WorkflowTaskStarted(Arc<StartedWorkflowTask>),
    /// In memory only: a workflow task waits that only brings updates, or its waiting changed, or nothing came of it.
    SpeculativeTaskSet(Option<WorkflowTask>),
    /// In memory only, as all that follows of updates without an event: one was admitted.
    UpdateAdmitted(Arc<PendingUpdate>),
    /// Those that were admitted went to a worker.
    UpdatesSent,
    /// One was rejected: it is forgotten.
    UpdateRejected { update_id: String, failure: Option<Box<Failure>> },
    /// Those that a worker has got are forgotten, because its answer was bad.
    UpdatesAborted,
    /// In memory only: the started task did not reach its worker. It waits again, and so do the updates that it brought.
    WorkflowTaskReturned,
    /// The queue of the worker that holds the run in its cache; `None` forgets it.
    StickySet(Option<Sticky>),
    /// What the worker that completed a task says of its SDK and its build.
    WorkerSeen { sdk_name: String, sdk_version: String, version: Option<WorkerVersionStamp> },
    /// How many workflow tasks have failed since the last that completed, and what visibility says of it.
    WorkflowTaskProblem { failed_tasks: i32, last_problem: String, reported: String },
    /// Whether the workflow tried to close although events had arrived that it has not seen.
    CloseAttempted(bool),
    /// A worker has the attempt. It is an event only once the activity ends.
    ActivityStarted {
        scheduled_event_id: i64,
        time: Time,
        identity: String,
        request_id: String,
        worker_version: Option<WorkerVersionStamp>,
    },
    /// The attempt did not reach its worker: it waits again, as if it had not been started.
    ActivityReturned { scheduled_event_id: i64 },
    /// The attempt lives; its details replace those of before.
    ActivityHeartbeat { scheduled_event_id: i64, time: Time, details: Option<Payloads> },
    /// The attempt ended and another one follows at `visible_time`.
    ActivityRetried { scheduled_event_id: i64, time: Time, visible_time: Time, failure: Option<Box<Failure>> },
    /// A retry's wait is over.
    ActivityReady { scheduled_event_id: i64, time: Time },
    /// A child turned out to have started after its parent closed: the parent's close policy is due.
    ChildStartedLate { initiated_event_id: i64, run_id: String },
    /// Nothing is left to be done about the child of a closed run.
    ClosePolicyApplied { initiated_event_id: i64 },
    /// The parent of a closed run has heard of its end, or is gone.
    ParentNotified,
    /// The run has closed: when retention deletes it, and with which event the batch began that closed it.
    Closed { delete_time: Time, batch_event_id: i64 },
}

impl StateChange {
    /// Whether the change outlives a crash: all but the start of a workflow task, a task that only brings updates, and
    /// updates that no worker has accepted.
    pub(crate) fn is_durable(&self) -> bool {
        match self {
            StateChange::WorkflowTaskStarted(_)
            | StateChange::WorkflowTaskReturned
            | StateChange::SpeculativeTaskSet(_)
            | StateChange::UpdateAdmitted(_)
            | StateChange::UpdatesSent
            | StateChange::UpdateRejected { .. }
            | StateChange::UpdatesAborted => false,
            StateChange::Buffered(_)
            | StateChange::BufferTaken
            | StateChange::BufferedTimerFiredDropped { .. }
            | StateChange::RequestSeen(_)
            | StateChange::StartRequestSeen(_)
            | StateChange::EarlierStartSeen(_)
            | StateChange::EarlierRequestSeen(_)
            | StateChange::CancelRequestSeen(_)
            | StateChange::Stepped
            | StateChange::FirstTaskDueSet(_)
            | StateChange::WorkflowTaskSet(_)
            | StateChange::StickySet(_)
            | StateChange::WorkerSeen { .. }
            | StateChange::WorkflowTaskProblem { .. }
            | StateChange::CloseAttempted(_)
            | StateChange::ActivityStarted { .. }
            | StateChange::ActivityReturned { .. }
            | StateChange::ActivityHeartbeat { .. }
            | StateChange::ActivityRetried { .. }
            | StateChange::ActivityReady { .. }
            | StateChange::ChildStartedLate { .. }
            | StateChange::ClosePolicyApplied { .. }
            | StateChange::ParentNotified
            | StateChange::Closed { .. } => true,
        }
    }
}
