//! What changes without an event.

use std::sync::Arc;

use proto::temporal::api::history::v1::HistoryEvent;

use crate::{Run, StateChange};

use super::{activity, build, child, evolve_event, update};

impl Run {
    /// Applies a change that leaves no event. Those of an activity or a child that is over by now change nothing.
    pub(super) fn evolve_state(&mut self, change: &StateChange) {
        match change {
            StateChange::Buffered(event) => buffer(self, event),
            StateChange::BufferTaken => self.buffered.clear(),
            StateChange::BufferedTimerFiredDropped { index } => {
                self.buffered.remove(*index);
            }
            StateChange::RequestSeen(request_id) => self.requests.insert(request_id),
            StateChange::StartRequestSeen(request_id) => {
                self.core.start_request_ids.push(request_id.clone());
                self.core.start_request_events.push(1);
            }
            StateChange::EarlierStartSeen(start) => self.core.earlier_starts.push(start.clone()),
            StateChange::EarlierRequestSeen(request) => {
                self.requests.insert_earlier(&request.request_id, request.run_id.as_str().into());
            }
            StateChange::CancelRequestSeen(request_id) => self.core.cancel_request_id.clone_from(request_id),
            StateChange::Stepped => self.core.state_transitions += 1,
            StateChange::WorkflowTaskSet(task) | StateChange::SpeculativeTaskSet(task) => {
                self.core.workflow_task = *task;
                self.started_task = None;
            }
            StateChange::UpdateAdmitted(update) => update::admitted(self, update),
            StateChange::UpdatesSent => update::sent(self),
            StateChange::UpdateRejected { update_id, .. } => update::forgotten(self, update_id),
            StateChange::UpdatesAborted => self.pending_updates.retain(|update| !update.sent),
            StateChange::WorkflowTaskReturned => update::returned(self),
            StateChange::FirstTaskDueSet(time) => self.core.first_task_due = time.0,
            StateChange::WorkflowTaskStarted(started) => self.started_task = Some(started.clone()),
            StateChange::StickySet(sticky) => self.core.sticky = sticky.clone(),
            StateChange::WorkerSeen { sdk_name, sdk_version, version } => {
                self.core.sdk_name.clone_from(sdk_name);
                self.core.sdk_version.clone_from(sdk_version);
                self.core.worker_version.clone_from(version);
            }
            StateChange::WorkflowTaskProblem { failed_tasks, last_problem, reported } => {
                self.core.failed_workflow_tasks = *failed_tasks;
                self.core.last_problem.clone_from(last_problem);
                self.core.reported_problem.clone_from(reported);
            }
            StateChange::CloseAttempted(attempted) => self.core.close_attempted = *attempted,
            StateChange::ActivityStarted { scheduled_event_id, time, identity, request_id, worker_version } => {
                activity::taken(self, *scheduled_event_id, *time, identity, request_id, worker_version.as_ref());
            }
            StateChange::ActivityReturned { scheduled_event_id } => activity::returned(self, *scheduled_event_id),
            StateChange::ActivityHeartbeat { scheduled_event_id, time, details } => {
                activity::heartbeat(self, *scheduled_event_id, *time, details.as_ref());
            }
            StateChange::ActivityRetried { scheduled_event_id, time, visible_time, failure } => {
                activity::retried(self, *scheduled_event_id, *time, *visible_time, failure.as_deref());
            }
            StateChange::ActivityReady { scheduled_event_id, .. } => activity::ready(self, *scheduled_event_id),
            StateChange::ChildStartedLate { initiated_event_id, run_id } => {
                child::started_late(self, *initiated_event_id, run_id);
            }
            StateChange::ClosePolicyApplied { initiated_event_id } => child::settled(self, *initiated_event_id),
            StateChange::ParentNotified => {
                self.core.parent_notice_pending = false;
                self.core.closing_event = None;
            }
            StateChange::Closed { delete_time, batch_event_id } => {
                self.core.delete_time = delete_time.0;
                self.core.close_batch_event_id = *batch_event_id;
                if !self.core.new_execution_run_id.is_empty() {
                    build::expire_reset_points(self, *delete_time);
                }
            }
        }
    }
}

/// The event is held back, and takes effect like the one that it will be.
fn buffer(run: &mut Run, event: &Arc<HistoryEvent>) {
    run.buffered.push_back(event.clone());
    evolve_event(run, event);
}
