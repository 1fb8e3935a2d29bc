//! What the lanes of an engine share, and how threads get to them.
//!
//! Messages that a thread posts in one batch scope are taken in together, and what they make lanes send each other is taken
//! in by the same thread, unless another one is at that lane.
//!
//! Where commits wait for a disk of this machine, a thread that makes a change while no thread writes for the lane writes it at once, without a way to another thread and
//! back; what comes meanwhile is for the lane's writing thread. So a single caller waits for the disk only, and many
//! share their writes, also those of different lanes.

use std::{
    mem,
    sync::{Arc, MutexGuard, PoisonError, RwLock, TryLockError},
    thread,
    time::Duration,
};

use model::{Budget, Limits, Reject, Time, TokenKey};
use store::{Committed, Completion, Medium, Store, Submission};
use tokio::sync::oneshot;

use super::{
    admission::{Admission, Pass},
    batch_scope,
    clock::Clock,
    cluster_record::Cluster,
    delivery::Response,
    inbox::Message,
    lane_handle::{After, Core, Errands, LaneHandle, UnacknowledgedCommits, Writing, Written, lane_of_call},
    lanes::LaneSet,
    lists::Lists,
    writer::commit_delay,
};
use crate::{Action, CallId, Event, Lane, LaneId, NamespaceTable, Placement, ReadRequest, Request};

/// Reads that the thread that steps does itself. When many timers fire there are more, and it has others to serve.
const AT_ONCE: usize = 16;
/// How often a thread of the event loop takes in at a lane what other threads have posted before the writing thread goes on
/// with it: it has connections to serve.
const MOST_RUNS: u8 = 2;
/// The longest that the last write may have taken for a thread of the event loop to do the next one.
const SHORT: Duration = Duration::from_millis(1);

/// Where a call's answer is waited for.
pub(super) type Answered = oneshot::Receiver<Result<Response, Reject>>;

/// What the clones of an engine share.
pub(super) struct Inner {
    pub(super) limits: Arc<Limits>,
    pub(super) memory: Arc<Budget>,
    pub(super) admission: Arc<Admission>,
    pub(super) token_key: TokenKey,
    pub(super) cluster_id: String,
    pub(super) store: Arc<dyn Store>,
    pub(super) placement: Placement,
    pub(super) lists: Arc<Lists>,
    pub(super) namespaces: RwLock<Arc<NamespaceTable>>,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) clock: Arc<Clock>,
    medium: Medium,
    handles: Box<[LaneHandle]>,
}

/// What an engine is made of beside its lanes.
pub(super) struct Parts {
    pub(super) store: Arc<dyn Store>,
    pub(super) limits: Arc<Limits>,
    pub(super) memory: Arc<Budget>,
    pub(super) cluster: Cluster,
    pub(super) clock: Clock,
    pub(super) placement: Placement,
}

impl Inner {
    pub(super) fn new(parts: Parts, lanes: Vec<Lane>) -> Self {
        let Parts { store, limits, memory, cluster, clock, placement } = parts;
        let clock = Arc::new(clock);
        let handles = placement.lanes().zip(lanes).map(|(id, lane)| LaneHandle::new(id, lane, clock.clone())).collect();
        Self {
            admission: Arc::new(Admission::new(limits.clone(), memory.clone())),
            memory,
            limits,
            token_key: cluster.token_key,
            cluster_id: cluster.id,
            medium: store.medium(),
            store,
            placement,
            lists: Arc::new(Lists::new()),
            namespaces: RwLock::default(),
            runtime: tokio::runtime::Handle::current(),
            clock,
            handles,
        }
    }

    pub(super) fn handles(&self) -> &[LaneHandle] {
        &self.handles
    }

    /// A lane of this engine; the first where there is none of the name.
    pub(super) fn handle(&self, lane: LaneId) -> &LaneHandle {
        self.handles.get(lane.0 as usize).unwrap_or(&self.handles[0])
    }

    /// Asks a lane.
    pub(super) fn ask(self: &Arc<Self>, lane: LaneId, request: Request, pass: Option<Arc<Pass>>) -> (CallId, Answered) {
        let id = self.handle(lane).name_call(self.handles.len());
        let (sender, receiver) = oneshot::channel();
        let until = pass.as_ref().map_or(Time::MAX, |pass| pass.until());
        self.post(lane, Message { event: Event::Call { id, request, until }, answering: Some(sender), pass });
        (id, receiver)
    }

    /// The caller of a call is gone.
    pub(super) fn abandon(self: &Arc<Self>, id: CallId) {
        self.tell(lane_of_call(id, self.handles.len()), Event::Abandoned { id });
    }

    /// Has a lane told, by this thread or by the one that is at it.
    pub(super) fn tell(self: &Arc<Self>, lane: LaneId, event: Event) {
        self.post(lane, Message { event, answering: None, pass: None });
    }

    /// Has a lane told by the task that keeps time. For a thread that may hold a lock, so that it should do nothing else.
    pub(super) fn tell_soon(&self, lane: LaneId, event: Event) {
        let handle = self.handle(lane);
        handle.inbox.put(Message { event, answering: None, pass: None });
        handle.timer_changed.notify_one();
    }

    fn post(self: &Arc<Self>, lane: LaneId, message: Message) {
        self.handle(lane).inbox.put(message);
        let lanes = LaneSet::of(lane);
        if !batch_scope::is_inside(self, lanes) {
            self.drain_inboxes(Errands { lanes, writes: UnacknowledgedCommits::default() });
        }
    }

    /// This thread leaves what it posts in the inboxes until `ask` returns, and takes it in then.
    pub(super) fn batch_scope<T>(self: &Arc<Self>, ask: impl FnOnce() -> T) -> T {
        let scope = batch_scope::enter(self);
        let output = ask();
        let lanes = scope.end();
        self.drain_inboxes(Errands { lanes, writes: UnacknowledgedCommits::default() });
        output
    }

    /// Sees to it that nothing stays in the inboxes of the lanes, and that unacknowledged commits are written. Where a lock is
    /// taken, its holder does, who looks into the inbox after letting go of it. Where more comes all the while, the writing
    /// thread does.
    fn drain_inboxes(self: &Arc<Self>, errands: Errands) {
        let Errands { mut lanes, mut writes } = errands;
        let mut runs = [0; super::lanes::MOST_LANES as usize];
        let mut later = LaneSet::default();
        loop {
            // What others have put in does not wait for the disk.
            let Some(lane) = lanes.first() else {
                if writes.is_empty() {
                    return;
                }
                let more = self.write_once(writes);
                writes = more.writes;
                lanes = mem::take(&mut later);
                lanes.add(more.lanes);
                continue;
            };
            let handle = self.handle(lane);
            if handle.inbox.is_empty() {
                lanes.remove(lane);
                continue;
            }
            if runs[lane.0 as usize] == MOST_RUNS && self.medium == Medium::Disk {
                handle.writer.call();
                lanes.remove(lane);
                continue;
            }
            match handle.core.try_lock() {
                Ok(core) => {
                    runs[lane.0 as usize] += 1;
                    let ((), mut more) = self.run_locked(handle, core, |_| {});
                    writes.append(&mut more.writes);
                    lanes.add(more.lanes);
                    if !writes.is_empty() {
                        lanes.remove(lane);
                        later.add(LaneSet::of(lane));
                    }
                }
                Err(TryLockError::Poisoned(_)) => stop(),
                Err(TryLockError::WouldBlock) => lanes.remove(lane),
            }
        }
    }

    /// Writes, and gives back what this thread has to do next.
    fn write_once(self: &Arc<Self>, mut writes: UnacknowledgedCommits) -> Errands {
        let mut errands = Errands::default();
        while !writes.is_empty() {
            // On a disk lanes share a write; elsewhere none waits for what another one has to write.
            let together =
                if self.medium == Medium::Network { writes.split_lane(self.placement) } else { mem::take(&mut writes) };
            if let Some((commits, written)) = self.submit(together) {
                self.acknowledge(commits, written, &mut errands);
            }
        }
        errands
    }

    /// Tells lanes what became of their commits.
    fn acknowledge(self: &Arc<Self>, mut commits: UnacknowledgedCommits, mut written: Written, errands: &mut Errands) {
        let lanes = commits.lanes(self.placement);
        errands.lanes.add(lanes);
        for lane in lanes {
            let handle = self.handle(lane);
            let (commits, of_lane) = commits.take_lane(self.placement, lane, &mut written);
            let ((), mut more) = self.run_locked(handle, handle.lock(), |core| {
                core.committed(commits, of_lane);
                self.hand_on(handle, core);
            });
            errands.lanes.add(more.lanes);
            errands.writes.append(&mut more.writes);
        }
    }

    /// Waits for a lane and does something with it, and then all that follows.
    pub(super) fn step<T>(self: &Arc<Self>, handle: &LaneHandle, tell: impl FnOnce(&mut Core) -> T) -> T {
        let (output, mut errands) = self.run_locked(handle, handle.lock(), tell);
        errands.lanes.add(LaneSet::of(handle.id));
        self.drain_inboxes(errands);
        output
    }

    /// Hands commits to the store, and gives back what became of them. `None` where they complete later: then `completed` goes
    /// on with them.
    fn submit(self: &Arc<Self>, commits: UnacknowledgedCommits) -> Option<(UnacknowledgedCommits, Written)> {
        let began = self.clock.now();
        let Committed { commits, results } =
            self.store.submit(Submission::new(commits.into_commits(), self.clone()))?;
        Some((UnacknowledgedCommits::new(commits), Written { results, took: self.clock.now().since(began) }))
    }

    /// Leaves what there is still to write to the writing thread, or to this one where there is none.
    fn hand_on(self: &Arc<Self>, handle: &LaneHandle, core: &mut Core) {
        self.do_actions(handle, core);
        let is_for_writer = self.medium == Medium::Disk && core.lane.has_changes();
        core.writing = if is_for_writer { Writing::Writer } else { Writing::Idle };
        core.after.calls_writer = is_for_writer;
        handle.writer.tell_written();
    }

    /// Runs `tell` and all that is in the inbox under the lock, lets go of it, and then answers callers and wakes threads.
    /// Gives back what this thread has still to do. The inbox may have something in it again when this returns.
    fn run_locked<T>(
        self: &Arc<Self>,
        handle: &LaneHandle,
        mut core: MutexGuard<'_, Core>,
        tell: impl FnOnce(&mut Core) -> T,
    ) -> (T, Errands) {
        let most = self.limits.unwritten_calls / self.handles.len();
        self.admission.set_writing_late(handle.id, core.lane.callers() > most);
        let messages = handle.inbox.take();
        core.take_in(messages.into_iter().flatten());
        let output = tell(&mut core);
        self.act(handle, &mut core);
        let After { answers, reads, parcels, namespaces, writes, calls_writer, wakes_timekeeper } =
            mem::take(&mut core.after);
        drop(core);
        let lanes = self.forward(parcels);
        if let Some(table) = namespaces {
            // The other lanes know it by now, so that a caller who sees it finds it there.
            *self.namespaces.write().unwrap_or_else(PoisonError::into_inner) = table;
        }
        for (answering, result) in answers {
            // A receiver that is gone has taken its call back already; a task that was for it goes back too.
            drop(answering.send(result));
        }
        if calls_writer {
            handle.writer.call();
        }
        if wakes_timekeeper {
            handle.timer_changed.notify_one();
        }
        let are_few = reads.len() <= AT_ONCE;
        for (read_id, request) in reads {
            self.read(handle, read_id, request, are_few);
        }
        (output, Errands { lanes, writes })
    }

    /// Puts parcels into the inboxes of their lanes, which have to be looked into then.
    fn forward(&self, parcels: Vec<(LaneId, Message)>) -> LaneSet {
        let mut lanes = LaneSet::default();
        let mut parcels = parcels.into_iter().peekable();
        while let Some((to, message)) = parcels.next() {
            let mut messages = vec![message];
            while let Some((_, message)) = parcels.next_if(|(next, _)| *next == to) {
                messages.push(message);
            }
            self.handle(to).inbox.put_all(messages);
            lanes.add(LaneSet::of(to));
        }
        lanes
    }

    /// Does the lane's actions, and sees to it that what there is to write is written.
    fn act(self: &Arc<Self>, handle: &LaneHandle, core: &mut Core) {
        self.do_actions(handle, core);
        while self.medium == Medium::Memory && core.writing == Writing::Idle && core.lane.has_changes() {
            let commits = self.seal(handle, core);
            let Some((commits, written)) = self.submit(commits) else {
                core.writing = Writing::Caller;
                break;
            };
            core.committed(commits, written);
            self.do_actions(handle, core);
        }
        if core.writing == Writing::Idle && core.lane.has_changes() {
            if core.write_took < SHORT || self.medium != Medium::Disk {
                core.writing = Writing::Caller;
                core.after.writes = self.seal(handle, core);
            } else {
                core.writing = Writing::Writer;
                core.after.calls_writer = true;
            }
        }
        if core.writing == Writing::WriterDelayed && core.lane.callers() >= core.write_callers {
            core.writing = Writing::Writer;
            core.after.calls_writer = true;
        }
        let next = core.lane.next_timer();
        if next.is_some_and(|next| core.armed.is_none_or(|armed| next < armed)) {
            core.armed = next;
            core.after.wakes_timekeeper = true;
        }
    }

    /// Seals the open batches and takes them.
    fn seal(self: &Arc<Self>, handle: &LaneHandle, core: &mut Core) -> UnacknowledgedCommits {
        core.write_callers = core.lane.callers();
        core.tell(Event::Seal);
        self.do_actions(handle, core);
        UnacknowledgedCommits::new(mem::take(&mut core.commits))
    }

    /// Writes what there is, on the lane's writing thread; how long it delays its next commit, or `None` when there was
    /// nothing for it: then it has to be called.
    pub(super) fn write_all(self: &Arc<Self>, handle: &LaneHandle) -> Option<Duration> {
        let commits = self.step(handle, |core| {
            if core.writing == Writing::Caller {
                return UnacknowledgedCommits::default();
            }
            let commits = self.seal(handle, core);
            core.writing = if commits.is_empty() { Writing::Idle } else { Writing::Writer };
            commits
        });
        if commits.is_empty() {
            return None;
        }
        let wait = commit_delay(commits.commits().iter().map(|(_, _, batch)| batch.changes.len()).sum());
        let (commits, written) = self.submit(commits)?;
        self.step(handle, |core| {
            core.committed(commits, written);
            core.writing = if wait.is_zero() { Writing::Writer } else { Writing::WriterDelayed };
        });
        handle.writer.tell_written();
        Some(wait)
    }

    fn do_actions(self: &Arc<Self>, handle: &LaneHandle, core: &mut Core) {
        for action in core.lane.take_actions() {
            match action {
                Action::Answer { id, result } => {
                    let response = Response::new(self, handle.id, result);
                    if let Some(answering) = core.waiting.remove(&id) {
                        core.after.answers.push((answering, response));
                    }
                }
                Action::Commit { shard, epoch, batch } => core.commits.push((shard, epoch, batch)),
                Action::Read { read_id, request } => core.after.reads.push((read_id, request)),
                Action::Acquire { shard } => {
                    let (inner, lane) = (self.clone(), handle.id);
                    self.runtime.spawn_blocking(move || {
                        let result = inner.store.acquire(shard);
                        inner.tell(lane, Event::Acquired { shard, result });
                    });
                }
                Action::Deliver { to, parcel } => {
                    let answering = parcel.call().and_then(|id| core.waiting.remove(&id));
                    let event = Event::Delivered { from: handle.id, parcel };
                    core.after.parcels.push((to, Message { event, answering, pass: None }));
                }
                Action::Namespaces(table) => core.after.namespaces = Some(table),
            }
        }
    }

    /// Reads for a lane. Short reads, where they `are_few`, are done at once, for a page that is in memory costs less than the
    /// way to a thread that may wait; what was read is in the inbox then.
    fn read(self: &Arc<Self>, handle: &LaneHandle, read_id: u64, request: ReadRequest, are_few: bool) {
        let is_brief = match self.medium {
            Medium::Memory => true,
            Medium::Disk => are_few && request.is_short(),
            Medium::Network => false,
        };
        if is_brief {
            let result = request.perform(&*self.store);
            return handle.inbox.put(Message { event: Event::Read { read_id, result }, answering: None, pass: None });
        }
        let (inner, lane) = (self.clone(), handle.id);
        self.runtime.spawn_blocking(move || {
            let result = request.perform(&*inner.store);
            inner.tell(lane, Event::Read { read_id, result });
        });
    }
}

impl Completion for Inner {
    /// Goes on where a thread has left a lane that waits for its commit.
    fn completed(self: Arc<Self>, Committed { commits, results }: Committed) {
        if thread::panicking() {
            stop();
        }
        let mut errands = Errands::default();
        let written = Written { results, took: Duration::ZERO };
        self.acknowledge(UnacknowledgedCommits::new(commits), written, &mut errands);
        self.drain_inboxes(errands);
    }
}

impl Drop for Inner {
    /// The threads that work for it hear that there is no work any more.
    fn drop(&mut self) {
        for handle in &self.handles {
            handle.writer.call();
            handle.timer_changed.notify_one();
        }
    }
}

/// A panic in a write, or in a lane beside the steps of its runs, has left the lane between two states, and nothing of that may
/// be written. What was acknowledged is on disk, so the process ends here and finds itself again there.
pub(super) fn stop() -> ! {
    tracing::error!("a lane or a write of the engine panicked: the process stops");
    std::process::abort()
}
