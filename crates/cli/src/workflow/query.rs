//! `workflow query`.

use clap::Args;
use proto::temporal::api::{
    enums::v1::QueryRejectCondition,
    query::v1::WorkflowQuery,
    workflowservice::v1::{QueryWorkflowRequest, QueryWorkflowResponse},
};

use super::{list::status_name, outcome::friendly_json, target::ReferenceArgs};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    flags::{
        payloads::{PayloadArgs, header},
        values::{Choice, choice},
    },
    output::{Printer, blocks::Card, json::Layout},
};

/// Retrieve Workflow Execution state
///
/// Send a Query to a Workflow Execution by Workflow ID to retrieve its state. This synchronous operation exposes the
/// internal state of a running Workflow Execution, which constantly changes. You can query both running and completed
/// Workflow Executions.
#[derive(Args, Clone, Debug)]
pub(crate) struct QueryArgs {
    /// Query Type/Name. Required. Aliased as "--type".
    #[arg(long, alias = "type", value_name = "string")]
    name: String,
    #[command(flatten)]
    input: PayloadArgs,
    #[command(flatten)]
    reference: ReferenceArgs,
    /// Optional flag for rejecting Queries based on Workflow state. Accepted values: not_open, not_completed_cleanly.
    #[arg(long, value_name = "string", value_parser = choice::<QueryRejectCondition>)]
    reject_condition: Option<QueryRejectCondition>,
    /// Temporal workflow headers in 'KEY=VALUE' format. Keys must be identifiers, and values must be JSON values. May
    /// be passed multiple times to set multiple Temporal headers. Note: These are workflow headers, not gRPC headers.
    #[arg(long, value_name = "stringArray")]
    headers: Vec<String>,
}

impl Choice for QueryRejectCondition {
    const VALUES: &'static [(&'static str, Self)] =
        &[("not_open", Self::NotOpen), ("not_completed_cleanly", Self::NotCompletedCleanly)];
}

impl QueryArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let query = WorkflowQuery {
            query_type: self.name,
            query_args: Some(self.input.build()?).filter(|input| !input.payloads.is_empty()),
            header: Some(header(&self.headers)?).filter(|header| !header.fields.is_empty()),
        };
        let mut session = context.connect().await?;
        let request = QueryWorkflowRequest {
            namespace: session.namespace.clone(),
            execution: Some(self.reference.execution()),
            query: Some(query),
            query_reject_condition: self.reject_condition.unwrap_or_default().into(),
        };
        let response = session.workflow.query_workflow(request).await.attempt("querying workflow failed")?;
        print(&mut context.printer, &response.into_inner())
    }
}

fn print(printer: &mut Printer, response: &QueryWorkflowResponse) -> Result<(), Failure> {
    if let Some(rejected) = &response.query_rejected {
        let status = status_name(rejected.status);
        return Err(Failure::told(format!("query was rejected, workflow has status: {status}")));
    }
    printer.heading("Query result:")?;
    let result = friendly_json(response.query_result.as_ref(), printer.payloads());
    printer.card(&Card::default().field("QueryResult", result.render(Layout::Compact)))?;
    printer.message(response)
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::{
        common::v1::{Payload, Payloads},
        enums::v1::WorkflowExecutionStatus,
        query::v1::QueryRejected,
    };

    use super::*;
    use crate::output::{Format, tests::printer};

    #[test]
    fn results_in_both_formats() {
        let payload = Payload {
            metadata: [("encoding".to_owned(), b"json/plain".as_slice().into())].into(),
            data: b"{\"n\": 3}".as_slice().into(),
            ..Default::default()
        };
        let result = Some(Payloads { payloads: vec![payload] });
        let response = QueryWorkflowResponse { query_result: result, ..Default::default() };
        for (format, wanted) in [
            (Format::Text, "Query result:\n  QueryResult  {\"n\":3}\n"),
            (Format::Jsonl, "{\"queryResult\":[{\"n\":3}]}\n"),
        ] {
            let (mut printer, sink) = printer(format);
            print(&mut printer, &response).unwrap();
            assert_eq!(sink.text(), wanted);
        }
    }

    #[test]
    fn a_rejection_is_a_failure() {
        let status = WorkflowExecutionStatus::Completed.into();
        let response = QueryWorkflowResponse { query_rejected: Some(QueryRejected { status }), ..Default::default() };
        let failure = print(&mut printer(Format::Text).0, &response).unwrap_err();
        assert_eq!(failure.to_string(), "query was rejected, workflow has status: Completed");
    }
}
