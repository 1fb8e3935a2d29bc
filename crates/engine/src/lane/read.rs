//! Reads: what a node asks of the store, and what it does with the answers.

use std::{
    ops::Range,
    panic::{self, AssertUnwindSafe},
};

use bytes::Bytes;
use machine::{Due, Input, Run};
use model::{EntityId, EntityKind, QueueKey, RunId, ShardId, WorkflowKey};
use store::{Key, Page, Store, StoreError, key, key::OwnedKey, record};

use super::{
    Action, Lane, ReplyTo, Sender, Timer, Work,
    apply::Apply,
    quarantine::{Panicked, Place, READING, text_of},
    shard::Entry,
    shard::Need,
};
use crate::{NamespaceRecord, NamespaceTable, persist, placement::HOME};

/// Messages, or namespaces, that are read at once.
const PAGE: usize = 1_000;
/// Wake-ups that are read at once.
const WAKE_PAGE: usize = 1_000;
const LEAST_WAKES: usize = 20;

/// A read that a node wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadRequest {
    /// One row.
    Get { shard: ShardId, key: Vec<u8> },
    /// The first `limit` rows of a range of keys, in order.
    Scan { shard: ShardId, range: Range<Vec<u8>>, limit: usize },
    /// All rows of a run, and the first batch of its history.
    Run { shard: ShardId, run_id: RunId },
}

/// What a read found.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadResult {
    /// One row; `None` where there is none of the key.
    Value(Option<Bytes>),
    /// Rows in the order of their keys, and whether there are more.
    Page(Page),
    /// A run; without a first batch there is none of that id.
    Run { rows: Vec<(Vec<u8>, Bytes)>, first_history: Option<Bytes> },
    /// The read of a run panicked, with these words.
    Panicked(String),
}

/// What a read that is under way is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PendingRead {
    /// The newest run of a workflow id.
    Current(ShardId, WorkflowKey),
    Run(ShardId, RunId),
    /// The next wake-ups of a shard.
    Wakes(ShardId),
    /// The messages that were not delivered when the shard was acquired.
    Outbox(ShardId),
    /// The namespaces, behind those that were read by then.
    Namespaces(Vec<NamespaceRecord>),
    /// The jobs that were there when the home shard was acquired.
    Jobs(ShardId),
    /// Tasks of a queue that wait on disk.
    Queue(ShardId, QueueKey),
    /// A count of a queue's tasks that stay on disk.
    Count(ShardId, QueueKey),
    /// The same, for the lane at which the queue is.
    CountFor(ShardId, QueueKey),
}

impl PendingRead {
    /// The shard whose loss makes the answer worthless.
    fn shard(&self) -> ShardId {
        match self {
            PendingRead::Current(shard, _)
            | PendingRead::Run(shard, _)
            | PendingRead::Wakes(shard)
            | PendingRead::Outbox(shard)
            | PendingRead::Jobs(shard)
            | PendingRead::Queue(shard, _)
            | PendingRead::Count(shard, _)
            | PendingRead::CountFor(shard, _) => *shard,
            PendingRead::Namespaces(_) => HOME,
        }
    }
}

impl ReadRequest {
    fn shard(&self) -> ShardId {
        match self {
            ReadRequest::Get { shard, .. } | ReadRequest::Scan { shard, .. } | ReadRequest::Run { shard, .. } => *shard,
        }
    }

    /// Whether a page or two hold all that is asked for.
    pub(crate) fn is_short(&self) -> bool {
        match self {
            ReadRequest::Get { .. } | ReadRequest::Run { .. } => true,
            ReadRequest::Scan { .. } => false,
        }
    }

    /// The first `limit` rows whose keys are in `range`.
    pub(crate) fn scan(shard: ShardId, range: Range<Vec<u8>>, limit: usize) -> Self {
        ReadRequest::Scan { shard, range, limit }
    }

    /// Does the read. Blocks as long as the store does. A panic of the store is caught: that of one run's rows is the run's,
    /// any other a failure of the storage.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn perform(&self, store: &dyn Store) -> Result<ReadResult, StoreError> {
        panic::catch_unwind(AssertUnwindSafe(|| self.read_from(store))).unwrap_or_else(|words| {
            let words = text_of(&*words);
            match self {
                ReadRequest::Run { .. } => Ok(ReadResult::Panicked(words)),
                ReadRequest::Get { .. } | ReadRequest::Scan { .. } => {
                    Err(StoreError::Io(format!("a read panicked: {words}")))
                }
            }
        })
    }

    fn read_from(&self, store: &dyn Store) -> Result<ReadResult, StoreError> {
        match self {
            ReadRequest::Get { shard, key } => store.get(*shard, key).map(ReadResult::Value),
            ReadRequest::Scan { shard, range, limit } => {
                store.scan(*shard, &range.start, &range.end, *limit).map(ReadResult::Page)
            }
            ReadRequest::Run { shard, run_id } => {
                let rows = store::scan_all(store, *shard, Key::run_state(*run_id))?;
                let first_history = store.get(*shard, &Key::History(*run_id, 1).encode())?;
                Ok(ReadResult::Run { rows, first_history })
            }
        }
    }
}

impl Lane {
    /// Asks for a read. Its answer is dropped if the shard has another epoch by then.
    pub(crate) fn read(&mut self, request: ReadRequest, purpose: PendingRead) {
        let read_id = self.next_read_id;
        self.next_read_id += 1;
        let epoch = self.epoch(request.shard());
        self.pending_reads.insert(read_id, (purpose, epoch));
        self.actions.push(Action::Read { read_id, request });
    }

    /// Reads the next wake-ups of a shard, from the key `start` on.
    pub(crate) fn read_wakes(&mut self, shard: ShardId, start: Vec<u8>) {
        let range = start..key::prefix_end(&Key::wake_prefix());
        // No more than may stay in memory, but never so few that wake-ups of one time can't all be read.
        let page = self.kept_runs().clamp(LEAST_WAKES, WAKE_PAGE);
        self.read(ReadRequest::scan(shard, range, page), PendingRead::Wakes(shard));
    }

    /// Reads the messages that a shard still has to deliver, from the key `start` on.
    pub(crate) fn read_outbox(&mut self, shard: ShardId, start: Vec<u8>) {
        let range = start..key::prefix_end(&Key::outbox_prefix());
        self.read(ReadRequest::scan(shard, range, PAGE), PendingRead::Outbox(shard));
    }

    /// Reads the jobs from the key `start` on.
    pub(crate) fn read_jobs(&mut self, shard: ShardId, start: Vec<u8>) {
        let range = start..key::prefix_end(&Key::job_prefix());
        self.read(ReadRequest::scan(shard, range, PAGE), PendingRead::Jobs(shard));
    }

    /// Reads the namespaces from the key `start` on, behind those that were read before.
    pub(crate) fn read_namespaces(&mut self, start: Vec<u8>, before: Vec<NamespaceRecord>) {
        let range = start..key::prefix_end(&Key::namespace_prefix());
        self.read(ReadRequest::scan(HOME, range, PAGE), PendingRead::Namespaces(before));
    }

    /// Has work wait until a run or a current row has been read.
    pub(crate) fn wait_for_data(&mut self, shard: ShardId, need: Need, work: Work) {
        if self.defer_until_open(shard, &work) {
            return;
        }
        if let Need::Run(run_id) = &need
            && let Some(reject) = self.quarantine_refusal(shard, *run_id)
        {
            return self.refuse(work, &reject);
        }
        let Some(state) = self.shards.get_mut(&shard) else {
            return;
        };
        let waiting = state.waiting_for_data.entry(need.clone()).or_default();
        let is_first = waiting.is_empty();
        if let Work::Call { reply_to: ReplyTo::Client(id), .. } = &work {
            self.waiting_callers.insert(*id, true);
        }
        waiting.push(work);
        if !is_first {
            return;
        }
        match need {
            Need::Current(workflow) => {
                let key = persist::current_key(&workflow).encode();
                self.read(ReadRequest::Get { shard, key }, PendingRead::Current(shard, workflow));
            }
            Need::Run(run_id) => self.read(ReadRequest::Run { shard, run_id }, PendingRead::Run(shard, run_id)),
        }
    }

    /// Takes in what was read. A failure of the storage loses the shard, or fails those who waited for the data.
    pub(crate) fn read_done(&mut self, read_id: u64, result: Result<ReadResult, StoreError>) {
        let Some((purpose, epoch)) = self.pending_reads.remove(&read_id) else { return };
        // The callers that waited for this were answered when the shard was lost, and what was read may be old by now.
        if self.epoch(purpose.shard()) != epoch {
            return;
        }
        let outcome = result.and_then(|found| self.read_found(&purpose, found));
        if let Err(error) = outcome {
            tracing::error!("a read failed: {error}");
            self.read_failed(purpose, &error);
        }
    }

    fn read_found(&mut self, purpose: &PendingRead, found: ReadResult) -> Result<(), StoreError> {
        match (purpose, found) {
            (PendingRead::Current(shard, workflow), ReadResult::Value(value)) => {
                let run_id = value.map(persist::current_run).transpose()?;
                if let Some(state) = self.shards.get_mut(shard) {
                    state.learn_current(workflow.clone(), run_id);
                }
                self.resume(*shard, &Need::Current(workflow.clone()));
            }
            (PendingRead::Run(shard, run_id), ReadResult::Run { rows, first_history }) => {
                self.loaded(*shard, *run_id, rows, first_history)?;
            }
            (PendingRead::Run(shard, run_id), ReadResult::Panicked(words)) => {
                self.quarantine(*shard, *run_id, Panicked::new(READING, words));
            }
            (PendingRead::Wakes(shard), ReadResult::Page(page)) => self.wakes_found(*shard, page)?,
            (PendingRead::Outbox(shard), ReadResult::Page(page)) => self.outbox_found(*shard, page)?,
            (PendingRead::Namespaces(before), ReadResult::Page(page)) => self.namespaces_found(before, page)?,
            (PendingRead::Jobs(shard), ReadResult::Page(page)) => self.jobs_found(*shard, page)?,
            (PendingRead::Queue(shard, queue), ReadResult::Page(page)) => self.tasks_found(*shard, queue, page)?,
            (PendingRead::Count(shard, queue), ReadResult::Page(page)) => self.tasks_counted(*shard, queue, page)?,
            (PendingRead::CountFor(shard, queue), ReadResult::Page(page)) => {
                self.tasks_counted_for(*shard, queue, page)?
            }
            (
                PendingRead::Current(..)
                | PendingRead::Run(..)
                | PendingRead::Wakes(_)
                | PendingRead::Outbox(_)
                | PendingRead::Namespaces(_)
                | PendingRead::Jobs(_)
                | PendingRead::Queue(..)
                | PendingRead::Count(..)
                | PendingRead::CountFor(..),
                ReadResult::Value(_) | ReadResult::Page(_) | ReadResult::Run { .. } | ReadResult::Panicked(_),
            ) => return Err(StoreError::Io("a read was answered with something else".into())),
        }
        Ok(())
    }

    /// Work that waits for the data is refused; what the node itself needs is read again later.
    fn read_failed(&mut self, purpose: PendingRead, error: &StoreError) {
        let reject = model::Reject::unavailable(format!("storage failed: {error}"));
        let (shard, need) = match purpose {
            PendingRead::Current(shard, workflow) => (shard, Need::Current(workflow)),
            PendingRead::Run(shard, run_id) => (shard, Need::Run(run_id)),
            PendingRead::Queue(shard, queue) if !self.owns(shard) => return self.read_again_later(shard, &queue),
            PendingRead::Wakes(shard)
            | PendingRead::Outbox(shard)
            | PendingRead::Jobs(shard)
            | PendingRead::Queue(shard, _)
            | PendingRead::Count(shard, _)
            | PendingRead::CountFor(shard, _) => return self.lose(shard, &error.to_string()),
            PendingRead::Namespaces(_) => return self.lose(HOME, &error.to_string()),
        };
        let waiting = self.shards.get_mut(&shard).and_then(|state| state.waiting_for_data.remove(&need));
        for work in waiting.into_iter().flatten() {
            self.refuse(work, &reject);
        }
    }

    fn resume(&mut self, shard: ShardId, need: &Need) {
        let waiting = self.shards.get_mut(&shard).and_then(|state| state.waiting_for_data.remove(need));
        // In front of all else: what was asked first is answered first.
        for work in waiting.into_iter().flatten().rev() {
            self.run_queue.push_front(work);
        }
    }

    /// A run from its rows; `None` where that panicked, and the run is quarantined.
    fn decode_run(
        &mut self,
        shard: ShardId,
        run_id: RunId,
        rows: Vec<(Vec<u8>, Bytes)>,
        first_history: Bytes,
    ) -> Result<Option<(Run, Due)>, StoreError> {
        let workflow = persist::workflow_of(run_id, &rows);
        let workflow_id = workflow.as_ref().map_or("", |workflow| &workflow.workflow_id);
        let place = Place { workflow_id, next_event_id: i64::MAX, what: READING };
        let decoded = self.caught(place, || {
            let run = persist::load(run_id, rows, first_history)?;
            let due = run.durable_due();
            Ok((run, due))
        });
        match decoded {
            Ok(decoded) => decoded.map(Some),
            Err(panicked) => {
                self.quarantine_as(shard, run_id, workflow, panicked);
                Ok(None)
            }
        }
    }

    fn loaded(
        &mut self,
        shard: ShardId,
        run_id: RunId,
        rows: Vec<(Vec<u8>, Bytes)>,
        first_history: Option<Bytes>,
    ) -> Result<(), StoreError> {
        let present = self.shards.get(&shard).is_some_and(|state| state.runs.contains_key(&run_id));
        if let (false, Some(first_history)) = (present, first_history) {
            let Some((run, due)) = self.decode_run(shard, run_id, rows, first_history)? else { return Ok(()) };
            let stored_before = run.core.next_event_id;
            let recovers = !run.buffered.is_empty();
            let timer = due.deadline;
            let entry = Entry::new(run, due, stored_before, self.now, &self.config.memory);
            if let Some(state) = self.shards.get_mut(&shard) {
                state.runs.insert(run_id, Box::new(entry));
            }
            if let Some(time) = timer {
                self.set_timer(time, Timer::Entity(shard, run_id.into()));
            }
            self.resume(shard, &Need::Run(run_id));
            if recovers {
                let recover = Apply { reply_to: ReplyTo::None, shard, run_id, input: Input::Recover };
                self.run_queue.push_front(Work::Apply(Box::new(recover)));
            }
            return Ok(());
        }
        if present {
            self.resume(shard, &Need::Run(run_id));
            return Ok(());
        }
        let waiting = self.shards.get_mut(&shard).and_then(|state| state.waiting_for_data.remove(&Need::Run(run_id)));
        for work in waiting.into_iter().flatten() {
            self.run_absent(work, run_id);
        }
        Ok(())
    }

    /// Registers the wake-ups of a page; the rest is read when the last of them is due.
    fn wakes_found(&mut self, shard: ShardId, page: Page) -> Result<(), StoreError> {
        for (bytes, _) in &page.pairs {
            let OwnedKey::Wake(time, entity) = Key::decode(bytes)? else {
                return Err(StoreError::Unusable("a wake-up's key is damaged".into()));
            };
            self.set_timer(time, Timer::Entity(shard, entity));
            if page.more && page.pairs.last().is_some_and(|(last, _)| last == bytes) {
                self.set_timer(time, Timer::ScanBoundary(shard));
            }
        }
        Ok(())
    }

    /// What is known of namespaces is known when all of them are read.
    fn namespaces_found(&mut self, before: &[NamespaceRecord], page: Page) -> Result<(), StoreError> {
        let next = page.next();
        let mut records = before.to_vec();
        for (_, value) in page.pairs {
            records.push(record::decode(value)?);
        }
        if let Some(next) = next {
            self.read_namespaces(next, records);
            return Ok(());
        }
        let mut table = NamespaceTable::default();
        for record in records {
            table.put(record);
        }
        self.know_namespaces(table);
        self.publish_namespaces();
        Ok(())
    }

    fn outbox_found(&mut self, shard: ShardId, page: Page) -> Result<(), StoreError> {
        if let Some(next) = page.next() {
            self.read_outbox(shard, next);
        }
        for (bytes, _) in page.pairs {
            let OwnedKey::Outbox(EntityId { kind: EntityKind::Run, uuid }, kind, id) = Key::decode(&bytes)? else {
                return Err(StoreError::Unusable("an outbox row's key is damaged".into()));
            };
            let run_id = RunId(uuid);
            let Some(key) = persist::message_key(kind, id) else {
                return Err(StoreError::Unusable(format!("an outbox row has the unknown kind {kind}")));
            };
            self.run_queue.push_back(Work::Send(Sender { shard, run_id, key }));
        }
        Ok(())
    }
}
