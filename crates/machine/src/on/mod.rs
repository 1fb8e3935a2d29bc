//! One file for each input.

pub mod start;

use model::Reject;

use crate::{Facts, Input, Run, Step};

impl Run {
    /// Decides what follows from `input`, without touching the state.
    ///
    /// # Errors
    /// The refusal as the asker shall see it; nothing has changed then.
    pub fn handle(&self, input: Input, facts: &Facts) -> Result<Step, Reject> {
        let _ = (input, facts);
        Err(Reject::unimplemented("this input"))
    }
}
