//! Workflow Updates: requests that a worker accepts or rejects, and that have an outcome.
//!
//! | state     | by                                   | becomes                                        |
//! |-----------|--------------------------------------|------------------------------------------------|
//! | none      | a client's request                   | admitted, in memory only                       |
//! | admitted  | a workflow task starts               | sent, in memory only                           |
//! | sent      | the worker's acceptance              | accepted, with its event                       |
//! | sent      | the worker's rejection, or no word of it | none: a rejection leaves no trace          |
//! | sent      | the worker's answer is bad           | none: its client is to try again               |
//! | accepted  | the worker's response                | completed, with its event                      |
//! | admitted or sent | the end of its run, if no other run follows | aborted, in memory only         |
//!
//! An update that is only admitted doesn't outlive a crash: its client asks again. That an update was aborted is known as long
//! as the run is in memory, so that clients who ask in the moments after the end hear why it has no outcome. Where nothing else needs a workflow
//! task, the one that brings updates to a worker is speculative (see `task`).

mod send;

use std::{borrow::Cow, sync::Arc};

use imbl::Vector;
use proto::temporal::api::{
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    update::v1::Request,
};

use crate::{Core, Run};

pub(crate) use send::message_id;

/// An update that no worker has accepted yet. Never stored.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingUpdate {
    /// As the client made it; its meta names the update.
    pub request: Request,
    /// The bytes of the request, which count against what may be in flight.
    pub size: usize,
    /// A worker got it with a workflow task.
    pub sent: bool,
}

impl PendingUpdate {
    /// The name that the client or the frontend gave it, unique in its run.
    pub fn id(&self) -> &str {
        self.request.meta.as_ref().map_or("", |meta| meta.update_id.as_str())
    }
}

/// How far an update has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateStage {
    /// No worker has accepted it yet.
    Admitted,
    /// A worker works on it.
    Accepted,
    /// Its outcome stands in the event with this id.
    Completed { event_id: i64 },
    /// The run has closed after it was accepted: there will never be an outcome.
    Abandoned,
    /// The run has closed before any worker accepted it.
    Aborted,
}

/// The failure of an update that no worker has failed, by the type that clients know it by.
pub fn failed_by_server(message: &str, kind: &str) -> Failure {
    Failure {
        message: message.to_owned(),
        source: "Server".to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
            r#type: kind.to_owned(),
            non_retryable: true,
            ..ApplicationFailureInfo::default()
        })),
        ..Failure::default()
    }
}

impl Run {
    /// How far the update of this id has come; `None` for one that was never admitted, was rejected, or is lost.
    pub fn update_stage(&self, update_id: &str) -> Option<UpdateStage> {
        if let Some(update) = self.updates.get(update_id) {
            return Some(match update.completed_event_id {
                0 if self.is_open() => UpdateStage::Accepted,
                0 => UpdateStage::Abandoned,
                event_id => UpdateStage::Completed { event_id },
            });
        }
        if self.aborted_updates.iter().any(|aborted| **aborted == *update_id) {
            return Some(UpdateStage::Aborted);
        }
        self.pending_update(update_id).map(|_| UpdateStage::Admitted)
    }

    /// The update of this id, where no worker has accepted it yet.
    pub(crate) fn pending_update(&self, update_id: &str) -> Option<&Arc<PendingUpdate>> {
        self.pending_updates.iter().find(|update| update.id() == update_id)
    }

    /// Updates that are under way: admitted or accepted, and not completed.
    pub(crate) fn updates_in_flight(&self) -> usize {
        self.pending_updates.len() + self.updates.len().saturating_sub(self.updates_completed())
    }

    /// Updates that have an outcome.
    pub(crate) fn updates_completed(&self) -> usize {
        usize::try_from(self.core.completed_updates).unwrap_or(0)
    }

    /// Whether the workflow task is one that only brings updates, so that it is in memory alone.
    pub fn is_speculative(&self) -> bool {
        self.core.workflow_task.is_some_and(|task| task.speculative)
    }

    /// Whether memory knows something of the run that the disk doesn't.
    pub fn is_volatile(&self) -> bool {
        self.started_task.is_some() || self.is_speculative() || !self.pending_updates.is_empty()
    }

    /// The core as it is stored: a speculative workflow task is not.
    pub fn stored_core(&self) -> Cow<'_, Core> {
        if self.is_speculative() {
            Cow::Owned(Core { workflow_task: None, ..self.core.clone() })
        } else {
            Cow::Borrowed(&self.core)
        }
    }

    /// The state without what is in memory alone: what is left of it after a crash.
    #[must_use]
    pub fn durable(&self) -> Self {
        Self {
            core: self.stored_core().into_owned(),
            started_task: None,
            pending_updates: Vector::new(),
            aborted_updates: Vector::new(),
            ..self.clone()
        }
    }
}
