//! A job: durable work of the server itself, which is done part by part and goes on after a restart where it was.
//!
//! | stage | a part was done | all of it was done | a part failed | its time has come |
//! |---|---|---|---|---|
//! | runs | runs | delay, or record where there is none | runs, after a back-off | – |
//! | delay | refused | refused | refused | record |
//! | record | record | ended | record, after a back-off | – |
//! | ended | refused | refused | refused | – |
//!
//! The work itself is IO and done elsewhere: `due` says which part of it may be done now, and its worker reports.

mod record;

use std::time::Duration;

use model::{JobId, NamespaceId, Reject, Time};

use crate::{Machine, StepContext};

pub use record::{JobRecord, JobStage, JobType};

/// How long a job rests after the first failure; twice as long after each that follows, up to `MOST_REST`.
const FIRST_REST: Duration = Duration::from_secs(1);
const MOST_REST: Duration = Duration::from_secs(60);
/// Bytes of a failure that are kept.
const KEPT_FAILURE: usize = 1_000;

/// The state of one job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub id: JobId,
    /// All of it is durable.
    pub record: JobRecord,
}

/// What is asked of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobInput {
    /// Time has passed.
    Wake,
    /// A worker has done a part: so many items, and whether none is left of this stage.
    Worked { items: u64, is_all: bool },
    /// A worker could not do a part now.
    Failed { message: String },
}

/// What is written.
#[derive(Clone, Debug, PartialEq)]
pub enum JobChange {
    /// The time that the job waited for has come.
    Woken,
    /// A part was done at this time.
    Worked { items: u64, is_all: bool, time: Time },
    /// A part failed, and is not tried again before this time.
    Failed { message: String, visible_time: Time },
}

/// The outcome of one accepted input.
#[derive(Clone, Debug, PartialEq)]
pub struct JobStep {
    pub next: Job,
    pub changes: Vec<JobChange>,
}

/// What must exist because of a job's state. Neither: it has ended, and its row may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobDue {
    /// When to look again.
    pub wake: Option<Time>,
    /// What may be done now.
    pub work: Option<JobWork>,
}

/// A part of a job that its worker does. It may come twice, so doing it again must change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobWork {
    /// Delete some runs of a namespace.
    DeleteRuns(NamespaceId),
    /// Remove the record of a namespace without runs.
    RemoveNamespace(NamespaceId),
}

impl Job {
    /// A job that deletes a namespace: its runs first, and after `delay` its record.
    pub fn delete_namespace(id: JobId, namespace: NamespaceId, delay: Duration, now: Time) -> Self {
        let mut record = JobRecord {
            namespace_id: namespace.as_bytes().to_vec(),
            created_time: now.0,
            delay: i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX),
            ..JobRecord::default()
        };
        record.set_job_type(JobType::DeleteNamespace);
        record.set_stage(JobStage::Runs);
        Self { id, record }
    }

    /// The namespace that it is about.
    pub fn namespace(&self) -> NamespaceId {
        NamespaceId::from_slice(&self.record.namespace_id).unwrap_or_default()
    }

    fn waits_until(&self) -> Option<Time> {
        Time(self.record.visible_time).non_zero()
    }

    /// A worker reports on what it was given.
    fn check_working(&self) -> Result<(), Reject> {
        match self.record.stage() {
            JobStage::Runs | JobStage::Record => Ok(()),
            JobStage::Unspecified | JobStage::Delay | JobStage::Ended => {
                Err(Reject::precondition(format!("job {} has nothing to be done now", self.id)))
            }
        }
    }

    fn step(&self, changes: Vec<JobChange>) -> JobStep {
        let mut next = self.clone();
        changes.iter().for_each(|change| next.evolve(change));
        JobStep { next, changes }
    }

    /// The stage behind this one is entered at `time`.
    fn advance(&mut self, time: Time) {
        let stage = match self.record.stage() {
            JobStage::Runs if self.record.delay > 0 => {
                self.record.visible_time = (time + Duration::from_nanos(self.record.delay.unsigned_abs())).0;
                JobStage::Delay
            }
            JobStage::Runs | JobStage::Delay => JobStage::Record,
            JobStage::Record | JobStage::Ended => JobStage::Ended,
            JobStage::Unspecified => JobStage::Unspecified,
        };
        self.record.set_stage(stage);
    }
}

impl Machine for Job {
    type Input = JobInput;
    type Change = JobChange;
    type Step = JobStep;
    type Due = JobDue;

    fn handle(&self, input: JobInput, context: &StepContext) -> Result<JobStep, Reject> {
        let now = context.now;
        let changes = match input {
            JobInput::Wake if self.waits_until().is_some_and(|time| time <= now) => vec![JobChange::Woken],
            JobInput::Wake => Vec::new(),
            JobInput::Worked { items, is_all } => {
                self.check_working()?;
                vec![JobChange::Worked { items, is_all, time: now }]
            }
            JobInput::Failed { message } => {
                self.check_working()?;
                let doubled = FIRST_REST * 2_u32.saturating_pow(self.record.failures.min(16));
                let kept = message.floor_char_boundary(KEPT_FAILURE);
                let visible_time = now + doubled.min(MOST_REST);
                vec![JobChange::Failed { message: message[..kept].to_owned(), visible_time }]
            }
        };
        Ok(self.step(changes))
    }

    fn evolve(&mut self, change: &JobChange) {
        match change {
            JobChange::Woken => {
                self.record.visible_time = 0;
                if self.record.stage() == JobStage::Delay {
                    self.advance(Time::ZERO);
                }
            }
            JobChange::Worked { items, is_all, time } => {
                self.record.items_done += items;
                self.record.failures = 0;
                self.record.last_failure.clear();
                self.record.worked_time = time.0;
                self.record.visible_time = 0;
                if *is_all {
                    self.advance(*time);
                }
            }
            JobChange::Failed { message, visible_time } => {
                self.record.failures += 1;
                self.record.last_failure.clone_from(message);
                self.record.visible_time = visible_time.0;
            }
        }
    }

    fn due(&self) -> JobDue {
        let wake = self.waits_until();
        let work = match self.record.stage() {
            JobStage::Runs => Some(JobWork::DeleteRuns(self.namespace())),
            JobStage::Record => Some(JobWork::RemoveNamespace(self.namespace())),
            JobStage::Unspecified | JobStage::Delay | JobStage::Ended => None,
        };
        JobDue { wake, work: work.filter(|_| wake.is_none()) }
    }
}
