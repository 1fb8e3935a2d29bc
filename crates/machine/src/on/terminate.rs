//! A client, or a parent's close policy, ends the run at once.

use model::Reject;
use proto::temporal::api::common::v1::{Link, Payloads};

use super::completed;
use crate::{Draft, Reply, Step};

/// Closes the run; a running workflow task fails by force, and what was buffered joins the history first.
///
/// # Errors
/// `NotFound` when the run is over.
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
