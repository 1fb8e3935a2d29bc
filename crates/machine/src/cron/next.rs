//! The search for the next match: from the largest unit to the smallest, starting over when a larger one has turned.

use jiff::{
    Timestamp,
    civil::{DateTime, time},
    tz::TimeZone,
};
use model::Time;

use super::{Fields, STAR};

/// In nanoseconds.
pub(super) const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// How many years ahead are searched.
const YEARS: i16 = 5;

/// A point in time as the schedule's zone sees it.
struct Moment<'a> {
    zone: &'a TimeZone,
    /// Since the Unix epoch.
    seconds: i64,
    civil: DateTime,
}

/// The first match after `time`, at a full second; `None` if there is none within five years.
pub(super) fn next(fields: &Fields, time: Time) -> Option<Time> {
    let mut moment = Moment::at(&fields.zone, time.0.div_euclid(SECOND) + 1)?;
    let last_year = moment.civil.year() + YEARS;
    // What is below the unit that is stepped first starts from its beginning.
    let mut trimmed = false;
    while moment.civil.year() <= last_year {
        let settled = moment.find_month(fields, &mut trimmed)?
            && moment.find_day(fields, &mut trimmed)?
            && moment.find_hour(fields, &mut trimmed)?
            && moment.find_minute(fields, &mut trimmed)?
            && moment.find_second(&mut trimmed)?;
        if settled {
            return Some(Time(moment.seconds.checked_mul(SECOND)?));
        }
    }
    None
}

impl<'a> Moment<'a> {
    fn at(zone: &'a TimeZone, seconds: i64) -> Option<Self> {
        let civil = zone.to_datetime(Timestamp::from_second(seconds).ok()?);
        Some(Self { zone, seconds, civil })
    }

    fn step(&mut self, seconds: i64) -> Option<()> {
        *self = Self::at(self.zone, self.seconds.checked_add(seconds)?)?;
        Some(())
    }

    fn set(&mut self, civil: DateTime) -> Option<()> {
        let seconds = self.zone.to_ambiguous_timestamp(civil).compatible().ok()?.as_second();
        *self = Self::at(self.zone, seconds)?;
        Some(())
    }

    /// Each `find_…` steps to the next value that matches. False where a larger unit has turned on the way, so that the
    /// search has to start over; `None` at the end of time.
    fn find_month(&mut self, fields: &Fields, trimmed: &mut bool) -> Option<bool> {
        while !has(fields.months, self.civil.month()) {
            let first = self.civil.date().first_of_month();
            *trimmed = true;
            let next = first.checked_add(jiff::Span::new().try_months(1).ok()?).ok()?;
            self.set(next.at(0, 0, 0, 0))?;
            if self.civil.month() == 1 {
                return Some(false);
            }
        }
        Some(true)
    }

    fn find_day(&mut self, fields: &Fields, trimmed: &mut bool) -> Option<bool> {
        while !day_matches(fields, self.civil) {
            if !*trimmed {
                *trimmed = true;
                self.set(self.civil.date().to_datetime(time(0, 0, 0, 0)))?;
            }
            self.set(self.civil.date().tomorrow().ok()?.to_datetime(self.civil.time()))?;
            // Where the clock was changed at midnight, the day begins at another hour.
            let hour = i64::from(self.civil.hour());
            if hour > 12 {
                self.step((24 - hour) * HOUR)?;
            } else if hour > 0 {
                self.step(-hour * HOUR)?;
            }
            if self.civil.day() == 1 {
                return Some(false);
            }
        }
        Some(true)
    }

    fn find_hour(&mut self, fields: &Fields, trimmed: &mut bool) -> Option<bool> {
        while !has(fields.hours, self.civil.hour()) {
            if !*trimmed {
                *trimmed = true;
                self.set(self.civil.date().at(self.civil.hour(), 0, 0, 0))?;
            }
            self.step(HOUR)?;
            if self.civil.hour() == 0 {
                return Some(false);
            }
        }
        Some(true)
    }

    fn find_minute(&mut self, fields: &Fields, trimmed: &mut bool) -> Option<bool> {
        while !has(fields.minutes, self.civil.minute()) {
            if !*trimmed {
                *trimmed = true;
                self.step(-self.seconds.rem_euclid(MINUTE))?;
            }
            self.step(MINUTE)?;
            if self.civil.minute() == 0 {
                return Some(false);
            }
        }
        Some(true)
    }

    /// The standard form has no field for seconds: a match is at a minute's beginning.
    fn find_second(&mut self, trimmed: &mut bool) -> Option<bool> {
        if self.civil.second() == 0 {
            return Some(true);
        }
        *trimmed = true;
        self.step(i64::from(60 - self.civil.second()))?;
        Some(false)
    }
}

fn has(bits: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| bits & (1 << value) != 0)
}

/// Where both day fields are restricted, one that matches is enough.
fn day_matches(fields: &Fields, civil: DateTime) -> bool {
    let of_month = has(fields.days_of_month, civil.day());
    let of_week = has(fields.days_of_week, civil.weekday().to_sunday_zero_offset());
    if (fields.days_of_month | fields.days_of_week) & STAR != 0 { of_month && of_week } else { of_month || of_week }
}
