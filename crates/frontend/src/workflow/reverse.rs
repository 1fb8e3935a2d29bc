//! `GetWorkflowExecutionHistoryReverse`: newest event first.

use model::{Reject, Time};
use proto::temporal::api::{
    history::v1::History,
    workflowservice::v1::{GetWorkflowExecutionHistoryReverseRequest, GetWorkflowExecutionHistoryReverseResponse},
};

use super::{
    history::page_size,
    page::{PageToken, is_transient, read, state},
};
use crate::{check, door::Scope};

pub(crate) async fn get_workflow_execution_history_reverse(
    scope: Scope,
    request: GetWorkflowExecutionHistoryReverseRequest,
) -> Result<GetWorkflowExecutionHistoryReverseResponse, Reject> {
    let mut execution = check::execution(request.execution)?;
    let token = PageToken::open(&request.next_page_token, &mut execution)?;
    let most = page_size(&scope, request.maximum_page_size);
    let known = state(&scope, execution, None, Time::ZERO).await?;
    let mut range = known.range.clone();
    let mut shown = Vec::new();
    match &token {
        Some(token) => range.before = range.before.min(token.next),
        None if !is_transient(&known.tail) => shown.extend(known.tail),
        None => {}
    }
    let from = range.before.saturating_sub(i64::try_from(most).unwrap_or(i64::MAX)).max(1);
    let mut events = read(&scope, &range, from, usize::MAX).await?;
    events.append(&mut shown);
    events.reverse();
    let first = events.last().map_or(1, |event| event.event_id);
    let next_page_token =
        if first > 1 { PageToken::new(&known.run_id, first, known.is_open).seal() } else { bytes::Bytes::new() };
    Ok(GetWorkflowExecutionHistoryReverseResponse { history: Some(History { events }), next_page_token })
}
