//! Examples of the dialect, among them those of the Go library's own documentation.

use super::*;

fn time(text: &str) -> Time {
    let timestamp: jiff::Timestamp = text.parse().unwrap();
    Time(timestamp.as_second() * next::SECOND)
}

fn check(schedule: &str, from: &str, expected: &str) {
    let next = Schedule::parse(schedule).unwrap().next(time(from));
    assert_eq!(next, Some(time(expected)), "{schedule} after {from}");
}

#[test]
fn finds_the_next_match() {
    check("0/15 * * * *", "2012-07-09T14:45:00Z", "2012-07-09T15:00:00Z");
    check("20-35/15 * * * *", "2012-07-09T15:40:00Z", "2012-07-09T16:20:00Z");
    check("*/15 10 * * *", "2012-07-09T23:46:00Z", "2012-07-10T10:00:00Z");
    check("0 0 29 Feb ?", "2012-07-09T23:35:00Z", "2016-02-29T00:00:00Z");
    check("30 4 1,15 * *", "2026-11-16T00:00:00Z", "2026-12-01T04:30:00Z");
    check("0 9 * * MON-fri", "2026-11-20T09:00:00Z", "2026-11-23T09:00:00Z");
    check("* * * * *", "2026-12-31T23:59:30Z", "2027-01-01T00:00:00Z");
}

#[test]
fn one_of_two_restricted_days_is_enough() {
    // The fifteenth, or a Friday.
    check("0 0 15 * 5", "2026-11-09T00:00:00Z", "2026-11-13T00:00:00Z");
    check("0 0 15 * 5", "2026-11-13T00:00:00Z", "2026-11-15T00:00:00Z");
    check("0 0 */2 * 5", "2026-11-12T00:00:00Z", "2026-11-13T00:00:00Z");
}

#[test]
fn knows_descriptors() {
    check("@yearly", "2026-11-22T10:10:10Z", "2027-01-01T00:00:00Z");
    check("@monthly", "2026-11-22T10:10:10Z", "2026-12-01T00:00:00Z");
    check("@weekly", "2026-11-22T10:10:10Z", "2026-11-29T00:00:00Z");
    check("@midnight", "2026-11-22T10:10:10Z", "2026-11-23T00:00:00Z");
    check("@hourly", "2026-11-22T10:10:10Z", "2026-11-22T11:00:00Z");
    check("@every 1h30m", "2026-11-22T10:10:10Z", "2026-11-22T11:40:10Z");
    check("@every 1.5s", "2026-11-22T10:10:10Z", "2026-11-22T10:10:11Z");
    check("@every 1ms", "2026-11-22T10:10:10Z", "2026-11-22T10:10:11Z");
}

#[test]
fn follows_the_clock_of_its_zone() {
    check("CRON_TZ=Asia/Tokyo 0 9 * * *", "2026-11-22T00:30:00Z", "2026-11-23T00:00:00Z");
    check("TZ=America/New_York 0 9 * * *", "2026-07-01T13:00:01Z", "2026-07-02T13:00:00Z");
    check("TZ=America/New_York @daily", "2026-11-22T00:00:00Z", "2026-11-22T05:00:00Z");
    // The hour that spring leaves out waits for the next day.
    check("TZ=America/New_York 30 2 * * *", "2012-03-11T05:00:00Z", "2012-03-12T06:30:00Z");
}

#[test]
fn refuses_what_is_no_schedule() {
    for text in [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 7",
        "5-1 * * * *",
        "*/0 * * * *",
        "a * * * *",
        "@never",
        "@every",
        "@every 5",
        "@every x",
        "TZ=Nowhere/Land * * * * *",
        "TZ=UTC",
        "1/2/3 * * * *",
    ] {
        assert_eq!(Schedule::parse(text), None, "{text:?}");
    }
    assert_eq!(validate("x", Time(1)).unwrap_err().message, "invalid CronSchedule.");
    assert_eq!(
        validate("0 0 30 2 *", time("2026-01-01T00:00:00Z")).unwrap_err().message,
        "invalid CronSchedule, no time can be found to satisfy the schedule"
    );
}

#[test]
fn waits_for_the_first_match_that_is_not_past() {
    let last = time("2026-11-22T10:00:00Z");
    let now = Time(time("2026-11-22T12:30:00Z").0 + 1);
    assert_eq!(wait("0 * * * *", last, now), Some(Duration::from_secs(1_800)));
    assert_eq!(wait("@every 1h", last, now), Some(Duration::from_secs(1_800)));
    assert_eq!(wait("", last, now), None);
    assert_eq!(wait("0 0 30 2 *", last, now), None);
    // The first run itself is still to come.
    assert_eq!(wait("0 * * * *", now + Duration::from_secs(5), now), Some(Duration::from_secs(5)));
}
