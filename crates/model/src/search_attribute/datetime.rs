//! Values of the type Datetime: the one reader and the one writer of RFC 3339.
//!
//! What is read is what the reference reads, for what is set as for filters: the layout of Go's `time.Parse` with
//! `time.RFC3339` (<https://pkg.go.dev/time#Parse>). An hour may have one digit, a comma may stand for the point, an offset
//! may be up to `24:60`; the calendar is strict, and there is no second 60.

use std::{cmp::Ordering, fmt};

use jiff::{SignedDuration, civil};

use crate::Time;

const NANOS: i128 = 1_000_000_000;

/// An instant of the years 0 to 9999, and the offset of the zone that it was written in. Two that are equal in time compare as
/// such by [`Datetime::cmp_instant`], whatever their offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datetime {
    /// Since the Unix epoch.
    nanos: i128,
    /// Seconds to the east of Greenwich, whole minutes.
    offset: i32,
}

impl Datetime {
    /// Reads RFC 3339 with seconds or finer and a zone. Digits beyond nanoseconds are dropped.
    pub fn parse(text: &str) -> Option<Self> {
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
        let part = |number: i32| i8::try_from(number).ok();
        let date = civil::Date::new(i16::try_from(year).ok()?, part(month)?, part(day)?).ok()?;
        let time = civil::Time::new(part(hour)?, part(minute)?, part(second)?, nanos).ok()?;
        let local = date.to_datetime(time).duration_since(epoch()).as_nanos();
        Some(Self { nanos: local - i128::from(offset) * NANOS, offset })
    }

    /// An instant and an offset, in seconds, as they were taken apart.
    pub fn from_parts(nanos: i128, offset: i32) -> Self {
        Self { nanos, offset }
    }

    /// Nanoseconds since the Unix epoch.
    pub fn nanos(self) -> i128 {
        self.nanos
    }

    /// Seconds to the east of Greenwich.
    pub fn offset(self) -> i32 {
        self.offset
    }

    /// The time, where the years 1677 to 2262 hold it.
    pub fn time(self) -> Option<Time> {
        i64::try_from(self.nanos).ok().map(Time)
    }

    /// Which of two is earlier.
    pub fn cmp_instant(self, other: Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl From<Time> for Datetime {
    fn from(time: Time) -> Self {
        Self { nanos: i128::from(time.0), offset: 0 }
    }
}

/// By their instants, and those that are equal by their offsets, so that the order agrees with equality.
impl PartialOrd for Datetime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some((self.nanos, self.offset).cmp(&(other.nanos, other.offset)))
    }
}

/// RFC 3339 with as many digits of a second as it needs.
impl fmt::Display for Datetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.nanos + i128::from(self.offset) * NANOS;
        let (seconds, nanos) = (local.div_euclid(NANOS), local.rem_euclid(NANOS));
        let since = SignedDuration::new(seconds as i64, nanos as i32);
        let Ok(shown) = epoch().checked_add(since) else { return Err(fmt::Error) };
        let (date, time) = (shown.date(), shown.time());
        write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())?;
        write!(f, "T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        if nanos != 0 {
            write!(f, "{}", format!(".{nanos:09}").trim_end_matches('0'))?;
        }
        match self.offset {
            0 => f.write_str("Z"),
            offset => {
                let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

fn epoch() -> civil::DateTime {
    civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0)
}

fn skip(bytes: &[u8], byte: u8) -> Option<&[u8]> {
    bytes.split_first().filter(|(first, _)| **first == byte).map(|(_, rest)| rest)
}

fn digits(bytes: &[u8], count: usize) -> Option<(i32, &[u8])> {
    let (number, rest) = bytes.split_at_checked(count)?;
    let mut value = 0;
    for digit in number {
        value = value * 10 + i32::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some((value, rest))
}

/// A point or comma and digits, or nothing; in nanoseconds.
fn fraction(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let Some(rest) = skip(bytes, b'.').or_else(|| skip(bytes, b',')) else {
        return Some((0, bytes));
    };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let nanos = (0..9).fold(0, |nanos, at| nanos * 10 + if at < count { i32::from(rest[at] - b'0') } else { 0 });
    Some((nanos, &rest[count..]))
}

/// `Z` or an offset; in seconds.
fn zone(bytes: &[u8]) -> Option<i32> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_reference_reads_is_read_and_written_as_there() {
        // Written with one digit of an hour, with a comma, with too many digits, in odd zones, at the ends of the calendar.
        let rows = [
            ("2024-01-31T10:20:30Z", "2024-01-31T10:20:30Z"),
            ("2024-01-31T1:20:30Z", "2024-01-31T01:20:30Z"),
            ("2024-01-31T10:20:30,5Z", "2024-01-31T10:20:30.5Z"),
            ("2024-01-31T10:20:30.123456789Z", "2024-01-31T10:20:30.123456789Z"),
            ("2024-01-31T10:20:30.1234567891234Z", "2024-01-31T10:20:30.123456789Z"),
            ("2024-01-31T10:20:30+24:00", "2024-01-31T10:20:30+24:00"),
            ("2024-01-31T10:20:30+23:60", "2024-01-31T10:20:30+24:00"),
            ("2024-01-31T10:20:30-24:60", "2024-01-31T10:20:30-25:00"),
            ("2024-01-31T10:20:30-00:00", "2024-01-31T10:20:30Z"),
            ("2024-01-31T1:20:30.5+01:00", "2024-01-31T01:20:30.5+01:00"),
            ("0000-01-01T00:00:00+05:00", "0000-01-01T00:00:00+05:00"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("1677-09-21T00:12:43Z", "1677-09-21T00:12:43Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z"),
            ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"),
            ("3000-01-01T00:00:00Z", "3000-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
            ("9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59-05:00"),
        ];
        for (text, shown) in rows {
            let read = Datetime::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(read.to_string(), shown);
            // An offset of more than a day is read in minutes only.
            let again = Datetime::parse(shown).map(Datetime::nanos);
            assert_eq!(again, (read.offset().abs() <= 24 * 3_600).then_some(read.nanos()), "{shown}");
            assert_eq!(Datetime::from_parts(read.nanos(), read.offset()), read);
        }
    }

    #[test]
    fn what_the_reference_refuses_is_refused() {
        let rows = [
            "",
            "2024-01-31",
            "2024-01-31T10:20Z",
            "2024-01-31T10:20:30",
            "2024-01-31 10:20:30Z",
            "2024-01-31t10:20:30Z",
            "2024-01-31T10:20:30z",
            "2024-01-31T10:20:30.Z",
            "2024-01-31T24:00:00Z",
            "2024-01-31T23:59:60Z",
            "2024-01-31T10:60:30Z",
            "2024-01-31T10:2:30Z",
            "2024-01-31T10:20:3Z",
            "2024-1-01T00:00:00Z",
            "2024-00-10T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "2024-02-31T10:20:30Z",
            "2024-04-31T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "-0001-01-01T00:00:00Z",
            " 2024-01-31T10:20:30Z",
            "2024-01-31T10:20:30Z ",
            "2024-01-31T10:20:30UTC",
            "2024-01-31T10:20:30+25:00",
            "2024-01-31T10:20:30+05:61",
            "2024-01-31T10:20:30+0530",
            "2024-01-31T10:20:30+05",
            "2024-01-31T10:20:30+5:30",
            "2024-01-31T10:20:30+05:30[Asia/Kolkata]",
            "٢٠٢٤-01-31T10:20:30Z",
        ];
        for text in rows {
            assert_eq!(Datetime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn instants_compare_whatever_their_offsets() {
        let at = |text| Datetime::parse(text).unwrap();
        assert!(at("2024-01-01T01:00:00+01:00").cmp_instant(at("2024-01-01T00:00:00Z")).is_eq());
        assert!(at("3000-01-01T00:00:00Z").cmp_instant(at("9999-12-31T00:00:00Z")).is_lt());
        assert_eq!(at("1970-01-01T00:00:00.000000007Z").time(), Some(Time(7)));
        assert_eq!(at("2262-04-11T23:47:16.854775807Z").time(), Some(Time::MAX));
        assert_eq!(at("2262-04-11T23:47:16.854775808Z").time(), None);
        assert_eq!(Datetime::from(Time(-1)).to_string(), "1969-12-31T23:59:59.999999999Z");
    }
}
