//! What the model workflows do. A program is the workflow type's name, so that a worker needs nothing but the history to
//! know the next commands: letters, each one step.

use proto::temporal::api::{
    command::v1::{
        Command, CompleteWorkflowExecutionCommandAttributes, ContinueAsNewWorkflowExecutionCommandAttributes,
        ScheduleActivityTaskCommandAttributes, SignalExternalWorkflowExecutionCommandAttributes,
        StartChildWorkflowExecutionCommandAttributes, StartTimerCommandAttributes, command::Attributes,
    },
    common::v1::{ActivityType, Payload, Payloads, RetryPolicy, WorkflowExecution, WorkflowType},
    enums::v1::{CommandType, ParentClosePolicy},
    history::v1::{HistoryEvent, history_event::Attributes as Event},
    taskqueue::v1::TaskQueue,
};

use crate::rng::Rng;

/// The queue that all model workers poll.
pub(crate) const QUEUE: &str = "queue";

/// A new program: `a` activity, `f` activity whose first attempt fails, `t` timer, `s` wait for a signal, `c` child,
/// `g` signal the sibling named in the input, `n` (last) continue as new once.
pub(crate) fn new(rng: &mut Rng) -> String {
    let steps = 1 + rng.below(4);
    let mut program: String = (0..steps).filter_map(|_| rng.pick(&['a', 'a', 'f', 't', 's', 'c']).copied()).collect();
    if rng.one_in(6) {
        program.push('n');
    }
    program
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
    for (position, step) in program.chars().enumerate() {
        match step {
            'a' | 'f' if !seen.activity(position) => return seen.wait(|| activity(position, step)),
            't' if !seen.timer(position) => return seen.wait(|| timer(position)),
            'c' if !seen.child(position) => return seen.wait(|| child(position, &started.original_execution_run_id)),
            's' if !seen.signal() => return Vec::new(),
            'n' if started.continued_execution_run_id.is_empty() => return vec![continue_as_new(program)],
            _ => {}
        }
    }
    vec![complete()]
}

/// What of a program's steps a history shows.
struct Seen<'a> {
    events: &'a [HistoryEvent],
    signals: usize,
    /// The step at hand was begun, but is not done.
    begun: bool,
}

impl<'a> Seen<'a> {
    fn new(events: &'a [HistoryEvent]) -> Self {
        let is_signal = |event: &&HistoryEvent| {
            matches!(event.attributes, Some(Event::WorkflowExecutionSignaledEventAttributes(_)))
        };
        Self { events, signals: events.iter().filter(is_signal).count(), begun: false }
    }

    fn wait(&self, begin: impl FnOnce() -> Command) -> Vec<Command> {
        if self.begun { Vec::new() } else { vec![begin()] }
    }

    fn signal(&mut self) -> bool {
        let any = self.signals > 0;
        self.signals = self.signals.saturating_sub(1);
        any
    }

    fn activity(&mut self, position: usize) -> bool {
        let name = position.to_string();
        let scheduled = self.events.iter().find_map(|event| match &event.attributes {
            Some(Event::ActivityTaskScheduledEventAttributes(it)) if it.activity_id == name => Some(event.event_id),
            _ => None,
        });
        self.begun = scheduled.is_some();
        self.events.iter().any(|event| match &event.attributes {
            Some(Event::ActivityTaskCompletedEventAttributes(it)) => Some(it.scheduled_event_id) == scheduled,
            Some(Event::ActivityTaskTimedOutEventAttributes(it)) => Some(it.scheduled_event_id) == scheduled,
            Some(Event::ActivityTaskFailedEventAttributes(it)) => Some(it.scheduled_event_id) == scheduled,
            _ => false,
        })
    }

    fn timer(&mut self, position: usize) -> bool {
        let name = position.to_string();
        self.begun = self.events.iter().any(
            |event| matches!(&event.attributes, Some(Event::TimerStartedEventAttributes(it)) if it.timer_id == name),
        );
        self.events
            .iter()
            .any(|event| matches!(&event.attributes, Some(Event::TimerFiredEventAttributes(it)) if it.timer_id == name))
    }

    fn child(&mut self, position: usize) -> bool {
        let suffix = format!("-{position}");
        let initiated = self.events.iter().find_map(|event| match &event.attributes {
            Some(Event::StartChildWorkflowExecutionInitiatedEventAttributes(it))
                if it.workflow_id.ends_with(&suffix) =>
            {
                Some(event.event_id)
            }
            _ => None,
        });
        self.begun = initiated.is_some();
        self.events.iter().any(|event| match &event.attributes {
            Some(Event::ChildWorkflowExecutionCompletedEventAttributes(it)) => Some(it.initiated_event_id) == initiated,
            Some(Event::ChildWorkflowExecutionTerminatedEventAttributes(it)) => {
                Some(it.initiated_event_id) == initiated
            }
            Some(Event::StartChildWorkflowExecutionFailedEventAttributes(it)) => {
                Some(it.initiated_event_id) == initiated
            }
            _ => false,
        })
    }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn queue() -> Option<TaskQueue> {
    Some(TaskQueue { name: QUEUE.into(), ..TaskQueue::default() })
}

fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind.into(), attributes: Some(attributes), ..Command::default() }
}

fn activity(position: usize, step: char) -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: position.to_string(),
        activity_type: Some(ActivityType { name: step.to_string() }),
        task_queue: queue(),
        start_to_close_timeout: seconds(2),
        retry_policy: Some(RetryPolicy {
            initial_interval: seconds(1),
            backoff_coefficient: 1.0,
            ..RetryPolicy::default()
        }),
        ..ScheduleActivityTaskCommandAttributes::default()
    };
    command(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(attributes))
}

fn timer(position: usize) -> Command {
    let attributes = StartTimerCommandAttributes { timer_id: position.to_string(), start_to_fire_timeout: seconds(3) };
    command(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(attributes))
}

fn child(position: usize, run_id: &str) -> Command {
    let attributes = StartChildWorkflowExecutionCommandAttributes {
        workflow_id: format!("child-of-{run_id}-{position}"),
        workflow_type: Some(WorkflowType { name: "at".into() }),
        task_queue: queue(),
        parent_close_policy: ParentClosePolicy::Terminate.into(),
        ..StartChildWorkflowExecutionCommandAttributes::default()
    };
    command(
        CommandType::StartChildWorkflowExecution,
        Attributes::StartChildWorkflowExecutionCommandAttributes(attributes),
    )
}

fn continue_as_new(program: &str) -> Command {
    let attributes = ContinueAsNewWorkflowExecutionCommandAttributes {
        workflow_type: Some(WorkflowType { name: program.into() }),
        task_queue: queue(),
        ..ContinueAsNewWorkflowExecutionCommandAttributes::default()
    };
    command(
        CommandType::ContinueAsNewWorkflowExecution,
        Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(attributes),
    )
}

fn complete() -> Command {
    let attributes = CompleteWorkflowExecutionCommandAttributes::default();
    command(CommandType::CompleteWorkflowExecution, Attributes::CompleteWorkflowExecutionCommandAttributes(attributes))
}

/// A signal to another workflow, which the model sends beside its steps.
pub(crate) fn signal_other(workflow_id: &str, text: &str) -> Command {
    let attributes = SignalExternalWorkflowExecutionCommandAttributes {
        execution: Some(WorkflowExecution { workflow_id: workflow_id.into(), run_id: String::new() }),
        signal_name: text.into(),
        input: Some(Payloads { payloads: vec![Payload { data: text.to_owned().into(), ..Payload::default() }] }),
        ..SignalExternalWorkflowExecutionCommandAttributes::default()
    };
    command(
        CommandType::SignalExternalWorkflowExecution,
        Attributes::SignalExternalWorkflowExecutionCommandAttributes(attributes),
    )
}

/// Whether a command ends the run.
pub(crate) fn closes(command: &Command) -> bool {
    matches!(
        command.command_type(),
        CommandType::CompleteWorkflowExecution | CommandType::ContinueAsNewWorkflowExecution
    )
}
