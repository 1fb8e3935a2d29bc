//! What a command can end with besides success. The text is what the user reads after `Error: `.

use std::{fmt, io};

use tonic::Status;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Told to the user; exit code 1.
    Told(String),
    /// Nobody reads stdout any more: the command ends in silence, successfully.
    Unread,
}

impl Failure {
    /// A failure with this text.
    pub(crate) fn told(text: impl Into<String>) -> Self {
        Self::Told(text.into())
    }

    /// The failure of a write to stdout.
    pub(crate) fn from_write(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::Told(format!("failed writing output: {error}")),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(text) => formatter.write_str(text),
            Self::Unread => formatter.write_str("output is not read"),
        }
    }
}

/// Puts what was attempted before the reason of a failure.
pub(crate) trait Attempt<T> {
    /// `attempt: reason`.
    fn attempt(self, attempt: &str) -> Result<T, Failure>;
}

impl<T> Attempt<T> for Result<T, Status> {
    fn attempt(self, attempt: &str) -> Result<T, Failure> {
        self.map_err(|status| Failure::Told(format!("{attempt}: {}", status_text(&status))))
    }
}

impl<T> Attempt<T> for Result<T, Failure> {
    fn attempt(self, attempt: &str) -> Result<T, Failure> {
        self.map_err(|failure| match failure {
            Failure::Told(text) => Failure::Told(format!("{attempt}: {text}")),
            Failure::Unread => Failure::Unread,
        })
    }
}

/// What the server says, or the name of the code where it says nothing.
pub(crate) fn status_text(status: &Status) -> String {
    match status.message() {
        "" => status.code().description().to_owned(),
        message => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attempt_comes_first() {
        let status: Result<(), _> = Err(Status::not_found("workflow not found for ID: a"));
        let failure = status.attempt("failed describing workflow").unwrap_err();
        assert_eq!(failure.to_string(), "failed describing workflow: workflow not found for ID: a");
    }

    #[test]
    fn a_closed_pipe_is_not_told() {
        let failure = Failure::from_write(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(failure, Failure::Unread));
    }
}
