//! `workflow describe`.

use std::collections::BTreeMap;

use clap::Args;
use proto::temporal::api::{
    common::v1::{Payload, WorkflowExecution},
    enums::v1::WorkflowExecutionStatus,
    history::v1::HistoryEvent,
    sdk::v1::UserMetadata,
    workflow::v1::{ResetPoints, WorkflowExecutionExtendedInfo, WorkflowExecutionInfo},
    workflowservice::v1::{DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse},
};
use proto::trouble::Trouble;

use super::{
    history::{Events, HistoryReader},
    outcome, pending,
    target::ReferenceArgs,
    trouble, unserved, versioning,
};
use crate::{
    connect::Session,
    context::Context,
    failure::{Attempt, Failure},
    output::{
        Printer,
        blocks::Card,
        elapsed,
        json::{Json, Layout},
        proto_json,
    },
};

/// Show Workflow Execution info
///
/// Display information about a specific Workflow Execution.
#[derive(Args, Clone, Debug)]
pub(crate) struct DescribeArgs {
    /// Show auto-reset points only.
    #[arg(long)]
    reset_points: bool,
    /// Print properties without changing their format. Accepted for compatibility.
    #[arg(long, hide = true)]
    raw: bool,
    #[command(flatten)]
    reference: ReferenceArgs,
}

impl DescribeArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect().await?;
        let request = DescribeWorkflowExecutionRequest {
            namespace: session.namespace.clone(),
            execution: Some(self.reference.execution()),
        };
        let response = session.workflow.describe_workflow_execution(request).await;
        let response = response.attempt("failed describing workflow")?.into_inner();
        let info = response.workflow_execution_info.clone().unwrap_or_default();
        if self.reset_points {
            return print_reset_points(&mut context.printer, info.auto_reset_points.as_ref());
        }
        let close_event = match is_open(&info) {
            true => None,
            false => Some(close_event(&session, info.execution.clone().unwrap_or_default()).await?),
        };
        if context.printer.is_json() {
            return print_json(&mut context.printer, &response, close_event.as_ref());
        }
        let trouble = match &close_event {
            Some(event) => Trouble::of(event),
            None => trouble::of_open(&session, &response).await,
        };
        trouble::print(&mut context.printer, trouble.as_ref())?;
        print_text(&mut context.printer, &session.namespace, &response, &info, close_event.as_ref())?;
        if close_event.is_none() {
            unserved::warn_of_run(context, &mut session, &response).await;
        }
        Ok(())
    }
}

fn is_open(info: &WorkflowExecutionInfo) -> bool {
    matches!(info.status(), WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Paused)
}

async fn close_event(session: &Session, execution: WorkflowExecution) -> Result<HistoryEvent, Failure> {
    let event = HistoryReader::new(session, execution, Events::Close).next().await;
    event.attempt("failed getting close event")?.ok_or_else(|| Failure::told("missing close event"))
}

fn print_reset_points(printer: &mut Printer, points: Option<&ResetPoints>) -> Result<(), Failure> {
    let points = points.map(|points| points.points.as_slice()).unwrap_or_default();
    if printer.is_json() {
        let json = points.iter().map(|point| proto_json::to_json(point, printer.payloads())).collect();
        return printer.json(&Json::Array(json));
    }
    printer.heading(&format!("Auto Reset Points: {}", points.len()))?;
    let cards: Vec<Card> = points
        .iter()
        .map(|point| {
            Card::default()
                .field("BinaryChecksum", point.binary_checksum.as_str())
                .field("CreateTime", printer.time(point.create_time.as_ref()))
                .field("RunId", point.run_id.as_str())
                .field("EventId", point.first_workflow_task_completed_id.to_string())
        })
        .collect();
    printer.cards(&cards)
}

/// The response, and for a closed run how it ended. Members are sorted where something was added.
fn print_json(
    printer: &mut Printer,
    response: &DescribeWorkflowExecutionResponse,
    close_event: Option<&HistoryEvent>,
) -> Result<(), Failure> {
    let json = proto_json::to_json(response, printer.payloads());
    let (Some(close_event), Json::Object(members)) = (close_event, json.clone().sorted()) else {
        return printer.json(&json);
    };
    let added = outcome::json_members(close_event, printer.payloads());
    let added = added.into_iter().filter(|(key, _)| key != "status");
    let mut members: Vec<_> = members.into_iter().chain(added).collect();
    members.sort_by(|left, right| left.0.cmp(&right.0));
    printer.json(&Json::Object(members))
}

fn print_text(
    printer: &mut Printer,
    namespace: &str,
    response: &DescribeWorkflowExecutionResponse,
    info: &WorkflowExecutionInfo,
    close_event: Option<&HistoryEvent>,
) -> Result<(), Failure> {
    printer.heading("Execution Info:")?;
    let card = execution_card(printer, namespace, info);
    printer.card(&card)?;
    if let Some(extended) = &response.workflow_extended_info {
        print_extended(printer, extended)?;
    }
    let metadata = response.execution_config.as_ref().and_then(|config| config.user_metadata.as_ref());
    if let Some(metadata) = metadata {
        print_metadata(printer, metadata)?;
    }
    if let Some(versioning_info) = &info.versioning_info {
        printer.line("")?;
        printer.heading("Versioning Info:")?;
        printer.line("")?;
        printer.card(&versioning::card(versioning_info))?;
    }
    pending::print_callbacks(printer, &response.callbacks)?;
    match close_event {
        None => pending::print(printer, response),
        Some(close_event) => {
            printer.line("")?;
            let duration = elapsed(info.start_time.as_ref(), info.close_time.as_ref());
            outcome::print_text(printer, close_event, duration)
        }
    }
}

fn execution_card(printer: &Printer, namespace: &str, info: &WorkflowExecutionInfo) -> Card {
    let execution = info.execution.clone().unwrap_or_default();
    let parent = info.parent_execution.clone().unwrap_or_default();
    let root = info.root_execution.clone().unwrap_or_default();
    let memo = info.memo.as_ref().map(|memo| &memo.fields);
    let attributes = info.search_attributes.as_ref().map(|attributes| &attributes.indexed_fields);
    Card::default()
        .field("WorkflowId", execution.workflow_id)
        .field("RunId", execution.run_id)
        .field("Type", info.r#type.as_ref().map(|name| name.name.clone()).unwrap_or_default())
        .field("Namespace", namespace)
        .field("TaskQueue", info.task_queue.as_str())
        .field("AssignedBuildId", assigned_build_id(info))
        .field("StartTime", printer.time(info.start_time.as_ref()))
        .optional("CloseTime", printer.time(info.close_time.as_ref()))
        .optional("ExecutionTime", printer.time(info.execution_time.as_ref()))
        .optional("Memo", payloads_text(memo))
        .optional("SearchAttributes", payloads_text(attributes))
        .field("StateTransitionCount", info.state_transition_count.to_string())
        .field("HistoryLength", info.history_length.to_string())
        .field("HistorySize", info.history_size_bytes.to_string())
        .optional("ParentWorkflowId", parent.workflow_id)
        .optional("ParentRunId", parent.run_id)
        .optional("RootWorkflowId", root.workflow_id)
        .optional("RootRunId", root.run_id)
}

fn assigned_build_id(info: &WorkflowExecutionInfo) -> &str {
    &info.assigned_build_id
}

/// Named payloads as one line of JSON, by value whatever their metadata says; empty if there are none.
fn payloads_text(payloads: Option<&BTreeMap<String, Payload>>) -> String {
    let Some(payloads) = payloads.filter(|payloads| !payloads.is_empty()) else {
        return String::new();
    };
    let value = |payload: &Payload| {
        proto_json::json_data(payload).unwrap_or_else(|| proto_json::to_json(payload, Default::default()))
    };
    let members = payloads.iter().map(|(key, payload)| (key.clone(), value(payload)));
    Json::Object(members.collect()).render(Layout::Compact)
}

fn print_extended(printer: &mut Printer, extended: &WorkflowExecutionExtendedInfo) -> Result<(), Failure> {
    printer.heading("Extended Execution Info:")?;
    let card = Card::default()
        .field("CancelRequested", extended.cancel_requested.to_string())
        .optional("ExecutionExpirationTime", printer.time(extended.execution_expiration_time.as_ref()))
        .optional("RunExpirationTime", printer.time(extended.run_expiration_time.as_ref()))
        .optional("LastResetTime", printer.time(extended.last_reset_time.as_ref()))
        .optional("OriginalStartTime", printer.time(extended.original_start_time.as_ref()));
    printer.card(&card)?;
    if let Some(pause) = &extended.pause_info {
        let card = Card::default()
            .optional("Identity", pause.identity.as_str())
            .optional("Reason", pause.reason.as_str())
            .optional("PausedTime", printer.time(pause.paused_time.as_ref()));
        printer.heading("Pause Info:")?;
        printer.card(&card)?;
    }
    Ok(())
}

fn print_metadata(printer: &mut Printer, metadata: &UserMetadata) -> Result<(), Failure> {
    let is_empty = |payload: &Option<Payload>| payload.as_ref().is_none_or(|payload| payload.data.is_empty());
    if is_empty(&metadata.summary) && is_empty(&metadata.details) {
        return Ok(());
    }
    let text = |payload: &Option<Payload>| match payload {
        Some(payload) => proto_json::to_json(payload, Default::default()).render(Layout::Compact),
        None => "<nil>".to_owned(),
    };
    printer.line("")?;
    printer.heading("Metadata:")?;
    printer.card(
        &Card::default()
            .field("StaticSummary", text(&metadata.summary))
            .field("StaticDetails", text(&metadata.details)),
    )
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::{
        common::v1::{Memo, SearchAttributes, WorkflowType},
        enums::v1::EventType,
        history::v1::{WorkflowExecutionCompletedEventAttributes, history_event::Attributes},
    };

    use super::*;
    use crate::output::{Format, tests::printer};

    fn payload(data: &'static str, value_type: Option<&'static str>) -> Payload {
        let mut metadata = BTreeMap::from([("encoding".to_owned(), b"json/plain".as_slice().into())]);
        if let Some(value_type) = value_type {
            metadata.insert("type".to_owned(), value_type.as_bytes().into());
        }
        Payload { metadata, data: data.as_bytes().into(), ..Default::default() }
    }

    fn info(status: WorkflowExecutionStatus) -> WorkflowExecutionInfo {
        let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let attributes = BTreeMap::from([("BuildIds".to_owned(), payload(r#"["unversioned"]"#, Some("KeywordList")))]);
        WorkflowExecutionInfo {
            execution: Some(WorkflowExecution { workflow_id: "a1".to_owned(), run_id: "r1".to_owned() }),
            r#type: Some(WorkflowType { name: "W".to_owned() }),
            start_time: time(1),
            close_time: time(3).filter(|_| status != WorkflowExecutionStatus::Running),
            status: status.into(),
            memo: Some(Memo { fields: BTreeMap::from([("m".to_owned(), payload("\"x\"", None))]) }),
            search_attributes: Some(SearchAttributes { indexed_fields: attributes }),
            task_queue: "q".to_owned(),
            history_length: 2,
            ..Default::default()
        }
    }

    #[test]
    fn a_running_one_as_text() {
        let info = info(WorkflowExecutionStatus::Running);
        let response = DescribeWorkflowExecutionResponse {
            workflow_execution_info: Some(info.clone()),
            workflow_extended_info: Some(WorkflowExecutionExtendedInfo {
                run_expiration_time: Some(prost_types::Timestamp { seconds: -62_135_596_800, nanos: 0 }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let (mut printer, sink) = printer(Format::Text);
        print_text(&mut printer, "default", &response, &info, None).unwrap();
        let wanted = "\
Execution Info:
  WorkflowId            a1
  RunId                 r1
  Type                  W
  Namespace             default
  TaskQueue             q
  AssignedBuildId        \n  StartTime             1970-01-01T00:00:01Z
  Memo                  {\"m\":\"x\"}
  SearchAttributes      {\"BuildIds\":[\"unversioned\"]}
  StateTransitionCount  0
  HistoryLength         2
  HistorySize           0
Extended Execution Info:
  CancelRequested  false

Pending Activities: 0
Pending Child Workflows: 0
Pending Nexus Operations: 0
";
        assert_eq!(sink.text(), wanted);
    }

    #[test]
    fn a_completed_one_carries_its_end() {
        let info = info(WorkflowExecutionStatus::Completed);
        let response =
            DescribeWorkflowExecutionResponse { workflow_execution_info: Some(info.clone()), ..Default::default() };
        let result = proto::temporal::api::common::v1::Payloads { payloads: vec![payload("7", None)] };
        let attributes = WorkflowExecutionCompletedEventAttributes { result: Some(result), ..Default::default() };
        let close_event = HistoryEvent {
            event_id: 9,
            event_type: EventType::WorkflowExecutionCompleted.into(),
            attributes: Some(Attributes::WorkflowExecutionCompletedEventAttributes(attributes)),
            ..Default::default()
        };
        let (mut text, sink) = printer(Format::Text);
        print_text(&mut text, "default", &response, &info, Some(&close_event)).unwrap();
        let tail = "\nResults:\n  RunTime         2s\n  Status          COMPLETED\n  Result          7\n  \
                    ResultEncoding  json/plain\n";
        assert!(sink.text().ends_with(tail), "{}", sink.text());
        let (mut json, sink) = printer(Format::Jsonl);
        print_json(&mut json, &response, Some(&close_event)).unwrap();
        let start = "{\"closeEvent\":{\"eventId\":\"9\",\"eventType\":\"EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED\"";
        assert!(sink.text().starts_with(start), "{}", sink.text());
        assert!(sink.text().contains(",\"result\":7,\"workflowExecutionInfo\":{\"closeTime\":"), "{}", sink.text());
    }
}
