//! Jobs: durable work of the server itself. They live in the home shard and are few, so all of them are in memory while that
//! shard is open. A worker inside the server waits for a part that may be done now, does it, and reports.

use std::collections::{BTreeMap, VecDeque};

use machine::{Job, JobDue, JobInput, JobWork, Machine};
use model::{JobId, Reject, ShardId};
use store::{Key, Page, StoreError, key::OwnedKey, record};

use super::{Action, CallId, Lane, ReplyTo, Timer, shard::Effect};
use crate::{Answer, JobPart, persist, placement::HOME};

/// The jobs that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    known: BTreeMap<JobId, JobEntry>,
    /// Workers that wait for a part of one, the longest waiting first.
    waiting: VecDeque<CallId>,
    /// They are read in.
    is_read: bool,
}

/// A job in memory.
#[derive(Debug)]
struct JobEntry {
    job: Job,
    due: JobDue,
    /// What may be done of it now, durably; a worker that takes it takes it out.
    ready: Option<JobWork>,
}

impl Lane {
    /// Takes in jobs that were there when the shard was acquired. Calls about jobs are refused until all are read.
    ///
    /// # Errors
    /// A row of them is damaged.
    pub(crate) fn jobs_found(&mut self, shard: ShardId, page: Page) -> Result<(), StoreError> {
        let next = page.next();
        for (bytes, value) in page.pairs {
            let OwnedKey::Job(id) = Key::decode(&bytes)? else {
                return Err(StoreError::Unusable("a job's key is damaged".into()));
            };
            let job = Job { id, record: record::decode(value)? };
            let due = job.due();
            if let Some(time) = due.wake {
                self.set_timer(time, Timer::Entity(shard, id.into()));
            }
            self.jobs.known.insert(id, JobEntry { job, due, ready: due.work });
        }
        if let Some(next) = next {
            self.read_jobs(shard, next);
            return Ok(());
        }
        self.jobs.is_read = true;
        self.give_parts();
        Ok(())
    }

    /// The shard of the jobs is lost: they are read again, and a worker that waits for one asks again.
    pub(crate) fn lose_jobs(&mut self, shard: ShardId, reject: &Reject) {
        if shard != HOME {
            return;
        }
        for call in std::mem::take(&mut self.jobs).waiting {
            self.actions.push(Action::Answer { id: call, result: Err(reject.clone()) });
        }
    }

    /// Why nothing can be said of jobs now.
    pub(crate) fn jobs_unread(&self) -> Option<Reject> {
        (!self.jobs.is_read).then(|| Reject::unavailable("the jobs of this cluster are being read"))
    }

    /// Starts a job in the open batch, unless there is one of its id.
    pub(crate) fn start_job(&mut self, job: Job) {
        if !self.jobs.known.contains_key(&job.id) {
            self.take_over_job(None, job);
        }
    }

    /// A worker waits for a part of a job.
    pub(crate) fn next_job(&mut self, reply_to: ReplyTo) {
        match (self.jobs_unread(), reply_to) {
            (Some(reject), reply_to) => self.answer_now(reply_to, Err(reject)),
            (None, reply_to @ ReplyTo::Client(_)) if self.draining => {
                self.answer_now(reply_to, Ok(Answer::JobPart(None)));
            }
            (None, ReplyTo::Client(call)) => {
                self.jobs.waiting.push_back(call);
                self.give_parts();
            }
            (None, ReplyTo::Message(_) | ReplyTo::None) => {}
        }
    }

    /// A worker says what came of its part.
    pub(crate) fn report_job(&mut self, reply_to: ReplyTo, id: JobId, input: JobInput) {
        let result = match self.jobs_unread() {
            Some(reject) => Err(reject),
            None => self.step_job(id, input).map(|()| Answer::Done),
        };
        self.after_commit(HOME, Effect::Answer(reply_to, result));
    }

    /// All jobs as they are now.
    pub(crate) fn list_jobs(&mut self, reply_to: ReplyTo) {
        let jobs = self.jobs.known.values().map(|entry| entry.job.clone()).collect();
        let result = self.jobs_unread().map_or_else(|| Ok(Answer::Jobs(jobs)), Err);
        self.after_commit(HOME, Effect::Answer(reply_to, result));
    }

    /// The time that a job waited for has come.
    pub(crate) fn wake_job(&mut self, id: JobId) {
        // One that has ended since has nothing to wake up for.
        drop(self.step_job(id, JobInput::Wake));
    }

    fn step_job(&mut self, id: JobId, input: JobInput) -> Result<(), Reject> {
        let context = self.step_context(model::NamespaceId::default());
        let unknown = || Reject::not_found(format!("job {id} is not there"));
        let step = self.jobs.known.get(&id).ok_or_else(unknown)?.job.handle(input, &context)?;
        if !step.changes.is_empty() {
            let before = self.jobs.known.remove(&id);
            self.take_over_job(before.map(|entry| entry.due), step.next);
        }
        Ok(())
    }

    /// Takes a state over into memory, and what is different of it into the open batch.
    fn take_over_job(&mut self, before: Option<JobDue>, job: Job) {
        let (id, due) = (job.id, job.due());
        let was_awake_at = before.and_then(|due| due.wake);
        if let Some(state) = self.shards.get_mut(&HOME) {
            persist::job_rows(&job, was_awake_at, due, state.changes());
        }
        self.changed(HOME);
        if let Some(time) = was_awake_at {
            self.timers.remove(&(time, Timer::Entity(HOME, id.into())));
        }
        if let Some(time) = due.wake {
            self.set_timer(time, Timer::Entity(HOME, id.into()));
        }
        if due != JobDue::default() {
            self.jobs.known.insert(id, JobEntry { job, due, ready: None });
        }
        self.after_commit(HOME, Effect::Job(id));
    }

    /// What follows from a job's state is durable.
    pub(crate) fn job_committed(&mut self, id: JobId) {
        if let Some(entry) = self.jobs.known.get_mut(&id) {
            entry.ready = entry.due.work;
        }
        self.give_parts();
    }

    /// Hands parts that may be done to the workers that wait.
    fn give_parts(&mut self) {
        let Jobs { known, waiting, is_read: _ } = &mut self.jobs;
        let ready = known.values_mut().filter(|entry| entry.ready.is_some());
        for entry in ready {
            let Some(call) = waiting.pop_front() else { return };
            let part = entry.ready.take().map(|work| Box::new(JobPart { id: entry.job.id, work }));
            self.actions.push(Action::Answer { id: call, result: Ok(Answer::JobPart(part)) });
        }
    }

    /// The worker waits no more.
    pub(crate) fn forget_job_worker(&mut self, call: CallId) {
        self.jobs.waiting.retain(|waiting| *waiting != call);
    }

    /// The process is about to stop: no more parts are given out.
    pub(crate) fn drain_jobs(&mut self) {
        for call in std::mem::take(&mut self.jobs.waiting) {
            self.actions.push(Action::Answer { id: call, result: Ok(Answer::JobPart(None)) });
        }
    }
}
