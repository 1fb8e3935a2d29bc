//! Queries: answered by a worker from its view of a run, without a trace in the history.
//!
//! A query sees everything that was acknowledged before it. Where a workflow task is under way the query rides on it, or
//! waits until it is done; otherwise it goes to a worker by itself. Queries live in memory only.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use machine::{Input, Run};
use model::{Kind, QueueKey, QueueKind, Reject, RunId, ShardId, Time, Token};
use proto::temporal::api::{
    enums::v1::{
        QueryRejectCondition, QueryResultType, ResourceExhaustedCause, ResourceExhaustedScope, WorkflowExecutionStatus,
    },
    query::v1::{QueryRejected, WorkflowQuery, WorkflowQueryResult},
    workflowservice::v1::RespondQueryTaskCompletedRequest,
};

use super::{
    CallId, Lane, ReplyTo, Timer, Work,
    apply::Presence,
    parcel::Content,
    queue::QueuedQuery,
    shard::{Effect, Need},
};
use crate::{Answer, Poll, QueryOutcome, WorkflowTask};

/// From this attempt on, a failing workflow task fails queries at once. Source: the reference server.
const FAIL_QUERIES_FROM_ATTEMPT: i32 = 3;

/// A query that no worker has taken is refused this long before its caller gives up.
const LATE: Duration = Duration::from_secs(1);
/// A queue that was not polled for so long has no worker, as far as queries are concerned.
const WORKER_MAY_BE_DOWN_AFTER: Duration = Duration::from_secs(20);

/// A query as a client asks it.
#[derive(Clone, Debug)]
pub(crate) struct NewQuery {
    pub(crate) query: WorkflowQuery,
    pub(crate) reject_condition: QueryRejectCondition,
    pub(crate) deadline: Time,
}

/// Where a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It waits for the run's workflow task to start or to end.
    Buffered,
    /// A worker got it with a workflow task.
    Attached,
    /// It waits at a queue, or a worker has it, by itself.
    Direct,
}

#[derive(Clone, Debug)]
struct Pending {
    reply_to: ReplyTo,
    shard: ShardId,
    run_id: RunId,
    query: WorkflowQuery,
    stage: Stage,
    /// The sticky queue's worker was tried in vain.
    sticky_tried: bool,
    /// The queue that it was put on last.
    queue: Option<QueueKey>,
}

/// All queries of this lane's runs that have no answer yet.
#[derive(Debug, Default)]
pub(crate) struct Queries {
    pending: BTreeMap<String, Pending>,
    by_run: BTreeMap<RunId, BTreeSet<String>>,
}

impl Queries {
    fn insert(&mut self, id: String, pending: Pending) {
        self.by_run.entry(pending.run_id).or_default().insert(id.clone());
        self.pending.insert(id, pending);
    }

    fn remove(&mut self, id: &str) -> Option<Pending> {
        let pending = self.pending.remove(id)?;
        if let Some(ids) = self.by_run.get_mut(&pending.run_id) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_run.remove(&pending.run_id);
            }
        }
        Some(pending)
    }

    fn of_run(&self, run_id: RunId, stage: Stage) -> Vec<String> {
        let ids = self.by_run.get(&run_id).into_iter().flatten();
        ids.filter(|id| self.pending.get(*id).is_some_and(|pending| pending.stage == stage)).cloned().collect()
    }

    fn set_stage(&mut self, id: &str, stage: Stage) {
        if let Some(pending) = self.pending.get_mut(id) {
            pending.stage = stage;
        }
    }

    /// The run left memory; its direct queries find it again when a worker takes them.
    pub(crate) fn forget_run(&mut self, run_id: RunId) {
        for id in self.of_run(run_id, Stage::Buffered) {
            self.set_stage(&id, Stage::Direct);
        }
    }

    /// The caller is gone, and does not wait for the answer any more.
    pub(crate) fn forget_call(&mut self, call: CallId) {
        let of_call = |pending: &Pending| pending.reply_to == ReplyTo::Client(call);
        let ids: Vec<_> =
            self.pending.iter().filter(|(_, pending)| of_call(pending)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.remove(&id);
        }
    }
}

impl Lane {
    /// A client queries a loaded run.
    pub(crate) fn query(&mut self, reply_to: ReplyTo, shard: ShardId, run_id: RunId, query: NewQuery) {
        let Some(entry) = self.entry(shard, run_id) else { return };
        let run = &entry.run;
        if let Some(rejected) = rejected(run.status(), query.reject_condition) {
            let answer = Answer::QueryAnswer { run_id: run_id.to_string(), outcome: QueryOutcome::Rejected(rejected) };
            return self.after_commit(shard, Effect::Answer(reply_to, Ok(answer)));
        }
        if let Some(reject) = not_ready(run, query.deadline) {
            return self.after_commit(shard, Effect::Answer(reply_to, Err(reject)));
        }
        let is_direct = run.core.previous_started_event_id > 0 && (!run.is_open() || run.core.workflow_task.is_none());
        let buffered = self.queries.of_run(run_id, Stage::Buffered).len();
        if !is_direct && buffered >= self.config.limits.buffered_queries {
            let reject = Reject::exhausted(
                ResourceExhaustedCause::BusyWorkflow,
                ResourceExhaustedScope::Namespace,
                "consistent query buffer is full, this may be caused by too many queries and workflow not able to process query fast enough",
            );
            return self.after_commit(shard, Effect::Answer(reply_to, Err(reject)));
        }
        let id = self.entropy.uuid().to_string();
        self.set_timer(query.deadline - LATE, Timer::QueryLate(id.clone()));
        let query = query.query;
        let stage = if is_direct { Stage::Direct } else { Stage::Buffered };
        let pending = Pending { reply_to, shard, run_id, query, stage, sticky_tried: false, queue: None };
        self.queries.insert(id.clone(), pending);
        if is_direct {
            self.run_queue.push_back(Work::DispatchQuery(id));
        }
    }

    /// Puts a query on a queue of its own accord: the worker's that has the run in its cache, else the normal one.
    pub(crate) fn dispatch_query(&mut self, id: &str) {
        let Some(pending) = self.queries.pending.get(id).cloned() else {
            return;
        };
        if matches!(self.presence(pending.shard, pending.run_id), Presence::Missing) {
            return self.wait_for_data(pending.shard, Need::Run(pending.run_id), Work::DispatchQuery(id.into()));
        }
        let Some(entry) = self.entry(pending.shard, pending.run_id) else {
            return;
        };
        let core = &entry.run.core;
        let name = |name: &str| QueueKey {
            namespace: entry.run.key.workflow.namespace,
            kind: QueueKind::Workflow,
            name: name.into(),
        };
        let sticky = core.sticky.as_ref().map(|sticky| (name(&sticky.task_queue), sticky.schedule_to_start_timeout));
        let normal = name(&core.task_queue);
        // Where the queue is at another lane, that lane says whether it is polled.
        let may_take = |queue: &QueueKey| !self.matches(queue) || self.is_polled(queue);
        let (queue, is_sticky) = match sticky {
            Some((queue, timeout)) if !pending.sticky_tried && may_take(&queue) => {
                let give_up = self.now + Duration::from_nanos(timeout.max(0) as u64);
                self.set_timer(give_up, Timer::Query(id.into()));
                (queue, true)
            }
            Some(_) | None => (normal, false),
        };
        if let Some(pending) = self.queries.pending.get_mut(id) {
            pending.sticky_tried |= !is_sticky;
            pending.stage = Stage::Direct;
            pending.queue = Some(queue.clone());
        }
        let query = QueuedQuery { id: id.into(), shard: pending.shard };
        if self.matches(&queue) {
            return self.put_query(&queue, query);
        }
        self.send_to_queue(&queue.clone(), Content::Query { queue, query, sticky: is_sticky });
    }

    fn put_query(&mut self, queue: &QueueKey, query: QueuedQuery) {
        self.queue(queue).queries.push_back(query);
        self.run_queue.push_back(Work::Match(queue.clone()));
    }

    /// Another lane's query is for a worker of this queue.
    pub(crate) fn query_offered(&mut self, queue: &QueueKey, query: QueuedQuery, sticky: bool) {
        if sticky && !self.is_polled(queue) {
            return self.send_to_shard(query.shard, Content::QueryUnpolled { id: query.id });
        }
        self.put_query(queue, query);
    }

    /// The worker on the sticky queue did not take the query in time.
    pub(crate) fn query_fallback(&mut self, id: &str) {
        let Some((queue, query)) = self.queued(id) else { return };
        if self.matches(&queue) {
            return self.retract_query(&queue, &query);
        }
        self.send_to_queue(&queue.clone(), Content::RetractQuery { queue, query });
    }

    /// Where a query of this lane was put.
    fn queued(&self, id: &str) -> Option<(QueueKey, QueuedQuery)> {
        let pending = self.queries.pending.get(id)?;
        Some((pending.queue.clone()?, QueuedQuery { id: id.into(), shard: pending.shard }))
    }

    /// Takes a query back that still waits at this queue.
    pub(crate) fn retract_query(&mut self, queue: &QueueKey, query: &QueuedQuery) {
        let Some(waiting) = self.queues.get_mut(queue).map(|queue| &mut queue.queries) else { return };
        let before = waiting.len();
        waiting.retain(|waiting| waiting != query);
        if waiting.len() == before {
            return;
        }
        if self.owns(query.shard) {
            return self.query_unpolled(&query.id);
        }
        self.send_to_shard(query.shard, Content::QueryUnpolled { id: query.id.clone() });
    }

    /// The worker on the sticky queue is not to be had: any other may take the query.
    pub(crate) fn query_unpolled(&mut self, id: &str) {
        if let Some(pending) = self.queries.pending.get_mut(id) {
            pending.sticky_tried = true;
            self.run_queue.push_back(Work::DispatchQuery(id.into()));
        }
    }

    /// The caller is about to give up. Where no worker has asked for work lately, that is the better answer.
    pub(crate) fn query_late(&mut self, id: &str) {
        let Some((queue, query)) = self.queued(id) else { return };
        if self.matches(&queue) {
            return self.query_late_at(&queue, &query);
        }
        self.send_to_queue(&queue.clone(), Content::QueryLate { queue, query });
    }

    /// The caller of a query is about to give up that may wait at this queue.
    pub(crate) fn query_late_at(&mut self, key: &QueueKey, query: &QueuedQuery) {
        let Some(queue) = self.queues.get(key) else { return };
        let is_down = queue.last_poll == Time::ZERO || queue.last_poll + WORKER_MAY_BE_DOWN_AFTER < self.now;
        if !is_down || !queue.queries.contains(query) {
            return;
        }
        if self.owns(query.shard) {
            return self.query_alone(&query.id);
        }
        self.send_to_shard(query.shard, Content::QueryAlone { id: query.id.clone() });
    }

    /// A query waits where no worker has asked for work lately.
    pub(crate) fn query_alone(&mut self, id: &str) {
        let text = "no poller seen for task queue recently, worker may be down";
        self.fail_query(id, Reject::new(Kind::FailedPrecondition, text));
    }

    /// A poller takes a query.
    pub(crate) fn hand_query(&mut self, call: CallId, poll: Poll, id: &str) {
        let pending = self.queries.pending.get(id).cloned();
        let task =
            pending.as_ref().and_then(|pending| self.query_task(pending.shard, pending.run_id, id, &poll.queue.name));
        let (Some(pending), Some(mut task)) = (pending, task) else {
            if self.queries.pending.contains_key(id) {
                self.run_queue.push_back(Work::DispatchQuery(id.into()));
            }
            return self.repoll(call, poll);
        };
        task.response.query = Some(pending.query);
        let answer = Effect::Answer(ReplyTo::Client(call), Ok(Answer::WorkflowTask(Some(Box::new(task)))));
        // What the run has taken is what the query is about, so it is durable first.
        self.after_commit_of(pending.shard, pending.run_id, answer);
    }

    /// A workflow task is handed out: the run's waiting queries ride on it.
    pub(crate) fn attach_queries(&mut self, run_id: RunId, task: &mut WorkflowTask) {
        for id in self.queries.of_run(run_id, Stage::Buffered) {
            if let Some(pending) = self.queries.pending.get_mut(&id) {
                pending.stage = Stage::Attached;
                task.response.queries.insert(id, pending.query.clone());
            }
        }
    }

    /// A worker's completion may carry answers to attached queries; they count whatever becomes of its commands.
    pub(crate) fn settle_completion(&mut self, shard: ShardId, run_id: RunId, input: &Input) {
        let _ = run_id;
        let Input::CompleteWorkflowTask { request, task: _ } = input else {
            return;
        };
        for (id, result) in &request.query_results {
            let attached = self.queries.pending.get(id).is_some_and(|pending| pending.stage == Stage::Attached);
            if let (true, Some(pending)) = (attached, self.queries.remove(id)) {
                let answer = outcome(pending.run_id, result.clone());
                self.after_commit(shard, Effect::Answer(pending.reply_to, answer));
            }
        }
    }

    /// After a step: queries that the ended task left unanswered wait again, and go by themselves when nothing is left
    /// to wait for.
    pub(crate) fn settle_queries(&mut self, shard: ShardId, run_id: RunId) {
        if !self.queries.by_run.contains_key(&run_id) {
            return;
        }
        let Some(entry) = self.entry(shard, run_id) else { return };
        let core = &entry.run.core;
        let is_started = entry.run.started_task.is_some();
        let is_quiet = !entry.run.is_open() || core.workflow_task.is_none();
        let was_decided = core.previous_started_event_id > 0;
        let is_failing = core.workflow_task.as_ref().is_some_and(|task| task.attempt >= FAIL_QUERIES_FROM_ATTEMPT);
        let is_open = entry.run.is_open();
        if is_started {
            return;
        }
        for id in self.queries.of_run(run_id, Stage::Attached) {
            self.queries.set_stage(&id, Stage::Buffered);
        }
        for id in self.queries.of_run(run_id, Stage::Buffered) {
            if is_failing {
                self.fail_query(&id, failing());
            } else if is_quiet && was_decided {
                self.queries.set_stage(&id, Stage::Direct);
                self.run_queue.push_back(Work::DispatchQuery(id));
            } else if !is_open {
                self.fail_query(&id, closed_before_start());
            }
        }
    }

    /// A worker has answered a query that it got by itself.
    pub(crate) fn answer_query(&mut self, reply_to: ReplyTo, token: &Token, request: RespondQueryTaskCompletedRequest) {
        let Some(pending) = self.queries.remove(&token.query_id) else {
            return self.answer_now(reply_to, Err(Reject::not_found("query task not found, or already expired")));
        };
        let result = WorkflowQueryResult {
            result_type: request.completed_type,
            answer: request.query_result,
            error_message: request.error_message,
            failure: request.failure,
        };
        let answer = outcome(pending.run_id, result);
        self.answer_now(pending.reply_to, answer);
        self.answer_now(reply_to, Ok(Answer::Done));
    }

    /// Refuses a query that has no answer yet; one that has is left alone.
    pub(crate) fn fail_query(&mut self, id: &str, reject: Reject) {
        if let Some(pending) = self.queries.remove(id) {
            self.answer_now(pending.reply_to, Err(reject));
        }
    }

    /// No worker can answer queries of this run any more.
    pub(crate) fn fail_queries(&mut self, run_id: RunId, reject: &Reject) {
        for id in self.queries.by_run.get(&run_id).cloned().into_iter().flatten() {
            self.fail_query(&id, reject.clone());
        }
    }

    /// The shard's memory is dropped, and with it what its queries waited for.
    pub(crate) fn lose_queries(&mut self, shard: ShardId, reject: &Reject) {
        let of_shard = |pending: &Pending| pending.shard == shard;
        let ids: Vec<_> =
            self.queries.pending.iter().filter(|(_, pending)| of_shard(pending)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.fail_query(&id, reject.clone());
        }
    }
}

/// The rejection that the client's condition asks for.
fn rejected(status: WorkflowExecutionStatus, condition: QueryRejectCondition) -> Option<QueryRejected> {
    let rejects = match condition {
        QueryRejectCondition::Unspecified | QueryRejectCondition::None => false,
        QueryRejectCondition::NotOpen => status != WorkflowExecutionStatus::Running,
        QueryRejectCondition::NotCompletedCleanly => {
            !matches!(status, WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Completed)
        }
    };
    let is_paused = status == WorkflowExecutionStatus::Paused;
    (rejects || is_paused).then(|| QueryRejected { status: status.into() })
}

/// Why a run can't be queried at all now.
fn not_ready(run: &Run, deadline: Time) -> Option<Reject> {
    let core = &run.core;
    let was_decided = core.previous_started_event_id > 0;
    if !run.is_open() && !was_decided {
        return Some(closed_before_start());
    }
    if !was_decided && core.workflow_task.is_none() && core.first_task_due > deadline.0 {
        return Some(Reject::new(Kind::WorkflowNotReady, "Workflow task is not scheduled yet."));
    }
    let is_failing = core.workflow_task.as_ref().is_some_and(|task| task.attempt >= FAIL_QUERIES_FROM_ATTEMPT);
    is_failing.then(failing)
}

fn failing() -> Reject {
    Reject::new(Kind::WorkflowNotReady, "Unable to query workflow due to Workflow Task in failed state.")
}

fn closed_before_start() -> Reject {
    Reject::new(Kind::WorkflowNotReady, "Workflow execution closed before WorkflowTaskStarted event")
}

fn outcome(run_id: RunId, result: WorkflowQueryResult) -> Result<Answer, Reject> {
    match result.result_type() {
        QueryResultType::Answered => {
            let outcome = QueryOutcome::Answered(result.answer);
            Ok(Answer::QueryAnswer { run_id: run_id.to_string(), outcome })
        }
        QueryResultType::Failed | QueryResultType::Unspecified => {
            Err(Reject::new(Kind::QueryFailed { failure: result.failure.map(Box::new) }, result.error_message))
        }
    }
}
