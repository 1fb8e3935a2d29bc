//! Custom search attributes: added by a spec, never removed or renamed.

use std::collections::BTreeMap;

use model::Reject;
use proto::temporal::api::cloud::namespace::v1::namespace_spec::SearchAttributeType;
use store::visibility::is_reserved;

/// Most custom attributes of each type in a namespace.
const MOST: [(SearchAttributeType, usize, &str); 7] = [
    (SearchAttributeType::Bool, 20, "Bool"),
    (SearchAttributeType::Datetime, 20, "Datetime"),
    (SearchAttributeType::Double, 20, "Double"),
    (SearchAttributeType::Int, 20, "Int"),
    (SearchAttributeType::Keyword, 40, "Keyword"),
    (SearchAttributeType::KeywordList, 5, "KeywordList"),
    (SearchAttributeType::Text, 5, "Text"),
];
/// Longest name, in bytes.
const MOST_NAME: usize = 64;

/// Checks names, types and numbers.
///
/// # Errors
/// `InvalidArgument`.
pub(super) fn check(attributes: &BTreeMap<String, i32>) -> Result<(), Reject> {
    for (name, kind) in attributes {
        check_name(name)?;
        let is_type = MOST.iter().any(|(known, _, _)| *known as i32 == *kind);
        if !is_type {
            return Err(Reject::invalid(format!("search attribute \"{name}\" has an unknown type")));
        }
    }
    for (kind, most, name) in MOST {
        let number = attributes.values().filter(|other| **other == kind as i32).count();
        if number > most {
            return Err(Reject::invalid(format!(
                "a namespace can have {most} search attributes of type {name}, not {number}"
            )));
        }
    }
    Ok(())
}

/// Checks the attributes that shall replace `old`.
///
/// # Errors
/// As [`check`]; also when one is missing or of another type.
pub(super) fn check_change(old: &BTreeMap<String, i32>, new: &BTreeMap<String, i32>) -> Result<(), Reject> {
    check(new)?;
    for (name, kind) in old {
        match new.get(name) {
            None => {
                return Err(Reject::invalid(format!("search attribute \"{name}\" cannot be deleted")));
            }
            Some(other) if other != kind => {
                return Err(Reject::invalid(format!("the type of search attribute \"{name}\" cannot be changed")));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Reject> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || ".,:-_/@ ".contains(letter);
    if name.is_empty() || name.len() > MOST_NAME || !name.chars().all(fits) {
        return Err(Reject::invalid(format!(
            "invalid search attribute name \"{name}\": it must have 1 to {MOST_NAME} letters, digits, spaces and .,:-_/@"
        )));
    }
    if is_reserved(name) {
        return Err(Reject::invalid(format!("search attribute name \"{name}\" is reserved by the system")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_letters() {
        let long = "a".repeat(64);
        let too_long = "a".repeat(65);
        let rows = [
            ("CustomerId", true),
            ("a.b,c:d-e_f/g@h i", true),
            (long.as_str(), true),
            ("", false),
            (too_long.as_str(), false),
            ("a\"b", false),
            ("größe", false),
            ("WorkflowId", false),
            ("TemporalMine", false),
        ];
        for (name, fits) in rows {
            assert_eq!(check_name(name).is_ok(), fits, "{name}");
        }
    }

    #[test]
    fn each_type_has_its_cap() {
        for (kind, most, _) in MOST {
            let of = |number: usize| (0..number).map(|at| (format!("a{at}"), kind as i32)).collect();
            assert_eq!(check(&of(most)), Ok(()), "{kind:?}");
            assert!(check(&of(most + 1)).is_err(), "{kind:?}");
        }
        let unknown = BTreeMap::from([("a".to_owned(), 99)]);
        assert!(check(&unknown).is_err());
    }

    #[test]
    fn attributes_come_but_never_go() {
        let keyword = SearchAttributeType::Keyword as i32;
        let old = BTreeMap::from([("a".to_owned(), keyword)]);
        let more = BTreeMap::from([("a".to_owned(), keyword), ("b".to_owned(), keyword)]);
        let other = BTreeMap::from([("a".to_owned(), SearchAttributeType::Int as i32)]);
        assert_eq!(check_change(&old, &more), Ok(()));
        assert!(check_change(&more, &old).is_err());
        assert!(check_change(&old, &other).is_err());
    }
}
