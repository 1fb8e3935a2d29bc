//! Polls: they wait at a queue until a task comes, and are matched with it without a write of their own. An activity that
//! becomes ready while a poll waits is started by the step that makes it ready.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use machine::{Due, Input, Reply, Run, Step, Task};
use model::{Namespace, QueueKey, QueueKind, ShardId, Time};

use super::{
    Action, CallId, Lane, ReplyTo, Timer, Work,
    apply::Presence,
    parcel::{Content, Offer},
    quarantine::{DERIVING, Panicked, Place},
    queue::{QueuedQuery, TaskQueue},
    shard::{Effect, Need},
};
use crate::{Answer, Poll, persist::TaskPlace};

/// How long after its last poll a sticky queue's worker counts as there.
const STICKY_WORKER_GONE_AFTER: Duration = Duration::from_secs(10);

/// The polls that wait at this lane.
#[derive(Debug, Default)]
pub(crate) struct Polls {
    waiting: BTreeMap<CallId, Poll>,
}

/// A poll and the task that it was matched with.
#[derive(Clone, Debug)]
pub(crate) struct Match {
    pub(crate) call: CallId,
    poll: Poll,
    shard: ShardId,
    place: TaskPlace,
    /// Tasks that stood behind it in the queue.
    backlog: usize,
}

impl Lane {
    /// A worker asks for a task.
    pub(crate) fn poll(&mut self, reply_to: ReplyTo, _namespace: Arc<Namespace>, poll: Poll) {
        let ReplyTo::Client(id) = reply_to else { return };
        let now = self.now;
        let kind = poll.queue.kind;
        let queue = self.queue(&poll.queue);
        queue.polled(&poll, now);
        queue.is_sticky = !poll.normal_name.is_empty();
        if self.draining || poll.deadline <= now {
            return self.actions.push(Action::Answer { id, result: Ok(nothing(kind)) });
        }
        self.queue(&poll.queue).pollers.push_back(id);
        self.set_timer(poll.deadline, Timer::Call(id));
        self.run_queue.push_back(Work::Match(poll.queue.clone()));
        self.polls.waiting.insert(id, poll);
    }

    /// Matches the queue's pollers and tasks, first come first served.
    pub(crate) fn match_queue(&mut self, key: &QueueKey) {
        loop {
            let Some(queue) = self.queues.get_mut(key) else { return };
            let Some(call) = queue.pollers.front().copied() else {
                return;
            };
            if let Some(query) = queue.queries.pop_front() {
                queue.pollers.pop_front();
                let Some(poll) = self.take_poll(call) else { continue };
                self.query_matched(call, poll, query);
                continue;
            }
            if queue.len() > 0 && queue.limit.ready() > self.now {
                return self.wait_for_limit(key);
            }
            let Some((shard, place)) = queue.pop() else { break };
            queue.limit.take(self.now);
            queue.pollers.pop_front();
            let backlog = queue.len();
            let Some(poll) = self.take_poll(call) else { continue };
            self.task_matched(Match { call, poll, shard, place, backlog });
        }
        self.refill(key);
    }

    /// A poll was matched with a task, which the owner of its shard starts.
    fn task_matched(&mut self, matched: Match) {
        if self.owns(matched.shard) {
            return self.run_queue.push_back(Work::Dispatch(Box::new(matched)));
        }
        self.count_dispatched(&matched.place);
        self.send_to_shard(matched.shard, Content::Dispatch(matched));
    }

    /// A poll was matched with a query, which the owner of its shard hands out.
    fn query_matched(&mut self, call: CallId, poll: Poll, query: QueuedQuery) {
        if self.owns(query.shard) {
            return self.hand_query(call, poll, &query.id);
        }
        self.send_to_shard(query.shard, Content::HandQuery { call, poll, id: query.id });
    }

    fn count_dispatched(&mut self, place: &TaskPlace) {
        let now = self.now;
        if let Some(queue) = self.queues.get_mut(&place.queue) {
            queue.paces.entry(place.priority).or_default().dispatched.count(now);
        }
    }

    /// Tasks and pollers wait for the queue's limit.
    fn wait_for_limit(&mut self, key: &QueueKey) {
        let Some(queue) = self.queues.get_mut(key) else { return };
        queue.limited.count(self.now);
        let ready = queue.limit.ready();
        if ready != Time::MAX {
            self.set_timer(ready, Timer::Queue(key.clone()));
        }
    }

    /// Starts a task for the poll that was matched with it. A task that is no more sends the poll back to the head of the queue.
    pub(crate) fn dispatch(&mut self, matched: Match) {
        let (shard, run_id) = (matched.shard, matched.place.run_id);
        if self.shards.get(&shard).is_some_and(|state| state.epoch.is_none()) {
            return self.requeue(matched);
        }
        if matches!(self.presence(shard, run_id), Presence::Missing) {
            return self.wait_for_data(shard, Need::Run(run_id), Work::Dispatch(Box::new(matched)));
        }
        if !self.still_waits(&matched) {
            return self.requeue(matched);
        }
        let input = self.start_of(&matched.poll, &matched.place);
        match self.step(shard, run_id, input) {
            Ok(reply) => self.hand_task(matched, reply),
            Err(reject) => {
                tracing::debug!(%run_id, "a task could not be started: {reject}");
                self.requeue(matched);
            }
        }
    }

    /// Matches the activities that a step makes ready with the pollers that wait for them, before any of it is written: so
    /// neither their place in the queue nor their start takes a write of its own. Their events belong to the same step.
    ///
    /// # Errors
    /// A panic: the pollers wait again.
    pub(crate) fn dispatch_in_step(
        &mut self,
        shard: ShardId,
        step: &mut Step,
        due: &Due,
    ) -> Result<Vec<(Match, Reply)>, Panicked> {
        let mut dispatched = Vec::new();
        let (namespace, run_id) = (step.next.key.workflow.namespace, step.next.key.run_id);
        for place in self.new_activities(shard, &step.next, due)? {
            let Some((call, poll)) = self.poller_for(&place) else { continue };
            let input = self.start_of(&poll, &place);
            let context = self.step_context(namespace);
            let matched = Match { call, poll, shard, place, backlog: 0 };
            match self.caught(Place::of(&step.next, input.name()), || step.next.handle(input, &context)) {
                Ok(Ok(started)) => {
                    step.next = started.next;
                    step.changes.extend(started.changes);
                    dispatched.push((matched, started.reply));
                }
                Ok(Err(reject)) => {
                    tracing::debug!(%run_id, "an activity could not be started: {reject}");
                    self.requeue(matched);
                }
                Err(panicked) => {
                    self.requeue(matched);
                    for (matched, _) in dispatched {
                        self.requeue(matched);
                    }
                    return Err(panicked);
                }
            }
        }
        Ok(dispatched)
    }

    /// The activities that wait for a worker from this state on, as they would stand in their queues. `due` is what is due there.
    fn new_activities(&self, shard: ShardId, next: &Run, due: &Due) -> Result<Vec<TaskPlace>, Panicked> {
        let (namespace, run_id) = (next.key.workflow.namespace, next.key.run_id);
        let old = self.entry(shard, run_id).map(|entry| &entry.due);
        let is_new = |task: &&Task| matches!(task, Task::Activity { .. }) && old.is_none_or(|old| !old.has(task));
        let mut places = self.caught(Place::of(next, DERIVING), || {
            due.tasks.iter().filter(is_new).map(|task| TaskPlace::of(task, namespace, run_id)).collect::<Vec<_>>()
        })?;
        places.sort_unstable();
        Ok(places)
    }

    /// Takes the poll that has waited longest for a task that has just come, unless others are before it in the queue. Tasks
    /// whose commit is under way are not there yet, and go to the next polls.
    fn poller_for(&mut self, place: &TaskPlace) -> Option<(CallId, Poll)> {
        let now = self.now;
        loop {
            let queue = self.queues.get_mut(&place.queue).filter(|queue| queue.is_clear(now))?;
            let call = queue.pollers.pop_front()?;
            if let Some(poll) = self.take_poll(call) {
                let queue = self.queue(&place.queue);
                queue.limit.take(now);
                queue.paces.entry(place.priority).or_default().added.count(now);
                return Some((call, poll));
            }
        }
    }

    /// What starts a task for a poll.
    fn start_of(&mut self, poll: &Poll, place: &TaskPlace) -> Input {
        let request_id = self.entropy.uuid().to_string();
        let (identity, worker_version) = (poll.identity.clone(), poll.worker_version.stamp());
        match place.queue.kind {
            QueueKind::Workflow => Input::StartWorkflowTask { identity, request_id, worker_version },
            QueueKind::Activity => {
                Input::StartActivity { scheduled_event_id: place.event_id, identity, request_id, worker_version }
            }
        }
    }

    pub(crate) fn hand_task(&mut self, matched: Match, reply: Reply) {
        let (shard, run_id) = (matched.shard, matched.place.run_id);
        self.count_dispatched(&matched.place);
        let answer = match reply {
            Reply::WorkflowTask(task) => {
                let sticky = task.sticky && !matched.poll.normal_name.is_empty();
                let mut task = self.workflow_task(shard, run_id, &task, sticky);
                if let Some(task) = &mut task {
                    let known = self.queues.get(&matched.place.queue);
                    task.response.backlog_count_hint = known.map_or(matched.backlog, TaskQueue::len) as i64;
                }
                Answer::WorkflowTask(task.map(Box::new))
            }
            Reply::Activity(task) => Answer::ActivityTask(self.activity_task(shard, run_id, &task).map(Box::new)),
            Reply::Done | Reply::Heartbeat { .. } | Reply::WorkflowTaskCompleted { .. } | Reply::Refused(_) => {
                nothing(matched.poll.queue.kind)
            }
        };
        self.after_commit_of(shard, run_id, Effect::Answer(ReplyTo::Client(matched.call), Ok(answer)));
    }

    /// Whether the run still has the task that stood in the queue.
    fn still_waits(&self, matched: &Match) -> bool {
        self.entry(matched.shard, matched.place.run_id).is_some_and(|entry| entry.has_waiting(&matched.place))
    }

    /// The poll did not get this task: it is first in line for the next one.
    pub(crate) fn requeue(&mut self, matched: Match) {
        if !self.matches(&matched.poll.queue) {
            let queue = matched.poll.queue.clone();
            return self.send_to_queue(&queue, Content::Requeue(matched));
        }
        let Match { call, poll, .. } = matched;
        if let Some(queue) = self.queues.get_mut(&poll.queue) {
            queue.limit.give_back();
        }
        self.repoll(call, poll);
    }

    /// Puts a poll that got nothing back to the head of its queue.
    pub(crate) fn repoll(&mut self, call: CallId, poll: Poll) {
        if !self.matches(&poll.queue) {
            let queue = poll.queue.clone();
            return self.send_to_queue(&queue, Content::Repoll { call, poll });
        }
        let kind = poll.queue.kind;
        if poll.deadline <= self.now || self.draining {
            return self.actions.push(Action::Answer { id: call, result: Ok(nothing(kind)) });
        }
        self.set_timer(poll.deadline, Timer::Call(call));
        self.queue(&poll.queue).pollers.push_front(call);
        self.run_queue.push_back(Work::Match(poll.queue.clone()));
        self.polls.waiting.insert(call, poll);
    }

    fn take_poll(&mut self, id: CallId) -> Option<Poll> {
        let poll = self.polls.waiting.remove(&id)?;
        self.timers.remove(&(poll.deadline, Timer::Call(id)));
        Some(poll)
    }

    /// A poll's time is up.
    pub(crate) fn expire_poll(&mut self, id: CallId) {
        let Some(poll) = self.polls.waiting.remove(&id) else {
            return;
        };
        let kind = poll.queue.kind;
        if let Some(queue) = self.queues.get_mut(&poll.queue) {
            queue.pollers.retain(|waiting| *waiting != id);
            queue.saw(&poll, self.now);
        }
        self.actions.push(Action::Answer { id, result: Ok(nothing(kind)) });
    }

    /// The poller has hung up.
    pub(crate) fn forget_poll(&mut self, id: CallId) {
        let Some(poll) = self.take_poll(id) else { return };
        if let Some(queue) = self.queues.get_mut(&poll.queue) {
            queue.pollers.retain(|waiting| *waiting != id);
        }
    }

    /// The process is about to stop: every poll and every wait returns.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
        self.drain_jobs();
        let ids: Vec<CallId> =
            self.polls.waiting.keys().chain(self.waits.keys()).copied().chain(self.updates.calls()).collect();
        for id in ids {
            self.expire_call(id);
        }
    }

    /// A task on a worker's own queue whose worker is gone goes to the normal queue. Says whether it did.
    pub(crate) fn leave_sticky(&mut self, shard: ShardId, place: &TaskPlace) -> bool {
        if !self.is_on_sticky(shard, place) || self.is_polled(&place.queue) {
            return false;
        }
        self.unpolled(shard, place);
        true
    }

    /// Whether a task stands on the queue of the worker that has its run in the cache.
    pub(crate) fn is_on_sticky(&self, shard: ShardId, place: &TaskPlace) -> bool {
        let task = self.entry(shard, place.run_id).and_then(|entry| entry.run.core.workflow_task.as_ref());
        place.queue.kind == QueueKind::Workflow && task.is_some_and(|task| task.sticky)
    }

    /// Whether a worker polls the queue or did so a moment ago.
    pub(crate) fn is_polled(&self, key: &QueueKey) -> bool {
        let Some(queue) = self.queues.get(key) else {
            return false;
        };
        let recent = queue.last_poll != Time::ZERO && queue.last_poll + STICKY_WORKER_GONE_AFTER > self.now;
        !queue.pollers.is_empty() || recent
    }

    /// A worker goes away: its polls return empty, and what waits on its own queue goes to others. Its identity says nothing:
    /// the workers of one process have the same.
    pub(crate) fn shutdown_worker(
        &mut self,
        namespace: &Namespace,
        sticky_task_queue: &str,
        worker_instance_key: &str,
    ) {
        let of_worker = |poll: &Poll| {
            poll.queue.namespace == namespace.id
                && (*poll.queue.name == *sticky_task_queue
                    || (!worker_instance_key.is_empty() && poll.worker_instance_key == worker_instance_key))
        };
        let polls: Vec<CallId> =
            self.polls.waiting.iter().filter(|(_, poll)| of_worker(poll)).map(|(id, _)| *id).collect();
        for id in polls {
            self.expire_poll(id);
        }
        let key = QueueKey { namespace: namespace.id, kind: QueueKind::Workflow, name: sticky_task_queue.into() };
        let Some(queue) = self.queues.get_mut(&key) else { return };
        queue.last_poll = Time::ZERO;
        for (shard, place) in queue.take_all() {
            if !self.owns(shard) {
                self.send_to_shard(shard, Content::Unpolled { shard, place: place.clone() });
            }
            self.offered(Offer { shard, place, sticky: false });
        }
    }
}

/// The answer to a poll that got no task.
fn nothing(kind: QueueKind) -> Answer {
    match kind {
        QueueKind::Workflow => Answer::WorkflowTask(None),
        QueueKind::Activity => Answer::ActivityTask(None),
    }
}
