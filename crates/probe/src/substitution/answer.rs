//! What a caller can read in an answer: the same for two requests up to what they sent themselves, and free of what is
//! somebody else's.

use serde_json::Value;
use tonic::{Code, Status};

use crate::{
    Fault,
    catalog::{Catalog, Method},
};

/// Fields that differ between any two answers: times, and what the server draws or seals.
const DRAWN: [&str; 13] = [
    "resourceVersion",
    "id",
    "serviceAccountId",
    "keyId",
    "userId",
    "token",
    "taskToken",
    "nextPageToken",
    "nextPageTokenBytes",
    "historySizeBytes",
    "retentionDays",
    "taskId",
    "asyncOperationId",
];

/// An answer as its reader sees it.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) code: Code,
    pub(super) message: String,
    /// The reply, or the details of a refusal.
    pub(super) body: Value,
}

impl Answer {
    /// Reads what came back from a call.
    pub(super) fn read(
        catalog: &Catalog,
        method: &Method,
        answer: Result<bytes::Bytes, Status>,
    ) -> Result<Answer, Fault> {
        match answer {
            Ok(reply) => Ok(Answer { code: Code::Ok, message: String::new(), body: catalog.decode(method, reply)? }),
            Err(status) => Ok(Answer {
                code: status.code(),
                message: status.message().to_owned(),
                body: catalog.details(status.details())?,
            }),
        }
    }

    /// The answer without what was sent and what is drawn: each pair is a value and the word that stands for it.
    pub(super) fn normal(&self, known: &[(String, &str)]) -> String {
        let mut body = self.body.clone();
        mask(&mut body);
        let mut text = format!("{:?} {} {body}", self.code, self.message);
        for (value, word) in known.iter().filter(|(value, _)| !value.is_empty()) {
            text = text.replace(value.as_str(), word);
        }
        without_ids(&text)
    }

    /// The secrets that are in the answer and were not sent by who reads it.
    pub(super) fn leaks(&self, sent: &[String], secrets: &[String]) -> Vec<String> {
        let mut text = format!("{} {}", self.message, self.body);
        for value in sent.iter().filter(|value| !value.is_empty()) {
            text = text.replace(value.as_str(), "<sent>");
        }
        secrets.iter().filter(|secret| text.contains(secret.as_str())).cloned().collect()
    }
}

/// The text with each id that a server draws (RFC 9562's form) replaced.
fn without_ids(text: &str) -> String {
    const FORM: &[u8] = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    let is_id = |window: &[u8]| {
        window.len() == FORM.len()
            && window.iter().zip(FORM).all(|(byte, form)| match form {
                b'-' => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    };
    let (mut kept, mut rest) = (String::new(), text);
    while let Some(at) = rest.as_bytes().windows(FORM.len()).position(is_id) {
        kept.push_str(&rest[..at]);
        kept.push_str("<drawn>");
        rest = &rest[at + FORM.len()..];
    }
    kept + rest
}

/// Replaces what is different in every answer.
fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let is_drawn = DRAWN.contains(&name.as_str()) || name.ends_with("Time") || name.ends_with("unId");
                if is_drawn && !field.is_object() && !field.is_array() {
                    *field = Value::from("<drawn>");
                } else {
                    mask(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_the_same_up_to_what_was_sent_and_drawn() {
        let answer = |name: &str, run: &str| Answer {
            code: Code::NotFound,
            message: format!("Namespace {name} is not found in 01a20557-3ad7-7966-a3d0-82725{run}f0c71a."),
            body: json!({"runId": run, "startTime": run, "namespace": name}),
        };
        let theirs = answer("bravo", "12").normal(&[("bravo".to_owned(), "<other>")]);
        let nobodys = answer("nobdy", "34").normal(&[("nobdy".to_owned(), "<other>")]);
        assert_eq!(theirs, nobodys);
    }

    #[test]
    fn a_secret_that_was_not_sent_is_a_leak() {
        let answer = Answer { code: Code::Ok, message: String::new(), body: json!({"a": "run-7", "b": "bravo"}) };
        let secrets = ["run-7".to_owned(), "bravo".to_owned()];
        assert_eq!(answer.leaks(&["bravo".to_owned()], &secrets), ["run-7"]);
    }
}
