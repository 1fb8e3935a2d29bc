//! A step in the making: a copy of the state, and the changes made to it so far.

use model::Reject;
use proto::temporal::api::history::v1::{HistoryEvent, history_event};

use crate::{Change, Facts, Quiet, Reply, Run, Step};

/// A step in the making. Dropping it undoes it.
#[derive(Clone, Debug)]
pub struct Draft {
    run: Run,
    changes: Vec<Change>,
    pub(crate) facts: Facts,
    pub(crate) successor: Option<Box<Step>>,
}

impl Draft {
    pub fn new(run: Run, facts: Facts) -> Self {
        Self { run, changes: Vec::new(), facts, successor: None }
    }

    /// The state as it is with the changes made so far.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Appends an event to the history and returns its id. The caller has made sure that it need not be buffered.
    pub fn append(&mut self, attributes: history_event::Attributes) -> i64 {
        self.append_event(HistoryEvent { attributes: Some(attributes), ..Default::default() })
    }

    /// As `append`, for an event that carries links or user metadata, or that was buffered.
    pub fn append_event(&mut self, mut event: HistoryEvent) -> i64 {
        let event_id = self.run.core.next_event_id;
        event.event_id = event_id;
        event.event_time.get_or_insert_with(|| self.facts.now.to_proto());
        self.apply(Change::Event(Box::new(event)));
        event_id
    }

    /// Makes a change that leaves no event.
    pub fn quiet(&mut self, change: Quiet) {
        self.apply(Change::Quiet(change));
    }

    fn apply(&mut self, change: Change) {
        self.run.evolve(&change);
        self.changes.push(change);
    }

    /// # Errors
    /// None of its own: the type fits the end of a handler.
    pub fn finish(self, reply: Reply) -> Result<Step, Reject> {
        Ok(Step { next: self.run, changes: self.changes, successor: self.successor, reply })
    }
}
