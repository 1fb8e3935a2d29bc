//! Conditions on every attribute, with values that rows have.

use model::Time;
use proto::temporal::api::enums::v1::IndexedValueType;
use store::visibility::{Attribute, Comparison, Filter, Operand, Phrases, Value, system_attributes};

use super::table::{CUSTOM, Table};

/// Every attribute that rows have, with its type.
pub(super) fn attributes() -> Vec<Attribute> {
    let system = system_attributes();
    let division = [("TemporalNamespaceDivision", IndexedValueType::Keyword)];
    let all = system.chain(CUSTOM).chain(division);
    all.map(|(name, kind)| Attribute { name: name.to_owned(), kind }).collect()
}

/// Conditions of every kind on an attribute.
pub(super) fn conditions(table: &mut Table, attribute: &Attribute) -> Vec<Filter> {
    let of = || attribute.clone();
    let mut all: Vec<_> = [false, true].map(|negated| Filter::IsNull { attribute: of(), negated }).into();
    match attribute.kind {
        IndexedValueType::KeywordList => {
            for items in [vec!["tag-7"], vec!["tag-1", "tag-2", "tag-3"], vec!["nowhere"]] {
                let any_of: Vec<String> = items.into_iter().map(str::to_owned).collect();
                for negated in [false, true] {
                    all.push(Filter::Contains { attribute: of(), any_of: any_of.clone(), negated });
                }
            }
        }
        IndexedValueType::Text => {
            for text in ["word7", "Word1-word2 word9", "nowhere", "!!"] {
                for negated in [false, true] {
                    let phrases = Phrases::parse(text).unwrap();
                    all.push(Filter::Mentions { attribute: of(), phrases, negated });
                }
            }
        }
        _ => all.extend(scalars(table, attribute)),
    }
    all
}

fn scalars(table: &mut Table, attribute: &Attribute) -> Vec<Filter> {
    let values = operands(table, attribute);
    let at = |share: usize| values[(values.len() - 1) * share / 100].clone();
    let of = || attribute.clone();
    let mut all = Vec::new();
    for comparison in [
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ] {
        for share in [0, 2, 50, 99] {
            all.push(Filter::Compare { attribute: of(), comparison, value: at(share) });
        }
    }
    for (low, high) in [(0, 1), (40, 42), (10, 90), (90, 10)] {
        for negated in [false, true] {
            all.push(Filter::Between { attribute: of(), low: at(low), high: at(high), negated });
        }
    }
    for shares in [vec![0], vec![1, 60, 61, 95], (0..20).map(|share| share * 5).collect()] {
        for negated in [false, true] {
            all.push(Filter::In { attribute: of(), values: shares.iter().map(|share| at(*share)).collect(), negated });
        }
    }
    if let (IndexedValueType::Keyword, Operand::Text(text)) = (attribute.kind, at(50)) {
        for length in [0, 3, text.len()] {
            for negated in [false, true] {
                let prefix = text.chars().take(length).collect();
                all.push(Filter::StartsWith { attribute: of(), prefix, negated });
            }
        }
    }
    if attribute.kind == IndexedValueType::Int || attribute.kind == IndexedValueType::Double {
        let value = Operand::Double(12.5);
        all.push(Filter::Compare { attribute: of(), comparison: Comparison::Less, value: value.clone() });
        all.push(Filter::In { attribute: of(), values: vec![value, Operand::Int(12), at(30)], negated: false });
    }
    all
}

/// The values that rows have, as operands, sorted.
fn operands(table: &mut Table, attribute: &Attribute) -> Vec<Operand> {
    let found = table.rows.values().filter_map(|row| row.value(&attribute.name));
    let mut values: Vec<Value> = found.map(std::borrow::Cow::into_owned).collect();
    values.retain(|value| attribute.name == "ExecutionStatus" || value.kind() == attribute.kind);
    values.sort_by(|left, right| left.partial_cmp(right).unwrap());
    let operand = |value| match value {
        Value::Keyword(text) | Value::Text(text) => Operand::Text(text),
        Value::Int(value) => Operand::Int(value),
        Value::Double(value) => Operand::Double(value),
        Value::Bool(value) => Operand::Bool(value),
        Value::Datetime(time) => Operand::Datetime(time),
        Value::KeywordList(_) => Operand::Datetime(Time(0).into()),
    };
    values.into_iter().map(operand).collect()
}

/// Two or three conditions on each attribute, for pairs: one that few rows satisfy, one that most do.
pub(super) fn few_and_many(table: &mut Table) -> Vec<Filter> {
    let mut chosen = Vec::new();
    for attribute in attributes() {
        let mut all: Vec<(usize, Filter)> = conditions(table, &attribute)
            .into_iter()
            .map(|filter| (table.rows.values().filter(|row| filter.selects(row)).count(), filter))
            .filter(|(number, _)| *number > 0)
            .collect();
        all.sort_by_key(|(number, _)| *number);
        let middle = all.len() / 2;
        let last = all.len() - 1;
        let places = std::collections::BTreeSet::from([0, middle, last]);
        chosen.extend(all.into_iter().enumerate().filter(|(place, _)| places.contains(place)).map(|(_, (_, one))| one));
    }
    chosen
}
