//! `Run`: the whole state of one run. Cloning is cheap whatever its size (the maps share structure), so a step works on
//! a copy and a rejected input leaves no trace.

use std::sync::Arc;

use imbl::{OrdMap, Vector};
use model::{RunKey, Time};
use proto::temporal::api::{
    enums::v1::{ParentClosePolicy, SuggestContinueAsNewReason, WorkflowExecutionStatus},
    history::v1::{HistoryEvent, WorkflowExecutionStartedEventAttributes},
};

use super::{Activity, Attributes, Child, Core, ExternalCancel, ExternalSignal, Requests, Timer, Update, run_started};
use crate::PendingUpdate;

/// The state of one run.
///
/// Written by `evolve` alone. Everything but `started_task`, `pending_updates`, `aborted_updates` and a speculative workflow
/// task is durable; the field types are the stored rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Namespace, workflow id and run id.
    pub key: Arc<RunKey>,
    /// The first event of the history: what the run was started with. Never changes.
    pub origin: Arc<HistoryEvent>,
    /// What nearly every step touches.
    pub core: Core,
    /// Memo and search attributes as they are now.
    pub attributes: Arc<Attributes>,
    /// By scheduled event id.
    pub activities: OrdMap<i64, Arc<Activity>>,
    /// By timer id.
    pub timers: OrdMap<Arc<str>, Arc<Timer>>,
    /// By initiated event id.
    pub children: OrdMap<i64, Arc<Child>>,
    /// By initiated event id.
    pub external_signals: OrdMap<i64, Arc<ExternalSignal>>,
    /// By initiated event id.
    pub external_cancels: OrdMap<i64, Arc<ExternalCancel>>,
    /// Events that arrived while a workflow task was running; they have no ids yet.
    pub buffered: Vector<Arc<HistoryEvent>>,
    /// Request ids that were applied, so that a repeated request is acknowledged without effect.
    pub requests: Requests,
    /// Updates that were accepted, by update id; those that have an outcome stay, so that the same id is known again.
    pub updates: OrdMap<Arc<str>, Arc<Update>>,
    /// Updates that no worker has accepted yet, in the order in which they were admitted. In memory only: after a crash
    /// their clients ask again.
    pub pending_updates: Vector<Arc<PendingUpdate>>,
    /// Ids of the updates that waited for a worker's word when the run closed for good. In memory only.
    pub aborted_updates: Vector<Arc<str>>,
    /// The running workflow task. In memory only: after a crash the task is dispatched again.
    pub started_task: Option<Arc<StartedWorkflowTask>>,
}

/// The start of the current workflow task. Never stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StartedWorkflowTask {
    /// The id that the started event will get.
    pub started_event_id: i64,
    pub started_time: Time,
    /// The identity of the worker that polled the task.
    pub identity: String,
    /// The poll that got the task.
    pub request_id: String,
    /// Whether the history has grown beyond what `Limits` suggests for one run.
    pub suggest_continue_as_new: bool,
    /// Why it is suggested.
    pub suggest_reasons: Vec<SuggestContinueAsNewReason>,
    /// Encoded bytes of the history before the task, as the worker gets them.
    pub history_size: i64,
    /// When the worker's time is up.
    pub deadline: Time,
    /// What the worker that polled says of its build.
    pub worker_version: Option<proto::temporal::api::common::v1::WorkerVersionStamp>,
}

impl Child {
    /// Whether something is done to it when its parent closes.
    pub fn ends_with_parent(&self) -> bool {
        match self.parent_close_policy() {
            ParentClosePolicy::Terminate | ParentClosePolicy::RequestCancel => true,
            ParentClosePolicy::Unspecified | ParentClosePolicy::Abandon => false,
        }
    }
}

impl Run {
    /// Nothing: the state before the first event.
    pub(crate) fn blank(key: RunKey) -> Self {
        Self {
            key: Arc::new(key),
            origin: Arc::default(),
            core: Core { next_event_id: 1, ..Core::default() },
            attributes: Arc::default(),
            activities: OrdMap::new(),
            timers: OrdMap::new(),
            children: OrdMap::new(),
            external_signals: OrdMap::new(),
            external_cancels: OrdMap::new(),
            buffered: Vector::new(),
            requests: Requests::default(),
            updates: OrdMap::new(),
            pending_updates: Vector::new(),
            aborted_updates: Vector::new(),
            started_task: None,
        }
    }

    /// Whether the run goes on; a paused one does.
    pub fn is_open(&self) -> bool {
        match self.status() {
            WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Paused => true,
            WorkflowExecutionStatus::Unspecified
            | WorkflowExecutionStatus::Completed
            | WorkflowExecutionStatus::Failed
            | WorkflowExecutionStatus::Canceled
            | WorkflowExecutionStatus::Terminated
            | WorkflowExecutionStatus::ContinuedAsNew
            | WorkflowExecutionStatus::TimedOut => false,
        }
    }

    /// `Running` from the first event on, until the event that closes the run.
    pub fn status(&self) -> WorkflowExecutionStatus {
        self.core.status()
    }

    /// What the run was started with.
    pub fn started(&self) -> &WorkflowExecutionStartedEventAttributes {
        static EMPTY: std::sync::LazyLock<WorkflowExecutionStartedEventAttributes> =
            std::sync::LazyLock::new(WorkflowExecutionStartedEventAttributes::default);
        // Absent in the state before the first event. A loaded run whose first event is another one is refused by the loader.
        run_started(&self.origin).unwrap_or(&EMPTY)
    }

    /// The name of the type that the run was started as.
    pub fn workflow_type(&self) -> &str {
        self.started().workflow_type.as_ref().map_or("", |kind| kind.name.as_str())
    }

    /// The pending activity with this id, if any.
    pub fn activity_by_id(&self, activity_id: &str) -> Option<&Arc<Activity>> {
        self.activities.values().find(|activity| activity.activity_id == activity_id)
    }

    /// The first workflow task is held back by a start delay, a cron schedule or a retry's back-off.
    pub fn awaits_first_task(&self) -> bool {
        self.core.first_task_due != 0
    }

    /// Whether events must be buffered: a worker is deciding on the history as it was.
    pub fn is_deciding(&self) -> bool {
        self.started_task.is_some()
    }
}
