//! From text to bits.

use std::{sync::LazyLock, time::Duration};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use model::{GoUnits, parse_go_duration};

use super::{Fields, STAR, Schedule};

/// The values that a field takes, and the names that some have.
struct Bounds {
    min: u32,
    max: u32,
    /// The first stands for `min`.
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds { min: 0, max: 59, names: &[] };
const HOURS: Bounds = Bounds { min: 0, max: 23, names: &[] };
const DAYS_OF_MONTH: Bounds = Bounds { min: 1, max: 31, names: &[] };
const MONTHS: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const DAYS_OF_WEEK: Bounds = Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// The schedule in the text: five fields, or a descriptor such as `@daily` or `@every 90s`, each behind an optional
/// `CRON_TZ=Zone`. `None` for anything else; UTC where no zone is named.
pub(super) fn parse(text: &str) -> Option<Schedule> {
    let (zone, rest) = match text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ=")) {
        Some(zoned) => {
            let (name, rest) = zoned.split_once(' ')?;
            (zone(name)?, rest.trim())
        }
        None => (TimeZone::UTC, text),
    };
    if rest.starts_with('@') {
        return descriptor(rest, zone);
    }
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let &[minutes, hours, days_of_month, months, days_of_week] = fields.as_slice() else {
        return None;
    };
    Some(Schedule::Fields(Fields {
        minutes: field(minutes, &MINUTES)?,
        hours: field(hours, &HOURS)?,
        days_of_month: field(days_of_month, &DAYS_OF_MONTH)?,
        months: field(months, &MONTHS)?,
        days_of_week: field(days_of_week, &DAYS_OF_WEEK)?,
        zone,
    }))
}

/// A zone of the database that is built in: the machine reads no files, and every node knows the same zones.
fn zone(name: &str) -> Option<TimeZone> {
    static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
    match name {
        "" | "UTC" | "Local" => Some(TimeZone::UTC),
        _ => ZONES.get(name).ok(),
    }
}

fn descriptor(text: &str, zone: TimeZone) -> Option<Schedule> {
    let fields = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => return every(text.strip_prefix("@every ")?),
    };
    match parse(fields)? {
        Schedule::Fields(fields) => Some(Schedule::Fields(Fields { zone, ..fields })),
        Schedule::Every(span) => Some(Schedule::Every(span)),
    }
}

/// The rest of `@every`: a duration in the reference's language, in which 1h30m is one.
fn every(text: &str) -> Option<Schedule> {
    let nanos = parse_go_duration(text, GoUnits::Go).ok()?;
    // Less than a second, a negative span included, counts as one.
    let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(0).max(1);
    Some(Schedule::Every(Duration::from_secs(seconds)))
}

/// A list of ranges, separated by commas.
fn field(text: &str, bounds: &Bounds) -> Option<u64> {
    text.split(',').filter(|part| !part.is_empty()).try_fold(0, |bits, part| Some(bits | range(part, bounds)?))
}

/// `*`, `5`, `1-5`, and each with `/step`.
fn range(text: &str, bounds: &Bounds) -> Option<u64> {
    let (ends, step) = match text.split_once('/') {
        Some((_, step)) if step.contains('/') => return None,
        Some((ends, step)) => (ends, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
        None => (text, None),
    };
    let (low, high) = match ends.split_once('-') {
        Some((low, high)) => (low, Some(high)),
        None => (ends, None),
    };
    let star = low == "*" || low == "?";
    let (start, end) = if star {
        (bounds.min, bounds.max)
    } else {
        let start = value(low, bounds)?;
        match (high, step) {
            (Some(high), _) => (start, value(high, bounds)?),
            // `5/10` means from 5 on.
            (None, Some(_)) => (start, bounds.max),
            (None, None) => (start, start),
        }
    };
    // A star that skips values is no star.
    let mark = if star && step.is_none_or(|step| step == 1) { STAR } else { 0 };
    let step = usize::try_from(step.unwrap_or(1)).ok()?;
    (start >= bounds.min && end <= bounds.max && start <= end)
        .then(|| (start..=end).step_by(step).fold(mark, |bits, value| bits | 1 << value))
}

fn value(text: &str, bounds: &Bounds) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    match bounds.names.iter().zip(bounds.min..).find(|(name, _)| **name == lower) {
        Some((_, value)) => Some(value),
        None => text.parse().ok(),
    }
}
