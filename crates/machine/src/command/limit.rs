//! The limits that commands run into: the size of what they carry, and how much may be pending at once.

use std::collections::BTreeMap;

use prost::Message;
use proto::temporal::api::{
    common::v1::{Memo, Payload},
    enums::v1::WorkflowTaskFailedCause,
};

use super::CommandFailure;
use crate::Draft;

/// Refuses what is too large for one event. The task could only fail again, so the run is terminated.
pub(super) fn blob(
    draft: &Draft,
    size: usize,
    cause: WorkflowTaskFailedCause,
    text: &str,
) -> Result<(), CommandFailure> {
    check(size, draft.context.limits.blob_size_error, cause, text)
}

/// As `blob`, for a memo.
pub(super) fn memo(
    draft: &Draft,
    memo: Option<&Memo>,
    cause: WorkflowTaskFailedCause,
    text: &str,
) -> Result<(), CommandFailure> {
    check(memo.map_or(0, Message::encoded_len), draft.context.limits.memo_size_error, cause, text)
}

fn check(size: usize, limit: usize, cause: WorkflowTaskFailedCause, text: &str) -> Result<(), CommandFailure> {
    if size > limit { Err(CommandFailure::terminate(cause, text)) } else { Ok(()) }
}

/// Refuses one more of what is pending when `pending` are already. `what` names them in the plural.
pub(super) fn pending(
    pending: usize,
    limit: usize,
    cause: WorkflowTaskFailedCause,
    what: &str,
) -> Result<(), CommandFailure> {
    if limit == 0 || pending < limit {
        return Ok(());
    }
    let text = format!("the number of {what}, {pending}, has reached the per-workflow limit of {limit}");
    Err(CommandFailure::task(cause, text))
}

/// The bytes of a message's encoding; zero where it is absent.
pub(super) fn size<M: Message>(message: Option<&M>) -> usize {
    message.map_or(0, Message::encoded_len)
}

/// The bytes of names and values, without what the encoding adds.
pub(super) fn fields(fields: &BTreeMap<String, Payload>) -> usize {
    fields.iter().map(|(name, value)| name.len() + value.data.len()).sum()
}
