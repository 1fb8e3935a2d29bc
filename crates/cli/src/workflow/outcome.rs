//! How a run ended: waiting for its last event and showing it.

use jiff::SignedDuration;
use proto::cause::chain;
use proto::temporal::api::{
    common::v1::{Payloads as PayloadList, WorkflowExecution},
    enums::v1::EventType,
    failure::v1::Failure as FailureInfo,
    history::v1::{HistoryEvent, history_event::Attributes},
};

use super::history::{Events, HistoryReader};
use crate::{
    connect::Session,
    failure::{Attempt, Failure},
    output::{
        Printer,
        blocks::Card,
        colour::Colour,
        json::{Json, Layout},
        proto_json::{self, Payloads},
        time,
    },
};

/// The last event of the run, or of the run that it was continued as.
pub(crate) async fn wait_for_close(session: &Session, execution: WorkflowExecution) -> Result<HistoryEvent, Failure> {
    let mut reader = HistoryReader::new(session, execution, Events::Close).following();
    loop {
        let event = reader.next().await.attempt("failed getting close event")?;
        let event = event.ok_or_else(|| Failure::told("missing close event"))?;
        match &event.attributes {
            Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(attributes)) => {
                reader.move_to_run(attributes.new_execution_run_id.clone());
            }
            Some(_) | None => return Ok(event),
        }
    }
}

/// Whether an event ends a Workflow Execution for good.
pub(crate) fn is_final(event: &HistoryEvent) -> bool {
    status(event).is_some()
}

/// The name of the outcome; `None` for an event that is none.
fn status(event: &HistoryEvent) -> Option<&'static str> {
    match event.event_type() {
        EventType::WorkflowExecutionCompleted => Some("COMPLETED"),
        EventType::WorkflowExecutionFailed => Some("FAILED"),
        EventType::WorkflowExecutionTimedOut => Some("TIMEOUT"),
        EventType::WorkflowExecutionCanceled => Some("CANCELED"),
        EventType::WorkflowExecutionTerminated => Some("TERMINATED"),
        _ => None,
    }
}

/// A failure unless the Workflow Execution completed.
pub(crate) fn verdict(close_event: &HistoryEvent) -> Result<(), Failure> {
    match close_event.event_type() {
        EventType::WorkflowExecutionCompleted => Ok(()),
        _ => Err(Failure::told("workflow failed")),
    }
}

/// The result of a completed Workflow Execution.
pub(crate) fn result(close_event: &HistoryEvent) -> Option<&PayloadList> {
    match &close_event.attributes {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(attributes)) => attributes.result.as_ref(),
        Some(_) | None => None,
    }
}

/// Payloads for reading: one payload stands for itself, more are a list, none is null.
pub(crate) fn friendly_json(payloads: Option<&PayloadList>, shown: Payloads) -> Json {
    match payloads {
        None => Json::Null,
        Some(PayloadList { payloads: list }) if list.len() == 1 => proto_json::to_json(&list[0], shown),
        Some(list) => proto_json::to_json(list, shown),
    }
}

/// `status`, `closeEvent` and `result` of a JSON report.
pub(crate) fn json_members(close_event: &HistoryEvent, payloads: Payloads) -> Vec<(String, Json)> {
    let mut members = vec![
        ("status".to_owned(), Json::string(status(close_event).unwrap_or("<unknown>"))),
        ("closeEvent".to_owned(), proto_json::to_json(close_event, payloads)),
    ];
    if close_event.event_type() == EventType::WorkflowExecutionCompleted {
        members.push(("result".to_owned(), friendly_json(result(close_event), payloads)));
    }
    members
}

/// The `Results:` section of text output. A duration of zero is not shown.
pub(crate) fn print_text(
    printer: &mut Printer,
    close_event: &HistoryEvent,
    duration: SignedDuration,
) -> Result<(), Failure> {
    printer.heading("Results:")?;
    let mut card = Card::default();
    if duration.is_positive() {
        card = card.field("RunTime", time::go_duration(to_hundredths(duration)));
    }
    let colour = match close_event.event_type() {
        EventType::WorkflowExecutionCompleted => Colour::Green,
        _ => Colour::Red,
    };
    card = card.field("Status", printer.paint(colour, status(close_event).unwrap_or_default()));
    match &close_event.attributes {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(attributes)) => {
            let result = attributes.result.as_ref();
            let encoding = result.and_then(|result| result.payloads.first()?.metadata.get("encoding"));
            card = card
                .field("Result", friendly_json(result, printer.payloads()).render(Layout::Compact))
                .optional("ResultEncoding", encoding.map(|value| String::from_utf8_lossy(value)).unwrap_or_default());
        }
        Some(Attributes::WorkflowExecutionFailedEventAttributes(attributes)) => {
            card = card.optional("Failure", failure_text(attributes.failure.as_ref(), "    "));
        }
        Some(Attributes::WorkflowExecutionTerminatedEventAttributes(attributes)) => {
            card = card.optional("Reason", attributes.reason.as_str());
        }
        Some(_) | None => {}
    }
    printer.card(&card)
}

fn to_hundredths(duration: SignedDuration) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(duration.as_millis() / 10 * 10).unwrap_or(i64::MAX))
}

/// Blanks before the lines of a cause, at most.
const DEEPEST_INDENT: usize = 400;

/// A failure and its causes, each deeper by four blanks, beginning with a line feed.
pub(crate) fn failure_text(failure: Option<&FailureInfo>, indent: &str) -> String {
    let mut text = String::new();
    let mut indent = indent.to_owned();
    for failure in failure.into_iter().flat_map(chain) {
        text.push_str(&format!("\n{indent}Message: {}", failure.message));
        if !failure.stack_trace.is_empty() {
            text.push_str(&format!("\n{indent}StackTrace:"));
            for line in failure.stack_trace.split('\n') {
                text.push_str(&format!("\n{indent}    {line}"));
            }
        }
        if failure.cause.is_some() {
            text.push_str(&format!("\n{indent}Cause:"));
            if indent.len() < DEEPEST_INDENT {
                indent.push_str("    ");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::{
        common::v1::Payload,
        history::v1::{
            WorkflowExecutionCompletedEventAttributes, WorkflowExecutionFailedEventAttributes,
            WorkflowExecutionTerminatedEventAttributes,
        },
    };

    use super::*;
    use crate::output::{Format, tests::printer};

    fn event(event_type: EventType, attributes: Attributes) -> HistoryEvent {
        HistoryEvent { event_id: 5, event_type: event_type.into(), attributes: Some(attributes), ..Default::default() }
    }

    fn completed(data: &[&str]) -> HistoryEvent {
        let payload = |data: &&str| Payload {
            metadata: [("encoding".to_owned(), b"json/plain".as_slice().into())].into(),
            data: data.as_bytes().to_vec().into(),
            ..Default::default()
        };
        let result = PayloadList { payloads: data.iter().map(payload).collect() };
        let attributes = WorkflowExecutionCompletedEventAttributes { result: Some(result), ..Default::default() };
        event(EventType::WorkflowExecutionCompleted, Attributes::WorkflowExecutionCompletedEventAttributes(attributes))
    }

    fn failed() -> HistoryEvent {
        let cause = FailureInfo { message: "inner".to_owned(), ..Default::default() };
        let failure = FailureInfo {
            message: "outer".to_owned(),
            stack_trace: "a\nb".to_owned(),
            cause: Some(cause.into()),
            ..Default::default()
        };
        let attributes = WorkflowExecutionFailedEventAttributes { failure: Some(failure), ..Default::default() };
        event(EventType::WorkflowExecutionFailed, Attributes::WorkflowExecutionFailedEventAttributes(attributes))
    }

    fn text(event: &HistoryEvent, millis: i64) -> String {
        let (mut printer, sink) = printer(Format::Text);
        print_text(&mut printer, event, SignedDuration::from_millis(millis)).unwrap();
        sink.text()
    }

    #[test]
    fn results_as_text() {
        assert_eq!(
            text(&completed(&["\"Hello\""]), 1_239),
            "Results:\n  RunTime         1.23s\n  Status          COMPLETED\n  Result          \"Hello\"\n  \
             ResultEncoding  json/plain\n"
        );
        assert_eq!(
            text(&failed(), 0),
            "Results:\n  Status   FAILED\n  Failure  \n    Message: outer\n    StackTrace:\n        a\n        b\n    \
             Cause:\n        Message: inner\n"
        );
        let attributes = WorkflowExecutionTerminatedEventAttributes { reason: "r".to_owned(), ..Default::default() };
        let terminated = event(
            EventType::WorkflowExecutionTerminated,
            Attributes::WorkflowExecutionTerminatedEventAttributes(attributes),
        );
        assert_eq!(text(&terminated, 0), "Results:\n  Status  TERMINATED\n  Reason  r\n");
    }

    #[test]
    fn results_as_json() {
        let render = |event: &HistoryEvent| {
            let members = json_members(event, Payloads::Shorthand);
            let members = members.into_iter().filter(|(key, _)| key != "closeEvent").collect();
            Json::Object(members).render(Layout::Compact)
        };
        assert_eq!(render(&completed(&["[1]"])), r#"{"status":"COMPLETED","result":[1]}"#);
        assert_eq!(render(&completed(&["1", "2"])), r#"{"status":"COMPLETED","result":[1,2]}"#);
        assert_eq!(render(&failed()), r#"{"status":"FAILED"}"#);
    }

    #[test]
    fn only_completion_is_a_success() {
        assert!(verdict(&completed(&[])).is_ok());
        assert_eq!(verdict(&failed()).unwrap_err().to_string(), "workflow failed");
    }
}
