//! Calls about a workflow, as a client makes them: one file for each.

mod cancel;
mod delete;
mod describe;
mod history;
mod multi_operation;
mod page;
mod query;
mod reverse;
mod signal;
mod signal_with_start;
mod start;
mod stored;
mod terminate;
mod update;

use proto::temporal::api::{
    common::v1::{
        Link,
        link::{
            Variant, WorkflowEvent,
            workflow_event::{EventReference, Reference, RequestIdReference},
        },
    },
    enums::v1::EventType,
};

pub(crate) use cancel::request_cancel_workflow_execution;
pub(crate) use delete::delete_workflow_execution;
pub(crate) use describe::describe_workflow_execution;
pub(crate) use history::get_workflow_execution_history;
pub(crate) use multi_operation::execute_multi_operation;
pub(crate) use page::{WorkerTask, worker_task};
pub(crate) use query::query_workflow;
pub(crate) use reverse::get_workflow_execution_history_reverse;
pub(crate) use signal::signal_workflow_execution;
pub(crate) use signal_with_start::signal_with_start_workflow_execution;
pub(crate) use start::start_workflow_execution;
pub(crate) use terminate::terminate_workflow_execution;
pub(crate) use update::{poll_workflow_execution_update, update_workflow_execution};

/// A link to the first event of a run.
fn link_to_start(namespace: &str, workflow_id: &str, run_id: &str) -> Link {
    let event = EventReference { event_id: 1, event_type: EventType::WorkflowExecutionStarted.into() };
    link(namespace, workflow_id, run_id, Reference::EventRef(event))
}

/// A link to the event that a request left in a run, whatever its number is.
fn link_to_request(namespace: &str, workflow_id: &str, run_id: &str, request_id: &str, kind: EventType) -> Link {
    let request = RequestIdReference { request_id: request_id.to_owned(), event_type: kind.into() };
    link(namespace, workflow_id, run_id, Reference::RequestIdRef(request))
}

fn link(namespace: &str, workflow_id: &str, run_id: &str, reference: Reference) -> Link {
    let event = WorkflowEvent {
        namespace: namespace.to_owned(),
        workflow_id: workflow_id.to_owned(),
        run_id: run_id.to_owned(),
        reference: Some(reference),
    };
    Link { variant: Some(Variant::WorkflowEvent(event)) }
}
