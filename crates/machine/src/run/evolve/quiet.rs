//! What changes without an event.

use std::sync::Arc;

use proto::temporal::api::history::v1::HistoryEvent;

use crate::{Quiet, Run};

use super::{activity, build, child, evolve_event, update};

impl Run {
    /// Applies a change that leaves no event. Those of an activity or a child that is over by now change nothing.
    pub(super) fn evolve_quiet(&mut self, change: &Quiet) {
        match change {
            Quiet::Buffered(event) => buffer(self, event),
            Quiet::BufferTaken => self.buffered.clear(),
            Quiet::BufferedTimerFiredDropped { index } => {
                self.buffered.remove(*index);
            }
            Quiet::RequestSeen(request_id) => self.requests.insert(request_id),
            Quiet::StartRequestSeen(request_id) => {
                self.core.start_request_ids.push(request_id.clone());
                self.core.start_request_events.push(1);
            }
            Quiet::EarlierStartSeen(start) => self.core.earlier_starts.push(start.clone()),
            Quiet::EarlierRequestSeen(request) => {
                self.requests.insert_earlier(&request.request_id, request.run_id.as_str().into());
            }
            Quiet::CancelRequestSeen(request_id) => self.core.cancel_request_id.clone_from(request_id),
            Quiet::Stepped => self.core.state_transitions += 1,
            Quiet::WorkflowTaskSet(task) | Quiet::SpeculativeTaskSet(task) => {
                self.core.workflow_task = *task;
                self.started_task = None;
            }
            Quiet::UpdateAdmitted(update) => self.pending_updates.push_back(update.clone()),
            Quiet::UpdatesSent => update::sent(self),
            Quiet::UpdateRejected { update_id, .. } => update::forgotten(self, update_id),
            Quiet::UpdatesAborted => self.pending_updates.retain(|update| !update.sent),
            Quiet::WorkflowTaskReturned => update::returned(self),
            Quiet::FirstTaskDueSet(time) => self.core.first_task_due = time.0,
            Quiet::WorkflowTaskStarted(started) => self.started_task = Some(started.clone()),
            Quiet::StickySet(sticky) => self.core.sticky = sticky.clone(),
            Quiet::WorkerSeen { sdk_name, sdk_version, version } => {
                self.core.sdk_name.clone_from(sdk_name);
                self.core.sdk_version.clone_from(sdk_version);
                self.core.worker_version.clone_from(version);
            }
            Quiet::WorkflowTaskProblem { failed_tasks, last_problem, reported } => {
                self.core.failed_workflow_tasks = *failed_tasks;
                self.core.last_problem.clone_from(last_problem);
                self.core.reported_problem.clone_from(reported);
            }
            Quiet::CloseAttempted(attempted) => self.core.close_attempted = *attempted,
            Quiet::ActivityStarted { scheduled_event_id, time, identity, request_id, worker_version } => {
                activity::taken(self, *scheduled_event_id, *time, identity, request_id, worker_version.as_ref());
            }
            Quiet::ActivityReturned { scheduled_event_id } => activity::returned(self, *scheduled_event_id),
            Quiet::ActivityHeartbeat { scheduled_event_id, time, details } => {
                activity::heartbeat(self, *scheduled_event_id, *time, details.as_ref());
            }
            Quiet::ActivityRetried { scheduled_event_id, time, visible_time, failure } => {
                activity::retried(self, *scheduled_event_id, *time, *visible_time, failure.as_deref());
            }
            Quiet::ActivityReady { scheduled_event_id, .. } => activity::ready(self, *scheduled_event_id),
            Quiet::ChildStartedLate { initiated_event_id, run_id } => {
                child::started_late(self, *initiated_event_id, run_id);
            }
            Quiet::ClosePolicyApplied { initiated_event_id } => child::settled(self, *initiated_event_id),
            Quiet::ParentNotified => {
                self.core.parent_notice_pending = false;
                self.core.closing_event = None;
            }
            Quiet::Closed { delete_time, batch_event_id } => {
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
