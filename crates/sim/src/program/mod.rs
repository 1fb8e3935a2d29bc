//! What the model workflows do. A program is the workflow type's name, so that a worker needs nothing but the history to
//! know the next commands: letters, each one step.

mod commands;
mod seen;

use proto::temporal::api::{
    command::v1::Command,
    enums::v1::{CommandType, ContinueAsNewInitiator},
    history::v1::{HistoryEvent, history_event::Attributes as Event},
};

use crate::rng::Rng;
use seen::Seen;

pub(crate) use commands::{protocol_message, signal_other};
pub(crate) use seen::{ended_activity, ended_child, updates_under_way};

/// The queue that all model workers poll.
pub(crate) const QUEUE: &str = "queue";

/// The steps that a program is drawn from. What workflows mostly do stands there more than once.
///
/// `a` activity, `f` activity whose first attempt fails, `z` and `m` the same with a wish to be tried again after no time
/// and after less than none, `q` activity with hardly any time, `x` activity that is cancelled by the completion that
/// schedules it; `t` timer, `w` timer that fires at once, `y` timer that is cancelled by the completion that starts it; `c`
/// child, `k` child that is cancelled as soon as it runs; `s` wait for a signal, `u` wait for an update; `b`
/// a command that has to be refused, and then a timer.
const STEPS: [char; 19] =
    ['a', 'a', 'a', 'f', 't', 't', 's', 's', 'c', 'z', 'm', 'q', 'x', 'w', 'y', 'k', 'u', 'u', 'b'];

/// A new program of one to four steps. `o` in front: it heeds requests to cancel. Behind them `n`: continue as new once; `e`:
/// fail at the first attempt; `E`: the same with a wish to be tried again at once.
pub(crate) fn new(rng: &mut Rng) -> String {
    let mut program = String::new();
    if rng.one_in(3) {
        program.push('o');
    }
    let steps = 1 + rng.below(4);
    program.extend((0..steps).filter_map(|_| rng.pick(&STEPS).copied()));
    if rng.one_in(6) {
        program.push('n');
    }
    if rng.one_in(6) {
        program.extend(rng.pick(&['e', 'E']));
    }
    program
}

/// Whether a program fails at its first attempt.
pub(crate) fn fails_first(program: &str) -> bool {
    program.ends_with(['e', 'E'])
}

/// What a worker decides on a history: the next commands, none when it waits.
pub(crate) fn decide(events: &[HistoryEvent]) -> Vec<Command> {
    let Some(Some(Event::WorkflowExecutionStartedEventAttributes(started))) =
        events.first().map(|event| &event.attributes)
    else {
        return Vec::new();
    };
    let program = started.workflow_type.as_ref().map_or("", |kind| kind.name.as_str());
    let mut seen = Seen::new(events);
    if program.starts_with('o') && seen.is_asked_to_cancel() {
        return vec![commands::cancel()];
    }
    let initiator = started.initiator();
    let is_retried = started.attempt > 1 || initiator == ContinueAsNewInitiator::Retry;
    let has_continued = is_retried || initiator == ContinueAsNewInitiator::Workflow;
    for (position, step) in program.chars().enumerate() {
        let is_done = match step {
            'a' | 'f' | 'z' | 'm' | 'q' | 'x' => seen.activity(position),
            't' | 'w' | 'y' | 'b' => seen.timer(position),
            'c' | 'k' => seen.child(position),
            's' => seen.signal(),
            'u' => seen.update(),
            'n' => has_continued,
            'e' | 'E' => is_retried,
            _ => true,
        };
        if is_done {
            continue;
        }
        let run_id = &started.original_execution_run_id;
        return match step {
            'n' => vec![commands::continue_as_new(program)],
            'e' | 'E' => vec![commands::fail(step == 'E')],
            's' | 'u' => Vec::new(),
            'k' if seen.is_begun() && !seen.has_cancelled(position) => vec![commands::cancel_child(position, run_id)],
            _ if seen.is_begun() => Vec::new(),
            'b' if !seen.failed_task() => vec![commands::bad(position)],
            _ => commands::begin(step, position, run_id, seen.next_event_id()),
        };
    }
    vec![commands::complete()]
}

/// Whether a command ends the run.
pub(crate) fn closes(command: &Command) -> bool {
    matches!(
        command.command_type(),
        CommandType::CompleteWorkflowExecution
            | CommandType::ContinueAsNewWorkflowExecution
            | CommandType::FailWorkflowExecution
            | CommandType::CancelWorkflowExecution
    )
}
