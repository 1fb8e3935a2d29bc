//! Addresses of pages. Their shapes are those of Temporal's own Web UI, so that links in tickets and logs lead on.

use std::fmt::Write;

/// The list of namespaces.
pub fn namespaces() -> String {
    "/namespaces".to_owned()
}

/// The workflows of a namespace.
pub fn workflows(namespace: &str) -> String {
    format!("/namespaces/{}/workflows", encoded(namespace))
}

/// One run.
pub fn run(namespace: &str, workflow_id: &str, run_id: &str) -> String {
    format!("{}/{}/{}", workflows(namespace), encoded(workflow_id), encoded(run_id))
}

/// The events of a run.
pub fn history(namespace: &str, workflow_id: &str, run_id: &str) -> String {
    format!("{}/history", run(namespace, workflow_id, run_id))
}

/// One event of a run: its place on the first page of the history that has it.
pub fn event(namespace: &str, workflow_id: &str, run_id: &str, event_id: &str) -> String {
    format!("{}#event-{}", history(namespace, workflow_id, run_id), encoded(event_id))
}

/// The workflows of a task queue.
pub fn of_task_queue(namespace: &str, task_queue: &str) -> String {
    let quoted = task_queue.replace('\\', "\\\\").replace('"', "\\\"");
    with_query(&workflows(namespace), &[("query", &format!("TaskQueue = \"{quoted}\""))])
}

/// An address with a query of these pairs; empty values are left out.
pub(crate) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    let query: Vec<_> = pairs.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

/// A page token as it stands in an address.
pub fn token_of(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The page token behind its text; `None` when it is not one.
pub fn bytes_of(token: &str) -> Option<Vec<u8>> {
    let digits = token.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// Percent-encodes all but the unreserved characters. Source: RFC 3986, section 2.3. A part that is `.` or `..` stays a
/// way up for browsers however it is written, so that a workflow with such an id has no page.
fn encoded(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_any_letters_stand_in_addresses() {
        let path = history("pay.a2dd6", "a/b c?<\"é", "r-1");
        assert_eq!(path, "/namespaces/pay.a2dd6/workflows/a%2Fb%20c%3F%3C%22%C3%A9/r-1/history");
        assert_eq!(with_query("/a", &[("query", "x='1' & y"), ("token", "")]), "/a?query=x%3D%271%27%20%26%20y");
        assert_eq!(with_query("/a", &[]), "/a");
    }

    #[test]
    fn tokens_come_back_as_they_were() {
        assert_eq!(bytes_of(&token_of(&[0, 0x7f, 0xff])), Some(vec![0, 0x7f, 0xff]));
        assert_eq!(bytes_of(""), Some(Vec::new()));
        for broken in ["a", "zz", "é"] {
            assert_eq!(bytes_of(broken), None, "{broken}");
        }
    }
}
