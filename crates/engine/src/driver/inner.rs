//! The node under its lock.
//!
//! Nobody who has something to tell the node waits for the lock: the letter goes to the inbox, and whoever is at the node
//! then works it off too. So a thread of the event loop never sleeps while another one steps. Letters that a thread has
//! together are worked off together.
//!
//! Who makes a change while nobody writes writes it at once, without a way to another thread and back; what gathers
//! meanwhile is for the writing thread. So a caller who is alone waits for the disk only, and many share their writes.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use model::{Budget, Limits, Reject, Time, TokenKey};
use store::{CommitError, Store, StoreError};
use tokio::sync::{Notify, oneshot};

use super::{
    admission::{Admission, Pass},
    clock::Clock,
    cluster_record::Cluster,
    delivery::Told,
    inbox::{Answering, Inbox, Letter},
    lists::Lists,
    writer::{Commit, Writer, wait_for_company},
};
use crate::{Action, CallId, Event, NamespaceTable, Node, ReadRequest, Request};

/// Reads that the thread that steps does itself. When many alarms go off there are more, and it has others to serve.
const AT_ONCE: usize = 16;
/// Turns that a thread of the event loop works off for the others before the writing thread goes on with them: it has
/// connections to serve.
const TURNS: usize = 2;
/// The longest that the last write may have taken for a thread of the event loop to do the next one.
const SHORT: Duration = Duration::from_millis(1);

/// Where a call's answer is waited for.
pub(super) type Answered = oneshot::Receiver<Result<Told, Reject>>;

/// What the clones of an engine share.
pub(super) struct Inner {
    pub(super) limits: Arc<Limits>,
    pub(super) memory: Arc<Budget>,
    pub(super) admission: Arc<Admission>,
    pub(super) token_key: TokenKey,
    pub(super) cluster_id: String,
    pub(super) store: Arc<dyn Store>,
    pub(super) shards: u32,
    pub(super) lists: Arc<Lists>,
    pub(super) namespaces: RwLock<Arc<NamespaceTable>>,
    pub(super) writer: Arc<Writer>,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) clock: Arc<Clock>,
    core: Mutex<Core>,
    inbox: Inbox,
    next_call: AtomicU64,
    /// Rung when the node's next alarm may have changed.
    pub(super) alarm: Arc<Notify>,
}

/// What the lock guards.
pub(super) struct Core {
    pub(super) node: Node,
    clock: Arc<Clock>,
    waiting: BTreeMap<CallId, Answering>,
    /// When the clock task will tick of its own accord.
    pub(super) armed: Option<Time>,
    /// What was cut and nobody has taken yet.
    commits: Vec<Commit>,
    after: After,
    writing: Writing,
    /// How long the last write took, and how many callers waited for it.
    write_took: Duration,
    write_callers: usize,
}

/// Who writes. It sees to what has gathered meanwhile.
#[derive(Clone, Copy, PartialEq)]
enum Writing {
    Nobody,
    /// A caller's thread, once.
    Caller,
    /// The writing thread, until there is nothing left.
    Writer,
    /// The writing thread, once as many callers wait as waited for the last write.
    WriterInCompany,
}

/// Commits that the node counts on. If they are lost on their way to the disk, nothing is ever written again.
#[derive(Default)]
pub(super) struct Owed(Vec<Commit>);

impl Drop for Owed {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            stop();
        }
    }
}

/// What is done without the lock, for whoever is woken may want it at once.
#[derive(Default)]
struct After {
    answers: Vec<(Answering, Result<Told, Reject>)>,
    reads: Vec<(u64, ReadRequest)>,
    /// What this thread writes itself.
    writes: Owed,
    /// The writing thread has something to do.
    calls_writer: bool,
    /// An earlier alarm was set.
    rings: bool,
}

/// What became of a write.
struct Written {
    results: Vec<Result<(), CommitError>>,
    took: Duration,
}

impl Core {
    /// Tells the node, with the time.
    pub(super) fn tell(&mut self, event: Event) {
        self.node.on(self.clock.now(), event);
    }

    /// Tells the node what became of its commits.
    fn committed(&mut self, mut commits: Owed, written: Written) {
        self.write_took = written.took;
        for ((shard, ..), result) in mem::take(&mut commits.0).into_iter().zip(written.results) {
            self.tell(Event::Committed { shard, result });
        }
    }

    fn take_in(&mut self, letters: impl IntoIterator<Item = Letter>) {
        for Letter { event, answering, pass } in letters {
            let now = self.clock.now();
            let late = pass.and_then(|pass| pass.take(now));
            if let (Event::Call { id, .. }, Some(answering)) = (&event, answering) {
                // The last moment before it would be carried out.
                if answering.is_closed() {
                    continue;
                }
                if let Some(refusal) = late {
                    self.after.answers.push((answering, Err(refusal)));
                    continue;
                }
                self.waiting.insert(*id, answering);
            } else if let Event::Abandoned { id } = &event {
                self.waiting.remove(id);
            }
            self.node.on(now, event);
        }
    }
}

impl Inner {
    pub(super) fn new(
        node: Node,
        store: Arc<dyn Store>,
        limits: Arc<Limits>,
        memory: Arc<Budget>,
        cluster: Cluster,
        clock: Clock,
    ) -> Self {
        let clock = Arc::new(clock);
        let core = Core {
            node,
            clock: clock.clone(),
            waiting: BTreeMap::new(),
            armed: None,
            commits: Vec::new(),
            after: After::default(),
            writing: Writing::Nobody,
            write_took: Duration::ZERO,
            write_callers: 0,
        };
        Self {
            admission: Arc::new(Admission::new(limits.clone(), memory.clone())),
            memory,
            limits,
            token_key: cluster.token_key,
            cluster_id: cluster.id,
            store,
            shards: cluster.shards,
            lists: Arc::new(Lists::new()),
            namespaces: RwLock::default(),
            writer: Arc::new(Writer::new()),
            runtime: tokio::runtime::Handle::current(),
            clock,
            core: Mutex::new(core),
            inbox: Inbox::default(),
            next_call: AtomicU64::new(0),
            alarm: Arc::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(|_| stop())
    }

    /// Asks the node.
    pub(super) fn ask(self: &Arc<Self>, request: Request, pass: Option<Arc<Pass>>) -> (CallId, Answered) {
        let id = self.next_call.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        let until = pass.as_ref().map_or(Time::MAX, |pass| pass.until());
        self.post(Letter { event: Event::Call { id, request, until }, answering: Some(sender), pass });
        (id, receiver)
    }

    /// Has the node told, by this thread or by the one that is at it.
    pub(super) fn tell(self: &Arc<Self>, event: Event) {
        self.post(Letter { event, answering: None, pass: None });
    }

    /// Has the node told by the task that keeps time. For a thread that may hold a lock, so that it should do nothing else.
    pub(super) fn tell_soon(&self, event: Event) {
        self.inbox.put(Letter { event, answering: None, pass: None });
        self.alarm.notify_one();
    }

    fn post(self: &Arc<Self>, letter: Letter) {
        self.inbox.put(letter);
        if !self.inbox.is_gathering() {
            self.work_off(Owed::default());
        }
    }

    /// This thread leaves what it posts in the inbox until `ask` returns, and sees to it that it is worked off then.
    pub(super) fn together<T>(self: &Arc<Self>, ask: impl FnOnce() -> T) -> T {
        let gathering = self.inbox.gather();
        let told = ask();
        drop(gathering);
        self.work_off(Owed::default());
        told
    }

    /// Sees to it that nothing stays in the inbox, and that `writes` is written. Where the lock is taken, its holder does,
    /// who looks here after letting go of it. Where more comes all the while, the writing thread does.
    fn work_off(self: &Arc<Self>, mut writes: Owed) {
        let mut turns = 0;
        loop {
            // What others have put in does not wait for the disk.
            if !self.inbox.is_empty() {
                if turns == TURNS && self.store.waits() {
                    self.writer.call();
                    return self.write_owed(writes);
                }
                match self.core.try_lock() {
                    Ok(core) => {
                        turns += 1;
                        let ((), mut more) = self.turn(core, |_| {});
                        writes.0.append(&mut more.0);
                        if writes.0.is_empty() {
                            continue;
                        }
                    }
                    Err(TryLockError::Poisoned(_)) => stop(),
                    Err(TryLockError::WouldBlock) => {}
                }
            }
            if writes.0.is_empty() {
                return;
            }
            writes = self.write_once(writes);
        }
    }

    /// Writes until nothing more is owed by this thread.
    fn write_owed(self: &Arc<Self>, mut writes: Owed) {
        while !writes.0.is_empty() {
            writes = self.write_once(writes);
        }
        // What has come meanwhile may have come too late for the writing thread.
        if !self.inbox.is_empty() {
            self.writer.call();
        }
    }

    /// Writes, and gives back what this thread has to write next.
    fn write_once(self: &Arc<Self>, writes: Owed) -> Owed {
        let written = self.write(&writes);
        let is_behind = self.store.is_behind();
        let ((), more) = self.turn(self.lock(), |core| {
            core.committed(writes, written);
            self.rest(core, is_behind);
        });
        more
    }

    /// Waits for the node and does something with it, and then all that follows.
    pub(super) fn step<T>(self: &Arc<Self>, tell: impl FnOnce(&mut Core) -> T) -> T {
        let (told, writes) = self.turn(self.lock(), tell);
        self.work_off(writes);
        told
    }

    fn write(&self, commits: &Owed) -> Written {
        let began = self.clock.now();
        let results = self.store.commit(&commits.0);
        Written { results, took: self.clock.now().since(began) }
    }

    /// Leaves what there is still to do to the writing thread.
    fn rest(self: &Arc<Self>, core: &mut Core, is_behind: bool) {
        self.do_actions(core);
        let has_more = core.node.has_changes();
        core.writing = if has_more { Writing::Writer } else { Writing::Nobody };
        core.after.calls_writer = has_more || is_behind;
        self.writer.tell_written();
    }

    /// Works off what there is, lets go of the lock, and then wakes everybody who has to hear of what was done under it.
    /// Gives back what this thread has still to write. The inbox may have something in it again when this returns.
    fn turn<T>(self: &Arc<Self>, mut core: MutexGuard<'_, Core>, tell: impl FnOnce(&mut Core) -> T) -> (T, Owed) {
        self.admission.set_writing_late(core.node.callers() > self.limits.unwritten_calls);
        let letters = self.inbox.take();
        core.take_in(letters.into_iter().flatten());
        let told = tell(&mut core);
        self.act(&mut core);
        let After { answers, reads, writes, calls_writer, rings } = mem::take(&mut core.after);
        drop(core);
        for (answering, result) in answers {
            // A receiver that is gone has taken its call back already; a task that was for it goes back too.
            drop(answering.send(result));
        }
        if calls_writer {
            self.writer.call();
        }
        if rings {
            self.alarm.notify_one();
        }
        let are_few = reads.len() <= AT_ONCE;
        for (ticket, request) in reads {
            self.read(ticket, request, are_few);
        }
        (told, writes)
    }

    /// Does the node's actions, and sees to it that what there is to write is written.
    fn act(self: &Arc<Self>, core: &mut Core) {
        self.do_actions(core);
        while !self.store.waits() && core.node.has_changes() {
            let commits = self.cut(core);
            let written = self.write(&commits);
            core.committed(commits, written);
            self.do_actions(core);
        }
        if core.writing == Writing::Nobody && core.node.has_changes() {
            if core.write_took < SHORT {
                core.writing = Writing::Caller;
                core.after.writes = self.cut(core);
            } else {
                core.writing = Writing::Writer;
                core.after.calls_writer = true;
            }
        }
        if core.writing == Writing::WriterInCompany && core.node.callers() >= core.write_callers {
            core.writing = Writing::Writer;
            core.after.calls_writer = true;
        }
        let next = core.node.next_alarm();
        if next.is_some_and(|next| core.armed.is_none_or(|armed| next < armed)) {
            core.armed = next;
            core.after.rings = true;
        }
    }

    /// Takes what there is to write.
    fn cut(self: &Arc<Self>, core: &mut Core) -> Owed {
        core.write_callers = core.node.callers();
        core.tell(Event::Cut);
        self.do_actions(core);
        Owed(mem::take(&mut core.commits))
    }

    /// Writes what there is, on the writing thread; how long it may wait for company then, or `None` when there was nothing
    /// for it: then it has to be called.
    pub(super) fn write_all(self: &Arc<Self>) -> Option<Duration> {
        let commits = self.step(|core| {
            if core.writing == Writing::Caller {
                return Owed::default();
            }
            let commits = self.cut(core);
            core.writing = if commits.0.is_empty() { Writing::Nobody } else { Writing::Writer };
            commits
        });
        if commits.0.is_empty() {
            return None;
        }
        let written = self.write(&commits);
        let wait = wait_for_company(commits.0.iter().map(|(_, _, batch)| batch.changes.len()).sum());
        self.step(|core| {
            core.committed(commits, written);
            core.writing = if wait.is_zero() { Writing::Writer } else { Writing::WriterInCompany };
        });
        self.writer.tell_written();
        Some(wait)
    }

    fn do_actions(self: &Arc<Self>, core: &mut Core) {
        for action in core.node.take_actions() {
            match action {
                Action::Answer { id, result } => {
                    let told = Told::new(self, result);
                    if let Some(answering) = core.waiting.remove(&id) {
                        core.after.answers.push((answering, told));
                    }
                }
                Action::Commit { shard, epoch, batch } => core.commits.push((shard, epoch, batch)),
                Action::Read { ticket, request } => core.after.reads.push((ticket, request)),
                Action::Acquire { shard } => {
                    let inner = self.clone();
                    self.runtime.spawn_blocking(move || {
                        let result = inner.store.acquire(shard);
                        inner.tell(Event::Acquired { shard, result });
                    });
                }
                Action::Namespaces(table) => {
                    *self.namespaces.write().unwrap_or_else(PoisonError::into_inner) = table;
                }
            }
        }
    }

    /// Reads for the node. Short reads, where they `are_few`, are done at once, for a page that is in memory costs less
    /// than the way to a thread that may wait; what was read is in the inbox then.
    fn read(self: &Arc<Self>, ticket: u64, request: ReadRequest, are_few: bool) {
        if (are_few && request.is_short()) || !self.store.waits() {
            let result = request.perform(&*self.store);
            return self.inbox.put(Letter { event: Event::Read { ticket, result }, answering: None, pass: None });
        }
        let inner = self.clone();
        self.runtime.spawn_blocking(move || {
            let result = request.perform(&*inner.store);
            inner.tell(Event::Read { ticket, result });
        });
    }

    /// The start: acquires every shard and reads it in, on the caller's thread.
    pub(super) fn open_shards(self: &Arc<Self>) -> Result<(), StoreError> {
        loop {
            let mut core = self.lock();
            let actions = core.node.take_actions();
            if actions.is_empty() {
                return Ok(());
            }
            for action in actions {
                let event = match action {
                    Action::Acquire { shard } => Event::Acquired { shard, result: Ok(self.store.acquire(shard)?) },
                    Action::Read { ticket, request } => {
                        Event::Read { ticket, result: Ok(request.perform(&*self.store)?) }
                    }
                    Action::Commit { shard, epoch, batch } => {
                        core.commits.push((shard, epoch, batch));
                        continue;
                    }
                    Action::Namespaces(table) => {
                        *self.namespaces.write().unwrap_or_else(PoisonError::into_inner) = table;
                        continue;
                    }
                    Action::Answer { .. } => continue,
                };
                core.tell(event);
            }
        }
    }
}

impl Drop for Inner {
    /// Those who wait to work for it hear that there is no work any more.
    fn drop(&mut self) {
        self.writer.call();
        self.alarm.notify_one();
    }
}

/// A panic in a step or a write has left the node between two states, and nothing of that may be written. What was
/// acknowledged is on disk, so the process ends here and finds itself again there.
pub(super) fn stop() -> ! {
    tracing::error!("a step or a write of the engine panicked: the process stops");
    std::process::abort()
}
