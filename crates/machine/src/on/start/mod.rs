//! Starting a run: what a client's request becomes, whether the workflow id may be used, and the first step.

mod decide;
mod request;

use model::{Reject, RunKey};
use proto::temporal::api::{
    enums::v1::WorkflowExecutionStatus,
    history::v1::{HistoryEvent, history_event::Attributes as A},
};

use crate::{Draft, Reply, Run, StartSpec, StateChange, Step, StepContext, assert, cron, payload, search_attributes};

pub use decide::{Current, Decision, Repeats, decide};

impl Run {
    /// The first step of a new run.
    ///
    /// # Errors
    /// A refusal where the spec breaks a rule that only the machine knows.
    pub fn start(key: RunKey, spec: StartSpec, context: &StepContext) -> Result<Step, Reject> {
        let step = Self::first_step(key, spec, context)?;
        assert::state(&step.next);
        Ok(step)
    }

    fn first_step(key: RunKey, spec: StartSpec, context: &StepContext) -> Result<Step, Reject> {
        if spec.attributes.continued_execution_run_id.is_empty() {
            // Of a run that follows another the schedule was in force before, and that run must be able to end.
            cron::validate(&spec.attributes.cron_schedule, context.now)?;
        }
        let run_id = key.run_id.to_string();
        let mut draft = Draft::new(Run::blank(key), context.clone());
        let eager = spec.eager;
        let mut attributes = spec.attributes;
        attributes.memo = payload::filter_memo(attributes.memo);
        attributes.search_attributes = payload::filter_search_attributes(attributes.search_attributes);
        if attributes.search_attributes.is_none() {
            attributes.search_attributes = payload::filter_search_attributes(spec.search_attributes);
        }
        attributes.search_attributes = search_attributes::typed(attributes.search_attributes, &context.namespace);
        if attributes.first_execution_run_id.is_empty() {
            attributes.first_execution_run_id.clone_from(&run_id);
        }
        if attributes.original_execution_run_id.is_empty() {
            attributes.original_execution_run_id = run_id;
        }
        let waits = !model::from_proto_duration(attributes.first_workflow_task_backoff.as_ref()).is_zero();
        attributes.eager_execution_accepted = eager.is_some() && !waits;
        if !spec.request_id.is_empty() {
            draft.change(StateChange::StartRequestSeen(spec.request_id));
        }
        for start in spec.earlier.starts {
            draft.change(StateChange::EarlierStartSeen(start));
        }
        for request in spec.earlier.requests {
            draft.change(StateChange::EarlierRequestSeen(request));
        }
        draft.append_event(HistoryEvent {
            user_metadata: spec.user_metadata,
            links: spec.links,
            attributes: Some(A::WorkflowExecutionStartedEventAttributes(*attributes)),
            ..HistoryEvent::default()
        });
        if let Some(signal) = spec.signal {
            if !signal.request_id.is_empty() {
                draft.change(StateChange::RequestSeen(signal.request_id.as_str().into()));
            }
            draft.append_event(super::signal::event(signal));
        }
        if waits {
            return draft.finish(Reply::Done);
        }
        draft.schedule_workflow_task();
        let reply = match eager {
            Some(worker) => {
                let answer = draft.start_workflow_task(worker.identity, worker.request_id, worker.worker_version)?;
                Reply::WorkflowTask(Box::new(answer))
            }
            None => Reply::Done,
        };
        draft.finish(reply)
    }

    /// What the next start with this workflow id is decided on, where this is the newest run.
    pub fn current(&self) -> Current {
        Current {
            run_id: self.key.run_id.to_string(),
            status: self.status(),
            request_ids: self.core.start_request_ids.clone(),
            earlier_starts: self.core.earlier_starts.clone(),
            requests: self.requests.clone(),
            first_execution_run_id: self.started().first_execution_run_id.clone(),
        }
    }
}

/// Whether a run with this status is over.
fn is_closed(status: WorkflowExecutionStatus) -> bool {
    match status {
        WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Paused => false,
        WorkflowExecutionStatus::Unspecified
        | WorkflowExecutionStatus::Completed
        | WorkflowExecutionStatus::Failed
        | WorkflowExecutionStatus::Canceled
        | WorkflowExecutionStatus::Terminated
        | WorkflowExecutionStatus::ContinuedAsNew
        | WorkflowExecutionStatus::TimedOut => true,
    }
}
