//! The meaning of a filter on one row: for the engine in memory, and what SQL engines are tested against.

use std::{borrow::Cow, cmp::Ordering};

use super::{Comparison, Filter, Operand, Row, Value};

impl Filter {
    /// Whether the row is selected.
    pub fn selects(&self, row: &Row) -> bool {
        self.truth(row) == Some(true)
    }

    /// `None` is SQL's "unknown".
    fn truth(&self, row: &Row) -> Option<bool> {
        match self {
            Filter::And(all) => all
                .iter()
                .map(|part| part.truth(row))
                .try_fold(Some(true), |so_far, part| match part {
                    // One that is false decides, whatever is unknown.
                    Some(false) => Err(()),
                    Some(true) => Ok(so_far),
                    None => Ok(None),
                })
                .unwrap_or(Some(false)),
            Filter::Or(all) => all
                .iter()
                .map(|part| part.truth(row))
                .try_fold(Some(false), |so_far, part| match part {
                    Some(true) => Err(()),
                    Some(false) => Ok(so_far),
                    None => Ok(None),
                })
                .unwrap_or(Some(true)),
            Filter::Not(inner) => inner.truth(row).map(|truth| !truth),
            Filter::Compare { .. }
            | Filter::Between { .. }
            | Filter::In { .. }
            | Filter::StartsWith { .. }
            | Filter::Contains { .. }
            | Filter::Mentions { .. }
            | Filter::IsNull { .. } => self.leaf(row),
        }
    }

    /// The truth of a condition on one attribute.
    fn leaf(&self, row: &Row) -> Option<bool> {
        match self {
            Filter::And(_) | Filter::Or(_) | Filter::Not(_) => None,
            Filter::Compare { attribute, comparison, value } => {
                compare(row.value(&attribute.name)?.as_ref(), value).map(|order| comparison.holds(order))
            }
            Filter::Between { attribute, low, high, negated } => {
                let value = row.value(&attribute.name)?;
                let inside = compare(&value, low)?.is_ge() && compare(&value, high)?.is_le();
                Some(inside != *negated)
            }
            Filter::In { attribute, values, negated } => {
                let value = row.value(&attribute.name)?;
                let found = values.iter().any(|other| compare(&value, other) == Some(Ordering::Equal));
                Some(found != *negated)
            }
            Filter::StartsWith { attribute, prefix, negated } => match &*row.value(&attribute.name)? {
                Value::Keyword(text) => Some(text.starts_with(prefix) != *negated),
                _ => None,
            },
            Filter::Contains { attribute, any_of, negated } => {
                let found = match row.value(&attribute.name) {
                    Some(Cow::Borrowed(Value::KeywordList(items))) => any_of.iter().any(|item| items.contains(item)),
                    _ => false,
                };
                Some(found != *negated)
            }
            Filter::Mentions { attribute, phrases, negated } => {
                let found = match row.value(&attribute.name) {
                    Some(Cow::Borrowed(Value::Text(text))) => phrases.found_in(text),
                    _ => false,
                };
                Some(found != *negated)
            }
            Filter::IsNull { attribute, negated } => Some(row.value(&attribute.name).is_none() != *negated),
        }
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// `None` when the two can't be compared, which a checked filter never asks unless the type of an attribute changed
/// after the row was written.
fn compare(value: &Value, operand: &Operand) -> Option<Ordering> {
    match (value, operand) {
        (Value::Keyword(left) | Value::Text(left), Operand::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::Int(left), Operand::Int(right)) => Some(left.cmp(right)),
        (Value::Int(left), Operand::Double(right)) => (*left as f64).partial_cmp(right),
        (Value::Double(left), Operand::Int(right)) => left.partial_cmp(&(*right as f64)),
        (Value::Double(left), Operand::Double(right)) => left.partial_cmp(right),
        (Value::Bool(left), Operand::Bool(right)) => Some(left.cmp(right)),
        (Value::Datetime(left), Operand::Datetime(right)) => Some(left.cmp(right)),
        _ => None,
    }
}
