//! What became of starting a child.

use model::Reject;

use crate::{ChildOutcome, Draft, Step};

pub(super) fn handle(draft: Draft, initiated_event_id: i64, outcome: ChildOutcome) -> Result<Step, Reject> {
    let _ = (draft, initiated_event_id, outcome);
    Err(Reject::unimplemented("this input"))
}
