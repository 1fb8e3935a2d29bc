//! The meaning of a filter on one row: for the engine in memory, and what SQL engines are tested against.

use std::cmp::Ordering;

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
        let attribute = self.attribute()?;
        self.truth_of(row.value(&attribute.name).as_deref().filter(|value| attribute.has(value.kind())))
    }

    /// What a condition on one attribute says of a value of it, or of none; `None` is SQL's "unknown", and the answer of a
    /// filter that is no such condition.
    pub fn truth_of(&self, value: Option<&Value>) -> Option<bool> {
        match self {
            Filter::And(_) | Filter::Or(_) | Filter::Not(_) => None,
            Filter::Compare { comparison, value: other, .. } => {
                compare(value?, other).map(|order| comparison.holds(order))
            }
            Filter::Between { low, high, negated, .. } => {
                let value = value?;
                let inside = compare(value, low)?.is_ge() && compare(value, high)?.is_le();
                Some(inside != *negated)
            }
            Filter::In { values, negated, .. } => {
                let value = value?;
                let found = values.iter().any(|other| compare(value, other) == Some(Ordering::Equal));
                Some(found != *negated)
            }
            Filter::StartsWith { prefix, negated, .. } => match value? {
                Value::Keyword(text) => Some(text.starts_with(prefix) != *negated),
                _ => None,
            },
            Filter::Contains { any_of, negated, .. } => {
                let found = match value {
                    Some(Value::KeywordList(items)) => any_of.iter().any(|item| items.contains(item)),
                    _ => false,
                };
                Some(found != *negated)
            }
            Filter::Mentions { phrases, negated, .. } => {
                let found = match value {
                    Some(Value::Text(text)) => phrases.found_in(text),
                    _ => false,
                };
                Some(found != *negated)
            }
            Filter::IsNull { negated, .. } => Some(value.is_none() != *negated),
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
        (Value::Datetime(left), Operand::Datetime(right)) => Some(left.cmp_instant(*right)),
        _ => None,
    }
}
