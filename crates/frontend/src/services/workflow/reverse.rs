//! `GetWorkflowExecutionHistoryReverse`: newest event first.

use engine::HistoryRange;
use model::{Reject, Time};
use proto::temporal::api::workflowservice::v1::{
    GetWorkflowExecutionHistoryReverseRequest, GetWorkflowExecutionHistoryReverseResponse,
};

use super::{
    history::page_size,
    page::{Batch, PageToken, batches, fitting, state},
    stored::{self, Event, is_transient},
};
use crate::{
    check,
    context::Scope,
    services::with_history::{READ_HISTORY, WithHistory},
};

/// Events that are read at first, to see how large they are.
const FIRST_STRIDE: i64 = 16;

pub(crate) async fn get_workflow_execution_history_reverse(
    scope: Scope,
    request: GetWorkflowExecutionHistoryReverseRequest,
) -> Result<WithHistory<GetWorkflowExecutionHistoryReverseResponse, READ_HISTORY>, Reject> {
    let mut execution = check::execution(request.execution)?;
    let token = PageToken::open(&request.next_page_token, &mut execution)?;
    let most = page_size(&scope, request.maximum_page_size);
    let known = state(&scope, execution, None, Time::ZERO).await?;
    let mut range = known.range.clone();
    let mut shown = Vec::new();
    match &token {
        Some(token) => range.before = range.before.min(token.next),
        None if !is_transient(&known.tail) => shown.extend(known.tail.first().map(|event| vec![Event::from(event)])),
        None => {}
    }
    let most_bytes = scope.limits().history_page_bytes;
    let mut stride = FIRST_STRIDE;
    while shown.len() < most && range.before > 1 && fitting(shown.iter().rev(), most_bytes) == shown.len().max(1) {
        let missing = stride.min(i64::try_from(most - shown.len()).unwrap_or(i64::MAX));
        prepend(&scope, &mut range, &mut shown, missing).await?;
        stride = stride.saturating_mul(4);
    }
    let surplus = shown.len().saturating_sub(most.min(fitting(shown.iter().rev(), most_bytes)));
    let events: Vec<_> = shown.into_iter().skip(surplus).flatten().rev().collect();
    let first = events.last().map_or(1, |event| event.event_id);
    let next_page_token =
        if first > 1 { PageToken::new(&known.run_id, first, known.is_open).seal() } else { bytes::Bytes::new() };
    let message = GetWorkflowExecutionHistoryReverseResponse { next_page_token, ..Default::default() };
    Ok(WithHistory { message, history: Some(stored::pieces(events)) })
}

/// Puts the batches before `range.before` in front of `shown`: at least one, and not many more events than are missing.
async fn prepend(scope: &Scope, range: &mut HistoryRange, shown: &mut Vec<Batch>, missing: i64) -> Result<(), Reject> {
    let from = range.before.saturating_sub(missing).max(1);
    let mut found = batches(scope, range, from, (usize::MAX, usize::MAX)).await?;
    // The last stored batch may go on behind the range.
    found.iter_mut().for_each(|batch| batch.retain(|event| event.event_id < range.before));
    found.retain(|batch| !batch.is_empty());
    let first = found.first().and_then(|batch| batch.first()).map_or(1, |event| event.event_id);
    range.before = first.min(range.before - 1);
    found.append(shown);
    *shown = found;
    Ok(())
}
