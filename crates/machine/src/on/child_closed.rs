//! A child has closed.

use model::Reject;

use crate::{ChildClosed, Draft, Step};

pub(super) fn handle(draft: Draft, initiated_event_id: i64, child: ChildClosed) -> Result<Step, Reject> {
    let _ = (draft, initiated_event_id, child);
    Err(Reject::unimplemented("this input"))
}
