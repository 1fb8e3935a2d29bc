//! What a value of the configuration may be. Each type says in words what it accepts; the same words stand in complaints
//! and in `perdure config explain`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use super::document::Scalar;

/// What bounds a value beyond its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bounds {
    /// Nothing.
    Free,
    /// A whole number between the two, or a duration between the two in seconds.
    Between(u64, u64),
}

/// A type of value.
pub(super) trait Value: Sized {
    /// What it is called.
    const NAME: &'static str;

    /// What is accepted, in words that complete "expected …".
    fn accepted(bounds: Bounds) -> String;

    /// The value; `None` for anything that is not accepted. Relative paths start at `directory`.
    fn read(scalar: &Scalar, bounds: Bounds, directory: &Path) -> Option<Self>;
}

/// The account's id, the second part of `<namespace>.<account>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountId(pub(crate) String);

impl AccountId {
    /// What is accepted.
    pub(crate) const ACCEPTED: &'static str = "5 to 16 of a-z and 0-9, for example \"a2dd6\"";

    /// The id, if the text is one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = (5..=16).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        fits.then(|| Self(text.to_owned()))
    }
}

/// A DNS name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain(pub(crate) String);

impl Domain {
    /// What is accepted.
    pub(crate) const ACCEPTED: &'static str = "a DNS name in lower case, for example \"localhost.test\"";

    /// The name, if the text is one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        (text.len() <= 200 && text.split('.').all(label)).then(|| Self(text.to_owned()))
    }
}

/// What is worth a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    Never,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// A value that is one of a few words.
trait Word: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

impl Word for LogLevel {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("warn", Self::Warn),
        ("error", Self::Error),
        ("never", Self::Never),
    ];
}

impl Word for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl<T: Word> Value for T {
    const NAME: &'static str = "word";

    fn accepted(_: Bounds) -> String {
        let words: Vec<String> = T::WORDS.iter().map(|(word, _)| format!("{word:?}")).collect();
        format!("one of {}", words.join(", "))
    }

    fn read(scalar: &Scalar, _: Bounds, _: &Path) -> Option<Self> {
        T::WORDS.iter().find(|(word, _)| is_text(scalar, word)).map(|(_, value)| *value)
    }
}

fn is_text(scalar: &Scalar, wanted: &str) -> bool {
    matches!(scalar, Scalar::Text(text) if text == wanted)
}

fn text(scalar: &Scalar) -> Option<&str> {
    match scalar {
        Scalar::Text(text) => Some(text),
        Scalar::Integer(_) | Scalar::Boolean(_) | Scalar::Fraction(_) | Scalar::Other(_) => None,
    }
}

impl Value for AccountId {
    const NAME: &'static str = "account id";

    fn accepted(_: Bounds) -> String {
        Self::ACCEPTED.to_owned()
    }

    fn read(scalar: &Scalar, _: Bounds, _: &Path) -> Option<Self> {
        Self::parse(text(scalar)?)
    }
}

impl Value for Domain {
    const NAME: &'static str = "DNS name";

    fn accepted(_: Bounds) -> String {
        Self::ACCEPTED.to_owned()
    }

    fn read(scalar: &Scalar, _: Bounds, _: &Path) -> Option<Self> {
        Self::parse(text(scalar)?)
    }
}

impl Value for PathBuf {
    const NAME: &'static str = "path";

    fn accepted(_: Bounds) -> String {
        "a path, absolute or relative to the folder of the configuration file".to_owned()
    }

    fn read(scalar: &Scalar, _: Bounds, directory: &Path) -> Option<Self> {
        text(scalar).filter(|text| !text.is_empty()).map(|text| directory.join(text))
    }
}

impl Value for SocketAddr {
    const NAME: &'static str = "address";

    fn accepted(_: Bounds) -> String {
        "an IP address and a port, for example \"127.0.0.1:7233\"".to_owned()
    }

    fn read(scalar: &Scalar, _: Bounds, _: &Path) -> Option<Self> {
        text(scalar)?.parse().ok()
    }
}

/// A listener that may be left out, by the word `off`.
impl Value for Option<SocketAddr> {
    const NAME: &'static str = "address or \"off\"";

    fn accepted(bounds: Bounds) -> String {
        format!("{}, or \"off\"", SocketAddr::accepted(bounds))
    }

    fn read(scalar: &Scalar, bounds: Bounds, directory: &Path) -> Option<Self> {
        match is_text(scalar, "off") {
            true => Some(None),
            false => SocketAddr::read(scalar, bounds, directory).map(Some),
        }
    }
}

impl Value for u32 {
    const NAME: &'static str = "whole number";

    fn accepted(bounds: Bounds) -> String {
        match bounds {
            Bounds::Free => "a whole number".to_owned(),
            Bounds::Between(low, high) => format!("a whole number from {low} to {high}"),
        }
    }

    fn read(scalar: &Scalar, bounds: Bounds, _: &Path) -> Option<Self> {
        match scalar {
            Scalar::Integer(number) => u32::try_from(*number).ok().filter(|number| within(u64::from(*number), bounds)),
            Scalar::Text(_) | Scalar::Boolean(_) | Scalar::Fraction(_) | Scalar::Other(_) => None,
        }
    }
}

/// A text such as `10s`, `1m30s`, `2h`.
impl Value for Duration {
    const NAME: &'static str = "duration";

    fn accepted(bounds: Bounds) -> String {
        match bounds {
            Bounds::Free => "a duration such as \"90s\" or \"1m30s\"".to_owned(),
            Bounds::Between(low, high) => {
                format!("a duration such as \"90s\" or \"1m30s\", from {low}s to {high}s")
            }
        }
    }

    fn read(scalar: &Scalar, bounds: Bounds, _: &Path) -> Option<Self> {
        let duration = cli::duration(text(scalar)?).ok()?;
        within(duration.as_secs(), bounds).then_some(duration)
    }
}

fn within(value: u64, bounds: Bounds) -> bool {
    match bounds {
        Bounds::Free => true,
        Bounds::Between(low, high) => (low..=high).contains(&value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids() {
        for id in ["a2dd6", "abcde", "00000"] {
            assert!(AccountId::parse(id).is_some(), "{id}");
        }
        for id in ["a2dd", "A2DD6", "a2-d6", "", "ä2dd6"] {
            assert!(AccountId::parse(id).is_none(), "{id}");
        }
        for name in ["localhost.test", "a", "x-1.example.com"] {
            assert!(Domain::parse(name).is_some(), "{name}");
        }
        for name in ["", ".a", "a..b", "-a.b", "a-.b", "A.b", "a b", "*.a"] {
            assert!(Domain::parse(name).is_none(), "{name}");
        }
    }
}
