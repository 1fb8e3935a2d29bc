//! Numbers with a fraction as Go writes them.

/// The shortest digits, with an exponent when that is below -4 or six and more: Go's `%v`.
pub fn go_float(value: f64) -> String {
    let (digits, exponent) = scientific(value);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// The shortest digits, as in Go's JSON.
pub(super) fn json_float(value: f64) -> String {
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
