//! Somebody ends the run at once.

use model::Reject;
use proto::temporal::api::common::v1::{Link, Payloads};

use super::completed;
use crate::{Draft, Reply, Step};

pub(super) fn handle(
    mut draft: Draft,
    reason: String,
    details: Option<Payloads>,
    identity: String,
    links: Vec<Link>,
) -> Result<Step, Reject> {
    if !draft.run().is_open() {
        return Err(completed());
    }
    draft.terminate_run(reason, details, identity, links);
    draft.finish(Reply::Done)
}
