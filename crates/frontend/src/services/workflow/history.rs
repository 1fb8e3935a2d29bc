//! `GetWorkflowExecutionHistory`: page by page, waiting for what is new, or only for the end.

use std::time::Duration;

use engine::{Execution, HistoryState};
use model::{Reject, Time};
use proto::temporal::api::{
    enums::v1::{EventType, HistoryEventFilterType},
    failure::v1::{Failure, TimeoutFailureInfo, failure::FailureInfo},
    history::v1::{HistoryEvent, WorkflowExecutionContinuedAsNewEventAttributes, history_event::Attributes},
    workflowservice::v1::{GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse},
};

use super::{
    page::{Batch, PageToken, batches, cut, state},
    stored::{self, Event, is_transient},
};
use crate::{
    check,
    context::Scope,
    services::with_history::{READ_HISTORY, WithHistory},
};

/// How long before the caller gives up an empty answer is sent.
const TAIL_ROOM: Duration = Duration::from_secs(1);

pub(crate) async fn get_workflow_execution_history(
    scope: Scope,
    request: GetWorkflowExecutionHistoryRequest,
) -> Result<HistoryPage, Reject> {
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

async fn all_events(scope: &Scope, execution: Execution, page: Page) -> Result<HistoryPage, Reject> {
    let token = page.token.unwrap_or_else(|| PageToken::new("", 1, true));
    let wait_from = (page.waits && token.is_open && token.next > 1).then_some(token.next);
    let mut known = state(scope, execution, wait_from, page.deadline).await?;
    // As on the reference: what may turn out not to have been is for workers, which go on from it, and not for people.
    if scope.client.shows_people && is_transient(&known.tail) {
        known.tail.clear();
    }
    // One more, for the event that the page before may have shown already.
    let most_bytes = scope.limits().history_page_bytes;
    let mut shown = batches(scope, &known.range, token.next, (page.most.saturating_add(1), most_bytes)).await?;
    shown.retain_mut(|batch| {
        batch.retain(|event| event.event_id >= token.next && !token.has_seen(event));
        !batch.is_empty()
    });
    shown.truncate(page.most);
    cut(&mut shown, most_bytes);
    let next = shown.last().and_then(|batch| batch.last()).map_or(token.next, |event| event.event_id + 1);
    let mut following = PageToken::new(&known.run_id, next, known.is_open);
    let is_last = next >= known.range.before;
    let is_cut = !is_last && !shown.is_empty();
    let is_transient = is_transient(&known.tail);
    let mut tail = stored::tail(&known.tail);
    tail.retain(|event| is_last && event.event_id >= next);
    // As on the reference, a wait that ends without a stored event ends with an empty page, also behind another attempt.
    if wait_from.is_some_and(|from| from >= known.range.before) && is_transient {
        tail.clear();
    }
    if let Some(started) = tail.first().filter(|_| !is_transient) {
        // It will be stored as it is, so it counts as a batch; but another event may take its place in a crash.
        if shown.len() < page.most {
            following = following.seen(started);
            shown.push(vec![started.clone()].into_iter().filter(|event| !token.has_seen(event)).collect());
        }
        tail.clear();
    }
    // As on the reference, a full page has a token even where nothing follows.
    let is_full = shown.iter().filter(|batch| !batch.is_empty()).count() == page.most;
    if !is_full {
        shown.push(tail);
    }
    let goes_on = is_full || is_cut || (page.waits && known.is_open);
    Ok(reply(scope, shown, if goes_on { following.seal() } else { bytes::Bytes::new() }))
}

async fn close_event(scope: &Scope, execution: Execution, page: Page) -> Result<HistoryPage, Reject> {
    let known = state(scope, execution, Some(i64::MAX), page.deadline).await?;
    if known.is_open {
        let token = page.waits.then(|| PageToken::new(&known.run_id, known.range.before, true).seal());
        return Ok(reply(scope, Vec::new(), token.unwrap_or_default()));
    }
    Ok(reply(scope, vec![last_event(scope, &known).await?], bytes::Bytes::new()))
}

async fn last_event(scope: &Scope, known: &HistoryState) -> Result<Vec<Event>, Reject> {
    let last = batches(scope, &known.range, known.range.before - 1, (usize::MAX, usize::MAX)).await?.pop();
    if scope.limits().raw_history {
        // Whoever takes histories raw gets the batch as it was written.
        return Ok(last.unwrap_or_default());
    }
    let Some(event) = last.and_then(|mut batch| batch.pop()) else {
        return Ok(Vec::new());
    };
    if scope.client.follows_next_run {
        return Ok(vec![event]);
    }
    let mut event = event.decoded()?;
    as_continued(&mut event);
    Ok(vec![Event::from(&event)])
}

/// The reply, with its events as they are stored.
type HistoryPage = WithHistory<GetWorkflowExecutionHistoryResponse, READ_HISTORY>;

fn reply(scope: &Scope, shown: Vec<Batch>, next_page_token: bytes::Bytes) -> HistoryPage {
    let mut message = GetWorkflowExecutionHistoryResponse { next_page_token, ..Default::default() };
    if scope.limits().raw_history {
        message.raw_history = shown.iter().filter(|batch| !batch.is_empty()).map(|batch| stored::blob(batch)).collect();
        return WithHistory { message, history: Some(Vec::new()) };
    }
    WithHistory { message, history: Some(stored::pieces(shown.into_iter().flatten())) }
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
