//! The typed tree of a list filter. Names are resolved and values have the types of their attributes; an engine has
//! nothing left to check.

use proto::temporal::api::enums::v1::IndexedValueType;

use super::{Phrases, Value};

/// A condition on a row. It follows SQL's logic of three values: a comparison with null is unknown, and only rows for
/// which the whole is true are selected.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
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
    /// Nanoseconds since the Unix epoch.
    Datetime(model::Time),
}

impl Filter {
    /// `self AND other`.
    pub fn and(self, other: Filter) -> Filter {
        Filter::And(Box::new(self), Box::new(other))
    }
}

impl From<Operand> for Value {
    fn from(operand: Operand) -> Value {
        match operand {
            Operand::Text(text) => Value::Keyword(text),
            Operand::Int(value) => Value::Int(value),
            Operand::Double(value) => Value::Double(value),
            Operand::Bool(value) => Value::Bool(value),
            Operand::Datetime(time) => Value::Datetime(time),
        }
    }
}
