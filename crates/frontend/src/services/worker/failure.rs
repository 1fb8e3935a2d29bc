//! Failures that are too large to keep, and those that the server puts in place of an answer that is.

use model::Limits;
use prost::Message;
use proto::temporal::api::failure::v1::{Failure, ServerFailureInfo, failure::FailureInfo};

use crate::check;

pub(super) const RESULT_TOO_LARGE: &str = "Complete result exceeds size limit.";
pub(super) const FAILURE_TOO_LARGE: &str = "Failure exceeds size limit.";
pub(super) const CANCEL_DETAILS_TOO_LARGE: &str = "Cancel details exceed size limit.";
pub(super) const HEARTBEAT_TOO_LARGE: &str = "Heartbeat details exceed size limit.";

/// A failure of the server's own that is not retried.
pub(super) fn server_failure(message: &str) -> Failure {
    Failure {
        message: message.to_owned(),
        source: "Server".to_owned(),
        failure_info: Some(FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: true })),
        ..Default::default()
    }
}

/// The failure, or where it is too large one that says so and holds what fits; and whether it was.
pub(super) fn within(failure: Failure, limits: &Limits) -> (Failure, bool) {
    if !check::is_too_large(Some(&failure), limits) {
        return (failure, false);
    }
    let mut said = server_failure(FAILURE_TOO_LARGE);
    said.cause = Some(cut(failure, limits.blob_size_warn).into());
    (said, true)
}

/// Message and stack trace of a failure, cut to `most` bytes; details and causes are left out.
fn cut(failure: Failure, most: usize) -> Failure {
    let mut kept = Failure { source: failure.source, ..Default::default() };
    kept.message = prefix(failure.message, most.saturating_sub(kept.encoded_len()));
    kept.stack_trace = prefix(failure.stack_trace, most.saturating_sub(kept.encoded_len()));
    kept
}

fn prefix(mut text: String, most: usize) -> String {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_failure_is_cut_between_characters() {
        let limits = Limits { blob_size_error: 64, blob_size_warn: 33, ..Limits::default() };
        let small = Failure { message: "no".into(), ..Default::default() };
        assert_eq!(within(small.clone(), &limits), (small, false));
        let large = Failure { message: "é".repeat(100), stack_trace: "x".repeat(100), ..Default::default() };
        let (said, too_large) = within(large, &limits);
        assert!(too_large);
        assert_eq!(said.message, FAILURE_TOO_LARGE);
        let cause = said.cause.unwrap().failure();
        assert_eq!(cause.message, "é".repeat(16));
        assert_eq!(cause.stack_trace, "");
    }
}
