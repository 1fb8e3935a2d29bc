//! What follows, in words. Ids that were drawn are named in the order of their appearance, times count from the
//! beginning of the transcript.

use machine::{
    ActivityTask, Change, Due, Message, MessageKey, Reply, Run, StateChange, Step, Task, WorkflowTaskAnswer,
};
use model::{Reject, Time};
use prost::Message as _;
use proto::temporal::api::{history::v1::HistoryEvent, protocol::v1::message::SequencingId, update::v1::Request};
use serde_json::Value;

use super::json;

/// The clock at the beginning of every transcript: 2026-01-01T00:00:00Z.
pub(crate) const BEGINNING: Time = Time(1_767_225_600_000_000_000);

/// A point in time, from the beginning.
pub(crate) fn time(time: Time) -> String {
    let nanos = time.0 - BEGINNING.0;
    format!("@{}", span(nanos))
}

fn span(nanos: i64) -> String {
    let seconds = nanos as f64 / 1e9;
    format!("{seconds}s")
}

/// What a step does, line by line.
pub(crate) fn step(step: &Step) -> Vec<String> {
    let mut lines: Vec<String> = step.changes.iter().filter_map(change).collect();
    if let Some(successor) = &step.successor {
        lines.push(format!("successor {}", successor.next.key.run_id));
        lines.extend(self::step(successor).into_iter().map(|line| format!("  {line}")));
    }
    lines.extend(reply(&step.reply));
    lines
}

fn change(change: &Change) -> Option<String> {
    match change {
        Change::Event(event) => Some(format!("{} {}", event.event_id, self::event(event))),
        Change::State(StateChange::Buffered(event)) => Some(format!("~ {}", self::event(event))),
        Change::State(StateChange::UpdateAdmitted(update)) => Some(format!("update {} admitted", update.id())),
        Change::State(StateChange::UpdateRejected { update_id, failure }) => {
            let text = failure.as_ref().map_or("", |failure| failure.message.as_str());
            Some(format!("update {update_id} rejected: {text}"))
        }
        Change::State(StateChange::UpdatesAborted) => Some("updates aborted".into()),
        Change::State(_) => None,
    }
}

/// An event without its id.
pub(crate) fn event(event: &HistoryEvent) -> String {
    let Value::Object(mut fields) = json::print("temporal.api.history.v1.HistoryEvent", event) else {
        return String::new();
    };
    let kind =
        proto::temporal::api::enums::v1::EventType::try_from(event.event_type).expect("a transcript is well-formed");
    let mut line = name(kind.as_str_name(), "EVENT_TYPE_");
    let at = event.event_time.as_ref().map(Time::from_proto).unwrap_or_default();
    line.push_str(&format!(" {}", time(at)));
    let mut tell = |fields: &serde_json::Map<String, Value>| {
        // How large the history was depends on the length of ids; the limit on it has transcripts of its own.
        for (name, value) in fields.iter().filter(|(name, _)| *name != "historySizeBytes") {
            line.push_str(&format!(" {name}={}", json::plain(value)));
        }
    };
    for (name, value) in &fields {
        if let (true, Value::Object(attributes)) = (name.ends_with("EventAttributes"), value) {
            tell(attributes);
        }
    }
    fields.retain(|name, _| {
        !name.ends_with("EventAttributes")
            && !["eventId", "eventTime", "eventType", "workerMayIgnore"].contains(&name.as_str())
    });
    tell(&fields);
    line
}

/// `EVENT_TYPE_TIMER_FIRED` as `TimerFired`.
fn name(text: &str, prefix: &str) -> String {
    let words = text.strip_prefix(prefix).unwrap_or(text).split('_');
    words
        .map(|word| {
            let (first, rest) = word.split_at(1.min(word.len()));
            format!("{first}{}", rest.to_lowercase())
        })
        .collect()
}

fn reply(reply: &Reply) -> Vec<String> {
    match reply {
        Reply::Done => Vec::new(),
        Reply::WorkflowTask(answer) => workflow_task(answer),
        Reply::WorkflowTaskCompleted { next_task, activities, failed, reset_history_event_id } => {
            let mut lines = Vec::new();
            if *reset_history_event_id != 0 {
                lines.push(format!("resets to {reset_history_event_id}"));
            }
            if let Some(failed) = failed {
                lines.push(reject("fails", failed));
            }
            lines.extend(activities.iter().map(activity_task));
            lines.extend(next_task.iter().flat_map(|answer| workflow_task(answer)));
            lines
        }
        Reply::Activity(task) => vec![activity_task(task)],
        Reply::Heartbeat { cancel_requested } => vec![format!("heartbeat cancel_requested={cancel_requested}")],
        Reply::Refused(reason) => vec![reject("refuses", reason)],
    }
}

fn workflow_task(answer: &WorkflowTaskAnswer) -> Vec<String> {
    let sticky = if answer.sticky { " sticky" } else { "" };
    let mut lines = vec![format!(
        "answers workflow task scheduled={} started={} attempt={} previous={} stored_before={}{sticky}",
        answer.scheduled_event_id,
        answer.started_event_id,
        answer.attempt,
        answer.previous_started_event_id,
        answer.stored_before_event_id,
    )];
    lines.extend(answer.tail.iter().map(|event| format!("  {} {}", event.event_id, self::event(event))));
    lines.extend(answer.messages.iter().map(|message| format!("  {}", update_message(message))));
    lines
}

/// A message to a worker: an update behind an event.
fn update_message(message: &proto::temporal::api::protocol::v1::Message) -> String {
    let body = message.body.as_ref().expect("a message has a body");
    let kind = body.type_url.rsplit('/').next().unwrap_or_default();
    let request = Request::decode(body.value.as_slice()).expect("the body is what its type says");
    let name = request.input.map(|input| input.name).unwrap_or_default();
    let Some(SequencingId::EventId(event_id)) = message.sequencing_id else { panic!("an update follows on an event") };
    format!("message {} of {} after {event_id}: {kind} {name}", message.id, message.protocol_instance_id)
}

fn activity_task(task: &ActivityTask) -> String {
    format!(
        "answers activity {} scheduled={} attempt={} timeouts={}/{}/{}",
        task.activity_id,
        task.scheduled_event_id,
        task.attempt,
        span(task.schedule_to_close_timeout),
        span(task.start_to_close_timeout),
        span(task.heartbeat_timeout),
    )
}

pub(crate) fn reject(verb: &str, reject: &Reject) -> String {
    let kind = format!("{:?}", reject.kind);
    let kind: String = kind.chars().take_while(|c| c.is_alphanumeric()).collect();
    format!("{verb} {kind}: {}", reject.message)
}

/// What must exist because of the state.
pub(crate) fn due(due: &Due) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(wake) = due.wake {
        lines.push(format!("wake {}", time(wake)));
    }
    if let Some(deadline) = due.deadline.filter(|deadline| Some(*deadline) != due.wake) {
        lines.push(format!("deadline {}", time(deadline)));
    }
    lines.extend(due.tasks.iter().map(task));
    lines.extend(due.messages.iter().map(|key| format!("message {}", self::key(*key))));
    lines
}

fn task(task: &Task) -> String {
    match task {
        Task::Workflow { task_queue, sticky, scheduled_event_id, attempt, since, .. } => format!(
            "task workflow queue={task_queue}{} scheduled={scheduled_event_id} attempt={attempt} since={}",
            if *sticky { " sticky" } else { "" },
            time(*since),
        ),
        Task::Activity { task_queue, scheduled_event_id, attempt, since, .. } => format!(
            "task activity queue={task_queue} scheduled={scheduled_event_id} attempt={attempt} since={}",
            time(*since),
        ),
    }
}

pub(crate) fn key(key: MessageKey) -> String {
    format!("{key:?}")
}

/// The content of a message.
pub(crate) fn message(message: &Message) -> String {
    match message {
        Message::StartChild { namespace_id, attributes, initiated_event_id, root_workflow_id, root_run_id, .. } => {
            format!(
                "StartChild namespace={namespace_id} initiated={initiated_event_id} root={root_workflow_id}/{root_run_id} {}",
                json::plain(&json::print(
                    "temporal.api.history.v1.StartChildWorkflowExecutionInitiatedEventAttributes",
                    &**attributes
                )),
            )
        }
        Message::Signal { target, from, name, .. } => {
            format!("Signal to={}/{} from={} name={name}", target.workflow_id, target.run_id, from.workflow_id)
        }
        Message::Cancel { target, from, reason, .. } => {
            format!("Cancel to={}/{} from={} reason={reason}", target.workflow_id, target.run_id, from.workflow_id)
        }
        Message::ClosePolicy { target, first_run_id, terminate, from, .. } => format!(
            "ClosePolicy to={} first_run={first_run_id} from={} terminate={terminate}",
            target.workflow_id, from.workflow_id
        ),
        Message::ParentNotice { target, initiated_event_id, first_run_id, event } => format!(
            "ParentNotice to={}/{} initiated={initiated_event_id} first_run={first_run_id} {}",
            target.workflow_id,
            target.run_id,
            self::event(event)
        ),
    }
}

/// What a run can change of itself: its memo and search attributes.
pub(crate) fn attributes(attributes: &machine::Attributes) -> Vec<String> {
    let memo = attributes
        .memo
        .as_ref()
        .map(|memo| format!("memo {}", json::plain(&json::print("temporal.api.common.v1.Memo", memo))));
    let search = attributes.search_attributes.as_ref().map(|search| {
        let search = json::print("temporal.api.common.v1.SearchAttributes", search);
        format!("search attributes {}", json::plain(&search))
    });
    memo.into_iter().chain(search).collect()
}

/// What there is to say of a run between two inputs.
pub(crate) fn standing(run: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    if !run.is_open() {
        lines.push(format!("closed {}", name(run.status().as_str_name(), "WORKFLOW_EXECUTION_STATUS_")));
    }
    if !run.core.reported_problem.is_empty() {
        lines.push(format!("problem {}", run.core.reported_problem.replace('\n', " ")));
    }
    lines.extend(
        run.pending_updates
            .iter()
            .map(|update| format!("update {} {}", update.id(), if update.sent { "sent" } else { "admitted" })),
    );
    lines.extend(run.aborted_updates.iter().map(|id| format!("update {id} aborted")));
    let updates = run.updates.iter().map(|(id, update)| match update.completed_event_id {
        0 => format!("update {id} accepted={}", update.accepted_event_id),
        completed => format!("update {id} accepted={} completed={completed}", update.accepted_event_id),
    });
    lines.extend(updates);
    if run.is_speculative() {
        lines.push("speculative".into());
    }
    lines.extend(due(&run.due()));
    lines
}
