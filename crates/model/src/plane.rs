//! The two sides of a server that clients connect to.

/// Which side of the server a port belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plane {
    /// Where workflows are started and workers poll: API keys and client certificates.
    #[default]
    Data,
    /// Where the account is run: API keys only, a client certificate says nothing here.
    Control,
}
