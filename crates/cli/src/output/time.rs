//! Points in time and durations as text: the three `--time-format`s, RFC 3339 of proto JSON, and Go's duration syntax,
//! which is what users of the `temporal` command read and write.

use jiff::{SignedDuration, Timestamp};

/// How text output shows points in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    /// `13 seconds ago`.
    #[default]
    Relative,
    /// `2026-11-22T15:03:55Z`.
    Iso,
    /// `2026-11-22 15:03:55.450283 +0000 UTC`.
    Raw,
}

/// 0001-01-01T00:00:00Z in seconds of the Unix epoch.
const YEAR_ONE: i64 = -62_135_596_800;

const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;
const WEEK: i128 = 7 * DAY;
const MONTH: i128 = 30 * DAY;
const YEAR: i128 = 12 * MONTH;
/// From here on a distance is only "a long while".
const LONG: i128 = 37 * YEAR;

/// Below `limit`, a distance reads `amount unit`; the amount is counted in `divisor`, or is one where that is absent.
struct Magnitude {
    limit: i128,
    unit: &'static str,
    divisor: Option<i128>,
}

const MAGNITUDES: [Magnitude; 14] = [
    Magnitude { limit: 2 * SECOND, unit: "1 second", divisor: None },
    Magnitude { limit: MINUTE, unit: "seconds", divisor: Some(SECOND) },
    Magnitude { limit: 2 * MINUTE, unit: "1 minute", divisor: None },
    Magnitude { limit: HOUR, unit: "minutes", divisor: Some(MINUTE) },
    Magnitude { limit: 2 * HOUR, unit: "1 hour", divisor: None },
    Magnitude { limit: DAY, unit: "hours", divisor: Some(HOUR) },
    Magnitude { limit: 2 * DAY, unit: "1 day", divisor: None },
    Magnitude { limit: WEEK, unit: "days", divisor: Some(DAY) },
    Magnitude { limit: 2 * WEEK, unit: "1 week", divisor: None },
    Magnitude { limit: MONTH, unit: "weeks", divisor: Some(WEEK) },
    Magnitude { limit: 2 * MONTH, unit: "1 month", divisor: None },
    Magnitude { limit: YEAR, unit: "months", divisor: Some(MONTH) },
    Magnitude { limit: 18 * MONTH, unit: "1 year", divisor: None },
    Magnitude { limit: 2 * YEAR, unit: "2 years", divisor: None },
];

impl TimeFormat {
    /// The text of `time`, as seen at `now`; empty if the time is absent or the first moment of year one, which
    /// servers send for "never".
    pub(crate) fn show(self, time: Option<&prost_types::Timestamp>, now: Timestamp) -> String {
        let time = time.filter(|time| (time.seconds, time.nanos) != (YEAR_ONE, 0));
        let Some(time) = time.and_then(from_proto) else {
            return String::new();
        };
        match self {
            Self::Relative => relative(time, now),
            Self::Iso => iso(time),
            Self::Raw => format!("{}{} +0000 UTC", time.strftime("%Y-%m-%d %H:%M:%S"), fraction(time)),
        }
    }
}

/// The point in time of a proto timestamp; `None` if it lies outside of the years that can be written.
pub(crate) fn from_proto(time: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// RFC 3339 without a fraction, in UTC.
pub(crate) fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// RFC 3339 in UTC with a fraction of none, three, six or nine digits, as proto JSON writes it.
pub(crate) fn proto_json(time: Timestamp) -> String {
    format!("{}{}Z", time.strftime("%Y-%m-%dT%H:%M:%S"), grouped_fraction(time.subsec_nanosecond().unsigned_abs()))
}

/// A duration in proto JSON: seconds with a fraction of none, three, six or nine digits.
pub(crate) fn proto_json_duration(duration: &prost_types::Duration) -> String {
    let negative = duration.seconds < 0 || duration.nanos < 0;
    let sign = if negative { "-" } else { "" };
    let fraction = grouped_fraction(duration.nanos.unsigned_abs());
    format!("{sign}{}{fraction}s", duration.seconds.unsigned_abs())
}

fn grouped_fraction(nanos: u32) -> String {
    let digits = format!("{nanos:09}");
    let kept = digits.strip_suffix("000000000").or_else(|| digits.strip_suffix("000000"));
    match kept.or_else(|| digits.strip_suffix("000")).unwrap_or(&digits) {
        "" => String::new(),
        kept => format!(".{kept}"),
    }
}

fn fraction(time: Timestamp) -> String {
    match time.subsec_nanosecond().unsigned_abs() {
        0 => String::new(),
        nanos => format!(".{}", format!("{nanos:09}").trim_end_matches('0')),
    }
}

fn relative(time: Timestamp, now: Timestamp) -> String {
    let distance = now.as_nanosecond() - time.as_nanosecond();
    let label = if distance < 0 { "from now" } else { "ago" };
    let distance = distance.abs();
    if distance < SECOND {
        return "now".to_owned();
    }
    for magnitude in &MAGNITUDES {
        if distance < magnitude.limit {
            return match magnitude.divisor {
                Some(divisor) => format!("{} {} {label}", distance / divisor, magnitude.unit),
                None => format!("{} {label}", magnitude.unit),
            };
        }
    }
    match distance < LONG {
        true => format!("{} years {label}", distance / YEAR),
        false => format!("a long while {label}"),
    }
}

/// A duration in Go's syntax: `24h0m0s`, `1.5s`, `20ms`, `0s`.
pub(crate) fn go_duration(duration: SignedDuration) -> String {
    let sign = if duration.is_negative() { "-" } else { "" };
    let nanos = duration.as_nanos().unsigned_abs();
    let text = match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(nanos, 1_000_000)),
        _ => {
            let seconds = nanos / 1_000_000_000;
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let rest = decimal(nanos - (seconds - seconds % 60) * 1_000_000_000, 1_000_000_000);
            match (hours, minutes) {
                (0, 0) => format!("{rest}s"),
                (0, minutes) => format!("{minutes}m{rest}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
            }
        }
    };
    format!("{sign}{text}")
}

fn decimal(nanos: u128, unit: u128) -> String {
    let fraction = nanos % unit;
    if fraction == 0 {
        return (nanos / unit).to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{}.{}", nanos / unit, format!("{fraction:0width$}").trim_end_matches('0'))
}

/// A duration for reading: Go's syntax with days and a space between the units, `3d 0h 0m 0s`.
pub(crate) fn spaced_duration(duration: SignedDuration) -> String {
    let text = go_duration(duration);
    let text = match text.split_once('h') {
        Some((hours, rest)) => match hours.parse::<i64>() {
            Ok(hours) if hours >= 24 => format!("{}d{}h{rest}", hours / 24, hours % 24),
            Ok(_) | Err(_) => text,
        },
        None => text,
    };
    let mut spaced = String::new();
    let mut after_letter = false;
    for character in text.chars() {
        if after_letter && !character.is_alphabetic() {
            spaced.push(' ');
        }
        after_letter = character.is_alphabetic();
        spaced.push(character);
    }
    spaced
}

/// The duration of a proto message; absent is zero.
pub(crate) fn duration_from_proto(duration: Option<&prost_types::Duration>) -> SignedDuration {
    duration.map_or(SignedDuration::ZERO, |duration| SignedDuration::new(duration.seconds, duration.nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_distances() {
        let now = Timestamp::new(1_800_000_000, 0).unwrap();
        for (seconds, wanted) in [
            (0, "now"),
            (1, "1 second ago"),
            (13, "13 seconds ago"),
            (-75, "1 minute from now"),
            (-26 * 60, "26 minutes from now"),
            (3 * 3600, "3 hours ago"),
            (86_400, "1 day ago"),
            (9 * 86_400, "1 week ago"),
            (45 * 86_400, "1 month ago"),
            (400 * 86_400, "1 year ago"),
            (3 * 360 * 86_400, "3 years ago"),
            (1_800_000_000, "a long while ago"),
        ] {
            let time = prost_types::Timestamp { seconds: 1_800_000_000 - seconds, nanos: 0 };
            assert_eq!(TimeFormat::Relative.show(Some(&time), now), wanted);
        }
        assert_eq!(TimeFormat::Relative.show(None, now), "");
        let never = prost_types::Timestamp { seconds: YEAR_ONE, nanos: 0 };
        assert_eq!(TimeFormat::Iso.show(Some(&never), now), "");
    }

    #[test]
    fn absolute_formats() {
        let time = prost_types::Timestamp { seconds: 1_795_359_835, nanos: 450_283_000 };
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(TimeFormat::Iso.show(Some(&time), now), "2026-11-22T15:03:55Z");
        assert_eq!(TimeFormat::Raw.show(Some(&time), now), "2026-11-22 15:03:55.450283 +0000 UTC");
        assert_eq!(proto_json(from_proto(&time).unwrap()), "2026-11-22T15:03:55.450283Z");
        let zero = prost_types::Timestamp { seconds: -62_135_596_800, nanos: 0 };
        assert_eq!(proto_json(from_proto(&zero).unwrap()), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn durations() {
        for (nanos, go, spaced) in [
            (0, "0s", "0s"),
            (1_324_656_184, "1.324656184s", "1.324656184s"),
            (20_500_000, "20.5ms", "20.5ms"),
            (86_400_000_000_000, "24h0m0s", "1d 0h 0m 0s"),
            (-90_000_000_000, "-1m30s", "-1m 30s"),
        ] {
            let duration = SignedDuration::from_nanos(nanos);
            assert_eq!(go_duration(duration), go);
            assert_eq!(spaced_duration(duration), spaced);
        }
        let seconds = prost_types::Duration { seconds: 86_400, nanos: 0 };
        assert_eq!(proto_json_duration(&seconds), "86400s");
        let fraction = prost_types::Duration { seconds: -1, nanos: -500_000_000 };
        assert_eq!(proto_json_duration(&fraction), "-1.500s");
    }
}
