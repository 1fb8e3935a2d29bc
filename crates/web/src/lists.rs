//! The list of namespaces, and the list of a namespace's workflows.

use maud::html;
use proto::temporal::api::{
    common::v1::WorkflowExecution, workflow::v1::WorkflowExecutionInfo,
    workflowservice::v1::ListWorkflowExecutionsResponse,
};

use crate::{
    Viewer,
    frame::{next, page},
    link, message,
};

/// The namespaces that somebody may read.
#[derive(Clone, Copy, Debug)]
pub struct Namespaces<'a> {
    pub names: &'a [String],
    /// The page token of what follows; empty at the end.
    pub next: &'a [u8],
}

impl Namespaces<'_> {
    /// The page.
    pub fn page(&self, viewer: Viewer<'_>) -> String {
        let token = link::token_of(self.next);
        let following = (!token.is_empty()).then(|| link::with_query(&link::namespaces(), &[("token", &token)]));
        let body = html! {
            @if self.names.is_empty() {
                p { "There are no namespaces that you may read." }
            }
            ul {
                @for name in self.names {
                    li { a href=(link::workflows(name)) { (name) } }
                }
            }
            (next(following.as_deref()))
        };
        page(viewer, "Namespaces", &body)
    }
}

/// A page of a namespace's workflows.
#[derive(Clone, Copy, Debug)]
pub struct Workflows<'a> {
    pub namespace: &'a str,
    /// The list filter; empty where there is none.
    pub query: &'a str,
    /// What was found, or why the filter is refused: it stands there all the same, to be mended.
    pub found: Result<&'a ListWorkflowExecutionsResponse, &'a str>,
}

impl Workflows<'_> {
    /// The page.
    pub fn page(&self, viewer: Viewer<'_>) -> String {
        let body = html! {
            form method="get" action=(link::workflows(self.namespace)) {
                input name="query" value=(self.query) aria-label="List filter"
                    placeholder="List filter, for instance WorkflowType = 'Pay'";
                " " button { "Filter" }
            }
            @match self.found {
                Ok(found) => (self.table(found)),
                Err(complaint) => {
                    p role="alert" { strong { "The filter is not understood: " } (complaint) }
                    p { a href=(link::workflows(self.namespace)) { "All workflows" } }
                }
            }
        };
        page(viewer, &format!("Workflows of {}", self.namespace), &body)
    }

    fn table(&self, found: &ListWorkflowExecutionsResponse) -> maud::Markup {
        let path = link::workflows(self.namespace);
        let token = link::token_of(&found.next_page_token);
        let following =
            (!token.is_empty()).then(|| link::with_query(&path, &[("query", self.query), ("token", &token)]));
        html! {
            @if found.executions.is_empty() {
                p { "No workflows." }
            } @else {
                table {
                    thead { tr { th { "Status" } th { "Workflow Id" } th { "Run Id" } th { "Type" } th { "Start" } th { "Close" } } }
                    tbody {
                        @for info in &found.executions {
                            (self.row(info))
                        }
                    }
                }
            }
            (next(following.as_deref()))
        }
    }

    fn row(&self, info: &WorkflowExecutionInfo) -> maud::Markup {
        let none = WorkflowExecution::default();
        let execution = info.execution.as_ref().unwrap_or(&none);
        let run = link::run(self.namespace, &execution.workflow_id, &execution.run_id);
        html! {
            tr {
                td data-label="Status" { (message::status(info.status())) }
                td data-label="Workflow Id" { a href=(run) { (execution.workflow_id) } }
                td data-label="Run Id" { (execution.run_id) }
                td data-label="Type" { (info.r#type.as_ref().map(|kind| kind.name.as_str()).unwrap_or_default()) }
                td data-label="Start" { (message::time(info.start_time.as_ref())) }
                td data-label="Close" { (message::time(info.close_time.as_ref())) }
            }
        }
    }
}
