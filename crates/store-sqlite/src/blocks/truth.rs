//! What a condition says of the rows of a block: of each that it holds, that it does not, or neither, which is SQL's
//! "unknown".

use std::ops::{Bound, Range};

use store::visibility::{Comparison, Filter, Operand, Value};

use super::{
    bits::Bits,
    column::{Column, Data, Dictionary, Numbers},
    values::Kind,
};

/// The rows for which a condition holds, and those for which it does not.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Truth {
    pub(super) yes: Bits,
    pub(super) no: Bits,
}

/// Ranges of values, and whether a condition holds inside or outside of them.
pub(super) struct Spans<T> {
    pub(super) spans: Vec<(Bound<T>, Bound<T>)>,
    pub(super) negated: bool,
}

/// Ranges that are looked for one by one; of more, each value is looked up among them.
const FEW: usize = 4;

impl Truth {
    /// The same for all these rows.
    pub(super) fn same(truth: Option<bool>, rows: Bits) -> Self {
        match truth {
            Some(true) => Self { yes: rows, no: Bits::none() },
            Some(false) => Self { yes: Bits::none(), no: rows },
            None => Self { yes: Bits::none(), no: Bits::none() },
        }
    }

    fn known(yes: Bits, all: &Bits) -> Self {
        let no = all.without(&yes);
        Self { yes: yes.and(all), no }
    }

    /// By each slot that has a value.
    fn of_slots(present: &Bits, mut truth: impl FnMut(usize) -> Option<bool>) -> Self {
        let mut all = Self::same(None, Bits::none());
        for slot in present.slots() {
            match truth(slot) {
                Some(true) => all.yes.set(slot),
                Some(false) => all.no.set(slot),
                None => {}
            }
        }
        all
    }

    pub(super) fn and(&self, other: &Truth) -> Truth {
        Truth { yes: self.yes.and(&other.yes), no: self.no.or(&other.no) }
    }

    pub(super) fn or(&self, other: &Truth) -> Truth {
        Truth { yes: self.yes.or(&other.yes), no: self.no.and(&other.no) }
    }

    pub(super) fn not(self) -> Truth {
        Truth { yes: self.no, no: self.yes }
    }

    /// Of rows of which each stands in one of both.
    pub(super) fn beside(&self, other: &Truth) -> Truth {
        Truth { yes: self.yes.or(&other.yes), no: self.no.or(&other.no) }
    }
}

/// What a condition on one attribute says of the rows that have a value in this column of it.
pub(super) fn on_column(leaf: &Filter, kind: Kind, column: &Column<'_>) -> Truth {
    let present = &column.present;
    if let Filter::IsNull { negated, .. } = leaf {
        return Truth::same(Some(*negated), present.clone());
    }
    match &column.data {
        Data::Ints { least, distances } => on_ints(leaf, kind, column, *least, distances),
        Data::Doubles { values } => {
            let values = (0..column.rows).map(|slot| f64::from_bits(values.at(slot)));
            match spans(leaf, |operand| double(kind, operand)) {
                Some(spans) => on_doubles(&spans, present, values),
                None => Truth::of_slots(present, |slot| leaf.truth_of(Some(&column.value(kind, slot)?))),
            }
        }
        Data::Texts { .. } if kind == Kind::Far => {
            Truth::of_slots(present, |slot| leaf.truth_of(Some(&column.value(kind, slot)?)))
        }
        Data::Texts { dictionary, codes } => on_texts(leaf, kind, present, dictionary, codes),
        Data::Lists { dictionary, codes, .. } => match leaf {
            Filter::Contains { any_of, negated, .. } => {
                let wanted: Vec<u64> = any_of.iter().filter_map(|item| code(dictionary, item)).collect();
                let has = |slot| column.items(slot).any(|item| wanted.contains(&codes.at(item)));
                Truth::of_slots(present, |slot| Some(has(slot) != *negated))
            }
            leaf => Truth::same(leaf.truth_of(Some(&Value::KeywordList(Vec::new()))), present.clone()),
        },
        Data::Runs { .. } => Truth::of_slots(present, |slot| leaf.truth_of(Some(&column.value(kind, slot)?))),
    }
}

/// The number of a text in a dictionary that has it.
fn code(dictionary: &Dictionary<'_>, text: &str) -> Option<u64> {
    let number = dictionary.partition(|other| other < text.as_bytes());
    (number < dictionary.number && dictionary.at(number) == text).then_some(number as u64)
}

fn on_ints(leaf: &Filter, kind: Kind, column: &Column<'_>, least: i64, distances: &Numbers<'_>) -> Truth {
    let present = &column.present;
    if let Some(Spans { spans, negated }) =
        spans(leaf, |operand| int(kind, operand)).filter(|all| all.spans.len() <= FEW)
    {
        let mut inside = Bits::none();
        for (low, high) in spans.iter().filter_map(bounds) {
            // In terms of the distance from the least.
            if high >= least {
                let distance = |value: i64| value.wrapping_sub(least).cast_unsigned();
                inside = inside.or(&distances.within(column.rows, distance(low.max(least)), distance(high)));
            }
        }
        let yes = if negated { present.without(&inside) } else { inside };
        return Truth::known(yes, present);
    }
    match spans(leaf, |operand| double(kind, operand)) {
        Some(spans) if kind == Kind::Int => {
            let values = (0..column.rows).map(|slot| column.int(slot).unwrap_or_default() as f64);
            on_doubles(&spans, present, values)
        }
        _ => Truth::of_slots(present, |slot| leaf.truth_of(Some(&column.value(kind, slot)?))),
    }
}

fn on_doubles(spans: &Spans<f64>, present: &Bits, values: impl Iterator<Item = f64> + Clone) -> Truth {
    let inside = |value: f64| {
        spans.spans.iter().any(|(low, high)| {
            let above = match low {
                Bound::Included(low) => value >= *low,
                Bound::Excluded(low) => value > *low,
                Bound::Unbounded => true,
            };
            let below = match high {
                Bound::Included(high) => value <= *high,
                Bound::Excluded(high) => value < *high,
                Bound::Unbounded => true,
            };
            above && below
        })
    };
    // What is not a number compares with nothing.
    let numbers = present.and(&Bits::of(values.clone().map(|value| !value.is_nan())));
    let yes = Bits::of(values.map(|value| inside(value) != spans.negated));
    Truth::known(yes, &numbers)
}

fn on_texts(leaf: &Filter, kind: Kind, present: &Bits, dictionary: &Dictionary<'_>, codes: &Numbers<'_>) -> Truth {
    let rows = crate::blocks::bits::ROWS;
    if let Some((ranges, negated)) = ranges(leaf, kind, dictionary) {
        let ranges: Vec<_> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
        let inside = match ranges.len() {
            0 => Bits::none(),
            1..=FEW => ranges.iter().fold(Bits::none(), |bits, range| {
                bits.or(&codes.within(rows, range.start as u64, range.end as u64 - 1))
            }),
            _ => {
                let mut is_in = vec![false; dictionary.number];
                ranges.into_iter().for_each(|range| is_in[range].fill(true));
                let has = |slot| is_in.get(codes.at(slot) as usize).is_some_and(|is_in| *is_in);
                present.slots().filter(|slot| has(*slot)).fold(Bits::none(), |mut bits, slot| {
                    bits.set(slot);
                    bits
                })
            }
        };
        let yes = if negated { present.without(&inside) } else { inside };
        return Truth::known(yes, present);
    }
    let value = |text: &str| match kind {
        Kind::Text => Value::Text(text.to_owned()),
        _ => Value::Keyword(text.to_owned()),
    };
    let by_code: Vec<Option<bool>> = dictionary.texts().map(|text| leaf.truth_of(Some(&value(text)))).collect();
    Truth::of_slots(present, |slot| by_code.get(codes.at(slot) as usize).copied().flatten())
}

/// A condition on texts as ranges of their numbers, and whether it holds outside of them.
fn ranges(leaf: &Filter, kind: Kind, dictionary: &Dictionary<'_>) -> Option<(Vec<Range<usize>>, bool)> {
    if let (Filter::StartsWith { prefix, negated, .. }, Kind::Keyword) = (leaf, kind) {
        let prefix = prefix.as_bytes();
        let start = dictionary.partition(|text| text < prefix);
        let end = dictionary.partition(|text| text < prefix || text.starts_with(prefix));
        return Some((std::iter::once(start..end).collect(), *negated));
    }
    let Spans { spans, negated } = spans(leaf, text)?;
    let ranges = spans.iter().map(|(low, high)| {
        let start = match low {
            Bound::Included(low) => dictionary.partition(|text| text < low.as_bytes()),
            Bound::Excluded(low) => dictionary.partition(|text| text <= low.as_bytes()),
            Bound::Unbounded => 0,
        };
        let end = match high {
            Bound::Included(high) => dictionary.partition(|text| text <= high.as_bytes()),
            Bound::Excluded(high) => dictionary.partition(|text| text < high.as_bytes()),
            Bound::Unbounded => dictionary.number,
        };
        start..end.max(start)
    });
    Some((ranges.collect(), negated))
}

/// A comparison as ranges, if `operand` takes all that it compares with.
pub(super) fn spans<'f, T: Clone>(leaf: &'f Filter, operand: impl Fn(&'f Operand) -> Option<T>) -> Option<Spans<T>> {
    let point = |value: T| (Bound::Included(value.clone()), Bound::Included(value));
    let (spans, negated) = match leaf {
        Filter::Compare { comparison, value, .. } => {
            let value = operand(value)?;
            let span = match comparison {
                Comparison::Equal | Comparison::NotEqual => point(value),
                Comparison::Less => (Bound::Unbounded, Bound::Excluded(value)),
                Comparison::LessOrEqual => (Bound::Unbounded, Bound::Included(value)),
                Comparison::Greater => (Bound::Excluded(value), Bound::Unbounded),
                Comparison::GreaterOrEqual => (Bound::Included(value), Bound::Unbounded),
            };
            (vec![span], *comparison == Comparison::NotEqual)
        }
        Filter::Between { low, high, negated, .. } => {
            (vec![(Bound::Included(operand(low)?), Bound::Included(operand(high)?))], *negated)
        }
        Filter::In { values, negated, .. } => {
            let points: Option<Vec<_>> = values.iter().map(|value| operand(value).map(point)).collect();
            (points?, *negated)
        }
        Filter::And(_)
        | Filter::Or(_)
        | Filter::Not(_)
        | Filter::StartsWith { .. }
        | Filter::Contains { .. }
        | Filter::Mentions { .. }
        | Filter::IsNull { .. } => return None,
    };
    Some(Spans { spans, negated })
}

/// The least and the greatest number of a range; `None` when there is none.
fn bounds((low, high): &(Bound<i64>, Bound<i64>)) -> Option<(i64, i64)> {
    let low = match low {
        Bound::Included(low) => *low,
        Bound::Excluded(low) => low.checked_add(1)?,
        Bound::Unbounded => i64::MIN,
    };
    let high = match high {
        Bound::Included(high) => *high,
        Bound::Excluded(high) => high.checked_sub(1)?,
        Bound::Unbounded => i64::MAX,
    };
    (low <= high).then_some((low, high))
}

/// What a column of this type compares with as whole numbers.
fn int(kind: Kind, operand: &Operand) -> Option<i64> {
    match (kind, operand) {
        (Kind::Int, Operand::Int(value)) => Some(*value),
        (Kind::Bool, Operand::Bool(value)) => Some(i64::from(*value)),
        (Kind::Datetime, Operand::Datetime(time)) => time.time().map(|time| time.0),
        _ => None,
    }
}

/// What a column of this type compares with as numbers with a fraction.
fn double(kind: Kind, operand: &Operand) -> Option<f64> {
    match (kind, operand) {
        (Kind::Double, Operand::Int(value)) => Some(*value as f64),
        (Kind::Int | Kind::Double, Operand::Double(value)) if !value.is_nan() => Some(*value),
        _ => None,
    }
}

/// What texts compare with.
pub(super) fn text(operand: &Operand) -> Option<&str> {
    match operand {
        Operand::Text(text) => Some(text),
        Operand::Int(_) | Operand::Double(_) | Operand::Bool(_) | Operand::Datetime(_) => None,
    }
}

/// Whether a condition may hold for a number between these.
pub(super) fn may_hold_between(leaf: &Filter, kind: Kind, least: i64, most: i64) -> bool {
    match spans(leaf, |operand| int(kind, operand)) {
        Some(Spans { spans, negated: false }) => {
            spans.iter().filter_map(bounds).any(|(low, high)| low <= most && high >= least)
        }
        _ => true,
    }
}

/// Whether a condition may hold for a keyword between these.
pub(super) fn may_hold_between_texts(leaf: &Filter, least: &str, most: &str) -> bool {
    if let Filter::StartsWith { prefix, negated: false, .. } = leaf {
        return most >= prefix.as_str() && (least <= prefix.as_str() || least.starts_with(prefix.as_str()));
    }
    match spans(leaf, text) {
        Some(Spans { spans, negated: false }) => spans.iter().any(|(low, high)| {
            let reaches = match low {
                Bound::Included(low) => most >= *low,
                Bound::Excluded(low) => most > *low,
                Bound::Unbounded => true,
            };
            let begins = match high {
                Bound::Included(high) => least <= *high,
                Bound::Excluded(high) => least < *high,
                Bound::Unbounded => true,
            };
            reaches && begins
        }),
        _ => true,
    }
}

impl Numbers<'_> {
    /// The slots of the first `rows` numbers that are between these, both included.
    pub(super) fn within(&self, rows: usize, low: u64, high: u64) -> Bits {
        if low > high {
            return Bits::none();
        }
        let is_in = move |number: u64| number.wrapping_sub(low) <= high - low;
        let parts = self.bytes;
        match self.width {
            0 => {
                if is_in(0) {
                    Bits::first(rows)
                } else {
                    Bits::none()
                }
            }
            1 => Bits::of(parts.iter().map(|byte| is_in(u64::from(*byte)))),
            2 => Bits::of(parts.chunks_exact(2).map(|part| is_in(u64::from(u16::from_le_bytes([part[0], part[1]]))))),
            4 => Bits::of(
                parts
                    .chunks_exact(4)
                    .map(|part| is_in(u64::from(u32::from_le_bytes([part[0], part[1], part[2], part[3]])))),
            ),
            _ => Bits::of((0..self.count()).map(|index| is_in(self.at(index)))),
        }
    }
}
