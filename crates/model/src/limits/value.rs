//! What the value of a limit may be, and how it is read and written.

use std::time::Duration;

use crate::{GoUnits, parse_go_duration};

/// A limit's value, from its text.
pub(super) trait Value: Sized {
    /// What such a value is called.
    const KIND: &'static str;
    /// What is taken, with its bounds, for people to read.
    const ACCEPTED: &'static str;

    fn read(text: &str) -> Option<Self>;

    fn formatted(&self) -> String;
}

macro_rules! numbers {
    ($($number:ty, $most:literal;)+) => {
        $(impl Value for $number {
            const KIND: &'static str = "whole number";
            const ACCEPTED: &'static str = concat!("a whole number from 0 to ", $most);

            fn read(text: &str) -> Option<Self> {
                let number = text.parse::<i64>().ok().filter(|number| *number >= 0)?;
                <$number>::try_from(number).ok()
            }

            fn formatted(&self) -> String {
                self.to_string()
            }
        })+
    };
}

numbers! {
    usize, "9223372036854775807";
    i64, "9223372036854775807";
    i32, "2147483647";
    u32, "4294967295";
}

impl Value for bool {
    const KIND: &'static str = "true or false";
    const ACCEPTED: &'static str = "true or false";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn formatted(&self) -> String {
        self.to_string()
    }
}

/// A number that may be left out, by the word `off`: then there is no limit.
impl Value for Option<u32> {
    const KIND: &'static str = "whole number or \"off\"";
    const ACCEPTED: &'static str = "a whole number from 0 to 4294967295, or \"off\"";

    fn read(text: &str) -> Option<Self> {
        if text == "off" { Some(None) } else { u32::read(text).map(Some) }
    }

    fn formatted(&self) -> String {
        self.map_or("off".to_owned(), |number| number.to_string())
    }
}

/// A ratio.
impl Value for f64 {
    const KIND: &'static str = "number";
    const ACCEPTED: &'static str = "a number from 0 to 1000000";

    fn read(text: &str) -> Option<Self> {
        text.parse::<f64>().ok().filter(|number| (0.0..=1e6).contains(number))
    }

    fn formatted(&self) -> String {
        format!("{self:?}")
    }
}

/// Beyond it a time that is added to could leave what can be counted.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

impl Value for Duration {
    const KIND: &'static str = "duration";
    const ACCEPTED: &'static str = "a duration such as \"90s\" or \"1h30m\", from 0s to 876000h";

    fn read(text: &str) -> Option<Self> {
        let nanos = parse_go_duration(text, GoUnits::Go).ok()?;
        let whole = Duration::from_nanos(u64::try_from(nanos).ok()?);
        (whole <= LONGEST).then_some(whole)
    }

    fn formatted(&self) -> String {
        match (self.as_secs(), self.subsec_millis()) {
            (seconds, 0) if seconds > 0 && seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
            (seconds, 0) if seconds > 0 && seconds % 60 == 0 => format!("{}m", seconds / 60),
            (seconds, 0) => format!("{seconds}s"),
            (seconds, milliseconds) => format!("{}ms", seconds * 1_000 + u64::from(milliseconds)),
        }
    }
}
