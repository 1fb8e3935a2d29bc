//! Events as they are stored: still encoded, beside the little that pages are cut by. A history is handed on as these
//! bytes, however long it is.

use bytes::Bytes;
use model::{Reject, Time};
use prost::{DecodeError, Message};
use proto::temporal::api::{
    common::v1::DataBlob,
    enums::v1::{EncodingType, EventType},
    history::v1::HistoryEvent,
};

/// The tag of `History.events`, as it stands before each event of a batch: field 1, length-delimited.
const EVENT_TAG: u8 = 0x0a;

/// One event of a history.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) event_id: i64,
    pub(crate) time: Time,
    pub(crate) kind: EventType,
    /// The encoded `HistoryEvent`.
    bytes: Bytes,
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
    /// # Errors
    /// When the bytes are no event.
    fn read(bytes: Bytes) -> Result<Self, DecodeError> {
        let head = Head::decode(bytes.clone())?;
        let time = head.event_time.as_ref().map_or(Time::ZERO, Time::from_proto);
        Ok(Self { event_id: head.event_id, time, kind: head.event_type(), bytes })
    }

    /// The event itself.
    ///
    /// # Errors
    /// `Internal` when what is stored is damaged.
    pub(crate) fn decoded(&self) -> Result<HistoryEvent, Reject> {
        HistoryEvent::decode(self.bytes.clone()).map_err(|error| damaged(&error))
    }
}

/// The events as they stand in an encoded `History`.
pub(crate) fn bytes(events: Vec<Event>) -> Vec<Bytes> {
    events.into_iter().map(|event| event.bytes).collect()
}

impl From<&HistoryEvent> for Event {
    fn from(event: &HistoryEvent) -> Self {
        Self {
            event_id: event.event_id,
            time: event.event_time.as_ref().map_or(Time::ZERO, Time::from_proto),
            kind: event.event_type(),
            bytes: event.encode_to_vec().into(),
        }
    }
}

/// The events of a stored batch, which is an encoded `History`.
///
/// # Errors
/// `Internal` when what is stored is damaged.
pub(crate) fn events(mut batch: Bytes) -> Result<Vec<Event>, Reject> {
    let mut events = Vec::new();
    while !batch.is_empty() {
        let tag = batch.split_to(1);
        let length = prost::decode_length_delimiter(&mut batch).map_err(|error| damaged(&error))?;
        if tag[0] != EVENT_TAG || length > batch.len() {
            return Err(Reject::internal("a stored history batch is damaged: it is cut short"));
        }
        events.push(Event::read(batch.split_to(length)).map_err(|error| damaged(&error))?);
    }
    Ok(events)
}

/// The events as an encoded `History`, which clients that take histories raw decode themselves.
pub(crate) fn blob(events: &[Event]) -> DataBlob {
    let mut data = Vec::new();
    for event in events {
        data.push(EVENT_TAG);
        // Only a lack of room could fail, and a vector grows.
        let _ = prost::encode_length_delimiter(event.bytes.len(), &mut data);
        data.extend_from_slice(&event.bytes);
    }
    DataBlob { encoding_type: EncodingType::Proto3.into(), data: data.into() }
}

fn damaged(error: &DecodeError) -> Reject {
    Reject::internal(format!("a stored history batch is damaged: {error}"))
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::history::v1::History;

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
        let found = events(bytes).unwrap();
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
        assert_eq!(History::decode(blob(&found).data).unwrap(), History { events: whole });
    }

    #[test]
    fn a_damaged_batch_is_an_error() {
        let (_, bytes) = batch();
        for end in [1, 2, 5, bytes.len() - 1] {
            assert!(events(bytes.slice(..end)).is_err(), "{end}");
        }
        assert!(events(Bytes::from_static(b"\x12\x00")).is_err());
    }
}
