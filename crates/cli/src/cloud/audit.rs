//! `cloud audit-log`: who has changed what in the account.

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use proto::temporal::api::cloud::{auditlog::v1::LogRecord, cloudservice::v1::GetAuditLogsRequest};

use super::{PAGE_SIZE, all_pages, print_list};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    flags::values::duration,
    output::blocks::{Column, Table},
};

/// Show the audit log
///
/// Shows who has changed what, and who has tried to without the right to. To check that nobody has changed the log
/// itself, use perdure cloud audit verify on the server's machine.
#[derive(Args, Clone, Debug)]
pub struct AuditLogArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// List records of the audit log
    List {
        /// How far to look back.
        #[arg(long, value_name = "duration", value_parser = duration, default_value = "30d")]
        since: SignedDuration,
    },
}

impl AuditLogArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            Verb::List { since } => list(since, context).await,
        }
    }
}

async fn list(since: SignedDuration, context: &mut Context) -> Result<(), Failure> {
    let mut session = context.connect_cloud().await?;
    let start = Timestamp::now().saturating_sub(since).map_err(|error| Failure::told(error.to_string()))?;
    let start = prost_types::Timestamp { seconds: start.as_second(), nanos: start.subsec_nanosecond() };
    let request = GetAuditLogsRequest { page_size: PAGE_SIZE, start_time_inclusive: Some(start), ..Default::default() };
    let records: Vec<LogRecord> = all_pages(async |page_token| {
        let page = session.get_audit_logs(GetAuditLogsRequest { page_token, ..request.clone() }).await;
        let page = page.attempt("unable to list the audit log")?.into_inner();
        Ok((page.logs, page.next_page_token))
    })
    .await?;
    let mut table = Table::new(["Time", "Operation", "Status", "Principal", "ApiKeyId"].map(Column::text));
    for record in &records {
        let principal = record.principal.clone().unwrap_or_default();
        let name = if principal.name.is_empty() { principal.id } else { principal.name };
        let time = context.printer.time(record.emit_time.as_ref());
        table.push([time, record.operation.clone(), record.status.clone(), name, principal.api_key_id]);
    }
    print_list(&mut context.printer, &records, &table)
}
