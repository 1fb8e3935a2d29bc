//! Applying an input to a run: prefetch, step, dispatch, commit, after-commit effects.

use std::collections::btree_map;

use bytes::Bytes;
use machine::{Change, Due, Input, Reply, Run, Signal, Step, TaskRef};
use model::{Reject, RunId, ShardId};
use proto::temporal::api::history::v1::HistoryEvent;

use super::{
    Lane, ReplyTo, Timer, Work, answer, assert,
    calls::execution_of,
    polls::Match,
    quarantine::{DERIVING, Panicked, Place},
    shard::{Effect, Entry, Need},
};
use crate::{Answer, persist, persist::TaskPlace, visibility};

/// An input on its way to a run whose id is known.
#[derive(Clone, Debug)]
pub(crate) struct Apply {
    pub(crate) reply_to: ReplyTo,
    pub(crate) shard: ShardId,
    pub(crate) run_id: RunId,
    pub(crate) input: Input,
}

/// A step whose consequences are known, on its way into memory.
struct Derived {
    next: Run,
    due: Due,
    changes: Vec<Change>,
    follows: Follows,
    /// Pollers that its activities were matched with, and what they get.
    dispatched: Vec<(Match, Reply)>,
    successor: Option<Box<Derived>>,
}

/// What follows from the difference between the state before a step and the one after it.
struct Follows {
    /// The events that the step appends, as they are stored, behind the id of the first.
    batch: Option<(i64, Bytes)>,
    newly_due: Vec<Effect>,
    /// The workflow task that waits from now on although it is not newly due on disk.
    anew: Option<TaskPlace>,
    /// Whether anything of it is written.
    is_written: bool,
}

/// Whether a run can be worked on now.
pub(crate) enum Presence {
    Here,
    /// It has to be read, or its shard to be opened, first.
    Missing,
}

impl Lane {
    pub(crate) fn presence(&mut self, shard: ShardId, run_id: RunId) -> Presence {
        let now = self.now;
        match self.shards.get_mut(&shard).and_then(|state| state.runs.get_mut(&run_id)) {
            Some(entry) => {
                entry.used = now;
                Presence::Here
            }
            None => Presence::Missing,
        }
    }

    pub(crate) fn entry(&self, shard: ShardId, run_id: RunId) -> Option<&Entry> {
        self.shards.get(&shard)?.runs.get(&run_id).map(Box::as_ref)
    }

    pub(crate) fn entry_mut(&mut self, shard: ShardId, run_id: RunId) -> Option<&mut Entry> {
        self.shards.get_mut(&shard)?.runs.get_mut(&run_id).map(Box::as_mut)
    }

    /// Steps the run and passes the outcome on. A closed run whose time has come is deleted instead.
    pub(crate) fn apply(&mut self, apply: Apply) {
        let Apply { reply_to, shard, run_id, input } = apply;
        if matches!(self.presence(shard, run_id), Presence::Missing) {
            let work = Work::Apply(Box::new(Apply { reply_to, shard, run_id, input }));
            return self.wait_for_data(shard, Need::Run(run_id), work);
        }
        if matches!(input, Input::Wake) && self.is_deletion_due(shard, run_id) {
            return match self.removal_needs(shard, run_id) {
                None => self.remove_run(shard, run_id),
                Some(need) => {
                    self.wait_for_data(shard, need, Work::Apply(Box::new(Apply { reply_to, shard, run_id, input })))
                }
            };
        }
        let is_wake = matches!(input, Input::Wake);
        let speculative = self.speculative_task(shard, run_id, &input);
        // A signal that is sent again is answered with the run that has taken it.
        let signaled =
            if let Input::Signal(signal) = &input { Some(self.taken_by(shard, run_id, signal)) } else { None };
        match (self.step(shard, run_id, input), signaled) {
            (Ok(Reply::Done), Some(run_id)) => {
                self.after_commit(shard, Effect::Answer(reply_to, Ok(Answer::Signaled { run_id })));
            }
            (Ok(reply), _) => {
                let answer = self.answer_of(shard, run_id, reply);
                self.after_commit(shard, Effect::Answer(reply_to, answer));
            }
            (Err(reject), _) => {
                self.after_commit(shard, Effect::Answer(reply_to, Err(reject)));
                self.give_back(shard, run_id, speculative);
            }
        }
        if is_wake {
            self.rearm(shard, run_id);
        }
    }

    /// The speculative task that an input completes, if it is one.
    fn speculative_task(&self, shard: ShardId, run_id: RunId, input: &Input) -> Option<TaskRef> {
        let Input::CompleteWorkflowTask { task, .. } = input else { return None };
        self.entry(shard, run_id).filter(|entry| entry.run.is_speculative())?;
        Some(task.clone())
    }

    /// A speculative task whose completion was refused waits again at once, as on the reference, which forgets such a task with
    /// every refusal and makes another one for its updates. An ordinary one stays its worker's until its time is up.
    fn give_back(&mut self, shard: ShardId, run_id: RunId, speculative: Option<TaskRef>) {
        let Some(task) = speculative else { return };
        let input = Input::WorkflowTaskUndelivered { task };
        let apply = Apply { reply_to: ReplyTo::None, shard, run_id, input };
        self.run_queue.push_back(Work::Apply(Box::new(apply)));
    }

    /// The run that has this signal, or is to take it: this one, unless an earlier one of its chain has taken it.
    fn taken_by(&self, shard: ShardId, run_id: RunId, signal: &Signal) -> String {
        let requests = self.entry(shard, run_id).map(|entry| &entry.run.requests);
        let earlier = requests.and_then(|requests| requests.earlier_run(&signal.request_id));
        earlier.map_or_else(|| run_id.to_string(), |earlier| earlier.to_string())
    }

    /// One step of a loaded run: what it changed is in the open batch when this returns.
    ///
    /// # Errors
    /// The machine's refusal, or that of a run whose step has panicked; nothing has changed then.
    pub(crate) fn step(&mut self, shard: ShardId, run_id: RunId, input: Input) -> Result<Reply, Reject> {
        let absent = || Reject::internal(format!("run {run_id} is not loaded"));
        let namespace = self.entry(shard, run_id).ok_or_else(absent)?.run.key.workflow.namespace;
        let context = self.step_context(namespace);
        let run = &self.entry(shard, run_id).ok_or_else(absent)?.run;
        let step = match self.caught(Place::of(run, input.name()), || run.handle(input, &context)) {
            Ok(step) => step?,
            Err(panicked) => return Err(self.quarantine(shard, run_id, panicked)),
        };
        assert::stepped(run_id, &step);
        self.commit(shard, step)
    }

    /// Takes a step over into memory and the open batch, its successor with it.
    ///
    /// # Errors
    /// The run is quarantined, and nothing of the step is kept.
    pub(crate) fn commit(&mut self, shard: ShardId, mut step: Step) -> Result<Reply, Reject> {
        if step.changes.is_empty() {
            return Ok(step.reply);
        }
        let key = step.next.key.clone();
        let rows = self.shards.get_mut(&shard).map_or(0, |state| state.changes().len());
        let reply = std::mem::replace(&mut step.reply, Reply::Done);
        match self.derive(shard, step) {
            Ok(derived) => {
                self.take_over(shard, derived);
                Ok(reply)
            }
            Err(panicked) => {
                if let Some(state) = self.shards.get_mut(&shard) {
                    state.changes().truncate(rows);
                }
                match self.entry(shard, key.run_id) {
                    Some(_) => Err(self.quarantine(shard, key.run_id, panicked)),
                    None => Err(self.start_panicked(&key.workflow, &panicked)),
                }
            }
        }
    }

    /// What follows from a step and from its successor. The rows are in the open batch when this returns; all else is as it was.
    ///
    /// # Errors
    /// A panic. Rows may be left over in the open batch.
    fn derive(&mut self, shard: ShardId, mut step: Step) -> Result<Derived, Panicked> {
        assert::step(self, shard, &step);
        let due = self.due_of(&step.next)?;
        let dispatched = self.dispatch_in_step(shard, &mut step, &due)?;
        let Step { next, changes, successor, reply: _ } = step;
        // What was dispatched is not due any more.
        let due = if dispatched.is_empty() { Ok(due) } else { self.due_of(&next) };
        let derived = due.and_then(|due| self.derive_rows(shard, &next, due, &changes));
        let derived = derived.and_then(|(due, follows)| {
            let steps = successor.filter(|successor| !successor.changes.is_empty());
            let successor = steps.map(|step| self.derive(shard, *step)).transpose()?.map(Box::new);
            Ok((due, follows, successor))
        });
        match derived {
            Ok((due, follows, successor)) => Ok(Derived { next, due, changes, follows, dispatched, successor }),
            Err(panicked) => {
                for (matched, _) in dispatched {
                    self.requeue(matched);
                }
                Err(panicked)
            }
        }
    }

    fn due_of(&self, next: &Run) -> Result<Due, Panicked> {
        self.caught(Place::of(next, DERIVING), || next.durable_due())
    }

    /// What follows from the difference to the state before a step, after which this is due. Adds the rows to the open batch.
    fn derive_rows(
        &mut self,
        shard: ShardId,
        next: &Run,
        due: Due,
        changes: &[Change],
    ) -> Result<(Due, Follows), Panicked> {
        let run_id = next.key.run_id;
        let types = self.namespace(next.key.workflow.namespace).search_attributes.clone();
        let mut rows = self.shards.get_mut(&shard).map(|state| std::mem::take(state.changes())).unwrap_or_default();
        let before = rows.len();
        let old = self.entry(shard, run_id).map(|entry| (&entry.run, &entry.due));
        let derived = self.caught(Place::of(next, DERIVING), || {
            let events = || changes.iter().filter_map(event_of);
            let batch = events().next().map(|first| (first.event_id, persist::history_batch(events())));
            persist::rows(old, (next, &due), batch.clone(), &mut rows);
            rows.extend(visibility::change(old.map(|(run, _)| run), next, &types));
            let newly_due = newly_due(old.map(|(_, due)| due), &due, next);
            let anew = waits_anew(old, next, &due);
            let is_written = rows.len() != before;
            (due, Follows { batch, newly_due, anew, is_written })
        });
        if let Some(state) = self.shards.get_mut(&shard) {
            *state.changes() = rows;
        }
        derived
    }

    /// Takes what was derived over into memory.
    fn take_over(&mut self, shard: ShardId, derived: Derived) {
        let Derived { next, due, changes, follows, dispatched, successor } = derived;
        let run_id = next.key.run_id;
        self.replace_run(shard, next, due, follows);
        self.settle_updates(shard, run_id, &changes);
        for (matched, task) in dispatched {
            self.hand_task(matched, task);
        }
        if let Some(successor) = successor {
            self.take_over(shard, *successor);
        }
    }

    fn replace_run(&mut self, shard: ShardId, next: Run, due: Due, follows: Follows) {
        let run_id = next.key.run_id;
        let (now, memory) = (self.now, self.config.memory.clone());
        let Some(state) = self.shards.get_mut(&shard) else {
            return;
        };
        let Follows { batch, newly_due, anew, is_written } = follows;
        let old = state.runs.get(&run_id).map(|entry| (&entry.run, &entry.due));
        assert::take_over(old.map(|(run, _)| run), &next, &due, batch.as_ref().map(|(first, _)| *first));
        let is_new = old.is_none();
        let grew = batch.is_some() || old.is_some_and(|(run, _)| run.is_open() != next.is_open());
        let grown = Effect::Grew { run_id, next_event_id: next.core.next_event_id, is_open: next.is_open() };
        let old_timer = old.and_then(|(_, due)| due.deadline);
        let timer = due.deadline;
        if is_new {
            state.set_current(next.key.workflow.clone(), Some(run_id));
        }
        let entry = match state.runs.entry(run_id) {
            btree_map::Entry::Occupied(occupied) => {
                let entry = occupied.into_mut();
                entry.run = next;
                entry.due = due;
                entry
            }
            btree_map::Entry::Vacant(place) => place.insert(Box::new(Entry::new(next, due, 1, now, &memory))),
        };
        if let Some((first, batch)) = batch {
            entry.remember(first, batch);
        }
        if is_written {
            // A change that is in memory only leaves nothing to wait for.
            state.touch(run_id);
        }
        self.changed(shard);
        self.move_timer(shard, run_id, old_timer, timer);
        if grew {
            self.after_commit(shard, grown);
        }
        for effect in newly_due {
            self.after_commit(shard, effect);
        }
        if let Some(place) = anew {
            self.after_commit_of(shard, run_id, Effect::Task(place));
        }
        self.settle_queries(shard, run_id);
    }

    fn move_timer(&mut self, shard: ShardId, run_id: RunId, old: Option<model::Time>, new: Option<model::Time>) {
        if old == new {
            return;
        }
        if let Some(time) = old {
            self.timers.remove(&(time, Timer::Entity(shard, run_id.into())));
        }
        if let Some(time) = new {
            self.set_timer(time, Timer::Entity(shard, run_id.into()));
        }
        assert::timer(self, shard, run_id);
    }

    /// After a wake-up: a timer that the step left in place is set again, not before the next moment.
    fn rearm(&mut self, shard: ShardId, run_id: RunId) {
        let Some(time) = self.entry(shard, run_id).and_then(|entry| entry.due.deadline) else {
            return;
        };
        let soon = self.now + std::time::Duration::from_millis(1);
        let due = time <= self.now;
        self.set_timer(if due { soon } else { time }, Timer::Entity(shard, run_id.into()));
    }

    /// The machine's reply as the caller's answer.
    fn answer_of(&mut self, shard: ShardId, run_id: RunId, reply: Reply) -> Result<Answer, Reject> {
        match reply {
            Reply::Done => Ok(Answer::Done),
            Reply::Heartbeat { cancel_requested } => Ok(Answer::Heartbeat { cancel_requested }),
            Reply::WorkflowTask(task) => {
                let task = self.workflow_task(shard, run_id, &task, false);
                Ok(Answer::WorkflowTask(task.map(Box::new)))
            }
            Reply::Activity(task) => Ok(Answer::ActivityTask(self.activity_task(shard, run_id, &task).map(Box::new))),
            Reply::WorkflowTaskCompleted { failed: Some(reject), .. } | Reply::Refused(reject) => Err(reject),
            Reply::WorkflowTaskCompleted { next_task, activities, failed: None, reset_history_event_id } => {
                let next_task = next_task.and_then(|task| self.workflow_task(shard, run_id, &task, task.sticky));
                let activities = activities.iter().filter_map(|task| self.activity_task(shard, run_id, task)).collect();
                let next_task = next_task.map(Box::new);
                Ok(Answer::WorkflowTaskCompleted { next_task, activities, reset_history_event_id })
            }
        }
    }

    /// Work for a run that does not exist.
    pub(crate) fn run_absent(&mut self, work: Work, run_id: RunId) {
        let reject = match &work {
            Work::Call { call, .. } => answer::run_not_found(&execution_of(call).workflow_id, &run_id.to_string()),
            Work::Apply(_)
            | Work::Send(_)
            | Work::Deliver(_)
            | Work::StartChild(_)
            | Work::Match(_)
            | Work::Dispatch(_)
            | Work::DispatchQuery(_)
            | Work::Release(..) => answer::run_not_found("", &run_id.to_string()),
        };
        self.refuse(work, &reject);
    }
}

/// The workflow task that waits from this step on although nothing is newly due on disk: one that is in memory alone, or one
/// that has come back from a worker which it did not reach.
fn waits_anew(old: Option<(&Run, &Due)>, next: &Run, due: &Due) -> Option<TaskPlace> {
    let task = next.workflow_task()?;
    let has_waited = old.is_some_and(|(run, _)| run.workflow_task().as_ref() == Some(&task));
    let is_new_on_disk = due.has(&task) && old.is_none_or(|(_, due)| !due.has(&task));
    (!has_waited && !is_new_on_disk).then(|| TaskPlace::of(&task, next.key.workflow.namespace, next.key.run_id))
}

/// What a step makes newly due, to be acted on once it is durable.
fn newly_due(old: Option<&Due>, due: &Due, run: &Run) -> Vec<Effect> {
    let namespace = run.key.workflow.namespace;
    let run_id = run.key.run_id;
    let is_new_task = |task: &&machine::Task| old.is_none_or(|old| !old.has(task));
    let is_new_message = |key: &&machine::MessageKey| old.is_none_or(|old| !old.messages.contains(key));
    let tasks = due.tasks.iter().filter(is_new_task).map(|task| Effect::Task(TaskPlace::of(task, namespace, run_id)));
    let messages = due.messages.iter().filter(is_new_message).map(|key| Effect::Message(run_id, *key));
    tasks.chain(messages).collect()
}

/// The event that a change appends to the history, if it does.
fn event_of(change: &Change) -> Option<&HistoryEvent> {
    match change {
        Change::Event(event) => Some(event),
        Change::State(_) => None,
    }
}
