//! A later start request was answered with this run.

use model::Reject;
use proto::temporal::api::{
    common::v1::Link,
    history::v1::{HistoryEvent, WorkflowExecutionOptionsUpdatedEventAttributes, history_event::Attributes as A},
};

use super::completed;
use crate::{Draft, Reply, Step};

/// The workflow doesn't hear of it: nothing of it is for the worker to decide on.
pub(super) fn handle(mut draft: Draft, request_id: String, links: Vec<Link>) -> Result<Step, Reject> {
    if !draft.run().is_open() {
        return Err(completed());
    }
    draft.record_event(HistoryEvent {
        links,
        worker_may_ignore: true,
        attributes: Some(A::WorkflowExecutionOptionsUpdatedEventAttributes(
            WorkflowExecutionOptionsUpdatedEventAttributes {
                attached_request_id: request_id,
                ..WorkflowExecutionOptionsUpdatedEventAttributes::default()
            },
        )),
        ..HistoryEvent::default()
    });
    draft.finish(Reply::Done)
}
