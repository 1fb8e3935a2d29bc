//! Names of the API as documentation writes them.

/// The name of an enum's value without the enum's own: `TIMEOUT_TYPE_START_TO_CLOSE` is `StartToClose`.
pub fn short(prefix: &str, name: &str) -> String {
    let words = name.strip_prefix(prefix).unwrap_or(name).split('_');
    words
        .map(|word| {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            format!("{first}{}", rest.to_ascii_lowercase())
        })
        .collect()
}
