//! Answers on their way out: tasks as workers get them, and where the outcome of a piece of work goes.

use machine::{ActivityTask, WorkflowTaskAnswer};
use model::{Epoch, Kind, Reject, RunId, ShardId, Time, Token, to_proto_duration};
use proto::temporal::api::{
    common::v1::{ActivityType, WorkflowExecution, WorkflowType},
    enums::v1::TaskQueueKind,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{PollActivityTaskQueueResponse, PollWorkflowTaskQueueResponse},
};

use super::{Action, Lane, ReplyTo, Work, parcel::Content, shard::Effect, shard::Entry};
use crate::{Answer, HistoryRange, WorkflowTask};

/// The text for a workflow id that has no run.
pub(crate) fn workflow_not_found(workflow_id: &str) -> Reject {
    Reject::not_found(format!("workflow not found for ID: {workflow_id}"))
}

/// What is said of a call whose caller waits no more.
pub(crate) fn deadline_exceeded() -> Reject {
    Reject::new(Kind::DeadlineExceeded, "context deadline exceeded")
}

/// The text for a run id that the workflow id has no run of.
pub(crate) fn run_not_found(workflow_id: &str, run_id: &str) -> Reject {
    Reject::not_found(format!("workflow execution not found for workflow ID {workflow_id:?} and run ID {run_id:?}"))
}

impl Lane {
    /// Answers a piece of work.
    pub(crate) fn answer_now(&mut self, reply_to: ReplyTo, result: Result<Answer, Reject>) {
        match reply_to {
            ReplyTo::Client(id) => self.actions.push(Action::Answer { id, result }),
            ReplyTo::Message(sender) if self.owns(sender.shard) => self.message_done(sender, result),
            ReplyTo::Message(sender) => self.send_to_shard(sender.shard, Content::MessageDone { sender, result }),
            ReplyTo::None => {
                if let Err(reject) = result {
                    tracing::debug!("work without a caller was refused: {reject}");
                }
            }
        }
    }

    /// Ends a piece of work that can't be done.
    pub(crate) fn refuse(&mut self, work: Work, reject: &Reject) {
        match work {
            Work::Call { reply_to, .. } => {
                if let ReplyTo::Client(id) = &reply_to {
                    self.waiting_callers.remove(id);
                }
                self.answer_now(reply_to, Err(reject.clone()));
            }
            Work::Apply(apply) => self.answer_now(apply.reply_to, Err(reject.clone())),
            Work::Deliver(delivery) => self.answer_now(ReplyTo::Message(delivery.sender), Err(reject.clone())),
            Work::StartChild(start) => self.answer_now(ReplyTo::Message(start.sender), Err(reject.clone())),
            // A poller whose task is gone takes the next one.
            Work::Dispatch(matched) => self.requeue(*matched),
            Work::DispatchQuery(id) => self.fail_query(&id, reject.clone()),
            // Either the receiver is absent, which the sender hears, or the sender is, and then no run waits for it.
            Work::Send(sender) => self.message_done(sender, Err(reject.clone())),
            Work::Match(_) | Work::Release(..) => {}
        }
    }

    /// Carries out an after-commit effect, now that its batch is durable.
    pub(crate) fn release(&mut self, shard: ShardId, effect: Effect) {
        match effect {
            Effect::Answer(reply_to, result) => self.answer_now(reply_to, result),
            Effect::Task(place) => self.offer(shard, place),
            Effect::Message(run_id, key) => {
                self.run_queue.push_back(Work::Send(super::Sender { shard, run_id, key }));
            }
            Effect::Grew { run_id, next_event_id, is_open } => self.grew(shard, run_id, next_event_id, is_open),
            Effect::Namespaces => self.publish_namespaces(),
            Effect::Job(id) => self.job_committed(id),
        }
    }

    /// Hands the table to the doors and to the other lanes, once it is durable.
    pub(crate) fn publish_namespaces(&mut self) {
        let table = std::sync::Arc::new(self.namespaces.clone());
        self.send_to_others(&Content::Namespaces(table.clone()));
        self.actions.push(Action::Namespaces(table));
    }

    /// The namespaces are these now: what waited for them can be done.
    pub(crate) fn know_namespaces(&mut self, table: crate::NamespaceTable) {
        self.namespaces = table;
        self.run_queue.extend(self.waiting_for_namespaces.take().unwrap_or_default());
    }

    /// The epoch under which this lane has the shard; zero while it has not.
    pub(crate) fn epoch(&self, shard: ShardId) -> Epoch {
        self.shards.get(&shard).and_then(|state| state.epoch).unwrap_or_default()
    }

    fn token(&self, shard: ShardId, entry: &Entry) -> Token {
        Token {
            namespace_id: entry.run.key.workflow.namespace.as_bytes().to_vec(),
            workflow_id: entry.run.key.workflow.workflow_id.to_string(),
            run_id: entry.run.key.run_id.as_bytes().to_vec(),
            epoch: self.epoch(shard).0,
            ..Default::default()
        }
    }

    /// A started workflow task as its worker gets it. `sticky` pollers need only what is new to them.
    pub(crate) fn workflow_task(
        &mut self,
        shard: ShardId,
        run_id: RunId,
        task: &WorkflowTaskAnswer,
        sticky: bool,
    ) -> Option<WorkflowTask> {
        let entry = self.entry(shard, run_id)?;
        let token = Token {
            scheduled_event_id: task.scheduled_event_id,
            started_event_id: task.started_event_id,
            attempt: task.attempt,
            started_time: task.started_time,
            ..self.token(shard, entry)
        };
        let response = PollWorkflowTaskQueueResponse {
            task_token: self.config.token_key.seal(&token).into(),
            previous_started_event_id: task.previous_started_event_id,
            started_event_id: task.started_event_id,
            attempt: task.attempt,
            messages: task.messages.clone(),
            scheduled_time: Some(Time(task.scheduled_time).to_proto()),
            started_time: Some(Time(task.started_time).to_proto()),
            ..about(entry)
        };
        let from = if sticky { task.previous_started_event_id + 1 } else { 1 };
        let history = range(shard, entry, from, task.stored_before_event_id);
        let tail = task.tail.clone();
        let mut task = WorkflowTask { response, history, tail };
        self.attach_queries(run_id, &mut task);
        Some(task)
    }

    /// A query that a worker is to answer outside a workflow task: the history as it is with all that the run has taken,
    /// which may not be durable yet. A worker that polls its own queue has the run in its cache and gets no events.
    pub(crate) fn query_task(
        &self,
        shard: ShardId,
        run_id: RunId,
        query_id: &str,
        polled_queue: &str,
    ) -> Option<WorkflowTask> {
        let entry = self.entry(shard, run_id)?;
        let token = Token { query_id: query_id.into(), ..self.token(shard, entry) };
        let core = &entry.run.core;
        let previous = core.previous_started_event_id;
        let response = PollWorkflowTaskQueueResponse {
            task_token: self.config.token_key.seal(&token).into(),
            previous_started_event_id: previous,
            attempt: 1,
            ..about(entry)
        };
        let sticky = core.sticky.as_ref().is_some_and(|sticky| sticky.task_queue == polled_queue);
        let from = if sticky { core.next_event_id } else { 1 };
        let tail = match entry.run.start_stands_for_event() && !sticky {
            true => entry.run.tail_without_worker(),
            false => Vec::new(),
        };
        Some(WorkflowTask { response, history: range(shard, entry, from, core.next_event_id), tail })
    }

    /// A started activity as its worker gets it.
    pub(crate) fn activity_task(
        &self,
        shard: ShardId,
        run_id: RunId,
        task: &ActivityTask,
    ) -> Option<PollActivityTaskQueueResponse> {
        let entry = self.entry(shard, run_id)?;
        let namespace = self.namespace(entry.run.key.workflow.namespace);
        let token = Token {
            scheduled_event_id: task.scheduled_event_id,
            attempt: task.attempt,
            activity_id: task.activity_id.clone(),
            started_time: task.started_time,
            ..self.token(shard, entry)
        };
        let span = |nanos: i64| Some(to_proto_duration(std::time::Duration::from_nanos(nanos.max(0) as u64)));
        Some(PollActivityTaskQueueResponse {
            task_token: self.config.token_key.seal(&token).into(),
            workflow_namespace: namespace.name.to_string(),
            workflow_type: Some(WorkflowType { name: entry.run.workflow_type().into() }),
            workflow_execution: Some(execution(entry)),
            activity_type: Some(ActivityType { name: task.activity_type.clone() }),
            activity_id: task.activity_id.clone(),
            header: task.header.clone(),
            input: task.input.clone(),
            heartbeat_details: task.heartbeat_details.clone(),
            scheduled_time: Some(Time(task.first_scheduled_time).to_proto()),
            current_attempt_scheduled_time: Some(Time(task.scheduled_time).to_proto()),
            started_time: Some(Time(task.started_time).to_proto()),
            attempt: task.attempt,
            schedule_to_close_timeout: span(task.schedule_to_close_timeout),
            start_to_close_timeout: span(task.start_to_close_timeout),
            heartbeat_timeout: span(task.heartbeat_timeout),
            retry_policy: task.retry_policy.clone(),
            priority: task.priority.clone(),
            ..Default::default()
        })
    }
}

fn execution(entry: &Entry) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: entry.run.key.workflow.workflow_id.to_string(),
        run_id: entry.run.key.run_id.to_string(),
    }
}

/// What every workflow task says of its run.
fn about(entry: &Entry) -> PollWorkflowTaskQueueResponse {
    PollWorkflowTaskQueueResponse {
        workflow_execution: Some(execution(entry)),
        workflow_type: Some(WorkflowType { name: entry.run.workflow_type().into() }),
        workflow_execution_task_queue: Some(TaskQueue {
            name: entry.run.core.task_queue.clone(),
            kind: TaskQueueKind::Normal.into(),
            normal_name: String::new(),
        }),
        ..Default::default()
    }
}

/// A range of a run's stored history, with what of it is at hand.
pub(crate) fn range(shard: ShardId, entry: &Entry, from: i64, before: i64) -> HistoryRange {
    HistoryRange { shard, run_id: entry.run.key.run_id, from, before, recent: entry.recent(from, before) }
}
