//! Which certificates of a trusted authority are meant.

use std::fmt;

use super::chain::ClientCertificate;

/// One filter: every field that is given must match; an empty field is not given. Case does not count, and one `*` may
/// stand at the start or at the end for any text. Where a certificate has several values, one that matches is enough.
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
    /// In lower case.
    filters: Vec<Filter>,
}

/// What is wrong with a namespace's filters; its text is for the person who sent them. Filters are counted from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterViolation {
    TooMany { filters: usize },
    Empty { number: usize },
    Repeated { number: usize },
    WildcardAlone { number: usize, field: &'static str },
    WildcardInside { number: usize, field: &'static str },
}

impl fmt::Display for FilterViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { filters } => {
                write!(f, "there are {filters} certificate filters, at most {} are allowed", Filters::MOST)
            }
            Self::Empty { number } => write!(f, "certificate filter {number} is empty"),
            Self::Repeated { number } => write!(f, "certificate filter {number} repeats another"),
            Self::WildcardAlone { number, field } => {
                write!(f, "the {field} of certificate filter {number} is nothing but a wildcard")
            }
            Self::WildcardInside { number, field } => write!(
                f,
                "the {field} of certificate filter {number} may have one \"*\", and only at its start or its end"
            ),
        }
    }
}

impl Filter {
    fn fields(&self) -> [(&'static str, &str); 4] {
        [
            ("common name", &self.common_name),
            ("organization", &self.organization),
            ("organizational unit", &self.organizational_unit),
            ("subject alternative name", &self.subject_alternative_name),
        ]
    }

    fn to_lowercase(&self) -> Self {
        Self {
            common_name: self.common_name.to_lowercase(),
            organization: self.organization.to_lowercase(),
            organizational_unit: self.organizational_unit.to_lowercase(),
            subject_alternative_name: self.subject_alternative_name.to_lowercase(),
        }
    }

    fn matches(&self, certificate: &ClientCertificate) -> bool {
        let pairs = [
            (&self.common_name, &certificate.common_names),
            (&self.organization, &certificate.organizations),
            (&self.organizational_unit, &certificate.organizational_units),
            (&self.subject_alternative_name, &certificate.subject_alternative_names),
        ];
        pairs.iter().all(|(pattern, values)| {
            pattern.is_empty() || values.iter().any(|value| matches(pattern, &value.to_lowercase()))
        })
    }
}

fn matches(pattern: &str, value: &str) -> bool {
    if let Some(end) = pattern.strip_prefix('*') {
        value.ends_with(end)
    } else if let Some(start) = pattern.strip_suffix('*') {
        value.starts_with(start)
    } else {
        value == pattern
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
        if filters.len() > Self::MOST {
            return Err(FilterViolation::TooMany { filters: filters.len() });
        }
        let filters: Vec<Filter> = filters.iter().map(Filter::to_lowercase).collect();
        for (index, filter) in filters.iter().enumerate() {
            let number = index + 1;
            if filter == &Filter::default() {
                return Err(FilterViolation::Empty { number });
            }
            if filters[..index].contains(filter) {
                return Err(FilterViolation::Repeated { number });
            }
            for (field, pattern) in filter.fields() {
                let inner = pattern.strip_prefix('*').or(pattern.strip_suffix('*')).unwrap_or(pattern);
                if inner.contains("*") && inner != "*" {
                    return Err(FilterViolation::WildcardInside { number, field });
                }
                if !pattern.is_empty() && (inner.is_empty() || inner == "*") {
                    return Err(FilterViolation::WildcardAlone { number, field });
                }
            }
        }
        Ok(Self { filters })
    }

    /// Whether a certificate is meant.
    pub fn allow(&self, certificate: &ClientCertificate) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| filter.matches(certificate))
    }
}

#[cfg(test)]
mod tests {
    use model::Time;

    use super::*;

    fn certificate() -> ClientCertificate {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        ClientCertificate {
            subject: "CN=Worker-7".into(),
            fingerprint: String::new(),
            common_names: texts(&["Worker-7"]),
            organizations: texts(&["Bank", "Example"]),
            organizational_units: texts(&["Payments"]),
            subject_alternative_names: texts(&["worker-7.example.test", "10.0.0.7"]),
            not_before: Time::ZERO,
            not_after: Time::MAX,
        }
    }

    /// Fields in the order CN, O, OU, SAN.
    fn filter(fields: [&str; 4]) -> Filter {
        let [common_name, organization, organizational_unit, subject_alternative_name] = fields.map(str::to_owned);
        Filter { common_name, organization, organizational_unit, subject_alternative_name }
    }

    #[test]
    fn a_filter_matches_when_every_given_field_does() {
        let rows = [
            (["worker-7", "", "", ""], true),
            (["WORKER-7", "", "", ""], true),
            (["worker", "", "", ""], false),
            (["worker-*", "", "", ""], true),
            (["*-7", "", "", ""], true),
            (["*-8", "", "", ""], false),
            (["worker-7*", "", "", ""], true),
            (["", "example", "", ""], true),
            (["", "other", "", ""], false),
            (["", "", "payments", ""], true),
            (["", "", "", "*.example.test"], true),
            (["", "", "", "10.0.0.*"], true),
            (["", "", "", "example.test"], false),
            (["worker-*", "bank", "pay*", "10.*"], true),
            (["worker-*", "bank", "pay*", "11.*"], false),
        ];
        for (fields, is_match) in rows {
            let filters = Filters::new(vec![filter(fields)]).unwrap();
            assert_eq!(filters.allow(&certificate()), is_match, "{fields:?}");
        }
    }

    #[test]
    fn one_filter_that_matches_is_enough_and_none_is_all() {
        let no = filter(["nobody", "", "", ""]);
        let yes = filter(["", "bank", "", ""]);
        assert!(Filters::default().allow(&certificate()));
        assert!(!Filters::new(vec![no.clone()]).unwrap().allow(&certificate()));
        assert!(Filters::new(vec![no, yes]).unwrap().allow(&certificate()));
    }

    #[test]
    fn each_broken_rule_is_named() {
        let one = |text: &str| vec![filter(["", text, "", ""])];
        let field = "organization";
        let many = (0..26).map(|number| filter([&format!("worker-{number}"), "", "", ""])).collect();
        let rows = [
            (many, FilterViolation::TooMany { filters: 26 }),
            (vec![Filter::default()], FilterViolation::Empty { number: 1 }),
            (
                vec![filter(["", "a", "", ""]), filter(["b", "", "", ""]), filter(["", "A", "", ""])],
                FilterViolation::Repeated { number: 3 },
            ),
            (one("*"), FilterViolation::WildcardAlone { number: 1, field }),
            (one("**"), FilterViolation::WildcardAlone { number: 1, field }),
            (one("a*b"), FilterViolation::WildcardInside { number: 1, field }),
            (one("*a*"), FilterViolation::WildcardInside { number: 1, field }),
            (one("**a"), FilterViolation::WildcardInside { number: 1, field }),
        ];
        for (filters, violation) in rows {
            assert_eq!(Filters::new(filters), Err(violation.clone()), "{violation}");
        }
        let most = (0..25).map(|number| filter([&format!("worker-{number}"), "", "", ""])).collect();
        assert!(Filters::new(most).is_ok());
    }
}
