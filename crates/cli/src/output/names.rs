//! Enum values by the short names of text output: `WORKFLOW_EXECUTION_STATUS_TIMED_OUT` is shown as `TimedOut`.

/// The value name without its prefix, in camel case. `prefix` is the common start of the enum's value names.
pub(crate) fn short(name: &str, prefix: &str) -> String {
    let words = name.strip_prefix(prefix).unwrap_or(name).split('_');
    words
        .map(|word| {
            let (head, tail) = word.split_at(word.len().min(1));
            head.to_owned() + &tail.to_ascii_lowercase()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let prefix = "WORKFLOW_EXECUTION_STATUS_";
        assert_eq!(short("WORKFLOW_EXECUTION_STATUS_TIMED_OUT", prefix), "TimedOut");
        assert_eq!(short("WORKFLOW_EXECUTION_STATUS_UNSPECIFIED", prefix), "Unspecified");
        assert_eq!(short("INDEXED_VALUE_TYPE_KEYWORD_LIST", "INDEXED_VALUE_TYPE_"), "KeywordList");
    }
}
