//! The text of a URL: percent-encoded parts and the pairs of a query.

/// The text behind an encoded part; `None` when it is encoded wrongly or not UTF-8. In a query `+` is a blank.
pub(crate) fn decoded(part: &str, in_query: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                bytes.push(hexadecimal(*high)? << 4 | hexadecimal(*low)?);
                tail
            }
            (b'%', _) => return None,
            (b'+', tail) if in_query => {
                bytes.push(b' ');
                tail
            }
            (byte, tail) => {
                bytes.push(*byte);
                tail
            }
        };
    }
    String::from_utf8(bytes).ok()
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The pairs of a query in their order; `None` when one is encoded wrongly.
pub(crate) fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decoded(name, true)?, decoded(value, true)?))
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_text_is_read_and_broken_text_refused() {
        assert_eq!(decoded("a%20b+c%c3%A9", false).as_deref(), Some("a b+cé"));
        assert_eq!(decoded("a+b", true).as_deref(), Some("a b"));
        for broken in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(decoded(broken, true), None, "{broken}");
        }
        let expected = [("page_size", "3"), ("name", "a&b"), ("flag", "")];
        let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(pairs("page_size=3&name=a%26b&flag"), Some(expected));
        assert_eq!(pairs("a=%"), None);
    }
}
