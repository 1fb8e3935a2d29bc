//! What changes without an event.

use crate::{Quiet, Run};

use super::{activity, build, child, update};

impl Run {
    /// Applies a change that leaves no event. Those of an activity or a child that is over by now change nothing.
    pub(super) fn evolve_quiet(&mut self, change: &Quiet) {
        match change {
            // `evolve` itself has done it, because it takes effect like the event that it will be.
            Quiet::Buffered(_) => {}
            Quiet::BufferTaken => self.buffered.clear(),
            Quiet::BufferedTimerFiredDropped { index } => {
                self.buffered.remove(*index);
            }
            Quiet::RequestSeen(request_id) => self.requests.insert(request_id.clone()),
            Quiet::StartRequestSeen(request_id) => {
                self.core.start_request_ids.push(request_id.clone());
                self.core.start_request_events.push(1);
            }
            Quiet::EarlierStartSeen(start) => self.core.earlier_starts.push(start.clone()),
            Quiet::EarlierRequestSeen(request) => {
                self.requests.insert_earlier(request.request_id.as_str().into(), request.run_id.as_str().into());
            }
            Quiet::CancelRequestSeen(request_id) => self.core.cancel_request_id.clone_from(request_id),
            Quiet::Stepped => self.core.state_transitions += 1,
            Quiet::WorkflowTaskSet(task) | Quiet::SpeculativeTaskSet(task) => {
                self.core.workflow_task = *task;
                self.started_task = None;
            }
            Quiet::UpdateAdmitted(_)
            | Quiet::UpdatesSent
            | Quiet::UpdateRejected { .. }
            | Quiet::UpdatesAborted
            | Quiet::WorkflowTaskReturned => update::quiet(self, change),
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
            Quiet::ActivityStarted { .. }
            | Quiet::ActivityReturned { .. }
            | Quiet::ActivityHeartbeat { .. }
            | Quiet::ActivityRetried { .. }
            | Quiet::ActivityReady { .. } => activity::quiet(self, change),
            Quiet::ChildStartedLate { .. } | Quiet::ClosePolicyApplied { .. } => child::quiet(self, change),
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
