//! What the state machines of all kinds of entities have alike.

use model::Reject;

use crate::{Change, Due, Input, Run, Step, StepContext};

/// The state of one entity. What is to happen goes out as the difference between two states, and what must exist because of
/// one follows from it alone.
pub trait Machine: Sized {
    /// What is asked of it, by a caller, by a message, or by time.
    type Input;
    /// What `evolve` writes.
    type Change;
    /// What an accepted input yields: the next state, the changes that lead to it, the reply.
    type Step;
    /// What must exist because of a state.
    type Due;

    /// Decides what follows from `input`, without touching the state.
    ///
    /// # Errors
    /// The refusal as the caller gets it; nothing has changed then.
    fn handle(&self, input: Self::Input, context: &StepContext) -> Result<Self::Step, Reject>;

    /// Applies one change. Nothing else writes the state.
    fn evolve(&mut self, change: &Self::Change);

    /// Everything that must exist because of this state.
    fn due(&self) -> Self::Due;
}

impl Machine for Run {
    type Input = Input;
    type Change = Change;
    type Step = Step;
    type Due = Due;

    fn handle(&self, input: Input, context: &StepContext) -> Result<Step, Reject> {
        Run::handle(self, input, context)
    }

    fn evolve(&mut self, change: &Change) {
        Run::evolve(self, change);
    }

    fn due(&self) -> Due {
        Run::due(self)
    }
}
