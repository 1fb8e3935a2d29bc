//! An ordered JSON tree and its two layouts: indented by two spaces, and compact.
//!
//! Objects keep the order they were built in, because proto messages print in declaration order. It is not a parser:
//! JSON that comes from outside is read by `serde_json` and converted.

use std::fmt::Write as _;

/// A JSON value. Numbers are kept as their text, so that 64-bit integers lose nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// How a tree is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Two spaces per level.
    Indented,
    /// One line without blanks.
    Compact,
}

impl Json {
    /// A string value.
    pub(crate) fn string(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// An object from its members, in this order.
    pub(crate) fn object<const N: usize>(members: [(&str, Json); N]) -> Self {
        Self::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// The same value with the members of every object sorted by key.
    pub(crate) fn sorted(self) -> Self {
        match self {
            Self::Array(items) => Self::Array(items.into_iter().map(Self::sorted).collect()),
            Self::Object(members) => {
                let mut members: Vec<_> = members.into_iter().map(|(key, value)| (key, value.sorted())).collect();
                members.sort_by(|left, right| left.0.cmp(&right.0));
                Self::Object(members)
            }
            scalar => scalar,
        }
    }

    /// The text of this value.
    pub(crate) fn render(&self, layout: Layout) -> String {
        let mut text = String::new();
        self.write(&mut text, layout, 0);
        text
    }

    fn write(&self, text: &mut String, layout: Layout, depth: usize) {
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => text.push_str(digits),
            Self::String(value) => write_string(text, value),
            Self::Array(items) => write_sequence(text, layout, depth, ['[', ']'], items, |text, item| {
                item.write(text, layout, depth + 1);
            }),
            Self::Object(members) => write_sequence(text, layout, depth, ['{', '}'], members, |text, (key, value)| {
                write_string(text, key);
                text.push_str(match layout {
                    Layout::Indented => ": ",
                    Layout::Compact => ":",
                });
                value.write(text, layout, depth + 1);
            }),
        }
    }
}

fn write_sequence<T>(
    text: &mut String,
    layout: Layout,
    depth: usize,
    [open, close]: [char; 2],
    items: &[T],
    mut write_item: impl FnMut(&mut String, &T),
) {
    text.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        break_line(text, layout, depth + 1);
        write_item(text, item);
    }
    if !items.is_empty() {
        break_line(text, layout, depth);
    }
    text.push(close);
}

fn break_line(text: &mut String, layout: Layout, depth: usize) {
    if layout == Layout::Indented {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    }
}

fn write_string(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            control if control < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

impl From<&serde_json::Value> for Json {
    /// Members sorted by key; fractions in their shortest form, integers as they were written.
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => Self::Number(match number.as_f64() {
                Some(float) if number.is_f64() => f64_text(float),
                Some(_) | None => number.to_string(),
            }),
            serde_json::Value::String(text) => Self::String(text.clone()),
            serde_json::Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(members) => {
                Self::Object(members.iter().map(|(key, value)| (key.clone(), Self::from(value))).collect()).sorted()
            }
        }
    }
}

/// A finite 64-bit float in its shortest form, with an exponent only below 1e-6 and from 1e21 on.
pub(crate) fn f64_text(value: f64) -> String {
    float_text(value.abs(), format!("{value}"), format!("{value:e}"))
}

/// A finite 32-bit float, likewise; its digits are those of 32 bits.
pub(crate) fn f32_text(value: f32) -> String {
    float_text(f64::from(value.abs()), format!("{value}"), format!("{value:e}"))
}

fn float_text(magnitude: f64, plain: String, exponential: String) -> String {
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        match exponential.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            Some(_) | None => exponential,
        }
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Json {
        Json::from(&serde_json::from_str::<serde_json::Value>(text).unwrap())
    }

    #[test]
    fn layouts() {
        let value = parse(r#"{"b":[1,{"c":"x\ny"}],"a":{},"d":[]}"#);
        assert_eq!(value.render(Layout::Compact), r#"{"a":{},"b":[1,{"c":"x\ny"}],"d":[]}"#);
        let indented =
            "{\n  \"a\": {},\n  \"b\": [\n    1,\n    {\n      \"c\": \"x\\ny\"\n    }\n  ],\n  \"d\": []\n}";
        assert_eq!(value.render(Layout::Indented), indented);
    }

    #[test]
    fn numbers() {
        for (given, wanted) in [
            ("1", "1"),
            ("1.0", "1"),
            ("-2.50", "-2.5"),
            ("9007199254740993", "9007199254740993"),
            ("1e21", "1e+21"),
            ("1e20", "100000000000000000000"),
            ("0.0000001", "1e-7"),
            ("0.0", "0"),
        ] {
            assert_eq!(parse(given).render(Layout::Compact), wanted, "{given}");
        }
        assert_eq!(f32_text(0.754_921_7), "0.7549217");
    }

    #[test]
    fn strings() {
        let value = Json::string("<a>\u{1}\t\"\\é");
        assert_eq!(value.render(Layout::Compact), "\"<a>\\u0001\\t\\\"\\\\é\"");
    }
}
