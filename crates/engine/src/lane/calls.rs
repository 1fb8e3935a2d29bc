//! Clients' calls: which run is meant, and what input a call is to it.

use std::sync::Arc;

use machine::{Input, TaskRef};
use model::{Namespace, Reject, RunId, ShardId, Time, Token, WorkflowKey};

use super::{
    Action, CallId, Lane, ReplyTo, Timer, Work, answer,
    apply::{Apply, Presence},
    queries::NewQuery,
    shard::{Effect, Need, Waiter},
    start::StartKind,
    update_with_start::UpdateAndStart,
};
use crate::{Answer, Call, Execution, HistoryState};

/// What is asked of one existing run.
enum Target {
    /// An input, if the run belongs to the chain that began with this run (empty: whichever).
    Input {
        first_run_id: String,
        input: Box<Input>,
    },
    Delete,
    Describe,
    /// Where the history stands, perhaps after a wait for an event.
    History {
        wait_from: Option<i64>,
        deadline: Time,
    },
    /// A question to the workflow code.
    Query(Box<NewQuery>),
}

impl Lane {
    /// Does what a client asks, or has it wait for what it lacks.
    pub(crate) fn call(&mut self, reply_to: ReplyTo, namespace: Arc<Namespace>, call: Call, until: Time) {
        if !self.is_waited_for(&reply_to) {
            return;
        }
        if until <= self.now {
            return self.answer_now(reply_to, Err(answer::deadline_exceeded()));
        }
        if let Some(reject) = self.deposed() {
            return self.answer_now(reply_to, Err(reject));
        }
        match call {
            Call::Start(request) => self.start(reply_to, namespace, StartKind::Start(request), until),
            Call::SignalWithStart(request) => {
                self.start(reply_to, namespace, StartKind::SignalWithStart(request), until)
            }
            Call::PollWorkflowTask(poll) | Call::PollActivityTask(poll) => self.poll(reply_to, namespace, poll),
            Call::ShutdownWorker { sticky_task_queue, worker_instance_key } => {
                self.shutdown_worker(&namespace, &sticky_task_queue, &worker_instance_key);
                self.answer_now(reply_to, Ok(Answer::Done));
            }
            Call::DescribeTaskQueue { queue } => self.describe_queue(reply_to, queue),
            Call::ListWorkers { after, queues } => {
                let workers = self.list_workers(namespace.id, &after, queues);
                self.answer_now(reply_to, Ok(Answer::Workers(workers)));
            }
            Call::PutNamespace { record, expected_version } => self.put_namespace(reply_to, *record, expected_version),
            Call::DeleteNamespace { record, expected_version, delay } => {
                self.delete_namespace(reply_to, *record, expected_version, delay);
            }
            Call::RemoveNamespace => self.remove_namespace(reply_to, namespace.id),
            Call::NextJob => self.next_job(reply_to),
            Call::ReportJob { id, report } => self.report_job(reply_to, id, report),
            Call::ListJobs => self.list_jobs(reply_to),
            Call::AnswerQuery { token, request } => self.answer_query(reply_to, &token, *request),
            Call::UpdateWithStart { start, update, again } => {
                self.update_with_start(reply_to, namespace, UpdateAndStart { start, update, again }, until);
            }
            Call::CompleteWorkflowTask { .. }
            | Call::FailWorkflowTask { .. }
            | Call::AnswerActivity { .. }
            | Call::Update(_)
            | Call::PollUpdate { .. }
            | Call::Signal { .. }
            | Call::RequestCancel { .. }
            | Call::Terminate { .. }
            | Call::Delete { .. }
            | Call::Describe { .. }
            | Call::HistoryState { .. }
            | Call::Query { .. }
            | Call::ResetSticky { .. } => self.call_run(reply_to, namespace, call, until),
        }
    }

    /// A call to one run: waits until it is known which, and until that is loaded.
    fn call_run(&mut self, reply_to: ReplyTo, namespace: Arc<Namespace>, call: Call, until: Time) {
        let execution = execution_of(&call);
        let workflow = WorkflowKey::new(namespace.id, &execution.workflow_id);
        let shard = workflow.shard(self.config.placement.shards());
        let work = Work::Call { reply_to: reply_to.clone(), namespace, call, until };
        if self.defer_until_open(shard, &work) {
            return;
        }
        let run_id = match self.resolve(shard, &workflow, &execution.run_id) {
            Ok(Some(run_id)) => run_id,
            Ok(None) => return self.wait_for_data(shard, Need::Current(workflow), work),
            Err(reject) => return self.after_commit(shard, Effect::Answer(reply_to, Err(reject))),
        };
        if matches!(self.presence(shard, run_id), Presence::Missing) {
            return self.wait_for_data(shard, Need::Run(run_id), work);
        }
        if self.entry(shard, run_id).is_none_or(|entry| entry.run.key.workflow != workflow) {
            let reject = answer::run_not_found(&execution.workflow_id, &execution.run_id);
            return self.after_commit(shard, Effect::Answer(reply_to, Err(reject)));
        }
        if matches!(work, Work::Call { call: Call::Delete { .. }, .. })
            && let Some(need) = self.removal_needs(shard, run_id)
        {
            return self.wait_for_data(shard, need, work);
        }
        let Work::Call { reply_to, namespace, call, until: _ } = work else {
            return;
        };
        if matches!(call, Call::Update(_) | Call::PollUpdate { .. }) {
            return self.update_call(reply_to, namespace, shard, run_id, call);
        }
        match self.target(shard, call) {
            Ok(target) => self.call_target(reply_to, shard, run_id, target),
            Err(reject) => self.after_commit(shard, Effect::Answer(reply_to, Err(reject))),
        }
    }

    /// Keeps work back while the shard is being opened, and refuses it where the shard is another node's or its storage
    /// has failed; says whether it did either.
    pub(crate) fn defer_until_open(&mut self, shard: ShardId, work: &Work) -> bool {
        let Some(state) = self.shards.get_mut(&shard) else {
            let owner = cluster::owner(shard, &self.config.members, self.now);
            let text = match owner {
                Some(member) => format!("shard {} is owned by {}", shard.0, member.address),
                None => format!("which node owns shard {} is not known: try again", shard.0),
            };
            self.refuse(work.clone(), &Reject::unavailable(text));
            return true;
        };
        if state.epoch.is_some() {
            return false;
        }
        match &state.failed {
            None => {
                state.waiting_for_shard.push(work.clone());
                self.mark_waiting(work);
            }
            Some(why) => {
                let reject = Reject::unavailable(format!("the storage failed: {why}"));
                self.refuse(work.clone(), &reject);
            }
        }
        true
    }

    /// The run that a client names; `None` while the newest one has to be read.
    ///
    /// # Errors
    /// When there is no such run.
    pub(crate) fn resolve(
        &self,
        shard: ShardId,
        workflow: &WorkflowKey,
        run_id: &str,
    ) -> Result<Option<RunId>, Reject> {
        if !run_id.is_empty() {
            return run_id.parse().map(Some).map_err(|_| Reject::invalid("Invalid RunId."));
        }
        let Some(known) = self.shards.get(&shard).and_then(|state| state.currents.get(workflow)) else {
            return Ok(None);
        };
        let missing = || answer::workflow_not_found(&workflow.workflow_id);
        known.run_id.map(Some).ok_or_else(missing)
    }

    fn call_target(&mut self, reply_to: ReplyTo, shard: ShardId, run_id: RunId, target: Target) {
        match target {
            Target::Input { first_run_id, input } => {
                let first = self.entry(shard, run_id).map(|entry| &entry.run.started().first_execution_run_id);
                if !first_run_id.is_empty() && first.is_some_and(|first| *first != first_run_id) {
                    let reject = Reject::not_found("workflow execution not found");
                    return self.after_commit(shard, Effect::Answer(reply_to, Err(reject)));
                }
                self.settle_completion(shard, run_id, &input);
                self.apply(Apply { reply_to, shard, run_id, input: *input });
            }
            Target::Delete => self.delete(reply_to, shard, run_id),
            Target::Describe => {
                let description = self
                    .told(shard, run_id, || self.describe(shard, run_id))
                    .and_then(|told| told.ok_or_else(|| answer::run_not_found("", &run_id.to_string())));
                self.after_commit(
                    shard,
                    Effect::Answer(reply_to, description.map(|it| Answer::Description(Box::new(it)))),
                );
            }
            Target::History { wait_from, deadline } => self.history_state(reply_to, shard, run_id, wait_from, deadline),
            Target::Query(query) => self.query(reply_to, shard, run_id, *query),
        }
    }

    /// What a call asks of its run, once the tokens in it are known to be of this shard's time.
    fn target(&self, shard: ShardId, call: Call) -> Result<Target, Reject> {
        let input = |input| Ok(Target::Input { first_run_id: String::new(), input: Box::new(input) });
        match call {
            Call::Signal { execution: _, signal } => input(Input::Signal(*signal)),
            Call::RequestCancel { first_execution_run_id, reason, identity, request_id, links, execution: _ } => {
                let request = Input::RequestCancel { reason, identity, request_id, external: None, links };
                Ok(Target::Input { first_run_id: first_execution_run_id, input: Box::new(request) })
            }
            Call::Terminate { first_execution_run_id, reason, details, identity, links, execution: _ } => {
                let terminate = Input::Terminate { reason, details, identity, links };
                Ok(Target::Input { first_run_id: first_execution_run_id, input: Box::new(terminate) })
            }
            Call::CompleteWorkflowTask { token, request } => {
                self.check_epoch(shard, token.epoch, "Workflow task not found.")?;
                input(Input::CompleteWorkflowTask { task: task_ref(&token), request })
            }
            Call::FailWorkflowTask { token, request } => {
                self.check_epoch(shard, token.epoch, "Workflow task not found.")?;
                input(Input::FailWorkflowTask { task: task_ref(&token), request })
            }
            Call::AnswerActivity { activity, identity, worker_version, answer, epoch: _, execution: _ } => {
                input(Input::AnswerActivity { activity, identity, worker_version, answer })
            }
            Call::ResetSticky { execution: _ } => input(Input::ResetSticky),
            Call::Delete { execution: _ } => Ok(Target::Delete),
            Call::Describe { execution: _ } => Ok(Target::Describe),
            Call::HistoryState { wait_from, deadline, execution: _ } => Ok(Target::History { wait_from, deadline }),
            Call::Query { query, reject_condition, deadline, execution: _ } => {
                Ok(Target::Query(Box::new(NewQuery { query: *query, reject_condition, deadline })))
            }
            Call::Start(_)
            | Call::SignalWithStart(_)
            | Call::Update(_)
            | Call::PollUpdate { .. }
            | Call::UpdateWithStart { .. }
            | Call::AnswerQuery { .. }
            | Call::PollWorkflowTask(_)
            | Call::PollActivityTask(_)
            | Call::ShutdownWorker { .. }
            | Call::DescribeTaskQueue { .. }
            | Call::ListWorkers { .. }
            | Call::PutNamespace { .. }
            | Call::DeleteNamespace { .. }
            | Call::RemoveNamespace
            | Call::NextJob
            | Call::ReportJob { .. }
            | Call::ListJobs => Err(Reject::internal("this call is not for one run")),
        }
    }

    /// Starts of workflow tasks are in memory only, so a token of an earlier epoch is of a lost start.
    fn check_epoch(&self, shard: ShardId, epoch: u64, text: &str) -> Result<(), Reject> {
        let current = self.shards.get(&shard).and_then(|state| state.epoch).unwrap_or_default();
        if epoch == current.0 { Ok(()) } else { Err(Reject::not_found(text)) }
    }

    fn history_state(
        &mut self,
        reply_to: ReplyTo,
        shard: ShardId,
        run_id: RunId,
        wait_from: Option<i64>,
        deadline: Time,
    ) {
        let Some(entry) = self.entry_mut(shard, run_id) else {
            return;
        };
        let waits = wait_from.is_some_and(|from| entry.stored_open && entry.stored_before <= from);
        if let (true, Some(from), ReplyTo::Client(call)) = (waits, wait_from, &reply_to) {
            entry.waiters.push(Waiter { call: *call, from });
            self.waits.insert(*call, (shard, run_id));
            return self.set_timer(deadline, Timer::Call(*call));
        }
        let state = self.history_of(shard, run_id);
        self.answer_now(reply_to, state.map(Answer::HistoryState));
    }

    /// Where the durable history of a loaded run stands. It needs no holding back: it is stored.
    fn history_of(&self, shard: ShardId, run_id: RunId) -> Result<HistoryState, Reject> {
        let entry = self.entry(shard, run_id).ok_or_else(|| answer::run_not_found("", &run_id.to_string()))?;
        let is_caught_up = entry.stored_before == entry.run.core.next_event_id;
        self.told(shard, run_id, || HistoryState {
            run_id: run_id.to_string(),
            range: answer::range(shard, entry, 1, entry.stored_before),
            tail: if is_caught_up { entry.run.tail_without_worker() } else { Vec::new() },
            is_open: entry.stored_open,
        })
    }

    /// More of a run's history is durable: the calls that wait for it are answered.
    pub(crate) fn grew(&mut self, shard: ShardId, run_id: RunId, next_event_id: i64, is_open: bool) {
        let Some(entry) = self.entry_mut(shard, run_id) else {
            return;
        };
        entry.stored_before = entry.stored_before.max(next_event_id);
        entry.stored_open = is_open;
        let waiters = std::mem::take(&mut entry.waiters);
        let (ready, rest): (Vec<_>, Vec<_>) =
            waiters.into_iter().partition(|waiter| !is_open || next_event_id > waiter.from);
        entry.waiters = rest;
        for waiter in ready {
            self.waits.remove(&waiter.call);
            let result = self.history_of(shard, run_id).map(Answer::HistoryState);
            self.actions.push(Action::Answer { id: waiter.call, result });
        }
    }

    /// A waiting call's time is up.
    pub(crate) fn expire_call(&mut self, id: CallId) {
        if let Some((shard, run_id)) = self.waits.remove(&id) {
            if let Some(entry) = self.entry_mut(shard, run_id) {
                entry.waiters.retain(|waiter| waiter.call != id);
            }
            let state = self.deposed().map_or_else(|| self.history_of(shard, run_id), Err);
            self.actions.push(Action::Answer { id, result: state.map(Answer::HistoryState) });
        }
        self.expire_update(id);
        self.expire_poll(id);
    }

    /// Work waits for something to be read; where it is a call, its caller may go meanwhile.
    pub(crate) fn mark_waiting(&mut self, work: &Work) {
        if let Work::Call { reply_to: ReplyTo::Client(id), .. } = work {
            self.waiting_callers.insert(*id, true);
        }
    }

    /// Whether a caller waits for the answer to a call that goes on.
    fn is_waited_for(&mut self, reply_to: &ReplyTo) -> bool {
        match reply_to {
            ReplyTo::Client(id) => self.waiting_callers.remove(id).unwrap_or(true),
            ReplyTo::Message(_) | ReplyTo::None => true,
        }
    }

    /// The caller is gone.
    pub(crate) fn abandon(&mut self, id: CallId) {
        if let Some(waits) = self.waiting_callers.get_mut(&id) {
            *waits = false;
        }
        if let Some((shard, run_id)) = self.waits.remove(&id)
            && let Some(entry) = self.entry_mut(shard, run_id)
        {
            entry.waiters.retain(|waiter| waiter.call != id);
        }
        self.forget_poll(id);
        self.forget_job_worker(id);
        self.queries.forget_call(id);
        self.updates.remove(id);
    }
}

pub(crate) fn task_ref(token: &Token) -> TaskRef {
    TaskRef {
        scheduled_event_id: token.scheduled_event_id,
        started_event_id: token.started_event_id,
        attempt: token.attempt,
        started_time: token.started_time,
    }
}

fn of_token(token: &Token) -> Execution {
    let run_id = RunId::from_slice(&token.run_id).unwrap_or_default();
    Execution { workflow_id: token.workflow_id.clone(), run_id: run_id.to_string() }
}

/// The run that a call names.
pub(crate) fn execution_of(call: &Call) -> Execution {
    match call {
        // A caller that names the first run of a chain means its newest run, whichever run id stands beside it.
        Call::RequestCancel { execution, first_execution_run_id, .. }
        | Call::Terminate { execution, first_execution_run_id, .. }
            if !first_execution_run_id.is_empty() =>
        {
            Execution { workflow_id: execution.workflow_id.clone(), run_id: String::new() }
        }
        Call::Signal { execution, .. }
        | Call::RequestCancel { execution, .. }
        | Call::Terminate { execution, .. }
        | Call::Delete { execution }
        | Call::Describe { execution }
        | Call::HistoryState { execution, .. }
        | Call::Query { execution, .. }
        | Call::AnswerActivity { execution, .. }
        | Call::PollUpdate { execution, .. }
        | Call::ResetSticky { execution } => execution.clone(),
        Call::Update(update) => update.execution.clone(),
        Call::CompleteWorkflowTask { token, .. }
        | Call::FailWorkflowTask { token, .. }
        | Call::AnswerQuery { token, .. } => of_token(token),
        Call::Start(_)
        | Call::SignalWithStart(_)
        | Call::UpdateWithStart { .. }
        | Call::PollWorkflowTask(_)
        | Call::PollActivityTask(_)
        | Call::ShutdownWorker { .. }
        | Call::DescribeTaskQueue { .. }
        | Call::ListWorkers { .. }
        | Call::PutNamespace { .. }
        | Call::DeleteNamespace { .. }
        | Call::RemoveNamespace
        | Call::NextJob
        | Call::ReportJob { .. }
        | Call::ListJobs => Execution::default(),
    }
}
