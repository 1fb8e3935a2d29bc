//! Names for what each server invents: ids that the two servers draw differently get the same symbol when they appear
//! in the same place, so that replies can be compared, and a program can use the symbol in its next request.

use std::collections::BTreeMap;

use serde_json::Value;

/// Length of a UUID in its textual form.
const UUID_LENGTH: usize = 36;

/// The symbols of one side, in order of first appearance.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    symbols: BTreeMap<String, String>,
    originals: BTreeMap<String, String>,
    ids: usize,
    tokens: usize,
}

impl Names {
    /// A symbol for a token: an opaque string that is only handed back. Each appearance has its own, since a server is
    /// free to hand out the same token twice.
    pub(crate) fn token(&mut self, original: &str) -> String {
        self.tokens += 1;
        let symbol = format!("$t{}", self.tokens);
        self.originals.insert(symbol.clone(), original.to_owned());
        symbol
    }

    fn id(&mut self, original: &str) -> String {
        if let Some(symbol) = self.symbols.get(original) {
            return symbol.clone();
        }
        self.ids += 1;
        self.remember(original, format!("$u{}", self.ids))
    }

    fn remember(&mut self, original: &str, symbol: String) -> String {
        self.symbols.insert(original.to_owned(), symbol.clone());
        self.originals.insert(symbol.clone(), original.to_owned());
        symbol
    }

    /// Replaces each UUID inside `text` by its symbol.
    pub(crate) fn rename(&mut self, text: &str) -> String {
        if text.len() < UUID_LENGTH {
            return text.to_owned();
        }
        let mut renamed = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(candidate) = rest.get(..UUID_LENGTH).filter(|candidate| is_uuid(candidate)) {
                renamed.push_str(&self.id(candidate));
                rest = &rest[UUID_LENGTH..];
                continue;
            }
            let mut characters = rest.chars();
            renamed.extend(characters.next());
            rest = characters.as_str();
        }
        renamed
    }

    /// Puts this side's originals back in place of the symbols of a request.
    pub(crate) fn restore(&self, request: &Value) -> Value {
        match request {
            Value::String(text) => Value::String(self.restore_text(text)),
            Value::Array(items) => items.iter().map(|item| self.restore(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (self.restore_text(name), self.restore(value))).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => request.clone(),
        }
    }

    fn restore_text(&self, text: &str) -> String {
        let Some(start) = text.find('$') else {
            return text.to_owned();
        };
        let after = &text[start + 1..];
        let digits = after.get(1..).unwrap_or_default().bytes().take_while(u8::is_ascii_digit).count();
        let end = (start + 2 + digits).min(text.len());
        let symbol = text.get(start..end).unwrap_or_default();
        let original = self.originals.get(symbol).map_or(symbol, String::as_str);
        format!("{}{original}{}", &text[..start], self.restore_text(text.get(end..).unwrap_or_default()))
    }
}

/// True for `8-4-4-4-12` lower-case hexadecimal digits.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == UUID_LENGTH
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIRST: &str = "0193a1b2-0000-7000-8000-00000000000a";
    const SECOND: &str = "0193a1b2-0000-7000-8000-00000000000b";

    #[test]
    fn symbols_follow_first_appearance_and_restore() {
        let mut names = Names::default();
        assert_eq!(names.rename(&format!("run {SECOND} of {FIRST}")), "run $u1 of $u2");
        assert_eq!(names.token("abc="), "$t1");
        let request = json!({"runId": "$u2", "note": "from $u1.", "taskToken": "$t1", "cost": "$5"});
        let restored = names.restore(&request);
        assert_eq!(
            restored,
            json!({"runId": FIRST, "note": format!("from {SECOND}."), "taskToken": "abc=", "cost": "$5"})
        );
    }
}
