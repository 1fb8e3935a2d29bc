//! Histories on their way to the wire, where each event gets its `task_id`.
//!
//! The reference numbers what a shard does, and an event keeps the number under which it was written: positive, greater with
//! each event of a run, from somewhat above 2^20. Here the number is stored nowhere: it is 2^20 more than the event's id, so that
//! it is the same with each read and after each restart, costs no row a byte, and is mistaken for no event id. It orders the events
//! of one run, and says nothing of two. An event that is not written yet and may never be has none, as on the reference.

use std::iter;

use bytes::{BufMut, Bytes};
use prost::encoding::{decode_varint, encode_varint, encoded_len_varint};

/// The tag of `History.events`, as it stands before each event of a batch: field 1, length-delimited.
const EVENT_TAG: u8 = 0x0a;
/// The tag of `HistoryEvent.event_id`, which comes first in an event that has one: field 1, a varint.
const ID_TAG: u8 = 0x08;
/// The tag of `HistoryEvent.task_id`: field 5, a varint. It is put behind all others; their order means nothing.
const TASK_ID_TAG: u8 = 0x28;
/// What a task id has more than its event's id.
const OFFSET: u64 = 1 << 20;

/// Events as they are written to the wire: an encoded `History` without task ids, which are put in as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    history: Bytes,
    /// Whether its events have task ids.
    is_numbered: bool,
    /// Bytes on the wire.
    length: usize,
}

impl Piece {
    /// Events that are stored, or will be as they are.
    pub(crate) fn stored(history: Bytes) -> Self {
        Self::new(history, true)
    }

    /// Events that may turn out not to have been.
    pub(crate) fn transient(history: Bytes) -> Self {
        Self::new(history, false)
    }

    fn new(history: Bytes, is_numbered: bool) -> Self {
        let length = match is_numbered {
            true => events(&history).map(numbered_length).sum(),
            false => history.len(),
        };
        Self { history, is_numbered, length }
    }

    /// The events without task ids.
    pub(crate) fn history(&self) -> Bytes {
        self.history.clone()
    }

    /// Bytes that [`Piece::write`] writes.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Appends the events, an encoded `History`, with their task ids; `buffer` has room for them.
    pub(crate) fn write(&self, buffer: &mut impl BufMut) {
        if !self.is_numbered {
            return buffer.put_slice(&self.history);
        }
        for event in events(&self.history) {
            let task_id = task_id(event);
            buffer.put_u8(EVENT_TAG);
            encode_varint(wide(event.len() + task_id.map_or(0, task_id_length)), buffer);
            buffer.put_slice(event);
            if let Some(task_id) = task_id {
                buffer.put_u8(TASK_ID_TAG);
                encode_varint(task_id, buffer);
            }
        }
    }
}

/// All events of these pieces as one encoded `History`.
pub(crate) fn joined(pieces: &[Piece]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(pieces.iter().map(Piece::length).sum());
    pieces.iter().for_each(|piece| piece.write(&mut bytes));
    bytes
}

/// The first event of an encoded `History`, and what is behind it; `None` where no whole event begins.
pub(crate) fn first(batch: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = batch.strip_prefix(&[EVENT_TAG])?;
    let length = prost::decode_length_delimiter(&mut rest).ok()?;
    rest.split_at_checked(length)
}

/// The encoded events of an encoded `History`, up to what is none.
fn events(mut batch: &[u8]) -> impl Iterator<Item = &[u8]> {
    iter::from_fn(move || {
        let (event, rest) = first(batch)?;
        batch = rest;
        Some(event)
    })
}

/// The task id of an encoded event; `None` where it has no event id.
fn task_id(event: &[u8]) -> Option<u64> {
    let mut rest = event.strip_prefix(&[ID_TAG])?;
    decode_varint(&mut rest).ok()?.checked_add(OFFSET)
}

/// Bytes that a task id takes, with its tag.
fn task_id_length(task_id: u64) -> usize {
    1 + encoded_len_varint(task_id)
}

/// Bytes that an event takes with its task id, in a history.
fn numbered_length(event: &[u8]) -> usize {
    let length = event.len() + task_id(event).map_or(0, task_id_length);
    1 + encoded_len_varint(wide(length)) + length
}

fn wide(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use engine::history_batch;
    use prost::Message;
    use proto::temporal::api::{
        enums::v1::EventType,
        history::v1::{
            History, HistoryEvent, WorkflowExecutionSignaledEventAttributes as Signaled, history_event::Attributes,
        },
    };

    use super::*;

    fn signal(event_id: i64, name_length: usize) -> HistoryEvent {
        let signaled = Signaled { signal_name: "s".repeat(name_length), ..Signaled::default() };
        HistoryEvent {
            event_id,
            event_type: EventType::WorkflowExecutionSignaled.into(),
            worker_may_ignore: true,
            attributes: Some(Attributes::WorkflowExecutionSignaledEventAttributes(signaled)),
            ..HistoryEvent::default()
        }
    }

    /// Where the length of an event's length changes, too.
    #[test]
    fn an_event_is_what_it_was_and_has_a_task_id() {
        let ids = [1, 2, 127, 128, 1 << 20, 1 << 40];
        let events: Vec<_> = ids.iter().flat_map(|id| (90..140).map(|length| signal(*id, length))).collect();
        let pieces: Vec<_> = events.chunks(7).map(|some| Piece::stored(history_batch(some.iter()))).collect();
        let bytes = joined(&pieces);
        assert_eq!(bytes.len(), pieces.iter().map(Piece::length).sum::<usize>());
        let expected = events.into_iter().map(|event| HistoryEvent { task_id: 1_048_576 + event.event_id, ..event });
        assert_eq!(History::decode(&*bytes).unwrap(), History { events: expected.collect() });
    }

    #[test]
    fn an_event_that_may_turn_out_not_to_have_been_has_none() {
        let events = vec![signal(5, 100), signal(6, 1)];
        let piece = Piece::transient(history_batch(events.iter()));
        let bytes = joined(std::slice::from_ref(&piece));
        assert_eq!((bytes.len(), History::decode(&*bytes).unwrap()), (piece.length(), History { events }));
    }

    #[test]
    fn an_event_without_an_id_has_none() {
        let events = vec![HistoryEvent::default(), HistoryEvent { version: 3, ..HistoryEvent::default() }];
        let bytes = joined(&[Piece::stored(history_batch(events.iter()))]);
        assert_eq!(History::decode(&*bytes).unwrap(), History { events });
    }
}
