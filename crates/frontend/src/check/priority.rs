//! Priority and fairness.

use model::Reject;
use proto::temporal::api::common::v1::Priority;

/// Bytes of a fairness key.
const FAIRNESS_KEY_LENGTH: usize = 64;

pub(super) fn priority(priority: Option<&Priority>) -> Result<(), Reject> {
    let Some(priority) = priority else { return Ok(()) };
    if priority.priority_key < 0 {
        return Err(Reject::invalid("priority key can't be negative"));
    }
    if priority.fairness_key.len() > FAIRNESS_KEY_LENGTH {
        return Err(Reject::invalid("fairness key length exceeds limit"));
    }
    if priority.fairness_weight < 0.0 {
        return Err(Reject::invalid("must be greater than zero"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_in_range() {
        let check = |priority_key, fairness_key: &str, fairness_weight| {
            let given = Priority { priority_key, fairness_key: fairness_key.into(), fairness_weight };
            priority(Some(&given)).map_err(|reject| reject.message)
        };
        assert_eq!(check(6, "", 0.0), Ok(()));
        assert_eq!(check(-1, "", 0.0), Err("priority key can't be negative".into()));
        assert_eq!(check(0, &"x".repeat(65), 0.0), Err("fairness key length exceeds limit".into()));
        assert_eq!(check(0, "", -1.0), Err("must be greater than zero".into()));
    }
}
