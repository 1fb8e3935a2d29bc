//! `GetWorkflowExecutionHistory`: page by page, waiting for what is new, or only for the end.

use std::time::Duration;

use engine::{Execution, HistoryState};
use model::{Reject, Time};
use proto::temporal::api::{
    enums::v1::{EventType, HistoryEventFilterType},
    failure::v1::{Failure, TimeoutFailureInfo, failure::FailureInfo},
    history::v1::{History, HistoryEvent, WorkflowExecutionContinuedAsNewEventAttributes, history_event::Attributes},
    workflowservice::v1::{GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse},
};

use super::page::{PageToken, is_transient, read, state};
use crate::{check, door::Scope};

/// How long before the caller gives up an empty answer is sent.
const TAIL_ROOM: Duration = Duration::from_secs(1);

pub(crate) async fn get_workflow_execution_history(
    scope: Scope,
    request: GetWorkflowExecutionHistoryRequest,
) -> Result<GetWorkflowExecutionHistoryResponse, Reject> {
    let mut execution = check::execution(request.execution.clone())?;
    let token = PageToken::open(&request.next_page_token, &mut execution)?;
    let page = Page {
        most: page_size(&scope, request.maximum_page_size),
        waits: request.wait_new_event,
        deadline: deadline(&scope),
        token,
    };
    if request.history_event_filter_type() == HistoryEventFilterType::CloseEvent {
        close_event(&scope, execution, page).await
    } else {
        all_events(&scope, execution, page).await
    }
}

/// What is asked of one page.
struct Page {
    most: usize,
    waits: bool,
    deadline: Time,
    token: Option<PageToken>,
}

/// The page size that is in force: absent and too large ones are the largest.
pub(super) fn page_size(scope: &Scope, given: i32) -> usize {
    let largest = scope.limits().history_page;
    let size = if (1..=largest).contains(&given) { given } else { largest };
    usize::try_from(size).unwrap_or(1)
}

fn deadline(scope: &Scope) -> Time {
    let own = scope.now() + scope.limits().history_long_poll;
    scope.client.deadline.map_or(own, |deadline| own.min(deadline - TAIL_ROOM))
}

async fn all_events(
    scope: &Scope,
    execution: Execution,
    page: Page,
) -> Result<GetWorkflowExecutionHistoryResponse, Reject> {
    let token = page.token.unwrap_or_else(|| PageToken::new("", 1, true));
    let wait_from = (page.waits && token.is_open && token.next > 1).then_some(token.next);
    let known = state(scope, execution, wait_from, page.deadline).await?;
    let mut events = read(scope, &known.range, token.next, page.most).await?;
    let next = events.last().map_or(token.next, |event| event.event_id + 1);
    events.retain(|event| !token.has_seen(event));
    if next < known.range.before {
        let next_page_token = PageToken::new(&known.run_id, next, known.is_open).seal();
        return Ok(reply(events, next_page_token));
    }
    let mut following = PageToken::new(&known.run_id, next, known.is_open);
    if let Some(started) = known.tail.first().filter(|_| !is_transient(&known.tail)) {
        following = following.seen(started);
    }
    // A worker reads on in a task that it was given, so it needs the attempt that leaves no trace, too.
    let shown = known.tail.into_iter().filter(|event| event.event_id >= next && !token.has_seen(event));
    events.extend(shown);
    let goes_on = page.waits && known.is_open;
    Ok(reply(events, if goes_on { following.seal() } else { bytes::Bytes::new() }))
}

async fn close_event(
    scope: &Scope,
    execution: Execution,
    page: Page,
) -> Result<GetWorkflowExecutionHistoryResponse, Reject> {
    let known = state(scope, execution, Some(i64::MAX), page.deadline).await?;
    if known.is_open {
        let token = page.waits.then(|| PageToken::new(&known.run_id, known.range.before, true).seal());
        return Ok(reply(Vec::new(), token.unwrap_or_default()));
    }
    Ok(reply(last_event(scope, &known).await?, bytes::Bytes::new()))
}

async fn last_event(scope: &Scope, known: &HistoryState) -> Result<Vec<HistoryEvent>, Reject> {
    let mut events = read(scope, &known.range, known.range.before - 1, 1).await?;
    if !scope.client.follows_next_run {
        events.iter_mut().for_each(as_continued);
    }
    Ok(events)
}

fn reply(events: Vec<HistoryEvent>, next_page_token: bytes::Bytes) -> GetWorkflowExecutionHistoryResponse {
    GetWorkflowExecutionHistoryResponse { history: Some(History { events }), next_page_token, ..Default::default() }
}

/// Clients that do not say that they follow a close event to the next run only know how to follow a continuation: the
/// event is shown to them as one.
fn as_continued(event: &mut HistoryEvent) {
    let (new_execution_run_id, result, failure) = match &event.attributes {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(done)) => {
            (done.new_execution_run_id.clone(), done.result.clone(), None)
        }
        Some(Attributes::WorkflowExecutionFailedEventAttributes(failed)) => {
            (failed.new_execution_run_id.clone(), None, failed.failure.clone())
        }
        Some(Attributes::WorkflowExecutionTimedOutEventAttributes(late)) => {
            (late.new_execution_run_id.clone(), None, Some(timed_out()))
        }
        _ => return,
    };
    if new_execution_run_id.is_empty() {
        return;
    }
    let attributes = WorkflowExecutionContinuedAsNewEventAttributes {
        new_execution_run_id,
        last_completion_result: result,
        failure,
        ..Default::default()
    };
    event.set_event_type(EventType::WorkflowExecutionContinuedAsNew);
    event.attributes = Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(attributes));
}

fn timed_out() -> Failure {
    use proto::temporal::api::enums::v1::TimeoutType;
    let info = TimeoutFailureInfo { timeout_type: TimeoutType::StartToClose.into(), last_heartbeat_details: None };
    Failure {
        message: "workflow timeout".into(),
        source: "Server".into(),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(info)),
        ..Default::default()
    }
}
