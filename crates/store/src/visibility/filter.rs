//! The typed tree of a list filter. Names are resolved and values have the types of their attributes; an engine has
//! nothing left to check.

use model::search_attribute::{Datetime, builtin, kind_name};
use proto::temporal::api::enums::v1::IndexedValueType;

use super::Phrases;

/// A condition on a row. It follows SQL's logic of three values: a comparison with null is unknown, and only rows for
/// which the whole is true are selected.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of them; flat, so that a long chain is not a deep tree.
    And(Vec<Filter>),
    /// One of them at least.
    Or(Vec<Filter>),
    Not(Box<Filter>),
    /// A scalar attribute against a value.
    Compare {
        attribute: Attribute,
        comparison: Comparison,
        value: Operand,
    },
    /// `low <= attribute <= high`, or not.
    Between {
        attribute: Attribute,
        low: Operand,
        high: Operand,
        negated: bool,
    },
    /// A scalar attribute is one of the values, or none.
    In {
        attribute: Attribute,
        values: Vec<Operand>,
        negated: bool,
    },
    /// A keyword begins with a text, byte for byte, or does not.
    StartsWith {
        attribute: Attribute,
        prefix: String,
        negated: bool,
    },
    /// A keyword list holds one of the texts, or none. Never unknown: an absent list holds nothing.
    Contains {
        attribute: Attribute,
        any_of: Vec<String>,
        negated: bool,
    },
    /// A text has one of the phrases, or none. Never unknown: an absent text has no words.
    Mentions {
        attribute: Attribute,
        phrases: Phrases,
        negated: bool,
    },
    /// The attribute is not set, or set.
    IsNull {
        attribute: Attribute,
        negated: bool,
    },
}

/// An attribute by its resolved name.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    pub name: String,
    pub kind: IndexedValueType,
}

impl Attribute {
    /// Whether values of a type are values of it: what was written while an attribute of this name had another type is none.
    /// Attributes that every run has are never of another.
    pub fn has(&self, kind: IndexedValueType) -> bool {
        kind == self.kind || builtin(&self.name).is_some_and(|builtin| builtin.is_system)
    }

    /// The type's name in errors and in payloads.
    pub fn kind_name(&self) -> &'static str {
        kind_name(self.kind)
    }
}

/// How a scalar is compared. Texts compare by their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The right-hand side of a comparison. `ExecutionStatus` is compared by its number, `ExecutionDuration` by its
/// nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
    Datetime(Datetime),
}

impl Filter {
    /// The attribute of a condition on one; `None` for one that joins others.
    pub fn attribute(&self) -> Option<&Attribute> {
        match self {
            Filter::And(_) | Filter::Or(_) | Filter::Not(_) => None,
            Filter::Compare { attribute, .. }
            | Filter::Between { attribute, .. }
            | Filter::In { attribute, .. }
            | Filter::StartsWith { attribute, .. }
            | Filter::Contains { attribute, .. }
            | Filter::Mentions { attribute, .. }
            | Filter::IsNull { attribute, .. } => Some(attribute),
        }
    }

    /// `self AND other`.
    pub fn and(self, other: Filter) -> Filter {
        match self {
            Filter::And(mut all) => {
                all.push(other);
                Filter::And(all)
            }
            one => Filter::And(vec![one, other]),
        }
    }
}
