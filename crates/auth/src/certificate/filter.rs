//! Which certificates of a trusted authority are meant.

use std::fmt;

use super::chain::ClientCertificate;

/// One filter: every field that is given must match; an empty field is not given. Case does not count, and one `*` may
/// stand at the start or at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub common_name: String,
    pub organization: String,
    pub organizational_unit: String,
    pub subject_alternative_name: String,
}

/// The filters of a namespace: one that matches is enough, and without any every certificate is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    filters: Vec<Filter>,
}

/// What is wrong with a namespace's filters; its text is for the person who sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterViolation {
    /// There are more than allowed.
    TooMany,
}

impl fmt::Display for FilterViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilterViolation::TooMany => write!(f, "at most {} certificate filters are allowed", Filters::MOST),
        }
    }
}

impl Filters {
    /// Most filters of a namespace.
    pub const MOST: usize = 25;

    /// Checks the rules.
    ///
    /// # Errors
    /// The first rule that they break.
    pub fn new(filters: Vec<Filter>) -> Result<Self, FilterViolation> {
        if filters.len() > Self::MOST { Err(FilterViolation::TooMany) } else { Ok(Self { filters }) }
    }

    /// Whether a certificate is meant.
    pub fn allow(&self, _certificate: &ClientCertificate) -> bool {
        self.filters.is_empty()
    }
}
