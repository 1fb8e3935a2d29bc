//! A shard in memory: its loaded runs, the batch that is being filled, and the effects that follow its commit.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use machine::{Due, MessageKey, Run};
use model::{Budget, Epoch, JobId, Part, QueueKind, Reject, RunId, ShardId, Time, WorkflowKey};
use store::{Batch, Change, CommitResult, Key, StoreError};

use super::{Action, CallId, Lane, ReplyTo, Timer, Work, assert, parcel::Content, quarantine::QuarantinedRun};
use crate::{
    Answer,
    persist::{self, TaskPlace},
    placement::HOME,
};

/// How long a node waits before it takes a shard again whose storage failed.
const REACQUIRE_AFTER: Duration = Duration::from_millis(200);
/// Most bytes of recent history that a loaded run keeps at hand: while it is open, and when it is closed, for those who
/// wait for its end.
const RECENT_BYTES: usize = 256 * 1024;
const LAST_BYTES: usize = 8 * 1024;
/// About what a run takes beside its history and its input.
const ENTRY_BYTES: usize = 4 * 1024;
/// How long after idle runs were looked for because memory is short they are not looked for again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// One shard of this node.
#[derive(Debug)]
pub(crate) struct Shard {
    /// `None` until the shard is acquired and read in.
    pub(crate) epoch: Option<Epoch>,
    /// Those in memory; the others are read when they are needed.
    pub(crate) runs: BTreeMap<RunId, Box<Entry>>,
    /// The newest run by workflow id as far as known. How it stands is in the run alone.
    pub(crate) currents: BTreeMap<WorkflowKey, CurrentEntry>,
    /// Work that waits for data, by what it waits for.
    pub(crate) waiting_for_data: BTreeMap<Need, Vec<Work>>,
    /// Those that have panicked, and are left alone.
    pub(crate) quarantined: BTreeMap<RunId, QuarantinedRun>,
    /// Work that came before the shard was open.
    pub(crate) waiting_for_shard: Vec<Work>,
    /// It is being acquired, or will be at a time that is set; otherwise membership has to say that it is ours.
    is_awaited: bool,
    /// Why the storage failed last, until the shard is open again; calls are refused with it meanwhile.
    pub(crate) failed: Option<String>,
    /// The batch that steps are adding to, its after-commit effects, and how many answers to calls are among them.
    open: Batch,
    open_effects: Vec<Effect>,
    callers: usize,
    /// The after-commit effects of the batch in flight.
    in_flight: Option<Vec<Effect>>,
    /// The number of the open batch, and of the last durable one.
    sequence: u64,
    durable: u64,
}

/// What the cache knows of a workflow id.
#[derive(Debug)]
pub(crate) struct CurrentEntry {
    /// `None` where there is no run.
    pub(crate) run_id: Option<RunId>,
    /// The batch that last changed it.
    sequence: u64,
}

/// A loaded run.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) run: Run,
    /// What must exist because of `run`, to tell what the next step adds and ends.
    pub(crate) due: Due,
    /// The durable end of the history: the id behind the last stored event.
    pub(crate) stored_before: i64,
    /// Whether the run is open as far as the disk knows.
    pub(crate) stored_open: bool,
    /// The last batches of the history by their first events, oldest first, and their bytes together.
    recent: VecDeque<(i64, Bytes)>,
    recent_bytes: usize,
    /// Bytes of the run's input, which stays with it.
    input_bytes: usize,
    /// What all of it takes of the budget.
    memory: Part,
    /// Calls that wait for the history to grow.
    pub(crate) waiters: Vec<Waiter>,
    /// When it was last asked for, to find the idle ones.
    pub(crate) used: Time,
    sequence: u64,
}

/// A call that waits for events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) call: CallId,
    /// The first event that it waits for.
    pub(crate) from: i64,
}

/// Data that a piece of work lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// Which run is the newest of a workflow id.
    Current(WorkflowKey),
    /// All rows of a run.
    Run(RunId),
}

/// What is done after the commit of a batch, and not before: an effect on callers, workers and other runs.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// An answer may go out.
    Answer(ReplyTo, Result<Answer, Reject>),
    /// A worker may have a task.
    Task(TaskPlace),
    /// A message may be delivered.
    Message(RunId, MessageKey),
    /// A run's history has grown to this id, or the run has closed.
    Grew { run_id: RunId, next_event_id: i64, is_open: bool },
    /// The doors may see the table of namespaces.
    Namespaces,
    /// A part of a job may be done.
    Job(JobId),
}

impl Entry {
    /// A run whose history is durable up to `stored_before`.
    pub(crate) fn new(run: Run, due: Due, stored_before: i64, now: Time, memory: &Arc<Budget>) -> Self {
        let stored_open = run.is_open();
        let input_bytes = run.started().input.as_ref().map_or(0, prost::Message::encoded_len);
        Self {
            run,
            due,
            stored_before,
            stored_open,
            recent: VecDeque::new(),
            recent_bytes: 0,
            input_bytes,
            memory: memory.force(ENTRY_BYTES + input_bytes),
            waiters: Vec::new(),
            used: now,
            sequence: 0,
        }
    }

    /// Whether a task of the run still waits for a worker.
    pub(crate) fn has_waiting(&self, place: &TaskPlace) -> bool {
        let (namespace, run_id) = (self.run.key.workflow.namespace, self.run.key.run_id);
        if place.queue.kind == QueueKind::Workflow {
            // As it is in memory: one that was started waits no more, and one that brings updates is there alone.
            return self.run.workflow_task().is_some_and(|task| TaskPlace::of(&task, namespace, run_id) == *place);
        }
        self.due.tasks.iter().any(|task| TaskPlace::of(task, namespace, run_id) == *place)
    }

    /// Keeps a batch of history at hand; the oldest ones make room.
    pub(crate) fn remember(&mut self, first_event_id: i64, batch: Bytes) {
        self.recent_bytes += batch.len();
        self.recent.push_back((first_event_id, batch));
        let most = if self.run.is_open() { RECENT_BYTES } else { LAST_BYTES };
        while self.recent_bytes > most {
            let Some((_, oldest)) = self.recent.pop_front() else { break };
            self.recent_bytes -= oldest.len();
        }
        self.memory.resize(ENTRY_BYTES + self.input_bytes + self.recent_bytes);
    }

    /// The batches at hand that hold the events from `from` up to `before`; none if the first of them is not at hand.
    pub(crate) fn recent(&self, from: i64, before: i64) -> Vec<(i64, Bytes)> {
        let behind = self.recent.partition_point(|(first, _)| *first <= from);
        let Some(start) = behind.checked_sub(1) else {
            return Vec::new();
        };
        self.recent.range(start..).take_while(|(first, _)| *first < before).cloned().collect()
    }
}

impl Shard {
    /// A shard that is not acquired yet, or was lost.
    pub(crate) fn closed() -> Self {
        Self {
            epoch: None,
            runs: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            currents: BTreeMap::new(),
            waiting_for_data: BTreeMap::new(),
            waiting_for_shard: Vec::new(),
            is_awaited: false,
            failed: None,
            open: Batch::default(),
            open_effects: Vec::new(),
            callers: 0,
            in_flight: None,
            sequence: 1,
            durable: 0,
        }
    }

    /// A shard that is being acquired.
    pub(crate) fn acquired_soon() -> Self {
        Self { is_awaited: true, ..Self::closed() }
    }

    /// Whether it is ours but nothing is under way to have it; then it is from now on.
    pub(crate) fn wants_owner(&mut self) -> bool {
        self.epoch.is_none() && !std::mem::replace(&mut self.is_awaited, true)
    }

    /// Whether it is acquired now, or stays closed until the members change.
    pub(crate) fn acquires(&mut self, is_own: bool) {
        self.is_awaited = is_own;
    }

    /// Whether it is acquired and all that happened in it is durable.
    pub(crate) fn is_settled(&self) -> bool {
        self.epoch.is_some() && self.open.changes.is_empty() && self.in_flight.is_none()
    }

    /// Whether its open batch can be written.
    pub(crate) fn has_changes(&self) -> bool {
        self.epoch.is_some() && self.in_flight.is_none() && !self.open.changes.is_empty()
    }

    /// Whether steps have added to its open batch.
    pub(crate) fn has_open_changes(&self) -> bool {
        !self.open.changes.is_empty()
    }

    /// How many calls are answered after the commit of its open batch.
    pub(crate) fn callers(&self) -> usize {
        self.callers
    }

    /// Where the changes of a step go.
    pub(crate) fn changes(&mut self) -> &mut Vec<Change> {
        &mut self.open.changes
    }

    /// Marks a run as changed by the open batch.
    pub(crate) fn touch(&mut self, run_id: RunId) {
        let sequence = self.sequence;
        if let Some(entry) = self.runs.get_mut(&run_id) {
            entry.sequence = sequence;
        }
    }

    /// The newest run of the id is this one now, from the open batch on; `None` for no run any more.
    pub(crate) fn set_current(&mut self, workflow: WorkflowKey, run_id: Option<RunId>) {
        self.open.changes.push(persist::current_row(&workflow, run_id));
        self.currents.insert(workflow, CurrentEntry { run_id, sequence: self.sequence });
    }

    /// What was read, unless a step has changed it since.
    pub(crate) fn learn_current(&mut self, workflow: WorkflowKey, run_id: Option<RunId>) {
        self.currents.entry(workflow).or_insert(CurrentEntry { run_id, sequence: 0 });
    }

    /// Forgets idle runs beyond `keep`, and as many as take `short` bytes, the longest unused first. Runs with unsaved changes
    /// or with something that only memory knows stay. Returns those forgotten.
    fn forget_idle(&mut self, keep: usize, short: usize) -> Vec<RunId> {
        let durable = self.durable;
        if self.currents.len() > keep + keep / 2 {
            self.currents.retain(|_, entry| entry.sequence > durable);
        }
        let mut excess = self.runs.len().saturating_sub(keep);
        if excess <= keep / 2 {
            excess = 0;
        }
        if excess == 0 && short == 0 {
            return Vec::new();
        }
        let idle = self
            .runs
            .iter()
            .filter(|(_, entry)| entry.sequence <= durable && !entry.run.is_volatile() && entry.waiters.is_empty());
        let mut idle: Vec<_> = idle.map(|(run_id, entry)| (entry.used, *run_id, entry.memory.bytes())).collect();
        if short > 0 {
            idle.sort_unstable();
            let mut freed = 0;
            let mut enough = |(_, _, bytes): &(Time, RunId, usize)| {
                freed += bytes;
                freed - bytes < short
            };
            excess = excess.max(idle.iter().take_while(|it| enough(it)).count());
        }
        if excess < idle.len() {
            idle.select_nth_unstable(excess);
            idle.truncate(excess);
        }
        let ids: Vec<_> = idle.into_iter().map(|(_, run_id, _)| run_id).collect();
        for run_id in &ids {
            self.runs.remove(run_id);
        }
        ids
    }
}

impl Lane {
    /// Puts an effect off until all that the shard has in memory is durable; it is released at once when all is.
    pub(crate) fn after_commit(&mut self, shard: ShardId, effect: Effect) {
        let Some(state) = self.shards.get_mut(&shard) else {
            return;
        };
        if !state.open.changes.is_empty() {
            state.callers += usize::from(matches!(effect, Effect::Answer(ReplyTo::Client(_), _)));
            state.open_effects.push(effect);
        } else if let Some(in_flight) = &mut state.in_flight {
            in_flight.push(effect);
        } else {
            self.run_queue.push_back(Work::Release(shard, Box::new(effect)));
        }
    }

    /// As `after_commit`, for an effect that tells of this run only: what other runs have still to write is not waited for.
    pub(crate) fn after_commit_of(&mut self, shard: ShardId, run_id: RunId, effect: Effect) {
        let state = self.shards.get(&shard);
        let is_durable = state.is_some_and(|state| {
            state.epoch.is_some() && state.runs.get(&run_id).is_some_and(|entry| entry.sequence <= state.durable)
        });
        if is_durable {
            self.run_queue.push_back(Work::Release(shard, Box::new(effect)));
        } else {
            self.after_commit(shard, effect);
        }
    }

    /// Seals each shard's open batch and hands it to the store, unless one of the shard is in flight. The later this is
    /// asked for, the more steps share a commit.
    pub(crate) fn seal(&mut self) {
        let mut clock = Some(persist::clock_row(self.now));
        for id in self.dirty.clone() {
            let Some(shard) = self.shards.get_mut(&id) else { continue };
            let Some(epoch) = shard.epoch.filter(|_| shard.has_changes()) else { continue };
            self.dirty.remove(&id);
            // The next batch will hardly be smaller.
            let (effects, changes) = (shard.open_effects.len(), shard.open.changes.len());
            shard.in_flight = Some(std::mem::replace(&mut shard.open_effects, Vec::with_capacity(effects)));
            shard.callers = 0;
            shard.sequence += 1;
            // The greatest of all shards' clocks counts, so one of each commit is enough.
            shard.open.changes.extend(clock.take());
            let batch = Arc::new(std::mem::replace(&mut shard.open, Batch { changes: Vec::with_capacity(changes) }));
            self.actions.push(Action::Commit { shard: id, epoch, batch });
        }
    }

    /// A batch is durable, or is not, or it is not known whether it is. What the lane has in memory holds in the first case only.
    pub(crate) fn committed(&mut self, shard: ShardId, result: CommitResult) {
        match result {
            Ok(()) => self.release_in_flight(shard),
            Err(error) => self.lose(shard, &error.to_string()),
        }
    }

    fn release_in_flight(&mut self, shard: ShardId) {
        let (keep, short) = (self.kept_runs(), self.short_of_memory());
        let Some(state) = self.shards.get_mut(&shard) else {
            return;
        };
        let Some(in_flight) = state.in_flight.take() else { return };
        assert::released(state.sequence - 1, state.durable, state.sequence);
        state.durable = state.sequence - 1;
        self.run_queue.extend(in_flight.into_iter().map(|effect| Work::Release(shard, Box::new(effect))));
        let forgotten = state.forget_idle(keep, short);
        for run_id in forgotten {
            self.queries.forget_run(run_id);
        }
        self.forget_far_wakes();
    }

    /// Something of the shard is to be written.
    pub(crate) fn changed(&mut self, shard: ShardId) {
        if self.shards.get(&shard).is_some_and(Shard::has_open_changes) {
            self.dirty.insert(shard);
        }
    }

    /// How many idle runs a shard keeps in memory.
    pub(crate) fn kept_runs(&self) -> usize {
        (self.config.cached_runs / self.shards.len().max(1)).max(1)
    }

    /// How many bytes of idle runs had better go. Half of the budget is for what callers bring.
    fn short_of_memory(&mut self) -> usize {
        let memory = &self.config.memory;
        let short = memory.held().saturating_sub(memory.most() / 2);
        if short == 0 || self.now < self.was_short + LOOK_AGAIN_AFTER {
            return 0;
        }
        self.was_short = self.now;
        short / self.config.placement.count()
    }

    /// Memory may not be what is durable, now or ever: drop it all and begin again, under a new epoch, with what is read then.
    /// Every waiting caller hears that the shard can't answer, and not whether its change was made: that may not be known.
    pub(crate) fn lose(&mut self, shard: ShardId, why: &str) {
        tracing::error!(shard = shard.0, "the shard is dropped: {why}");
        let Some(state) = self.shards.get_mut(&shard) else {
            return;
        };
        let mut lost = std::mem::replace(state, Shard::acquired_soon());
        self.dirty.remove(&shard);
        let reject = Reject::unavailable(format!("shard is reloading: {why}"));
        let effects = lost.in_flight.take().unwrap_or_default().into_iter().chain(lost.open_effects);
        for effect in effects {
            if let Effect::Answer(reply_to, _) = effect {
                self.answer_now(reply_to, Err(reject.clone()));
            }
        }
        for work in lost.waiting_for_data.into_values().flatten().chain(lost.waiting_for_shard) {
            self.refuse(work, &reject);
        }
        for waiter in lost.runs.values().flat_map(|entry| &entry.waiters) {
            self.waits.remove(&waiter.call);
            self.actions.push(Action::Answer { id: waiter.call, result: Err(reject.clone()) });
        }
        self.timers
            .retain(|(_, timer)| !matches!(timer, Timer::Entity(of, _) | Timer::ScanBoundary(of) if *of == shard));
        self.lose_queries(shard, &reject);
        self.lose_messages(shard);
        self.lose_updates(shard);
        self.lose_jobs(shard, &reject);
        self.lose_tasks(shard);
        self.set_timer(self.now + REACQUIRE_AFTER, Timer::Reacquire(shard));
    }

    /// The shard can't be had yet. Said once for each cause, however often it is tried.
    fn still_failed(&mut self, shard: ShardId, why: String) {
        let Some(state) = self.shards.get_mut(&shard) else { return };
        if state.failed.as_ref() != Some(&why) {
            tracing::error!(shard = shard.0, "the shard can't be acquired: {why}");
        }
        state.failed = Some(why);
    }

    /// The shard is ours: read in what must be known before the first call.
    pub(crate) fn acquired(&mut self, shard: ShardId, result: Result<Epoch, StoreError>) {
        let epoch = match result {
            Ok(epoch) => epoch,
            Err(error) => {
                self.still_failed(shard, error.to_string());
                return self.set_timer(self.now + REACQUIRE_AFTER, Timer::Reacquire(shard));
            }
        };
        let Some(state) = self.shards.get_mut(&shard) else {
            return;
        };
        state.epoch = Some(epoch);
        if shard == HOME {
            self.read_jobs(shard, Key::job_prefix());
            self.read_namespaces(Key::namespace_prefix(), Vec::new());
        }
        self.read_outbox(shard, Key::outbox_prefix());
        self.read_wakes(shard, Key::wake_prefix());
        self.reopen_queues();
        self.send_to_others(&Content::Opened(shard));
        let waiting =
            self.shards.get_mut(&shard).map(|state| std::mem::take(&mut state.waiting_for_shard)).unwrap_or_default();
        self.run_queue.extend(waiting);
    }
}
