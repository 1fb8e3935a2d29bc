//! Durations.

use prost_types::Duration;

/// The longest duration that is kept, in seconds: 100 years of 365 days.
const LONGEST: i64 = 100 * 365 * 24 * 3_600;

/// Refuses a negative duration and cuts one that is too long.
///
/// # Errors
/// What is wrong, as a fragment that follows the name of the field.
pub(crate) fn duration(given: &mut Option<Duration>) -> Result<(), &'static str> {
    let Some(span) = given else { return Ok(()) };
    if (span.seconds > 0 && span.nanos < 0) || (span.seconds < 0 && span.nanos > 0) {
        return Err("duration has seconds and nanos with different signs");
    }
    if span.seconds < 0 || span.nanos < 0 {
        return Err("negative duration");
    }
    let whole = span.seconds.saturating_add(i64::from(span.nanos / 1_000_000_000));
    if whole > LONGEST || (whole == LONGEST && span.nanos % 1_000_000_000 > 0) {
        *span = Duration { seconds: LONGEST, nanos: 0 };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_not_negative_and_at_most_a_hundred_years() {
        let rows = [
            ((-1, 0), Err("negative duration")),
            ((0, -1), Err("negative duration")),
            ((1, -1), Err("duration has seconds and nanos with different signs")),
            ((-1, 1), Err("duration has seconds and nanos with different signs")),
            ((5, 6), Ok((5, 6))),
            ((LONGEST, 0), Ok((LONGEST, 0))),
            ((LONGEST, 1), Ok((LONGEST, 0))),
            ((i64::MAX, i32::MAX), Ok((LONGEST, 0))),
        ];
        for ((seconds, nanos), expected) in rows {
            let mut span = Some(Duration { seconds, nanos });
            let checked = duration(&mut span).map(|()| span.map_or((0, 0), |span| (span.seconds, span.nanos)));
            assert_eq!(checked, expected, "{seconds} s {nanos} ns");
        }
        assert_eq!(duration(&mut None), Ok(()));
    }
}
