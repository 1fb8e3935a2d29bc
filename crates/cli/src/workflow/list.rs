//! `workflow list`.

use clap::Args;
use prost::bytes::Bytes;
use proto::temporal::api::{
    enums::v1::WorkflowExecutionStatus,
    workflow::v1::WorkflowExecutionInfo,
    workflowservice::v1::{ListArchivedWorkflowExecutionsRequest, ListWorkflowExecutionsRequest},
};
use tonic::Status;

use crate::{
    connect::Session,
    context::Context,
    failure::{Attempt, Failure},
    flags::values::integer,
    output::{
        Printer,
        blocks::{Column, Table},
        names,
    },
};

/// Show Workflow Executions
///
/// List Workflow Executions. Use --query to filter them.
#[derive(Args, Clone, Debug)]
pub(crate) struct ListArgs {
    /// Content for an SQL-like QUERY List Filter.
    #[arg(long, short, value_name = "QUERY", default_value = "", hide_default_value = true)]
    query: String,
    /// Limit output to archived Workflow Executions. EXPERIMENTAL.
    #[arg(long)]
    archived: bool,
    /// Maximum number of Workflow Executions to display.
    #[arg(long, value_name = "int", value_parser = integer)]
    limit: Option<i32>,
    /// Maximum number of Workflow Executions to fetch at a time from the server.
    #[arg(long, value_name = "int", value_parser = integer)]
    page_size: Option<i32>,
}

impl ListArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect().await?;
        context.printer.start_list()?;
        let outcome = self.print_pages(context, &mut session).await;
        context.printer.end_list()?;
        outcome
    }

    async fn print_pages(&self, context: &mut Context, session: &mut Session) -> Result<(), Failure> {
        let mut left = self.limit().unwrap_or(usize::MAX);
        let mut token = Bytes::new();
        let mut is_first = true;
        loop {
            let (mut page, next) = self.fetch(session, token).await.attempt("failed listing workflows")?;
            page.truncate(left);
            left -= page.len();
            for execution in &page {
                context.printer.message(execution)?;
            }
            // Each page is a table of its own, so that rows are shown as they come; only the first has a header.
            let table = table(&context.printer, &page);
            if !table.is_empty() {
                if is_first {
                    context.printer.table_header(&table)?;
                }
                context.printer.text(&table.render_rows())?;
            }
            is_first = false;
            if next.is_empty() || left == 0 {
                return Ok(());
            }
            token = next;
        }
    }

    async fn fetch(
        &self,
        session: &mut Session,
        next_page_token: Bytes,
    ) -> Result<(Vec<WorkflowExecutionInfo>, Bytes), Status> {
        let namespace = session.namespace.clone();
        let query = self.query.clone();
        let page_size = self.page_size();
        if self.archived {
            let request = ListArchivedWorkflowExecutionsRequest { namespace, page_size, next_page_token, query };
            let response = session.workflow.list_archived_workflow_executions(request).await?.into_inner();
            Ok((response.executions, response.next_page_token))
        } else {
            let request = ListWorkflowExecutionsRequest { namespace, page_size, next_page_token, query };
            let response = session.workflow.list_workflow_executions(request).await?.into_inner();
            Ok((response.executions, response.next_page_token))
        }
    }

    /// How many are shown at most; zero and below is no limit.
    fn limit(&self) -> Option<usize> {
        self.limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0)
    }

    /// Zero leaves it to the server.
    fn page_size(&self) -> i32 {
        let page_size = self.page_size.unwrap_or_default();
        match self.limit {
            Some(limit) if limit > 0 && limit < page_size => limit,
            Some(_) | None => page_size,
        }
    }
}

fn table(printer: &Printer, executions: &[WorkflowExecutionInfo]) -> Table {
    let columns = ["Status", "WorkflowId", "Type", "StartTime"];
    let mut table = Table::new(columns.map(Column::text));
    for execution in executions {
        table.push([
            status_name(execution.status),
            execution.execution.as_ref().map(|execution| execution.workflow_id.clone()).unwrap_or_default(),
            execution.r#type.as_ref().map(|name| name.name.clone()).unwrap_or_default(),
            printer.time(execution.start_time.as_ref()),
        ]);
    }
    table
}

/// `Running`, for example; the number, where the status is not known to this version.
pub(crate) fn status_name(status: i32) -> String {
    match WorkflowExecutionStatus::try_from(status) {
        Ok(known) => names::short(known.as_str_name(), "WORKFLOW_EXECUTION_STATUS_"),
        Err(_) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::common::v1::{WorkflowExecution, WorkflowType};

    use super::*;
    use crate::output::{Format, tests::printer};

    #[test]
    fn a_page_is_a_table() {
        let execution = WorkflowExecutionInfo {
            execution: Some(WorkflowExecution { workflow_id: "a1".to_owned(), run_id: "r".to_owned() }),
            r#type: Some(WorkflowType { name: "W".to_owned() }),
            status: WorkflowExecutionStatus::ContinuedAsNew.into(),
            start_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            ..Default::default()
        };
        let (mut printer, sink) = printer(Format::Text);
        let table = table(&printer, &[execution]);
        printer.table(&table).unwrap();
        assert_eq!(
            sink.text(),
            "      Status      WorkflowId  Type       StartTime      \n  ContinuedAsNew  a1          W     \
             1970-01-01T00:00:01Z\n"
        );
    }

    #[test]
    fn a_small_limit_makes_small_pages() {
        let args = |limit, page_size| ListArgs { query: String::new(), archived: false, limit, page_size };
        assert_eq!(args(Some(3), Some(10)).page_size(), 3);
        assert_eq!(args(Some(3), None).page_size(), 0);
        assert_eq!((args(Some(0), Some(10)).page_size(), args(Some(0), None).limit()), (10, None));
    }
}
