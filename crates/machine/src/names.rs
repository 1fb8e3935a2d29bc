//! The names of the API's enum values as the reference server prints them in texts.

/// `WORKFLOW_TASK_FAILED_CAUSE_BAD_BINARY` without its prefix, in the reference's spelling: `BadBinary`.
pub(crate) fn pascal(name: &str, prefix: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for word in name.strip_prefix(prefix).unwrap_or(name).split('_') {
        let mut letters = word.chars();
        text.extend(letters.next());
        text.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    }
    text
}
