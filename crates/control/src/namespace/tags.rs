//! Tags of namespaces: words of the account's own, without a meaning here.

use std::collections::{BTreeMap, BTreeSet};

use auth::Principal;
use model::Reject;
use proto::temporal::api::cloud::{
    cloudservice::v1::{UpdateNamespaceTagsRequest, UpdateNamespaceTagsResponse},
    operation::v1::AsyncOperation,
};

use crate::{
    record::NamespaceRecord,
    request::{ApiRequest, Applied, Command, Target},
    resource::{Resource, quota},
    state::State,
    turn::{Turn, nothing_to_change},
};

/// Tags of one namespace.
const MOST: usize = 10;
/// Different keys in the account.
const MOST_KEYS: usize = 1_000;
/// Longest key and value.
const MOST_LENGTH: usize = 63;

/// Checks the tags that the namespace `id` (empty: a new one) shall have.
///
/// # Errors
/// `InvalidArgument`, or `FailedPrecondition` when the account would have too many keys.
pub(super) fn check(state: &State, id: &str, tags: &BTreeMap<String, String>) -> Result<(), Reject> {
    if tags.len() > MOST {
        return Err(Reject::invalid(format!("a namespace can have {MOST} tags, not {}", tags.len())));
    }
    for text in tags.iter().flat_map(|(key, value)| [key, value]) {
        check_text(text)?;
    }
    let others = state.namespaces.values().filter(|row| row.id != id).flat_map(|row| row.tags.keys());
    let keys: BTreeSet<&String> = others.chain(tags.keys()).collect();
    if !tags.is_empty() && keys.len() > MOST_KEYS {
        return Err(quota(format!("the account has {MOST_KEYS} tag keys, which is the most it can have")));
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), Reject> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._@-".contains(&byte);
    if (1..=MOST_LENGTH).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(());
    }
    Err(Reject::invalid(format!(
        "invalid tag \"{text}\": keys and values must have 1 to {MOST_LENGTH} lower-case letters, digits and ._@-"
    )))
}

impl ApiRequest for UpdateNamespaceTagsRequest {
    type Answer = UpdateNamespaceTagsResponse;
}

impl Command for UpdateNamespaceTagsRequest {
    const EVENT: &'static str = "UpdateNamespaceTagsAPI";

    fn subject(&self) -> &str {
        &self.namespace
    }

    fn async_operation_id(&self) -> &str {
        &self.async_operation_id
    }

    fn target(&self, _state: &State) -> Target {
        Target::Namespace(self.namespace.clone())
    }

    fn apply(&self, turn: &mut Turn<'_>, _caller: &Principal) -> Result<Applied, Reject> {
        let mut row: NamespaceRecord = turn.take(NamespaceRecord::KIND, &self.namespace)?;
        if self.tags_to_upsert.is_empty() && self.tags_to_remove.is_empty() {
            return Err(Reject::invalid("at least one of tags_to_upsert and tags_to_remove must be given"));
        }
        let mut tags = row.tags.clone();
        tags.retain(|key, _| !self.tags_to_remove.contains(key));
        tags.extend(self.tags_to_upsert.clone());
        check(&turn.state, &row.id, &tags)?;
        if tags == row.tags {
            return Err(nothing_to_change());
        }
        row.tags = tags;
        // The version is the spec's, which stays.
        row.meta.modified_time = turn.now.0;
        turn.put_namespace(row);
        Ok(Applied::done(self.namespace.clone()))
    }

    fn answer(_turn: &mut Turn<'_>, _subject: &str, operation: AsyncOperation) -> Result<Self::Answer, Reject> {
        Ok(UpdateNamespaceTagsResponse { async_operation: Some(operation) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_keep_to_their_letters() {
        let long = "a".repeat(63);
        let too_long = "a".repeat(64);
        let rows =
            [("team", true), ("a.b_c@d-1", true), (&long, true), ("", false), ("Team", false), (&too_long, false)];
        for (text, fits) in rows {
            assert_eq!(check_text(text).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn a_namespace_has_ten_at_most() {
        let of = |number: usize| (0..number).map(|at| (format!("k{at}"), "v".to_owned())).collect();
        assert_eq!(check(&State::default(), "", &of(10)), Ok(()));
        assert!(check(&State::default(), "", &of(11)).is_err());
    }
}
