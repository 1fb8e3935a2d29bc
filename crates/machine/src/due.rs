//! What must exist because of a run's state: its waiting tasks, its next wake-up, its messages to other entities.
//!
//! All of it is derived from the state alone, so none of it can be lost: what a step adds or ends is the difference of
//! two `Due`s, and what a restart has to restore is one.

use model::Time;
use proto::temporal::api::{
    common::v1::{Payloads, Priority, WorkflowExecution},
    enums::v1::ParentClosePolicy,
    history::v1::{HistoryEvent, StartChildWorkflowExecutionInitiatedEventAttributes},
    sdk::v1::UserMetadata,
};

use crate::{Activity, Run, activity, assert, input::External, on::wake};

/// Everything that must exist because of a state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// The earliest deadline that outlives a crash. Of a closed run: when retention deletes it, which the engine does.
    pub wake: Option<Time>,
    /// The earliest deadline of all, those of memory included.
    pub deadline: Option<Time>,
    /// What workers may take now: the workflow's task, and then activities in the order of their events.
    pub tasks: Vec<Task>,
    /// What is to be delivered now.
    pub messages: Vec<MessageKey>,
}

impl Due {
    /// Whether the task is among `tasks`. Those stand in order, so it is found by a search: there may be thousands.
    pub fn has(&self, task: &Task) -> bool {
        let at = self.tasks.partition_point(|other| other.place() < task.place());
        self.tasks.get(at) == Some(task)
    }
}

/// A task that waits for a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// A worker is to decide.
    Workflow {
        task_queue: String,
        /// The queue is a worker's own.
        sticky: bool,
        scheduled_event_id: i64,
        attempt: i32,
        /// Since when it waits: the order within a priority.
        since: Time,
        priority: Option<Priority>,
    },
    /// An attempt that waits; one that waits for its retry is not due yet.
    Activity { task_queue: String, scheduled_event_id: i64, attempt: i32, since: Time, priority: Option<Priority> },
}

impl Task {
    /// Where it stands in a `Due`: the workflow's task before those of activities, and these in the order of their events.
    pub(crate) fn place(&self) -> (bool, i64) {
        match self {
            Task::Workflow { scheduled_event_id, .. } => (false, *scheduled_event_id),
            Task::Activity { scheduled_event_id, .. } => (true, *scheduled_event_id),
        }
    }
}

/// Names one message of a run; with `Run::message` the state yields its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKey {
    /// By the child's initiated event.
    StartChild(i64),
    /// By the event that initiated it, as the next.
    Signal(i64),
    Cancel(i64),
    /// The close policy of a closed parent, by the child's initiated event.
    ClosePolicy(i64),
    /// A closed child's notice to its parent.
    ParentNotice,
}

/// A message to another entity. Delivered at least once; the receiver knows it by its request id.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Start a child.
    StartChild {
        request_id: String,
        namespace_id: String,
        attributes: Box<StartChildWorkflowExecutionInitiatedEventAttributes>,
        user_metadata: Option<UserMetadata>,
        initiated_event_id: i64,
        /// The run that the child's chain of ancestors began with.
        root_workflow_id: String,
        root_run_id: String,
    },
    /// Signal another workflow.
    Signal {
        target: Target,
        request_id: String,
        from: External,
        name: String,
        input: Option<Payloads>,
        header: Option<proto::temporal::api::common::v1::Header>,
    },
    /// Ask another workflow to cancel itself.
    Cancel { target: Target, request_id: String, from: External, reason: String },
    /// Terminate or cancel a child because its parent closed.
    ClosePolicy {
        target: Target,
        /// The run that the parent started; another chain of runs under the same workflow id is not meant.
        first_run_id: String,
        request_id: String,
        /// Otherwise it is asked to cancel itself.
        terminate: bool,
        from: External,
    },
    /// Tell the parent how this run ended.
    ParentNotice {
        target: Target,
        initiated_event_id: i64,
        first_run_id: String,
        /// The closing event, as it stands in the history.
        event: Box<HistoryEvent>,
    },
}

/// The run that a message is for; an empty run id means the current one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target {
    pub namespace_id: String,
    pub workflow_id: String,
    pub run_id: String,
}

impl Run {
    /// Everything that must exist because of this state.
    pub fn due(&self) -> Due {
        let wake = self.durable_deadline(self.is_deciding());
        let started = self.started_task.as_ref().map(|started| started.deadline);
        let due = Due {
            wake,
            deadline: wake.into_iter().chain(started).min(),
            tasks: self.tasks(self.is_deciding()),
            messages: self.messages(),
        };
        assert::due(self, &due);
        due
    }

    /// Everything that must exist because of the durable part of this state: the same whether or not its workflow task was
    /// started, for a start is never stored, and without a task that is in memory alone. The deadline is that of the whole
    /// state.
    pub fn durable_due(&self) -> Due {
        let due = self.due();
        // Of a task in memory alone as little waits on disk as of one that a worker has.
        let hidden = self.is_speculative();
        match hidden || self.is_deciding() {
            true => Due { wake: self.durable_deadline(hidden), tasks: self.tasks(hidden), ..due },
            false => due,
        }
    }

    /// The tasks that wait, where a worker is `deciding` on the run or not.
    fn tasks(&self, deciding: bool) -> Vec<Task> {
        let workflow = self.stored_workflow_task().filter(|_| !deciding);
        let activities = self.activities.values().filter_map(|activity| self.activity_task(activity));
        workflow.into_iter().chain(activities).collect()
    }

    /// The earliest deadline that outlives a crash. Of a closed run that is its deletion, which isn't the machine's to do.
    fn durable_deadline(&self, deciding: bool) -> Option<Time> {
        if !self.is_open() {
            return Time(self.core.delete_time).non_zero();
        }
        let activities = self.activities.values().filter_map(|activity| activity::wake::deadline(activity));
        let timers = self.timers.values().filter_map(|timer| Time(timer.fire_time).non_zero());
        wake::expiration(self)
            .into_iter()
            .chain(Time(self.core.first_task_due).non_zero())
            .chain(wake::sticky_deadline(self, deciding))
            .chain(wake::visible(self))
            .chain(timers)
            .chain(activities)
            .min()
    }

    fn messages(&self) -> Vec<MessageKey> {
        let children = self.children.values().filter(|child| !child.settled).filter_map(|child| {
            if child.close_policy_pending {
                Some(MessageKey::ClosePolicy(child.initiated_event_id))
            } else {
                let starts = child.run_id.is_empty() && (self.is_open() || !child.ends_with_parent());
                starts.then_some(MessageKey::StartChild(child.initiated_event_id))
            }
        });
        let signals = self.external_signals.keys().map(|id| MessageKey::Signal(*id));
        let cancels = self.external_cancels.keys().map(|id| MessageKey::Cancel(*id));
        let notice = self.core.parent_notice_pending.then_some(MessageKey::ParentNotice);
        children.chain(signals).chain(cancels).chain(notice).collect()
    }

    /// The task of one pending activity, if it waits for a worker: `due` lists exactly these and the workflow task's.
    pub fn activity_task(&self, activity: &Activity) -> Option<Task> {
        (self.is_open() && activity.started_time == 0 && activity.visible_time == 0).then(|| Task::Activity {
            task_queue: activity.task_queue.clone(),
            scheduled_event_id: activity.scheduled_event_id,
            attempt: activity.attempt,
            since: Time(activity.scheduled_time),
            priority: self.priority_of(activity.priority.as_ref()),
        })
    }

    /// The priority of what the workflow gives out: what `own` leaves open, the workflow's decides.
    pub(crate) fn priority_of(&self, own: Option<&Priority>) -> Option<Priority> {
        let (Some(workflow), Some(own)) = (&self.started().priority, own) else {
            return own.or(self.started().priority.as_ref()).cloned();
        };
        Some(Priority {
            priority_key: if own.priority_key == 0 { workflow.priority_key } else { own.priority_key },
            fairness_key: if own.fairness_key.is_empty() { &workflow.fairness_key } else { &own.fairness_key }.clone(),
            fairness_weight: if own.fairness_weight == 0.0 { workflow.fairness_weight } else { own.fairness_weight },
        })
    }

    /// The workflow task, if it waits for a worker.
    pub fn workflow_task(&self) -> Option<Task> {
        self.stored_workflow_task().filter(|_| !self.is_deciding())
    }

    /// The workflow task, whether or not a worker has it.
    fn stored_workflow_task(&self) -> Option<Task> {
        let task = self.core.workflow_task.as_ref().filter(|_| self.is_open())?;
        let sticky = self.core.sticky.as_ref().filter(|_| task.sticky);
        (task.visible_time == 0).then(|| Task::Workflow {
            task_queue: sticky.map_or(&self.core.task_queue, |sticky| &sticky.task_queue).clone(),
            sticky: sticky.is_some(),
            scheduled_event_id: task.scheduled_event_id,
            attempt: task.attempt,
            since: Time(task.scheduled_time),
            priority: self.started().priority.clone(),
        })
    }

    /// The content of a message that is due.
    pub fn message(&self, key: MessageKey) -> Option<Message> {
        match key {
            MessageKey::StartChild(initiated_event_id) => self.start_child(initiated_event_id),
            MessageKey::Signal(initiated_event_id) => self.signal(initiated_event_id),
            MessageKey::Cancel(initiated_event_id) => self.cancel(initiated_event_id),
            MessageKey::ClosePolicy(initiated_event_id) => self.close_policy(initiated_event_id),
            MessageKey::ParentNotice => self.parent_notice(),
        }
    }

    fn start_child(&self, initiated_event_id: i64) -> Option<Message> {
        let child = self.children.get(&initiated_event_id)?;
        let root = self.started().root_workflow_execution.clone().unwrap_or_else(|| self.execution());
        let mut attributes = child.initiated.clone()?;
        attributes.priority = self.priority_of(attributes.priority.as_ref());
        Some(Message::StartChild {
            request_id: child.create_request_id.clone(),
            namespace_id: child.namespace_id.clone(),
            attributes: Box::new(attributes),
            user_metadata: child.user_metadata.clone(),
            initiated_event_id,
            root_workflow_id: root.workflow_id,
            root_run_id: root.run_id,
        })
    }

    fn signal(&self, initiated_event_id: i64) -> Option<Message> {
        let signal = self.external_signals.get(&initiated_event_id)?;
        Some(Message::Signal {
            target: target(&signal.namespace_id, signal.execution.as_ref()),
            request_id: signal.request_id.clone(),
            from: self.sender(initiated_event_id, signal.child_workflow_only),
            name: signal.signal_name.clone(),
            input: signal.input.clone(),
            header: signal.header.clone(),
        })
    }

    fn cancel(&self, initiated_event_id: i64) -> Option<Message> {
        let cancel = self.external_cancels.get(&initiated_event_id)?;
        Some(Message::Cancel {
            target: target(&cancel.namespace_id, cancel.execution.as_ref()),
            request_id: cancel.request_id.clone(),
            from: self.sender(initiated_event_id, cancel.child_workflow_only),
            reason: cancel.reason.clone(),
        })
    }

    /// To the child's newest run: the policy is for the workflow, not for the run that was started.
    fn close_policy(&self, initiated_event_id: i64) -> Option<Message> {
        let child = self.children.get(&initiated_event_id).filter(|child| child.close_policy_pending)?;
        Some(Message::ClosePolicy {
            target: Target {
                namespace_id: child.namespace_id.clone(),
                workflow_id: child.workflow_id.clone(),
                run_id: String::new(),
            },
            first_run_id: child.run_id.clone(),
            request_id: format!("{}-{initiated_event_id}-close", self.key.run_id),
            terminate: child.parent_close_policy() == ParentClosePolicy::Terminate,
            from: self.sender(initiated_event_id, true),
        })
    }

    fn parent_notice(&self) -> Option<Message> {
        let started = self.started();
        let event = self.core.closing_event.clone().filter(|_| self.core.parent_notice_pending)?;
        Some(Message::ParentNotice {
            target: target(&started.parent_workflow_namespace_id, started.parent_workflow_execution.as_ref()),
            initiated_event_id: started.parent_initiated_event_id,
            first_run_id: started.first_execution_run_id.clone(),
            event,
        })
    }

    /// This run, as the receiver of a message sees it.
    fn sender(&self, initiated_event_id: i64, child_workflow_only: bool) -> External {
        let execution = self.execution();
        External {
            // A run knows the id of its namespace; the name may change, and the engine that delivers looks it up.
            namespace: String::new(),
            namespace_id: self.key.workflow.namespace.to_string(),
            workflow_id: execution.workflow_id,
            run_id: execution.run_id,
            initiated_event_id,
            child_workflow_only,
        }
    }

    fn execution(&self) -> WorkflowExecution {
        WorkflowExecution {
            workflow_id: self.key.workflow.workflow_id.to_string(),
            run_id: self.key.run_id.to_string(),
        }
    }
}

fn target(namespace_id: &str, execution: Option<&WorkflowExecution>) -> Target {
    Target {
        namespace_id: namespace_id.to_owned(),
        workflow_id: execution.map_or_else(String::new, |execution| execution.workflow_id.clone()),
        run_id: execution.map_or_else(String::new, |execution| execution.run_id.clone()),
    }
}
