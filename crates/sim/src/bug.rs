//! Bugs that are planted on purpose, to see that the simulator finds them. Each is a lie that a disk, a driver or a
//! careless change of the engine could tell; none of it reaches the code of the product.

use std::collections::BTreeSet;

use engine::Answer;
use model::{EntityKind, Reject, RunId};
use store::{Batch, Change, CommitError, CommitResult, Key, OwnedKey, StoreError};

use crate::rng::Rng;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Bug {
    /// Syncs do nothing, and say that they did.
    LostFsync,
    /// A failed sync is taken for a good one.
    FailedSyncAcknowledged,
    /// The store takes commits of any epoch.
    SkippedEpochCheck,
    /// After a crash the first half of a torn write counts.
    TornWriteApplied,
    /// Commits are called durable before they are written.
    EarlyRelease,
    /// Some wake-ups are not written.
    DroppedTimer,
    /// Some waiting tasks are not written.
    DroppedTask,
    /// Some messages are not written.
    DroppedMessage,
    /// Buffered events come back from the disk in another order.
    ReorderedBuffer,
    /// The start of an activity is not written.
    ForgottenActivityStart,
    /// Applied request ids are not written.
    ForgottenRequest,
    /// Some closed runs still look open in lists.
    StaleVisibility,
    /// Some events are written twice.
    RepeatedHistory,
    /// Updates that have come somewhere are not written beside their events.
    ForgottenUpdate,
    /// A worker that gets a query gets a history without its end.
    StaleQuery,
    /// Nodes are not told of callers that are gone.
    UntoldAbandonment,
    /// A shard is acquired while its last owner's lease runs.
    OpensBeforeTheLeaseEnds,
    /// Of a run that has panicked the step before the panic is half kept.
    HalfKeptStep,
    /// A write whose answer was lost is taken for one that was not done: its shard goes on under the same epoch.
    UnknownTakenForFailed,
    /// A write whose answer was lost is taken for one that was done.
    UnknownTakenForDone,
}

impl Bug {
    /// All of them, in the order of their documentation.
    pub const ALL: [Bug; 20] = [
        Bug::LostFsync,
        Bug::FailedSyncAcknowledged,
        Bug::SkippedEpochCheck,
        Bug::TornWriteApplied,
        Bug::EarlyRelease,
        Bug::DroppedTimer,
        Bug::DroppedTask,
        Bug::DroppedMessage,
        Bug::ReorderedBuffer,
        Bug::ForgottenActivityStart,
        Bug::ForgottenRequest,
        Bug::StaleVisibility,
        Bug::RepeatedHistory,
        Bug::ForgottenUpdate,
        Bug::StaleQuery,
        Bug::UntoldAbandonment,
        Bug::OpensBeforeTheLeaseEnds,
        Bug::HalfKeptStep,
        Bug::UnknownTakenForFailed,
        Bug::UnknownTakenForDone,
    ];

    /// What the bug makes of a batch on its way to the disk.
    pub(crate) fn mangle(self, batch: &Batch, quarantined: &BTreeSet<RunId>, rng: &mut Rng) -> Batch {
        if self == Bug::HalfKeptStep {
            return keep_half(batch, quarantined);
        }
        let keeps = |change: &Change| !self.drops(change);
        let changes = batch.changes.iter().filter(|change| keeps(change) || !rng.one_in(3)).cloned().collect();
        let mut mangled = Batch { changes };
        if self == Bug::RepeatedHistory && rng.one_in(20) {
            repeat_history(&mut mangled);
        }
        mangled
    }

    fn drops(self, change: &Change) -> bool {
        let (key, is_put) = match change {
            Change::Put { key, .. } => (Key::decode(key), true),
            Change::Delete { key } => (Key::decode(key), false),
            Change::Show(row) => return self == Bug::StaleVisibility && row.close_time.is_some(),
            Change::DeletePrefix { .. } | Change::Hide { .. } => return false,
        };
        match key {
            Ok(OwnedKey::Wake(..)) => is_put && self == Bug::DroppedTimer,
            Ok(OwnedKey::Task { .. }) => is_put && self == Bug::DroppedTask,
            Ok(OwnedKey::Outbox(..)) => is_put && self == Bug::DroppedMessage,
            Ok(OwnedKey::Request(..)) => is_put && self == Bug::ForgottenRequest,
            Ok(OwnedKey::Update(..)) => is_put && self == Bug::ForgottenUpdate,
            Ok(OwnedKey::Activity(..)) => is_put && self == Bug::ForgottenActivityStart && is_start(change),
            Ok(_) | Err(_) => false,
        }
    }

    /// What the bug makes of a commit whose outcome is not known.
    pub(crate) fn mangle_unknown(self, result: CommitResult) -> CommitResult {
        match self {
            Bug::UnknownTakenForFailed => Err(CommitError::Store(StoreError::Io("the connection was closed".into()))),
            Bug::UnknownTakenForDone => Ok(()),
            _ => result,
        }
    }

    /// What the bug makes of an answer on its way out.
    pub(crate) fn mangle_answer(self, answer: &mut Result<Answer, Reject>) {
        if let (Bug::StaleQuery, Ok(Answer::WorkflowTask(Some(task)))) = (self, answer)
            && task.response.query.is_some()
        {
            task.history.before = (task.history.before - 2).max(2);
        }
    }

    /// What the bug makes of a run's rows on their way from the disk.
    pub(crate) fn mangle_rows(self, rows: &mut [(Vec<u8>, bytes::Bytes)]) {
        if self != Bug::ReorderedBuffer {
            return;
        }
        let is_buffered = |key: &[u8]| matches!(Key::decode(key), Ok(OwnedKey::Buffered(..)));
        let places: Vec<usize> =
            rows.iter().enumerate().filter(|(_, (key, _))| is_buffered(key)).map(|(place, _)| place).collect();
        if let [first, second, ..] = places[..] {
            let swapped = rows[first].1.clone();
            rows[first].1 = std::mem::replace(&mut rows[second].1, swapped);
        }
    }
}

/// Leaves out the second half of what is written of these runs.
fn keep_half(batch: &Batch, runs: &BTreeSet<RunId>) -> Batch {
    let is_of = |change: &Change| run_of(change).is_some_and(|run_id| runs.contains(&run_id));
    let kept = batch.changes.iter().filter(|change| is_of(change)).count().div_ceil(2);
    let mut seen = 0;
    let keeps = |change: &&Change| {
        seen += usize::from(is_of(change));
        !is_of(change) || seen <= kept
    };
    Batch { changes: batch.changes.iter().filter(keeps).cloned().collect() }
}

/// The run whose row a change is.
fn run_of(change: &Change) -> Option<RunId> {
    let key = match change {
        Change::Put { key, .. } | Change::Delete { key } => key,
        Change::Show(row) => return Some(row.run_id),
        Change::Hide { run_id } => return Some(*run_id),
        Change::DeletePrefix { .. } => return None,
    };
    match Key::decode(key).ok()? {
        OwnedKey::Run(run_id)
        | OwnedKey::RunKey(run_id)
        | OwnedKey::Attributes(run_id)
        | OwnedKey::History(run_id, _)
        | OwnedKey::Activity(run_id, _) => Some(run_id),
        OwnedKey::Wake(_, entity) | OwnedKey::Outbox(entity, ..) | OwnedKey::Task { entity, .. } => match entity.kind {
            EntityKind::Run => Some(RunId(entity.uuid)),
            EntityKind::Job => None,
        },
        _ => None,
    }
}

/// Whether the row says that the activity runs.
fn is_start(change: &Change) -> bool {
    let Change::Put { value, .. } = change else { return false };
    store::record::decode::<machine::Activity>(value.clone()).is_ok_and(|activity| activity.started_time != 0)
}

/// Writes the batch of some run's events a second time, behind itself.
fn repeat_history(batch: &mut Batch) {
    let again = batch.changes.iter().find_map(|change| match change {
        Change::Put { key, value } => match Key::decode(key) {
            Ok(OwnedKey::History(run_id, first)) => {
                Some(Change::Put { key: Key::History(run_id, first + 1_000).encode(), value: value.clone() })
            }
            Ok(_) | Err(_) => None,
        },
        Change::Delete { .. } | Change::DeletePrefix { .. } | Change::Show(_) | Change::Hide { .. } => None,
    });
    batch.changes.extend(again);
}
