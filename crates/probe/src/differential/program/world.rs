//! What a program knows of the runs it has touched: only what both servers have agreed on.

use serde_json::{Value, json};

use super::updates::Brought;

/// A Workflow Execution, as last described.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    pub(crate) workflow_id: String,
    pub(crate) run_id: String,
    pub(crate) queue: String,
    pub(crate) description: Value,
    pub(crate) history: Vec<Value>,
    /// No longer looked at: closed and compared, or deleted.
    pub(crate) at_rest: bool,
    pub(crate) deleted: bool,
    /// The parent has closed and asks this for it.
    pub(crate) parent_close_policy: Option<String>,
    /// Left to a script: the random walk keeps its hands off.
    pub(crate) reserved: bool,
}

/// A Workflow Task that a worker of the program holds.
#[derive(Debug, Clone)]
pub(crate) struct HeldTask {
    pub(crate) token: String,
    pub(crate) run: usize,
    pub(crate) attempt: i64,
    /// Queries that came with the task, by their id.
    pub(crate) queries: Vec<String>,
    /// Updates that came with the task.
    pub(crate) updates: Vec<Brought>,
}

/// An Activity Task that a worker of the program holds.
#[derive(Debug, Clone)]
pub(crate) struct HeldActivity {
    pub(crate) token: String,
    pub(crate) run: usize,
    pub(crate) activity_id: String,
}

/// An Activity that the server has scheduled and not closed.
#[derive(Debug, Clone)]
pub(crate) struct PendingActivity {
    pub(crate) activity_id: String,
    pub(crate) scheduled_event_id: i64,
    /// `PENDING_ACTIVITY_STATE_…`.
    pub(crate) state: String,
    pub(crate) queue: String,
}

impl Run {
    pub(crate) fn execution(&self) -> Value {
        json!({"workflowId": self.workflow_id, "runId": self.run_id})
    }

    pub(crate) fn info(&self) -> &Value {
        &self.description["workflowExecutionInfo"]
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.deleted && self.info()["status"] == "WORKFLOW_EXECUTION_STATUS_RUNNING"
    }

    /// True when a worker can take a Workflow Task of this run now.
    pub(crate) fn task_is_waiting(&self) -> bool {
        self.is_open() && self.description["pendingWorkflowTask"]["state"] == "PENDING_WORKFLOW_TASK_STATE_SCHEDULED"
    }

    /// True while a worker has the Workflow Task of this run: also one that the program has dropped, because its answer was
    /// refused without an effect.
    pub(crate) fn task_is_held(&self) -> bool {
        self.is_open() && self.description["pendingWorkflowTask"]["state"] == "PENDING_WORKFLOW_TASK_STATE_STARTED"
    }

    /// The events of a type, given without its prefix.
    pub(crate) fn events<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.history.iter().filter(move |event| is_type(event, name))
    }

    pub(crate) fn pending_activities(&self) -> Vec<PendingActivity> {
        let pending = self.description["pendingActivities"].as_array().cloned().unwrap_or_default();
        pending
            .iter()
            .filter_map(|activity| {
                let activity_id = activity["activityId"].as_str()?.to_owned();
                let scheduled = self
                    .events("ACTIVITY_TASK_SCHEDULED")
                    .filter(|event| attributes(event)["activityId"] == activity["activityId"]);
                let scheduled = scheduled.last()?;
                Some(PendingActivity {
                    activity_id,
                    scheduled_event_id: scheduled["eventId"].as_i64()?,
                    state: activity["state"].as_str()?.to_owned(),
                    queue: attributes(scheduled)["taskQueue"]["name"].as_str()?.to_owned(),
                })
            })
            .collect()
    }

    /// Timers that were started and have neither fired nor been cancelled.
    pub(crate) fn pending_timers(&self) -> Vec<String> {
        let ended = |id: &Value| {
            self.history.iter().any(|event| {
                (is_type(event, "TIMER_FIRED") || is_type(event, "TIMER_CANCELED"))
                    && attributes(event)["timerId"] == *id
            })
        };
        let started = self.events("TIMER_STARTED").map(|event| &attributes(event)["timerId"]);
        started.filter(|id| !ended(id)).filter_map(|id| id.as_str().map(str::to_owned)).collect()
    }
}

/// True if the event is of that type, given without its prefix.
pub(crate) fn is_type(event: &Value, name: &str) -> bool {
    event["eventType"].as_str().and_then(|text| text.strip_prefix("EVENT_TYPE_")) == Some(name)
}

/// The attributes of an event, whatever its type.
pub(crate) fn attributes(event: &Value) -> &Value {
    let fields = event.as_object().into_iter().flatten();
    fields.into_iter().find(|(name, _)| name.ends_with("EventAttributes")).map_or(&Value::Null, |(_, value)| value)
}
