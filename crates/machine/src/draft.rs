//! A step in the making: a copy of the state, and the changes made to it so far.

use std::sync::Arc;

use model::Reject;
use prost::Message;
use proto::temporal::api::{
    enums::v1::WorkflowTaskFailedCause,
    history::v1::{HistoryEvent, history_event},
};

use crate::{
    Change, Reply, Run, StateChange, Step, StepContext,
    run::{event_type, is_workflow_task_scheduled},
    task::Failed,
};

/// A step in the making. Dropping it undoes it.
#[derive(Clone, Debug)]
pub struct Draft {
    run: Run,
    changes: Vec<Change>,
    /// What the step may know besides the state.
    pub(crate) context: StepContext,
    /// The first step of the run that follows on this one, if the step closes it.
    pub(crate) successor: Option<Box<Step>>,
}

impl Draft {
    /// A draft without changes.
    pub fn new(run: Run, context: StepContext) -> Self {
        Self { run, changes: Vec::new(), context, successor: None }
    }

    /// The state as it is with the changes made so far.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The changes made so far.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Takes the event in: appended at once, or buffered while a worker decides. This is the way for everything that
    /// happens to a run from outside; what a command does is appended.
    pub fn record(&mut self, attributes: history_event::Attributes) {
        self.record_event(HistoryEvent { attributes: Some(attributes), ..Default::default() });
    }

    /// As `record`, for an event that carries links or user metadata.
    pub fn record_event(&mut self, event: HistoryEvent) {
        if self.run.is_deciding() {
            self.buffer_event(event);
        } else {
            self.append_event(event);
        }
    }

    /// Buffers the event in any case: it follows what was buffered before it, and the commands of this step.
    pub(crate) fn buffer_event(&mut self, mut event: HistoryEvent) {
        self.fill(&mut event);
        self.change(StateChange::Buffered(Arc::new(event)));
    }

    /// Appends an event to the history and returns its id. The caller has made sure that it need not be buffered.
    pub fn append(&mut self, attributes: history_event::Attributes) -> i64 {
        self.append_event(HistoryEvent { attributes: Some(attributes), ..Default::default() })
    }

    /// As `append`, for an event that carries links or user metadata, or that was buffered.
    pub fn append_event(&mut self, mut event: HistoryEvent) -> i64 {
        // The one that makes a speculative task ordinary.
        if !is_workflow_task_scheduled(&event) {
            self.settle_speculative();
        }
        let event_id = self.run.core.next_event_id;
        event.event_id = event_id;
        self.fill(&mut event);
        self.apply(Change::Event(Box::new(event)));
        event_id
    }

    /// What every event says: when it happened and of which type it is.
    fn fill(&self, event: &mut HistoryEvent) {
        event.event_time.get_or_insert_with(|| self.context.now.to_proto());
        if let Some(attributes) = &event.attributes {
            event.set_event_type(event_type(attributes));
        }
    }

    /// Makes a change that leaves no event.
    pub fn change(&mut self, change: StateChange) {
        if change.is_durable() {
            self.settle_speculative();
        }
        self.apply(Change::State(change));
    }

    fn apply(&mut self, change: Change) {
        self.run.evolve(&change);
        self.changes.push(change);
    }

    /// # Errors
    /// None of its own: the type fits the end of a handler.
    pub fn finish(mut self, reply: Reply) -> Result<Step, Reject> {
        if self.run.is_deciding() && self.holds_too_much() {
            // What is held back for the worker's sake has grown too large: it shall decide again, on all of it.
            let attempt = self.fail_workflow_task(Failed::by_server(WorkflowTaskFailedCause::ForceCloseCommand));
            self.schedule_attempt(attempt, None);
        }
        if self.changes.iter().any(Change::is_durable) {
            // It says nothing new, so a task that this step has made in memory alone stays as it is.
            self.apply(Change::State(StateChange::Stepped));
        }
        Ok(Step { next: self.run, changes: self.changes, successor: self.successor, reply })
    }
}

impl Draft {
    /// Whether more events are buffered than may be.
    fn holds_too_much(&self) -> bool {
        let (buffered, limits) = (&self.run.buffered, &self.context.limits);
        buffered.len() > limits.buffered_events
            || buffered.iter().map(|event| event.encoded_len()).sum::<usize>() > limits.buffered_bytes
    }
}
