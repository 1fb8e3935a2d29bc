//! Certificates and keys of a connection: in a file, or in what the user gives.

use std::fs;

use crate::failure::Failure;

/// Whether a PEM file holds any certificate; a client that is given one without trusts no server, and says so only at the handshake.
pub(crate) fn holds_certificate(pem: &[u8]) -> bool {
    String::from_utf8_lossy(pem).contains("-----BEGIN CERTIFICATE-----")
}

/// A certificate or a key as it is given.
pub(super) enum Pem {
    Path(String),
    Data(String),
}

impl Pem {
    /// What is given as a path or in itself; `what` it is, for the error.
    ///
    /// # Errors
    /// Both are given, and the user can have meant only one.
    pub(super) fn given(what: &str, path: Option<String>, data: Option<String>) -> Result<Option<Self>, Failure> {
        match (path, data) {
            (Some(_), Some(_)) => Err(Failure::told(format!(
                "failed to build client options: invalid TLS config: cannot have {what} path with data"
            ))),
            (path, data) => Ok(path.map(Self::Path).or(data.map(Self::Data))),
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Path(path) => format!("{path:?}"),
            Self::Data(_) => "(given as data)".to_owned(),
        }
    }

    pub(super) fn read(self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Data(data) => Ok(data.into_bytes()),
            Self::Path(path) => fs::read(&path).map_err(|error| {
                Failure::told(format!(
                    "failed preparing Temporal server connection: cannot read file {path:?}: {error}\n\n  Cannot read {path:?} \
                     — check that the path exists and is readable."
                ))
            }),
        }
    }
}
