//! What stands in messages is shown, and none of it becomes markup.

use std::collections::BTreeMap;

use proto::temporal::api::{
    common::v1::{Payloads, WorkflowType},
    enums::v1::{EventType, TimeoutType},
    failure::v1::{Failure, TimeoutFailureInfo, failure::FailureInfo},
    history::v1::{
        ActivityTaskTimedOutEventAttributes, WorkflowExecutionStartedEventAttributes, history_event::Attributes,
    },
};

use super::*;

fn started(encoding: &str, data: &[u8]) -> String {
    let payload = Payload {
        metadata: BTreeMap::from([("encoding".to_owned(), encoding.as_bytes().to_vec().into())]),
        data: data.to_vec().into(),
        ..Default::default()
    };
    let attributes = WorkflowExecutionStartedEventAttributes {
        workflow_type: Some(WorkflowType { name: "<b>Pay</b>".to_owned() }),
        input: Some(Payloads { payloads: vec![payload] }),
        workflow_task_timeout: Some(Duration { seconds: 10, nanos: 0 }),
        ..Default::default()
    };
    let event = HistoryEvent {
        attributes: Some(Attributes::WorkflowExecutionStartedEventAttributes(attributes)),
        ..Default::default()
    };
    super::attributes(&event).into_string()
}

#[test]
fn payloads_show_as_text_where_they_are_text() {
    let page = started("json/plain", br#"{"amount":"<script>alert(1)</script>"}"#);
    assert!(page.contains("{&quot;amount&quot;:&quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot;}"), "{page}");
    assert!(page.contains("&lt;b&gt;Pay&lt;/b&gt;") && page.contains("10s") && !page.contains("<script"), "{page}");
    assert!(started("binary/encrypted", b"<i>").contains("binary/encrypted 3 bytes"));
    assert!(started("binary/null", b"").contains("null"));
    assert!(started("<i>", b"").contains("&lt;i&gt; 0 bytes"));
    let long = started("json/plain", &vec![b'a'; MOST_TEXT + 1]);
    assert!(long.contains(&format!("… ({} bytes)", MOST_TEXT + 1)) && !long.contains(&"a".repeat(MOST_TEXT + 1)));
}

#[test]
fn names_of_values_are_those_of_the_documentation() {
    assert_eq!(status(WorkflowExecutionStatus::TimedOut), "TimedOut");
    assert_eq!(short("EVENT_TYPE_", EventType::WorkflowExecutionStarted.as_str_name()), "WorkflowExecutionStarted");
    let info = TimeoutFailureInfo { timeout_type: TimeoutType::StartToClose.into(), last_heartbeat_details: None };
    let attributes = ActivityTaskTimedOutEventAttributes {
        failure: Some(Failure {
            message: "late & lost".to_owned(),
            failure_info: Some(FailureInfo::TimeoutFailureInfo(info)),
            ..Default::default()
        }),
        ..Default::default()
    };
    let event = HistoryEvent {
        attributes: Some(Attributes::ActivityTaskTimedOutEventAttributes(attributes)),
        ..Default::default()
    };
    let page = super::attributes(&event).into_string();
    assert!(page.contains("StartToClose") && page.contains("late &amp; lost"), "{page}");
}

#[test]
fn a_failure_shows_its_causes_below_it_and_not_without_end() {
    let bottom = Failure { message: "bottom <i>".to_owned(), ..Default::default() };
    let failure = |depth: usize| {
        (0..depth).fold(bottom.clone(), |inner, _| Failure { cause: Some(inner.into()), ..Default::default() })
    };
    let page = format_message("temporal.api.failure.v1.Failure", &failure(40)).into_string();
    assert!(page.contains("bottom &lt;i&gt;"), "{page}");
    let page = format_message("temporal.api.failure.v1.Failure", &failure(9_000)).into_string();
    assert!(page.contains("8950 more causes are not shown") && page.len() < 10_000, "{page}");
}
