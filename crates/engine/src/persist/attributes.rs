//! The row of a run's attributes. A memo that is still that of the start is not written once more.

use std::sync::Arc;

use bytes::Bytes;
use machine::{Attributes, Run};
use model::RunId;
use prost::Message;
use proto::temporal::api::{
    common::v1::{Memo, SearchAttributes},
    history::v1::{HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event},
};
use store::{StoreError, record};

use super::load::origin;

/// How many times as large as its memo the start may be for the memo to be left to it: who lists runs reads their starts.
const TIMES: usize = 4;
/// And so many bytes beside, for what each start has.
const BESIDE: usize = 2_048;

/// The value of `Key::Attributes`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AttributesRecord {
    #[prost(message, optional, tag = "1")]
    pub(super) memo: Option<Memo>,
    #[prost(message, optional, tag = "2")]
    pub(super) search_attributes: Option<SearchAttributes>,
    /// The memo stands in the start.
    #[prost(bool, tag = "3")]
    pub(super) has_first_memo: bool,
}

/// The row of these attributes of the run.
pub(super) fn encode(run: &Run) -> Bytes {
    let Attributes { memo, search_attributes } = (*run.attributes).clone();
    let has_first_memo = is_left_to_start(memo.as_ref(), run);
    let memo = memo.filter(|_| !has_first_memo);
    record::encode(&AttributesRecord { memo, search_attributes, has_first_memo })
}

fn is_left_to_start(memo: Option<&Memo>, run: &Run) -> bool {
    let is_first = memo.is_some() && memo == run.started().memo.as_ref();
    is_first && run.origin.encoded_len() <= memo.map_or(0, Memo::encoded_len) * TIMES + BESIDE
}

/// The attributes in a row of the run that began with `origin`.
///
/// # Errors
/// `Unusable` when the row is damaged or of a newer format.
pub(super) fn decode(row: Bytes, origin: &HistoryEvent) -> Result<Arc<Attributes>, StoreError> {
    let AttributesRecord { memo, search_attributes, has_first_memo } = record::decode(row)?;
    let memo = if has_first_memo { started(origin).and_then(|started| started.memo.clone()) } else { memo };
    Ok(Arc::new(Attributes { memo, search_attributes }))
}

/// The memo of a run by the row of its attributes and, where that leaves it to the start, the first batch of its history.
/// `None` too when the run has no history any more.
///
/// # Errors
/// `Unusable` when a row is damaged or of a newer format; and when `first_history` fails.
pub(crate) fn memo(
    run_id: RunId,
    attributes: Bytes,
    first_history: impl FnOnce() -> Result<Option<Bytes>, StoreError>,
) -> Result<Option<Memo>, StoreError> {
    let record: AttributesRecord = record::decode(attributes)?;
    if !record.has_first_memo {
        return Ok(record.memo);
    }
    let Some(batch) = first_history()? else { return Ok(None) };
    Ok(started(&origin(run_id, batch)?).and_then(|started| started.memo.clone()))
}

fn started(origin: &HistoryEvent) -> Option<&WorkflowExecutionStartedEventAttributes> {
    match &origin.attributes {
        Some(history_event::Attributes::WorkflowExecutionStartedEventAttributes(started)) => Some(started),
        _ => None,
    }
}
