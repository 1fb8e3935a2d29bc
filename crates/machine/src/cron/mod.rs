//! Cron schedules of workflows: the standard five fields, descriptors such as `@daily` and `@every 90m`, and a time zone
//! in front (`CRON_TZ=Europe/Berlin 0 9 * * 1-5`).
//!
//! The dialect, with its corners (day of month or day of week, `N/step`, five years of search), is that of the Go
//! library `robfig/cron` version 3, which the reference server uses. Schedules of the Schedule API are another thing.

mod next;
mod parse;

use std::time::Duration;

use jiff::tz::TimeZone;
use model::{Reject, Time};

/// A parsed schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// At the times that match.
    Fields(Fields),
    /// After each span; whole seconds, at least one.
    Every(Duration),
}

/// The times that match: one bit for each value that does.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    minutes: u64,
    hours: u64,
    days_of_month: u64,
    months: u64,
    days_of_week: u64,
    zone: TimeZone,
}

/// Set in a field that was written as `*` or `?`: then the other day field alone decides on the day.
const STAR: u64 = 1 << 63;

impl Schedule {
    /// `None` where the text is no schedule.
    pub fn parse(text: &str) -> Option<Self> {
        parse::parse(text)
    }

    /// The first time after `time` that matches; `None` when none does within five years.
    pub fn next(&self, time: Time) -> Option<Time> {
        match self {
            Self::Fields(fields) => next::next(fields, time),
            Self::Every(span) => Some(Time(time.0 - time.0.rem_euclid(next::SECOND)) + *span),
        }
    }
}

/// How long the run that follows at `now` has to wait; `last` is when the run before began to execute. In whole
/// seconds, rounded up. `None` without a schedule, or where no time matches.
pub(crate) fn wait(schedule: &str, last: Time, now: Time) -> Option<Duration> {
    if schedule.is_empty() {
        return None;
    }
    let schedule = Schedule::parse(schedule)?;
    let next = if now < last { last } else { first_from(&schedule, last, now)? };
    let nanos = next.since(now).as_nanos();
    Some(Duration::from_secs(u64::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(u64::MAX)))
}

/// The first match after `last` that isn't before `now`.
fn first_from(schedule: &Schedule, last: Time, now: Time) -> Option<Time> {
    let mut next = schedule.next(last)?;
    match schedule {
        Schedule::Every(span) if next < now => {
            let missed = now.since(next).as_nanos().div_ceil(span.as_nanos().max(1));
            next = next + span.saturating_mul(u32::try_from(missed).unwrap_or(u32::MAX));
        }
        Schedule::Every(_) => {}
        Schedule::Fields(_) => {
            while next < now {
                next = schedule.next(next)?;
            }
        }
    }
    Some(next)
}

/// # Errors
/// `InvalidArgument` with the reference's texts, where the schedule is malformed or never matches.
pub fn validate(schedule: &str, now: Time) -> Result<(), Reject> {
    if schedule.is_empty() {
        return Ok(());
    }
    let parsed = Schedule::parse(schedule).ok_or_else(|| Reject::invalid("invalid CronSchedule."))?;
    match parsed.next(now) {
        Some(_) => Ok(()),
        None => Err(Reject::invalid("invalid CronSchedule, no time can be found to satisfy the schedule")),
    }
}

#[cfg(test)]
mod tests;
