//! A failure in one line, as Temporal's own command line tells it.

use proto::{
    cause::chain,
    temporal::api::failure::v1::{Failure, failure::FailureInfo},
};

/// The message, what kind of failure it is, and its causes behind it.
pub(super) fn failure_text(failure: &Failure) -> String {
    let own = |failure: Failure| match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) if !info.r#type.is_empty() => {
            format!("{} (type: {}, retryable: {})", failure.message, info.r#type, !info.non_retryable)
        }
        Some(_) | None => failure.message,
    };
    chain(failure).map(own).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::failure::v1::ApplicationFailureInfo;

    use super::*;

    #[test]
    fn a_failure_with_its_cause() {
        let application = |message: &str, kind: &str, cause: Option<Failure>| Failure {
            message: message.to_owned(),
            cause: cause.map(Into::into),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                r#type: kind.to_owned(),
                ..Default::default()
            })),
            ..Default::default()
        };
        let cause = application("small", "", None);
        let failure = application("refused", "Bad", Some(cause));
        assert_eq!(failure_text(&failure), "refused (type: Bad, retryable: true): small");
        assert_eq!(failure_text(&Failure { message: "plain".to_owned(), ..Default::default() }), "plain");
    }
}
