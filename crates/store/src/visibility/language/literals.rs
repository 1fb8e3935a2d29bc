//! Literals of a filter: numbers and durations, read as the reference's Go reads them.

use model::{GoUnits, parse_go_duration, search_attribute::go_float};

/// A literal value before its attribute's type is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
}

impl Literal {
    /// A number without quotes: an integer where it fits one.
    pub(super) fn number(text: &str) -> Option<Self> {
        if let Ok(value) = text.parse() {
            return Some(Self::Int(value));
        }
        text.parse().ok().filter(|value: &f64| value.is_finite()).map(Self::Double)
    }

    /// The name of Go's type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Literal::Text(_) => "string",
            Literal::Int(_) => "int64",
            Literal::Double(_) => "float64",
            Literal::Bool(_) => "bool",
        }
    }

    /// The value in Go's syntax.
    pub(super) fn syntax(&self) -> String {
        match self {
            Literal::Text(text) => quote(text),
            Literal::Int(value) => value.to_string(),
            Literal::Double(value) => go_float(*value),
            Literal::Bool(value) => value.to_string(),
        }
    }
}

/// A text in double quotes with Go's escapes.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            letter if (letter as u32) < 0x20 || letter == '\u{7f}' => {
                quoted.push_str(&format!("\\x{:02x}", letter as u32))
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// Nanoseconds of a duration: a plain number of them, units ("1h30m", "2d"), or "hh:mm:ss".
pub(super) fn duration(text: &str) -> Option<i64> {
    if let Ok(nanos) = text.parse() {
        return Some(nanos);
    }
    parse_go_duration(text, GoUnits::WithDays).ok().or_else(|| clock(text))
}

fn clock(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':').map(|part| {
        let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        // What follows the seconds is not looked at.
        part[..end].parse::<i64>().ok().map(|value| (value, end == part.len()))
    });
    let (hours, hours_end) = parts.next()??;
    let (minutes, minutes_end) = parts.next()??;
    let (seconds, _) = parts.next()??;
    if !hours_end || !minutes_end || minutes > 59 || seconds > 59 {
        return None;
    }
    hours.checked_mul(3_600)?.checked_add(minutes * 60 + seconds)?.checked_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let second = 1_000_000_000;
        for (text, nanos) in [
            ("5", 5),
            ("1h30m", 5_400 * second),
            ("1.5h", 5_400 * second),
            ("-2d", -172_800 * second),
            ("1us", 1_000),
            ("1µs", 1_000),
            ("01:02:03", 3_723 * second),
        ] {
            assert_eq!(duration(text), Some(nanos), "{text}");
        }
        for wrong in ["", "x", "1", "1:00", "1h 30m", "1:60:00", "10000000h"] {
            assert_eq!(duration(wrong).filter(|_| wrong != "1"), None, "{wrong}");
        }
    }
}
