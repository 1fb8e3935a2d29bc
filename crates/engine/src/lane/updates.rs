//! Waits for Workflow Updates: a client hears of its update when that has come as far as the client wants to know.
//!
//! The updates themselves are the run's. Here stands who waits for which; after each step the run says how far it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use machine::{Change, Input, Reply, UpdateStage, failed_by_server};
use model::{Kind, Namespace, Reject, RunId, ShardId, Time};
use proto::temporal::api::{
    enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage,
    history::v1::history_event::Attributes as A,
    update::v1::{Outcome, outcome::Value},
};

use super::{Action, CallId, Lane, ReplyTo, Timer, Work, answer, shard::Effect};
use crate::{Answer, Call, Started, UpdateOutcome, UpdateState, UpdateWait};

/// A client that waits for an update.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) namespace: Arc<Namespace>,
    /// What it asked, to be asked again where another run takes over.
    pub(crate) call: Call,
    pub(crate) shard: ShardId,
    pub(crate) run_id: RunId,
    pub(crate) update_id: String,
    pub(crate) wait: UpdateWait,
    pub(crate) deadline: Time,
    /// Of an update with start: what became of the start.
    pub(crate) started: Option<Box<Started>>,
    /// Whether the update was accepted as far as the last step said.
    pub(crate) is_accepted: bool,
}

impl Waiting {
    /// Whether the call would start a run for the update, and has not done so yet.
    fn may_start_another(&self) -> bool {
        let is_first = matches!(self.call, Call::UpdateWithStart { again: false, .. });
        is_first && self.started.as_ref().is_some_and(|started| !started.started)
    }
}

/// All waits of this node.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    waiting: BTreeMap<CallId, Waiting>,
    by_run: BTreeMap<RunId, BTreeSet<CallId>>,
}

impl Updates {
    fn insert(&mut self, id: CallId, waiting: Waiting) {
        self.by_run.entry(waiting.run_id).or_default().insert(id);
        self.waiting.insert(id, waiting);
    }

    pub(crate) fn remove(&mut self, id: CallId) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        if let Some(ids) = self.by_run.get_mut(&waiting.run_id) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_run.remove(&waiting.run_id);
            }
        }
        Some(waiting)
    }

    /// The calls that wait.
    pub(crate) fn calls(&self) -> impl Iterator<Item = CallId> {
        self.waiting.keys().copied()
    }
}

/// What a step says of the updates of its run.
#[derive(Default)]
struct Said {
    outcomes: BTreeMap<String, Outcome>,
    /// The worker's answer was bad, and those that it had got are gone.
    aborted: bool,
}

/// How far an update is for one who waits.
enum Progress {
    Nothing,
    Reached(Stage, UpdateOutcome),
    /// It is gone: ask again, for another run may take it.
    Again,
    Refused(Reject),
}

impl Lane {
    /// A client's call about an update of a loaded run.
    pub(crate) fn update_call(
        &mut self,
        reply_to: ReplyTo,
        namespace: Arc<Namespace>,
        shard: ShardId,
        run_id: RunId,
        call: Call,
    ) {
        let (update_id, wait, deadline) = if let Call::Update(update) = &call {
            let first = self.entry(shard, run_id).map(|entry| &entry.run.started().first_execution_run_id);
            let is_other = !update.first_execution_run_id.is_empty()
                && first.is_some_and(|first| *first != update.first_execution_run_id);
            let admitted = if is_other {
                Err(Reject::not_found("workflow execution not found"))
            } else {
                self.admit_update(shard, run_id, &update.request)
            };
            if let Err(reject) = admitted {
                return self.after_commit(shard, Effect::Answer(reply_to, Err(reject)));
            }
            (update.update_id().to_owned(), update.wait, update.deadline)
        } else if let Call::PollUpdate { update_id, wait, deadline, execution: _ } = &call {
            (update_id.clone(), *wait, *deadline)
        } else {
            return self.answer_now(reply_to, Err(Reject::internal("this call is not about an update")));
        };
        let waiting =
            Waiting { namespace, call, shard, run_id, update_id, wait, deadline, started: None, is_accepted: false };
        self.wait_for_update(reply_to, waiting);
    }

    /// Has the run take the update in, if it doesn't know it.
    ///
    /// # Errors
    /// The machine's refusal.
    pub(crate) fn admit_update(
        &mut self,
        shard: ShardId,
        run_id: RunId,
        request: &machine::UpdateRequest,
    ) -> Result<(), Reject> {
        match self.step(shard, run_id, Input::AdmitUpdate(Box::new(request.clone())))? {
            Reply::Refused(reject) => Err(reject),
            Reply::Done
            | Reply::Heartbeat { .. }
            | Reply::WorkflowTask(_)
            | Reply::WorkflowTaskCompleted { .. }
            | Reply::Activity(_) => Ok(()),
        }
    }

    /// Answers at once where the update has come as far as the client wants to know, otherwise when it has.
    pub(crate) fn wait_for_update(&mut self, reply_to: ReplyTo, mut waiting: Waiting) {
        let ReplyTo::Client(id) = reply_to else { return };
        match self.update_progress(&waiting, &Said::default()) {
            Progress::Nothing => {}
            Progress::Reached(stage, outcome) => return self.tell(id, waiting, stage, outcome),
            Progress::Refused(reject) => return self.refuse_update(id, waiting, reject),
            Progress::Again => {
                let text = format!("update {:?} not found", waiting.update_id);
                return self.refuse_update(id, waiting, Reject::not_found(text));
            }
        }
        waiting.is_accepted = self.is_accepted(&waiting);
        if self.draining || waiting.deadline <= self.now {
            return self.tell_so_far(id, waiting);
        }
        self.set_timer(waiting.deadline, Timer::Call(id));
        self.updates.insert(id, waiting);
    }

    fn is_accepted(&self, waiting: &Waiting) -> bool {
        let stage =
            self.entry(waiting.shard, waiting.run_id).and_then(|entry| entry.run.update_stage(&waiting.update_id));
        matches!(stage, Some(UpdateStage::Accepted))
    }

    /// How far the update is now, after a step that has said this.
    fn update_progress(&self, waiting: &Waiting, said: &Said) -> Progress {
        if let Some(outcome) = said.outcomes.get(&waiting.update_id) {
            return Progress::Reached(Stage::Completed, UpdateOutcome::Known(Box::new(outcome.clone())));
        }
        let Some(entry) = self.entry(waiting.shard, waiting.run_id) else { return Progress::Again };
        match (entry.run.update_stage(&waiting.update_id), waiting.wait) {
            (Some(UpdateStage::Completed { event_id }), _) => {
                let range = answer::range(waiting.shard, entry, event_id, event_id + 1);
                Progress::Reached(Stage::Completed, UpdateOutcome::Stored(range))
            }
            (Some(UpdateStage::Abandoned), _) => {
                Progress::Reached(Stage::Completed, UpdateOutcome::Known(Box::new(abandoned())))
            }
            (Some(UpdateStage::Accepted), UpdateWait::Nothing | UpdateWait::Accepted) => {
                Progress::Reached(Stage::Accepted, UpdateOutcome::None)
            }
            (Some(UpdateStage::Admitted), UpdateWait::Nothing) => {
                Progress::Reached(Stage::Admitted, UpdateOutcome::None)
            }
            (Some(UpdateStage::Accepted | UpdateStage::Admitted), _) => Progress::Nothing,
            (None, _) if said.aborted => Progress::Refused(Reject::new(
                Kind::WorkflowNotReady,
                "Unable to perform workflow execution update due to unexpected workflow task failure.",
            )),
            // The one that closed was not started for this update, so another may be.
            (Some(UpdateStage::Aborted), _) if waiting.may_start_another() => Progress::Again,
            (Some(UpdateStage::Aborted), _) => {
                Progress::Refused(Reject::not_found("workflow update was aborted by closing workflow"))
            }
            (None, _) => Progress::Again,
        }
    }

    /// After a step: callers that wait for what it has brought are answered, once it is durable.
    pub(crate) fn settle_updates(&mut self, shard: ShardId, run_id: RunId, changes: &[Change]) {
        let Some(ids) = self.updates.by_run.get(&run_id) else { return };
        let ids: Vec<_> = ids.iter().copied().collect();
        let said = said(changes);
        for id in ids {
            let Some(waiting) = self.updates.waiting.get(&id) else { continue };
            if waiting.shard != shard {
                continue;
            }
            let (progress, is_accepted) = (self.update_progress(waiting, &said), self.is_accepted(waiting));
            if let Progress::Nothing = progress {
                if let Some(waiting) = self.updates.waiting.get_mut(&id) {
                    waiting.is_accepted = is_accepted;
                }
                continue;
            }
            let Some(waiting) = self.updates.remove(id) else { continue };
            self.timers.remove(&(waiting.deadline, Timer::Call(id)));
            match progress {
                Progress::Nothing => {}
                Progress::Reached(stage, outcome) => self.tell(id, waiting, stage, outcome),
                Progress::Refused(reject) => self.refuse_update(id, waiting, reject),
                Progress::Again => self.ask_again(id, waiting),
            }
        }
    }

    /// The update was for a run that is no more: what takes its place shall have it.
    fn ask_again(&mut self, id: CallId, waiting: Waiting) {
        let call = if let Call::UpdateWithStart { start, update, again: _ } = waiting.call {
            Call::UpdateWithStart { start, update, again: true }
        } else {
            waiting.call
        };
        // It was carried out once, so it is not given up now.
        let (reply_to, namespace) = (ReplyTo::Client(id), waiting.namespace);
        self.run_queue.push_back(Work::Call { reply_to, namespace, call, until: Time::MAX });
    }

    fn tell(&mut self, id: CallId, waiting: Waiting, stage: Stage, outcome: UpdateOutcome) {
        let Waiting { shard, run_id, started, .. } = waiting;
        let update = Box::new(UpdateState { run_id: run_id.to_string(), stage, outcome });
        let answer = match started {
            Some(started) => Answer::UpdateWithStart { started, update },
            None => Answer::Update(update),
        };
        self.after_commit_of(shard, run_id, Effect::Answer(ReplyTo::Client(id), Ok(answer)));
    }

    /// How far it has come when the wait has ended in vain.
    fn tell_so_far(&mut self, id: CallId, waiting: Waiting) {
        let stage = if waiting.is_accepted { Stage::Accepted } else { Stage::Admitted };
        self.tell(id, waiting, stage, UpdateOutcome::None);
    }

    fn refuse_update(&mut self, id: CallId, waiting: Waiting, reject: Reject) {
        let reject = match waiting.started {
            Some(started) if started.started => Reject::update_with_start(None, Some(reject)),
            Some(_) => Reject::update_with_start(Some(Reject::operation_aborted()), Some(reject)),
            None => reject,
        };
        self.after_commit_of(waiting.shard, waiting.run_id, Effect::Answer(ReplyTo::Client(id), Err(reject)));
    }

    /// A wait's time is up.
    pub(crate) fn expire_update(&mut self, id: CallId) {
        if let Some(waiting) = self.updates.remove(id) {
            self.tell_so_far(id, waiting);
        }
    }

    /// Updates of this run come no further.
    pub(crate) fn fail_updates(&mut self, run_id: RunId, reject: &Reject) {
        for id in self.updates.by_run.get(&run_id).cloned().into_iter().flatten() {
            let Some(waiting) = self.updates.remove(id) else { continue };
            self.timers.remove(&(waiting.deadline, Timer::Call(id)));
            self.refuse_update(id, waiting, reject.clone());
        }
    }

    /// The shard's memory is dropped, and with it the updates that were only admitted.
    pub(crate) fn lose_updates(&mut self, shard: ShardId) {
        let of_shard = |waiting: &Waiting| waiting.shard == shard;
        let ids: Vec<_> =
            self.updates.waiting.iter().filter(|(_, waiting)| of_shard(waiting)).map(|(id, _)| *id).collect();
        for id in ids {
            self.updates.remove(id);
            let reject = Reject::unavailable("workflow update was aborted");
            self.actions.push(Action::Answer { id, result: Err(reject) });
        }
    }
}

fn said(changes: &[Change]) -> Said {
    let mut said = Said::default();
    for change in changes {
        match change {
            Change::Event(event) => {
                if let Some(A::WorkflowExecutionUpdateCompletedEventAttributes(completed)) = &event.attributes
                    && let (Some(meta), Some(outcome)) = (&completed.meta, &completed.outcome)
                {
                    said.outcomes.insert(meta.update_id.clone(), outcome.clone());
                }
            }
            Change::State(machine::StateChange::UpdateRejected { update_id, failure }) => {
                let failure = failure.as_deref().cloned().unwrap_or_default();
                said.outcomes.insert(update_id.clone(), Outcome { value: Some(Value::Failure(failure)) });
            }
            Change::State(machine::StateChange::UpdatesAborted) => said.aborted = true,
            Change::State(_) => {}
        }
    }
    said
}

/// The outcome of an update that was accepted by a run which has closed since.
fn abandoned() -> Outcome {
    let text = "Workflow Update failed because the Workflow completed before the Update completed.";
    Outcome { value: Some(Value::Failure(failed_by_server(text, "AcceptedUpdateCompletedWorkflow"))) }
}
