//! Literals of a filter: numbers, points in time and durations, read as the reference's Go reads them.

use model::Time;

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

/// The shortest digits, with an exponent when that is below -4 or six and more.
pub(super) fn go_float(value: f64) -> String {
    let (digits, exponent) = scientific(value);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// The shortest digits, as Go writes them in JSON.
pub(in crate::visibility) fn json_float(value: f64) -> String {
    let (digits, exponent) = scientific(value);
    if (-6..21).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{}", exponent.abs())
}

/// The shortest digits with a point behind the first one, and the exponent to that.
fn scientific(value: f64) -> (String, i32) {
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => (digits.to_owned(), exponent.parse().unwrap_or_default()),
        None => (text, 0),
    }
}

/// A point in time of RFC 3339, with seconds or finer and a zone. Years beyond what a `Time` can hold saturate.
pub(in crate::visibility) fn datetime(text: &str) -> Option<Time> {
    let rest = text.as_bytes();
    let (year, rest) = digits(rest, 4)?;
    let (month, rest) = digits(skip(rest, b'-')?, 2)?;
    let (day, rest) = digits(skip(rest, b'-')?, 2)?;
    let rest = skip(rest, b'T')?;
    let (hour, rest) = digits(rest, 2).or_else(|| digits(rest, 1))?;
    let (minute, rest) = digits(skip(rest, b':')?, 2)?;
    let (second, rest) = digits(skip(rest, b':')?, 2)?;
    let (nanos, rest) = fraction(rest)?;
    let offset = zone(rest)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let valid = (1..=12).contains(&month) && (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60;
    if !valid {
        return None;
    }
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let nearest = if nanos < 0 { i64::MIN } else { i64::MAX };
    Some(Time(i64::try_from(nanos).unwrap_or(nearest)))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (the algorithm "days from civil" of Howard Hinnant).
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// A point in time of RFC 3339 in UTC, with as many digits of a second as it needs.
pub(in crate::visibility) fn show_datetime(time: Time) -> String {
    let seconds = time.0.div_euclid(1_000_000_000);
    let nanos = time.0.rem_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The inverse of `days_since_epoch`: "civil from days".
    let shifted = days + 719_468;
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + shifted.div_euclid(146_097) * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    let fraction = format!(".{nanos:09}");
    let fraction = if nanos == 0 { "" } else { fraction.trim_end_matches('0') };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}{fraction}Z", second % 60)
}

fn skip(bytes: &[u8], byte: u8) -> Option<&[u8]> {
    bytes.split_first().filter(|(first, _)| **first == byte).map(|(_, rest)| rest)
}

fn digits(bytes: &[u8], count: usize) -> Option<(i64, &[u8])> {
    let (number, rest) = bytes.split_at_checked(count)?;
    let mut value = 0;
    for digit in number {
        value = value * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some((value, rest))
}

/// A point or comma and digits, or nothing. Digits beyond nanoseconds are dropped.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = skip(bytes, b'.').or_else(|| skip(bytes, b',')) else {
        return Some((0, bytes));
    };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let nanos = (0..9).fold(0, |nanos, at| nanos * 10 + if at < count { i64::from(rest[at] - b'0') } else { 0 });
    Some((nanos, &rest[count..]))
}

/// `Z` or an offset; in seconds.
fn zone(bytes: &[u8]) -> Option<i64> {
    if bytes == b"Z" {
        return Some(0);
    }
    let (sign, rest) = bytes.split_first()?;
    let (hours, rest) = digits(rest, 2)?;
    let (minutes, rest) = digits(skip(rest, b':')?, 2)?;
    let seconds = hours * 3_600 + minutes * 60;
    match sign {
        _ if !rest.is_empty() || hours > 24 || minutes > 60 => None,
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

/// Nanoseconds of a duration: a plain number of them, units ("1h30m", "2d"), or "hh:mm:ss".
pub(super) fn duration(text: &str) -> Option<i64> {
    if let Ok(nanos) = text.parse() {
        return Some(nanos);
    }
    units(text).or_else(|| clock(text))
}

fn units(text: &str) -> Option<i64> {
    const UNITS: [(&str, i128); 9] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ];
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let parse = |digits: &str| {
            if digits.is_empty() { Some(0) } else { digits.parse::<i64>().ok().map(i128::from) }
        };
        let fraction = fraction.get(..fraction.len().min(18))?;
        let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
        total += parse(whole)? * nanos + parse(fraction)? * nanos / scale;
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
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
    fn points_in_time() {
        let at = |text: &str| datetime(text).map(|time| time.0);
        assert_eq!(at("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(at("2024-02-29T12:34:56.5Z"), Some(1_709_210_096_500_000_000));
        assert_eq!(at("2024-01-01T01:00:00+01:00"), at("2024-01-01T00:00:00Z"));
        assert_eq!(at("1969-12-31T23:59:59Z"), Some(-1_000_000_000));
        for nanos in [0, -1, 1_709_210_096_500_000_000, i64::MAX, i64::MIN, 951_782_400_000_000_000] {
            assert_eq!(at(&show_datetime(Time(nanos))), Some(nanos));
        }
        assert_eq!(at("9999-12-31T23:59:59Z"), Some(i64::MAX));
        assert_eq!(at("0001-01-01T00:00:00Z"), Some(i64::MIN));
        for wrong in ["2023-02-29T00:00:00Z", "2024-01-01", "2024-01-01T00:00:00", "2024-01-01T24:00:00Z", "", "x"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

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
