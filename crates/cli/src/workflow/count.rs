//! `workflow count`, with groups where the List Filter asks for them.

use clap::Args;
use proto::temporal::api::{
    common::v1::Payload,
    workflowservice::v1::{CountWorkflowExecutionsRequest, CountWorkflowExecutionsResponse},
};

use crate::{
    context::Context,
    failure::{Failure, status_text},
    output::{
        json::{Json, Layout},
        proto_json,
    },
};

/// Number of Workflow Executions
///
/// Show a count of Workflow Executions, regardless of execution state (running, terminated, etc). Use --query to
/// select a subset of Workflow Executions.
#[derive(Args, Clone, Debug)]
pub(crate) struct CountArgs {
    /// Content for an SQL-like QUERY List Filter.
    #[arg(long, short, value_name = "QUERY", default_value = "", hide_default_value = true)]
    query: String,
}

impl CountArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect().await?;
        let request = CountWorkflowExecutionsRequest { namespace: session.namespace.clone(), query: self.query };
        let response = session.workflow.count_workflow_executions(request).await;
        let response = response.map_err(|status| Failure::told(status_text(&status)))?.into_inner();
        for line in lines(&response) {
            context.printer.line(&line)?;
        }
        context.printer.message(&without_types(response))
    }
}

fn lines(response: &CountWorkflowExecutionsResponse) -> Vec<String> {
    let mut lines = vec![format!("Total: {}", response.count)];
    for group in &response.groups {
        let values: Vec<String> = group.group_values.iter().map(value_text).collect();
        lines.push(format!("Group total: {}, values: {}", group.count, values.join(", ")));
    }
    lines
}

fn value_text(payload: &Payload) -> String {
    match proto_json::json_data(payload) {
        Some(Json::String(text)) => text,
        Some(value) => value.render(Layout::Compact),
        None => "<failed converting>".to_owned(),
    }
}

/// Group values carry their search attribute type, which would keep them from being shown by value.
fn without_types(mut response: CountWorkflowExecutionsResponse) -> CountWorkflowExecutionsResponse {
    for payload in response.groups.iter_mut().flat_map(|group| &mut group.group_values) {
        payload.metadata.remove("type");
    }
    response
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::workflowservice::v1::count_workflow_executions_response::AggregationGroup;

    use super::*;
    use crate::output::proto_json::Payloads;

    #[test]
    fn groups() {
        let payload = Payload {
            metadata: [
                ("encoding".to_owned(), b"json/plain".as_slice().into()),
                ("type".to_owned(), b"Keyword".as_slice().into()),
            ]
            .into(),
            data: b"\"Running\"".as_slice().into(),
            ..Default::default()
        };
        let group = AggregationGroup { group_values: vec![payload], count: 2 };
        let response = CountWorkflowExecutionsResponse { count: 3, groups: vec![group] };
        assert_eq!(lines(&response), ["Total: 3", "Group total: 2, values: Running"]);
        let json = proto_json::to_json(&without_types(response), Payloads::Shorthand);
        assert_eq!(json.render(Layout::Compact), r#"{"count":"3","groups":[{"groupValues":["Running"],"count":"2"}]}"#);
    }
}
