//! A poll met a waiting activity.

use model::Reject;
use proto::temporal::api::common::v1::WorkerVersionStamp;

use crate::{Draft, Step};

pub(super) fn handle(
    draft: Draft,
    scheduled_event_id: i64,
    identity: String,
    request_id: String,
    worker_version: Option<WorkerVersionStamp>,
) -> Result<Step, Reject> {
    let _ = (draft, scheduled_event_id, identity, request_id, worker_version);
    Err(Reject::unimplemented("this input"))
}
