//! `workflow show`: the Event History as a table, as sections, or as JSON that a replayer can read.

use clap::Args;
use jiff::SignedDuration;
use proto::temporal::api::history::v1::{History, HistoryEvent, history_event::Attributes};

use super::{
    event_names,
    history::{Events, HistoryReader},
    outcome,
    target::ReferenceArgs,
};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    output::{
        blocks::{Column, Table},
        json::Json,
        proto_json::{self, Payloads},
        time,
    },
};

/// Display Event History
///
/// Show a Workflow Execution's Event History. When using JSON output (--output json), you may pass the results to an
/// SDK to perform a replay.
#[derive(Args, Clone, Debug)]
pub(crate) struct ShowArgs {
    /// Follow the Workflow Execution progress in real time. Does not apply to JSON output.
    #[arg(long, short)]
    follow: bool,
    /// Display events as detailed sections instead of table. Does not apply to JSON output.
    #[arg(long)]
    detailed: bool,
    /// Show events newest first.
    #[arg(long)]
    reverse: bool,
    #[command(flatten)]
    reference: ReferenceArgs,
}

impl ShowArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        if self.reverse && self.follow {
            return Err(Failure::told("--reverse cannot be combined with --follow"));
        }
        let session = context.connect().await?;
        let mut reader = HistoryReader::new(&session, self.reference.execution(), Events::All);
        if self.follow {
            reader = reader.following();
        }
        if self.reverse {
            reader = reader.reversed();
        }
        if context.printer.is_json() {
            let events = reader.rest().await.attempt("failed getting next history event")?;
            return context.printer.json(&proto_json::to_json(&History { events }, Payloads::Raw));
        }
        let last = print_progress(context, &mut reader, self.detailed).await?;
        context.printer.line("")?;
        match last {
            Some(event) => outcome::print_text(&mut context.printer, &event, SignedDuration::ZERO),
            None => Ok(()),
        }
    }
}

/// Prints the events one by one, and returns the one that ends the Workflow Execution, if it came.
pub(crate) async fn print_progress(
    context: &mut Context,
    reader: &mut HistoryReader,
    detailed: bool,
) -> Result<Option<HistoryEvent>, Failure> {
    context.printer.heading("Progress:")?;
    let last = match detailed {
        true => print_sections(context, reader).await,
        false => print_table(context, reader).await,
    };
    last.attempt("displaying history failed")
}

async fn print_table(context: &mut Context, reader: &mut HistoryReader) -> Result<Option<HistoryEvent>, Failure> {
    // Events arrive one by one, so that widths cannot follow the cells; longer ones stick out.
    let table =
        Table::new([Column::number("ID").wide(3), Column::text("Time").wide(20), Column::text("Type").wide(26)]);
    context.printer.table_header(&table)?;
    let mut last = None;
    while let Some(event) = reader.next().await.map_err(told)? {
        let time = event.event_time.as_ref().and_then(time::from_proto).map(time::iso).unwrap_or_default();
        let row = [event.event_id.to_string(), time, event_names::painted_name(&context.printer, &event)];
        context.printer.text(&table.render_row(&row))?;
        if let Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(attributes)) = &event.attributes
            && !reader.is_reversed()
        {
            reader.move_to_run(attributes.new_execution_run_id.clone());
        }
        if outcome::is_final(&event) {
            last = Some(event);
        }
    }
    Ok(last)
}

async fn print_sections(context: &mut Context, reader: &mut HistoryReader) -> Result<Option<HistoryEvent>, Failure> {
    let mut last = None;
    let mut is_first = true;
    while let Some(event) = reader.next().await.map_err(told)? {
        if !is_first {
            context.printer.line("")?;
        }
        is_first = false;
        let name = event_names::name(&event);
        context.printer.line(&format!("--------------- [{}] {name} ---------------", event.event_id))?;
        for (path, value) in flat_fields(&event, context.printer.payloads()) {
            context.printer.line(&format!("{path}: {value}"))?;
        }
        if outcome::is_final(&event) {
            last = Some(event);
        }
    }
    Ok(last)
}

fn told(status: tonic::Status) -> Failure {
    Failure::told(crate::failure::status_text(&status))
}

/// The fields of an event and of its attributes as `path: value`, sorted by path.
fn flat_fields(event: &HistoryEvent, payloads: Payloads) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    if let Json::Object(members) = proto_json::to_json(event, payloads) {
        for (key, value) in members {
            match value {
                _ if key == "eventId" || key == "eventType" => {}
                Json::Object(attributes) if key.ends_with("Attributes") => {
                    for (key, value) in attributes {
                        flatten(&mut fields, key, value);
                    }
                }
                value => flatten(&mut fields, key, value),
            }
        }
    }
    fields.sort();
    fields
}

fn flatten(fields: &mut Vec<(String, String)>, path: String, value: Json) {
    match value {
        Json::Null => fields.push((path, "<nil>".to_owned())),
        Json::Bool(value) => fields.push((path, value.to_string())),
        Json::Number(digits) => fields.push((path, digits)),
        Json::String(text) => fields.push((path, text)),
        Json::Array(items) => {
            for (index, item) in items.into_iter().enumerate() {
                flatten(fields, format!("{path}[{index}]"), item);
            }
        }
        Json::Object(members) => {
            for (key, value) in members {
                flatten(fields, format!("{path}.{key}"), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::{
        common::v1::{Payload, Payloads as PayloadList, WorkflowType},
        enums::v1::EventType,
        history::v1::WorkflowExecutionStartedEventAttributes,
    };

    use super::*;

    #[test]
    fn attributes_are_lifted_and_flattened() {
        let payload = |data: &'static str| Payload {
            metadata: [("encoding".to_owned(), b"json/plain".as_slice().into())].into(),
            data: data.as_bytes().into(),
            ..Default::default()
        };
        let attributes = WorkflowExecutionStartedEventAttributes {
            workflow_type: Some(WorkflowType { name: "W".to_owned() }),
            input: Some(PayloadList { payloads: vec![payload(r#"{"a":[1,null]}"#), payload("true")] }),
            attempt: 1,
            ..Default::default()
        };
        let event = HistoryEvent {
            event_id: 1,
            event_type: EventType::WorkflowExecutionStarted.into(),
            task_id: 7,
            attributes: Some(Attributes::WorkflowExecutionStartedEventAttributes(attributes)),
            ..Default::default()
        };
        let lines: Vec<String> = flat_fields(&event, Payloads::Shorthand)
            .into_iter()
            .map(|(path, value)| format!("{path}: {value}"))
            .collect();
        assert_eq!(
            lines,
            [
                "attempt: 1",
                "input[0].a[0]: 1",
                "input[0].a[1]: <nil>",
                "input[1]: true",
                "taskId: 7",
                "workflowType.name: W"
            ]
        );
    }
}
