//! One run, and its events.

use maud::{Markup, html};
use proto::{
    name::short,
    temporal::api::{
        history::v1::HistoryEvent,
        workflowservice::v1::{DescribeWorkflowExecutionResponse, GetWorkflowExecutionHistoryResponse},
    },
    trouble::Trouble,
};

use crate::{
    Viewer,
    frame::{next, page},
    link, message,
};

/// A run: what went wrong with it, what it is, and all that the server tells of it.
pub fn run(
    viewer: Viewer<'_>,
    namespace: &str,
    described: &DescribeWorkflowExecutionResponse,
    trouble: Option<&Trouble>,
) -> String {
    let info = described.workflow_execution_info.clone().unwrap_or_default();
    let execution = info.execution.clone().unwrap_or_default();
    let history = link::history(namespace, &execution.workflow_id, &execution.run_id);
    let body = html! {
        p {
            a href=(link::workflows(namespace)) { "Workflows of " (namespace) }
            " · " a href=(history) { "History" }
        }
        (troubled(trouble))
        dl {
            dt { "Status" } dd { (message::status(info.status())) }
            dt { "Type" } dd { (info.r#type.as_ref().map(|kind| kind.name.as_str()).unwrap_or_default()) }
            dt { "Run Id" } dd { (execution.run_id) }
            dt { "Start" } dd { (message::time(info.start_time.as_ref())) }
            dt { "Close" } dd { (message::time(info.close_time.as_ref())) }
            dt { "Task queue" } dd { (info.task_queue) }
            dt { "Events" } dd { (info.history_length) }
        }
        h2 { "Description" }
        (message::format_message("temporal.api.workflowservice.v1.DescribeWorkflowExecutionResponse", described))
    };
    page(viewer, &execution.workflow_id, &body)
}

fn troubled(trouble: Option<&Trouble>) -> Markup {
    html! {
        @if let Some(Trouble { headline, lines }) = trouble {
            section class="trouble" role="alert" {
                strong { (headline) }
                @for line in lines {
                    (message::text(line))
                }
            }
        }
    }
}

/// A page of a run's events.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    pub namespace: &'a str,
    pub workflow_id: &'a str,
    pub run_id: &'a str,
    pub found: &'a GetWorkflowExecutionHistoryResponse,
}

impl History<'_> {
    /// The page.
    pub fn page(&self, viewer: Viewer<'_>) -> String {
        let token = link::token_of(&self.found.next_page_token);
        let path = link::history(self.namespace, self.workflow_id, self.run_id);
        let following = (!token.is_empty()).then(|| link::with_query(&path, &[("token", &token)]));
        let events = self.found.history.as_ref().map(|history| history.events.as_slice()).unwrap_or_default();
        let body = html! {
            p {
                a href=(link::workflows(self.namespace)) { "Workflows of " (self.namespace) }
                " · " a href=(link::run(self.namespace, self.workflow_id, self.run_id)) { "Description" }
            }
            p { "Run " (self.run_id) }
            table {
                thead { tr { th { "Event" } th { "Time" } th { "Type" } th { "Attributes" } } }
                tbody {
                    @for event in events {
                        (row(event))
                    }
                }
            }
            (next(following.as_deref()))
        };
        page(viewer, &format!("History of {}", self.workflow_id), &body)
    }
}

fn row(event: &HistoryEvent) -> Markup {
    html! {
        tr id={ "event-" (event.event_id) } {
            td data-label="Event" { (event.event_id) }
            td data-label="Time" { (message::time(event.event_time.as_ref())) }
            td data-label="Type" { (short("EVENT_TYPE_", event.event_type().as_str_name())) }
            td data-label="Attributes" { (message::attributes(event)) }
        }
    }
}
