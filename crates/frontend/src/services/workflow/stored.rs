//! Events as they are stored: still encoded, beside the little that pages are cut by. A history is handed on as these
//! bytes, however long it is.

use std::{fmt::Display, iter, ops::Range};

use bytes::Bytes;
use engine::history_batch;
use model::{Reject, Time};
use prost::Message;
use proto::temporal::api::{
    common::v1::DataBlob,
    enums::v1::{EncodingType, EventType},
    history::v1::{History, HistoryEvent},
};

use crate::services::numbered::{self, Piece, joined};

/// One event of a history.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) event_id: i64,
    pub(crate) time: Time,
    pub(crate) kind: EventType,
    /// The event alone.
    piece: Piece,
}

/// The fields of a `HistoryEvent` that pages are cut by; decoding passes over all others.
#[derive(Clone, PartialEq, Message)]
struct Head {
    #[prost(int64, tag = "1")]
    event_id: i64,
    #[prost(message, optional, tag = "2")]
    event_time: Option<prost_types::Timestamp>,
    #[prost(enumeration = "EventType", tag = "3")]
    event_type: i32,
}

impl Event {
    fn new(event: &HistoryEvent, piece: fn(Bytes) -> Piece) -> Self {
        Self {
            event_id: event.event_id,
            time: event.event_time.as_ref().map_or(Time::ZERO, Time::from_proto),
            kind: event.event_type(),
            piece: piece(history_batch(iter::once(event))),
        }
    }

    /// Bytes that it takes in a history on the wire.
    pub(crate) fn length(&self) -> usize {
        self.piece.length()
    }

    /// The event itself, without a task id.
    ///
    /// # Errors
    /// `Internal` when what is stored is damaged.
    pub(crate) fn decoded(&self) -> Result<HistoryEvent, Reject> {
        let history = History::decode(self.piece.history()).map_err(damaged)?;
        history.events.into_iter().next().ok_or_else(|| damaged("an event is missing"))
    }
}

/// The events as they are written to the wire.
pub(crate) fn pieces(events: impl IntoIterator<Item = Event>) -> Vec<Piece> {
    events.into_iter().map(|event| event.piece).collect()
}

impl From<&HistoryEvent> for Event {
    fn from(event: &HistoryEvent) -> Self {
        Self::new(event, Piece::stored)
    }
}

/// The unstored end of a history.
pub(crate) fn tail(events: &[HistoryEvent]) -> Vec<Event> {
    let piece = if is_transient(events) { Piece::transient } else { Piece::stored };
    events.iter().map(|event| Event::new(event, piece)).collect()
}

/// Whether the unstored end of a history is an attempt that leaves no event if it fails; otherwise it is the start of a
/// task that will be stored as it is.
pub(crate) fn is_transient(tail: &[HistoryEvent]) -> bool {
    tail.first().is_some_and(|event| event.event_type() == EventType::WorkflowTaskScheduled)
}

/// The events of a stored batch, which is an encoded `History`.
///
/// # Errors
/// `Internal` when what is stored is damaged.
pub(crate) fn events(mut batch: Bytes) -> Result<Vec<Event>, Reject> {
    let mut events = Vec::new();
    while !batch.is_empty() {
        let (event, rest) = first(&batch)?;
        let head = Head::decode(event).map_err(damaged)?;
        let time = head.event_time.as_ref().map_or(Time::ZERO, Time::from_proto);
        let piece = Piece::stored(batch.split_to(batch.len() - rest.len()));
        events.push(Event { event_id: head.event_id, time, kind: head.event_type(), piece });
    }
    Ok(events)
}

/// The ids of the events of a stored batch, which follow on each other; only the first is decoded.
///
/// # Errors
/// `Internal` when what is stored is damaged.
pub(crate) fn span(batch: &[u8]) -> Result<Range<i64>, Reject> {
    let (event, mut rest) = first(batch)?;
    let start = Head::decode(event).map_err(damaged)?.event_id;
    let mut end = start + 1;
    while !rest.is_empty() {
        (_, rest) = first(rest)?;
        end += 1;
    }
    Ok(start..end)
}

/// The first event of an encoded `History`, and what is behind it.
fn first(batch: &[u8]) -> Result<(&[u8], &[u8]), Reject> {
    numbered::first(batch).ok_or_else(|| damaged("no whole event stands where one should"))
}

/// The events as an encoded `History`, which clients that take histories raw decode themselves.
pub(crate) fn blob(events: &[Event]) -> DataBlob {
    let pieces: Vec<_> = events.iter().map(|event| event.piece.clone()).collect();
    DataBlob { encoding_type: EncodingType::Proto3.into(), data: joined(&pieces).into() }
}

fn damaged(error: impl Display) -> Reject {
    Reject::internal(format!("a stored history batch is damaged: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event_id: i64, kind: EventType) -> HistoryEvent {
        let event_time = Some(prost_types::Timestamp { seconds: event_id, nanos: 7 });
        HistoryEvent { event_id, event_time, event_type: kind.into(), version: 3, ..HistoryEvent::default() }
    }

    fn batch() -> (Vec<HistoryEvent>, Bytes) {
        let events = vec![event(1, EventType::WorkflowExecutionStarted), event(2, EventType::WorkflowTaskScheduled)];
        (events.clone(), History { events }.encode_to_vec().into())
    }

    #[test]
    fn a_batch_is_taken_apart_without_decoding_it() {
        let (whole, bytes) = batch();
        let found = events(bytes.clone()).unwrap();
        let heads: Vec<_> = found.iter().map(|event| (event.event_id, event.kind, event.time.0)).collect();
        assert_eq!(
            heads,
            [
                (1, EventType::WorkflowExecutionStarted, 1_000_000_007),
                (2, EventType::WorkflowTaskScheduled, 2_000_000_007)
            ]
        );
        let decoded: Vec<_> = found.iter().map(|event| event.decoded().unwrap()).collect();
        assert_eq!(decoded, whole);
        assert_eq!(span(&bytes).unwrap(), 1..3);
        let numbered = whole.into_iter().map(|event| HistoryEvent { task_id: 1_048_576 + event.event_id, ..event });
        assert_eq!(History::decode(blob(&found).data).unwrap(), History { events: numbered.collect() });
    }

    #[test]
    fn a_damaged_batch_is_an_error() {
        let (_, bytes) = batch();
        for end in [1, 2, 5, bytes.len() - 1] {
            assert!(events(bytes.slice(..end)).is_err(), "{end}");
            assert!(span(&bytes[..end]).is_err(), "{end}");
        }
        assert!(events(Bytes::from_static(b"\x12\x00")).is_err());
    }
}
