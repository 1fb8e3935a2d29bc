//! A worker, or somebody who knows the activity's id, reports on an activity.

use model::Reject;

use crate::{ActivityAnswer, ActivityRef, Draft, Step};

pub(super) fn handle(
    draft: Draft,
    activity: ActivityRef,
    identity: String,
    answer: ActivityAnswer,
) -> Result<Step, Reject> {
    let _ = (draft, activity, identity, answer);
    Err(Reject::unimplemented("this input"))
}
