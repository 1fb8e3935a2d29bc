//! Durations in the notation of Go's `time.ParseDuration`, which clients and the reference use: `1h30m`, `1.5s`, `-20ms`, `0`.

/// The units that a text may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoUnits {
    /// From `ns` to `h`.
    Go,
    /// Also `d`, for a day of 24 hours.
    WithDays,
}

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoDurationError {
    /// It has another form, or is beyond what 64 bits of nanoseconds hold.
    Invalid,
    /// A number of it has no unit.
    MissingUnit,
    UnknownUnit(String),
}

/// The duration in nanoseconds; what is finer than one is cut off.
///
/// # Errors
/// The text is no duration.
pub fn parse_go_duration(text: &str, units: GoUnits) -> Result<i64, GoDurationError> {
    use GoDurationError::{Invalid, MissingUnit, UnknownUnit};
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(Invalid);
    }
    let is_number = |letter: char| letter.is_ascii_digit() || letter == '.';
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|letter| !is_number(letter)).unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let end = after.find(is_number).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        if number.is_empty() {
            return Err(Invalid);
        }
        if unit.is_empty() {
            return Err(MissingUnit);
        }
        let scale = scale(unit, units).ok_or_else(|| UnknownUnit(unit.to_owned()))?;
        nanos = scaled(number, scale).and_then(|more| nanos.checked_add(more)).ok_or(Invalid)?;
        rest = after;
    }
    i64::try_from(if negative { -nanos } else { nanos }).map_err(|_| Invalid)
}

/// The nanoseconds of a unit.
fn scale(unit: &str, units: GoUnits) -> Option<i128> {
    match unit {
        "ns" => Some(1),
        "us" | "µs" | "μs" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        "d" if units == GoUnits::WithDays => Some(86_400_000_000_000),
        _ => None,
    }
}

/// `number` units of `scale` nanoseconds.
fn scaled(number: &str, scale: i128) -> Option<i128> {
    /// Digits of a fraction that can make a nanosecond, of a day too.
    const DIGITS: usize = 18;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = fraction.get(..fraction.len().min(DIGITS))?;
    let parts: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let divisor = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_mul(scale)?.checked_add(parts * scale / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        const SECOND: i64 = 1_000_000_000;
        let rows = [
            ("0", 0),
            ("-0", 0),
            ("1h30m", 5_400 * SECOND),
            ("1.5h", 5_400 * SECOND),
            (".5s", SECOND / 2),
            ("1.s", SECOND),
            ("-2ms", -2_000_000),
            ("+1us", 1_000),
            ("1µs", 1_000),
            ("1μs", 1_000),
            ("1.0000000019s", SECOND + 1),
            ("2562047h47m16.854775807s", i64::MAX),
        ];
        for (text, nanos) in rows {
            assert_eq!(parse_go_duration(text, GoUnits::Go), Ok(nanos), "{text}");
        }
        assert_eq!(parse_go_duration("1d12h", GoUnits::WithDays), Ok(129_600 * SECOND));
    }

    #[test]
    fn what_is_no_duration_is_told_apart() {
        use GoDurationError::{Invalid, MissingUnit};
        let unknown = |unit: &str| GoDurationError::UnknownUnit(unit.to_owned());
        let rows = [
            ("", Invalid),
            ("-", Invalid),
            ("x", Invalid),
            ("1.2.3s", Invalid),
            (".s", Invalid),
            ("10000000h", Invalid),
            ("1", MissingUnit),
            ("1h30", MissingUnit),
            ("1d", unknown("d")),
            ("1h 30m", unknown("h ")),
        ];
        for (text, error) in rows {
            assert_eq!(parse_go_duration(text, GoUnits::Go), Err(error), "{text}");
        }
    }
}
