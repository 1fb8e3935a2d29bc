//! Identities.

/// What a caller shows of itself, before anything of the request is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The `authorization` header, if it is text.
    pub authorization: Option<&'a str>,
}

/// Who calls, as the policy has established it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody was asked: the policy is open.
    Anyone,
}
