//! Pages of history: the token between two of them, reading one, and a worker's task with its first.

use engine::{Answer, Call, Execution, HistoryRange, HistoryState, PageLimit, WorkflowTask};
use model::{Reject, RunId, Time};
use prost::Message;
use proto::temporal::api::{
    enums::v1::EventType, history::v1::History, workflowservice::v1::PollWorkflowTaskQueueResponse,
};

use super::stored::{self, Event};
use crate::{
    context::{Scope, unexpected},
    services::{
        numbered::{Piece, joined},
        with_history::{POLLED_HISTORY, WithHistory},
    },
};

/// Where the next page begins, bound to one run. Field numbers are what clients hold during an upgrade.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PageToken {
    /// Sixteen bytes.
    #[prost(bytes = "vec", tag = "1")]
    run_id: Vec<u8>,
    /// The first event that was not shown; descending pages: the last one that was shown.
    #[prost(int64, tag = "2")]
    pub(super) next: i64,
    /// Whether the run was open when the last page was read.
    #[prost(bool, tag = "3")]
    pub(super) is_open: bool,
    /// An event that was shown before it was stored: it is not shown again if it was stored as it was shown.
    #[prost(int64, tag = "4")]
    seen_event_id: i64,
    #[prost(int64, tag = "5")]
    seen_time: i64,
}

impl PageToken {
    pub(super) fn new(run_id: &str, next: i64, is_open: bool) -> Self {
        let run_id = run_id.parse::<RunId>().unwrap_or_default().as_bytes().to_vec();
        Self { run_id, next, is_open, ..Self::default() }
    }

    /// Remembers that `event` was shown though it is not stored yet.
    pub(super) fn seen(mut self, event: &Event) -> Self {
        (self.seen_event_id, self.seen_time) = (event.event_id, event.time.0);
        self
    }

    /// Whether `event` was shown on the page before.
    pub(super) fn has_seen(&self, event: &Event) -> bool {
        self.seen_event_id != 0 && (event.event_id, event.time.0) == (self.seen_event_id, self.seen_time)
    }

    /// The token that a request carries, and the run it is bound to; `None` on the first page.
    pub(super) fn open(sealed: &[u8], execution: &mut Execution) -> Result<Option<Self>, Reject> {
        if sealed.is_empty() {
            return Ok(None);
        }
        let invalid = || Reject::invalid("Invalid NextPageToken.");
        let token = Self::decode(sealed).map_err(|_| invalid())?;
        let run_id = RunId::from_slice(&token.run_id).ok_or_else(invalid)?.to_string();
        if token.next < 1 {
            return Err(invalid());
        }
        if !execution.run_id.is_empty() && execution.run_id != run_id {
            return Err(Reject::invalid("RunId in the request does not match the NextPageToken."));
        }
        execution.run_id = run_id;
        Ok(Some(token))
    }

    pub(super) fn seal(&self) -> bytes::Bytes {
        self.encode_to_vec().into()
    }
}

/// Where the history of a run stands.
pub(super) async fn state(
    scope: &Scope,
    execution: Execution,
    wait_from: Option<i64>,
    deadline: Time,
) -> Result<HistoryState, Reject> {
    match scope.call(Call::HistoryState { execution, wait_from, deadline }).await? {
        Answer::HistoryState(state) => Ok(state),
        other => Err(unexpected(&other)),
    }
}

/// Events that were written together. A page is cut between batches only.
pub(super) type Batch = Vec<Event>;

/// The batches of `from..range.before` in order: so many of them, or all if there are fewer; or so many that their bytes fill
/// a page, with the one that does.
pub(super) async fn batches(
    scope: &Scope,
    range: &HistoryRange,
    from: i64,
    (most, most_bytes): (usize, usize),
) -> Result<Vec<Batch>, Reject> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    let mut from = from.max(1);
    while from < range.before && found.len() < most && bytes < most_bytes {
        let wanted = HistoryRange { from, ..range.clone() };
        let limit = PageLimit { events: most - found.len(), bytes: most_bytes - bytes };
        let stored = scope.context.engine.read_history(&wanted, limit).await?;
        let mut last = from;
        for batch in stored {
            bytes = bytes.saturating_add(batch.len());
            let batch = stored::events(batch)?;
            last = batch.last().map_or(last, |event| event.event_id + 1);
            found.extend(as_written(batch));
        }
        if last == from {
            break;
        }
        from = last;
    }
    found.truncate(most);
    Ok(found)
}

/// Leaves so many of the first batches as fit into a page of so many bytes, and at least one.
pub(super) fn cut(batches: &mut Vec<Batch>, most_bytes: usize) {
    let fitting = fitting(batches.iter(), most_bytes);
    batches.truncate(fitting);
}

/// How many of these batches fit into a page of so many bytes; at least one.
pub(super) fn fitting<'a>(batches: impl Iterator<Item = &'a Batch>, most_bytes: usize) -> usize {
    let sums = batches.scan(0_usize, |sum, batch| {
        *sum = sum.saturating_add(batch.iter().map(Event::length).sum());
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= most_bytes).count().max(1)
}

/// All of a range as it is stored, of which nothing is taken apart but what holds an end of the range; `None` where events
/// are missing, or it is more than so many bytes.
async fn whole(scope: &Scope, range: &HistoryRange, most_bytes: usize) -> Result<Option<Vec<Piece>>, Reject> {
    let mut pieces = Vec::new();
    let mut next = range.from;
    let mut bytes = 0_usize;
    for batch in scope.context.engine.read_history(range, PageLimit { events: usize::MAX, bytes: most_bytes }).await? {
        bytes = bytes.saturating_add(batch.len());
        let span = stored::span(&batch)?;
        if span.start >= range.from && span.end <= range.before {
            pieces.push(Piece::stored(batch));
        } else {
            let events = stored::events(batch)?.into_iter();
            pieces.extend(stored::pieces(events.filter(|event| (range.from..range.before).contains(&event.event_id))));
        }
        next = span.end;
    }
    Ok((next >= range.before && bytes <= most_bytes).then_some(pieces))
}

/// The start of a workflow task is stored with its end, and was seen before it: it stands alone.
fn as_written(mut events: Batch) -> impl Iterator<Item = Batch> {
    let starts = events.first().is_some_and(|event| event.kind == EventType::WorkflowTaskStarted);
    let rest = if starts { events.split_off(1) } else { Vec::new() };
    [events, rest].into_iter().filter(|batch| !batch.is_empty())
}

/// A workflow task as its worker gets it: with the first page of its history.
pub(crate) async fn worker_task(scope: &Scope, task: WorkflowTask) -> Result<WorkerTask, Reject> {
    let most = usize::try_from(scope.limits().history_page).unwrap_or(usize::MAX);
    let mut message = task.response;
    let range = task.history;
    // What else the task brings is in the same message.
    let room = scope.limits().history_page_bytes.saturating_sub(message.encoded_len());
    if range.before - range.from <= i64::from(scope.limits().history_page)
        && let Some(mut pieces) = whole(scope, &range, room).await?
    {
        pieces.extend(stored::pieces(stored::tail(&task.tail)));
        return Ok(WorkerTask { message, history: Some(pieces) });
    }
    let mut found = batches(scope, &range, range.from, (most, room)).await?;
    found.iter_mut().for_each(|batch| batch.retain(|event| (range.from..range.before).contains(&event.event_id)));
    found.retain(|batch| !batch.is_empty());
    cut(&mut found, room);
    let mut events: Vec<_> = found.into_iter().flatten().collect();
    let next = events.last().map_or(range.from, |event| event.event_id + 1);
    if next >= range.before {
        events.extend(stored::tail(&task.tail));
    } else {
        message.next_page_token = PageToken::new(&range.run_id.to_string(), next, true).seal();
    }
    Ok(WorkerTask { message, history: Some(stored::pieces(events)) })
}

/// A workflow task with its history.
pub(crate) type WorkerTask = WithHistory<PollWorkflowTaskQueueResponse, POLLED_HISTORY>;

impl WorkerTask {
    /// The task as a part of another message.
    ///
    /// # Errors
    /// `Internal` when what is stored is damaged.
    pub(crate) fn decoded(self) -> Result<PollWorkflowTaskQueueResponse, Reject> {
        let damaged = |error| Reject::internal(format!("a stored event is damaged: {error}"));
        let history = joined(&self.history.unwrap_or_default());
        let history = History::decode(&*history).map_err(damaged)?;
        Ok(PollWorkflowTaskQueueResponse { history: Some(history), ..self.message })
    }
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::history::v1::HistoryEvent;

    use super::*;

    const RUN: &str = "01a20485-6c98-7b69-b75a-b25c51883b9d";

    fn execution(run_id: &str) -> Execution {
        Execution { workflow_id: "w".into(), run_id: run_id.into() }
    }

    fn event(event_id: i64, kind: EventType) -> Event {
        Event::from(&HistoryEvent { event_id, event_type: kind.into(), ..Default::default() })
    }

    #[test]
    fn the_start_of_a_task_is_a_batch_of_its_own() {
        let ids = |events: Batch| -> Vec<Vec<i64>> {
            as_written(events).map(|batch| batch.iter().map(|event| event.event_id).collect()).collect()
        };
        use EventType::{
            WorkflowTaskCompleted as Completed, WorkflowTaskScheduled as Scheduled, WorkflowTaskStarted as Started,
        };
        assert_eq!(ids(vec![event(3, Started), event(4, Completed)]), [vec![3], vec![4]]);
        assert_eq!(ids(vec![event(3, Started)]), [vec![3]]);
        let transient = vec![event(3, Scheduled), event(4, Started), event(5, Completed)];
        assert_eq!(ids(transient), [vec![3, 4, 5]]);
    }

    #[test]
    fn a_token_is_bound_to_its_run() {
        let sealed = PageToken::new(RUN, 7, true).seal();
        let mut open = execution("");
        let token = PageToken::open(&sealed, &mut open).unwrap().unwrap();
        assert_eq!((token.next, token.is_open, open.run_id.as_str()), (7, true, RUN));
        let other = PageToken::open(&sealed, &mut execution("01a20485-6c98-7b69-b75a-b25c51883b9e"));
        assert_eq!(other.unwrap_err().message, "RunId in the request does not match the NextPageToken.");
        assert_eq!(PageToken::open(b"", &mut execution("")), Ok(None));
    }

    #[test]
    fn bytes_that_are_no_token_are_refused() {
        let nowhere = PageToken::new(RUN, 0, true).seal();
        for bytes in [b"zz".as_slice(), b"\x10\x05", &nowhere] {
            let refusal = PageToken::open(bytes, &mut execution("")).unwrap_err();
            assert_eq!(refusal.message, "Invalid NextPageToken.", "{bytes:?}");
        }
    }

    #[test]
    fn an_event_seen_early_is_known_again_only_as_it_was() {
        let at = |seconds| {
            let event_time = Some(prost_types::Timestamp { seconds, nanos: 0 });
            Event::from(&HistoryEvent { event_id: 3, event_time, ..Default::default() })
        };
        let token = PageToken::new(RUN, 3, true).seen(&at(5));
        assert!(token.has_seen(&at(5)));
        assert!(!token.has_seen(&at(6)));
        assert!(!PageToken::new(RUN, 3, true).has_seen(&Event::from(&HistoryEvent::default())));
    }
}
