//! Values of flags: parsers whose complaints read as those of the `temporal` command do.

use jiff::SignedDuration;
use model::{GoDurationError, GoUnits, parse_go_duration};
use serde_json::Value;

use crate::failure::Failure;

/// An enumeration that a flag takes by exact name.
pub(crate) trait Choice: Copy + Send + Sync + 'static {
    /// The accepted names, in the order in which they are listed to the user.
    const VALUES: &'static [(&'static str, Self)];
}

/// Parses a [`Choice`].
pub(crate) fn choice<T: Choice>(text: &str) -> Result<T, String> {
    match T::VALUES.iter().find(|(name, _)| *name == text) {
        Some((_, value)) => Ok(*value),
        None => Err(format!("{text} is not one of required values of {}", names::<T>())),
    }
}

/// Parses a [`Choice`] that may be repeated: upper and lower case are the same there.
pub(crate) fn repeated_choice<T: Choice>(text: &str) -> Result<T, String> {
    match T::VALUES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        Some((_, value)) => Ok(*value),
        None => Err(format!("invalid value: {text}, allowed values are: {}", names::<T>())),
    }
}

fn names<T: Choice>() -> String {
    T::VALUES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// Parses a truth value: `true`, `T`, `1`, `False`, ….
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        other => Err(format!("strconv.ParseBool: parsing {other:?}: invalid syntax")),
    }
}

/// Parses a whole number.
pub(crate) fn integer(text: &str) -> Result<i32, String> {
    let value: i64 = text.parse().map_err(|_| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))?;
    i32::try_from(value).map_err(|_| format!("strconv.ParseInt: parsing {text:?}: value out of range"))
}

/// Parses a fraction.
pub(crate) fn fraction(text: &str) -> Result<f32, String> {
    text.parse().map_err(|_| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"))
}

/// Parses a duration in Go's syntax, with `d` for days of 24 hours: `1d12h`, `1.5s`, `-20ms`, `0`.
pub(crate) fn duration(text: &str) -> Result<SignedDuration, String> {
    parse_go_duration(text, GoUnits::WithDays).map(SignedDuration::from_nanos).map_err(|error| match error {
        GoDurationError::Invalid => format!("time: invalid duration {text:?}"),
        GoDurationError::MissingUnit => format!("time: missing unit in duration {text:?}"),
        GoDurationError::UnknownUnit(unit) => format!("time: unknown unit {unit:?} in duration {text:?}"),
    })
}

/// Parses a duration that is not negative, with `y` for a year of 365 days in front where it is wanted: `1y`, `1y12h`.
///
/// # Errors
/// What is wrong with the text.
pub fn positive_duration(text: &str) -> Result<std::time::Duration, String> {
    let (years, rest) = match text.split_once('y') {
        Some((years, rest)) => (years, rest),
        None => ("0", text),
    };
    let years: u32 = years.parse().map_err(|_| format!("time: invalid duration {text:?}"))?;
    let rest = if rest.is_empty() && !text.is_empty() { "0" } else { rest };
    let rest = duration(rest)?;
    match rest.is_negative() {
        true => Err(format!("time: the duration {text:?} is negative")),
        false => Ok(std::time::Duration::from_secs(u64::from(years) * 365 * 86_400) + rest.unsigned_abs()),
    }
}

/// The proto form of a duration.
pub(crate) fn proto_duration(duration: SignedDuration) -> prost_types::Duration {
    prost_types::Duration { seconds: duration.as_secs(), nanos: duration.subsec_nanos() }
}

/// Splits `KEY=VALUE`.
pub(crate) fn key_value(item: &str) -> Result<(&str, &str), Failure> {
    item.split_once('=').ok_or_else(|| Failure::told(format!("missing expected '=' in {item:?}")))
}

/// Reads `KEY=VALUE` pairs whose values are JSON. A later pair replaces an earlier one of the same key.
pub(crate) fn key_json_values(items: &[String]) -> Result<Vec<(String, Value)>, Failure> {
    let mut pairs: Vec<(String, Value)> = Vec::with_capacity(items.len());
    for item in items {
        let (key, text) = key_value(item)?;
        let value = serde_json::from_str(text)
            .map_err(|error| Failure::told(format!("invalid JSON value for key {key:?}: {error}")))?;
        pairs.retain(|(known, _)| known != key);
        pairs.push((key.to_owned(), value));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, nanos) in [
            ("0", 0),
            ("10s", 10_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("-20ms", -20_000_000),
            ("1d12h", 129_600_000_000_000),
            ("1.25d", 108_000_000_000_000),
            (".5s", 500_000_000),
            ("3us2ns", 3_002),
        ] {
            assert_eq!(duration(text), Ok(SignedDuration::from_nanos(nanos)), "{text}");
        }
        for (text, complaint) in [
            ("x", "time: invalid duration \"x\""),
            ("", "time: invalid duration \"\""),
            ("5", "time: missing unit in duration \"5\""),
            ("5y", "time: unknown unit \"y\" in duration \"5y\""),
            ("1..5s", "time: invalid duration \"1..5s\""),
        ] {
            assert_eq!(duration(text), Err(complaint.to_owned()));
        }
    }

    #[test]
    fn years_and_no_negative_durations() {
        assert_eq!(positive_duration("1y").unwrap().as_secs(), 31_536_000);
        assert_eq!(positive_duration("1y12h").unwrap().as_secs(), 31_579_200);
        assert_eq!(positive_duration("90m").unwrap().as_secs(), 5_400);
        for text in ["", "-1h", "y", "1.5y", "5", "1h1y"] {
            assert!(positive_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn scalars() {
        assert_eq!(integer("-7"), Ok(-7));
        assert_eq!(integer("x"), Err("strconv.ParseInt: parsing \"x\": invalid syntax".to_owned()));
        assert_eq!(
            integer("3000000000"),
            Err("strconv.ParseInt: parsing \"3000000000\": value out of range".to_owned())
        );
        assert_eq!(boolean("T"), Ok(true));
        assert!(boolean("yes").is_err());
    }

    #[test]
    fn pairs() {
        let items = ["a=1".to_owned(), "b={\"x\":\"=\"}".to_owned(), "a=null".to_owned()];
        let pairs = key_json_values(&items).unwrap();
        assert_eq!(pairs, [("b".to_owned(), serde_json::json!({"x": "="})), ("a".to_owned(), Value::Null)]);
        let failure = key_json_values(&["a".to_owned()]).unwrap_err();
        assert_eq!(failure.to_string(), "missing expected '=' in \"a\"");
        assert!(
            key_json_values(&["a={".to_owned()]).unwrap_err().to_string().starts_with("invalid JSON value for key")
        );
    }
}
