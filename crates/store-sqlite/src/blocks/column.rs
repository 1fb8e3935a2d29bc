//! A column in its bytes.
//!
//! First whether slots are without a value, and which have one; then, by the type: numbers as distances from the smallest, in
//! as few bytes as all of them need; texts as numbers of a sorted dictionary, so that a range of texts is a range of numbers;
//! lists as several such numbers in a row. Numbers are little-endian.

use std::sync::Arc;

use model::{Time, search_attribute::Datetime};
use store::visibility::Value;
use uuid::Uuid;

use super::{
    bits::Bits,
    values::{Kind, Values},
};

/// A column as it is read, over its bytes.
#[derive(Debug)]
pub(super) struct Column<'a> {
    pub(super) rows: usize,
    /// The slots that have a value.
    pub(super) present: Bits,
    pub(super) data: Data<'a>,
}

#[derive(Debug)]
pub(super) enum Data<'a> {
    Ints { least: i64, distances: Numbers<'a> },
    Doubles { values: Numbers<'a> },
    Texts { dictionary: Dictionary<'a>, codes: Numbers<'a> },
    Lists { dictionary: Dictionary<'a>, ends: Numbers<'a>, codes: Numbers<'a> },
    Runs { ids: &'a [u8] },
}

/// Numbers of the same width, from 0 (all are zero) to 8 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers<'a> {
    pub(super) width: usize,
    pub(super) bytes: &'a [u8],
}

/// Sorted texts without doubles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dictionary<'a> {
    ends: Numbers<'a>,
    bytes: &'a [u8],
    pub(super) number: usize,
}

/// The bytes of a column.
pub(super) fn encode(values: &Values) -> Vec<u8> {
    match values {
        Values::Ints(values) => encode_ints(values),
        Values::Doubles(values) => {
            let mut bytes = head(values.iter().map(Option::is_some));
            put_numbers(&mut bytes, values.iter().map(|value| value.map_or(0, f64::to_bits)));
            bytes
        }
        Values::Texts(values) => {
            let mut bytes = head(values.iter().map(Option::is_some));
            let codes = put_dictionary(&mut bytes, values.iter().map(Option::as_ref));
            put_numbers(&mut bytes, codes.into_iter());
            bytes
        }
        Values::Lists(values) => {
            let mut bytes = head(values.iter().map(Option::is_some));
            let codes = put_dictionary(&mut bytes, values.iter().flatten().flatten().map(Some));
            let ends = values.iter().scan(0, |end, items| {
                *end += items.as_ref().map_or(0, Vec::len) as u64;
                Some(*end)
            });
            put_numbers(&mut bytes, ends);
            put_numbers(&mut bytes, codes.into_iter());
            bytes
        }
        Values::Runs(values) => {
            let mut bytes = head(values.iter().map(Option::is_some));
            values.iter().for_each(|id| bytes.extend_from_slice(&id.unwrap_or_default()));
            bytes
        }
    }
}

fn encode_ints(values: &[Option<i64>]) -> Vec<u8> {
    let mut bytes = head(values.iter().map(Option::is_some));
    let least = values.iter().flatten().min().copied().unwrap_or_default();
    bytes.extend_from_slice(&least.to_le_bytes());
    put_numbers(&mut bytes, values.iter().map(|value| value.unwrap_or(least).wrapping_sub(least).cast_unsigned()));
    bytes
}

/// Which slots have a value; one byte when all do.
fn head(present: impl Iterator<Item = bool> + Clone) -> Vec<u8> {
    if present.clone().all(|is_there| is_there) {
        return vec![0];
    }
    let rows = present.clone().count();
    let mut bytes = vec![1];
    bytes.extend(Bits::of(present).bytes(rows));
    bytes
}

/// Bytes that all numbers up to `most` fit into, of those that are read at once.
fn width(most: u64) -> usize {
    match most {
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

fn put_numbers(bytes: &mut Vec<u8>, numbers: impl Iterator<Item = u64> + Clone) {
    let width = width(numbers.clone().max().unwrap_or_default());
    let count = numbers.clone().count();
    bytes.push(width as u8);
    bytes.extend_from_slice(&(count as u32).to_le_bytes());
    numbers.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()[..width]));
}

/// Writes the texts, each once; the number of each, and zero where there is none.
fn put_dictionary<'t>(bytes: &mut Vec<u8>, texts: impl Iterator<Item = Option<&'t Arc<str>>>) -> Vec<u64> {
    let texts: Vec<_> = texts.collect();
    // A text that follows itself is one and the same often: then it is sorted once, and looked up nowhere.
    let is_first = |place: usize| place == 0 || !is_same(texts[place], texts[place - 1]);
    let firsts = (0..texts.len()).filter(|place| is_first(*place));
    let mut sorted: Vec<(&str, usize)> = firsts.filter_map(|place| Some((&**texts[place]?, place))).collect();
    sorted.sort_unstable();
    let mut codes = vec![0; texts.len()];
    let mut dictionary: Vec<&str> = Vec::new();
    for (text, place) in sorted {
        if dictionary.last() != Some(&text) {
            dictionary.push(text);
        }
        codes[place] = dictionary.len() as u64 - 1;
    }
    for place in 1..texts.len() {
        if !is_first(place) {
            codes[place] = codes[place - 1];
        }
    }
    let ends = dictionary.iter().scan(0, |end, text| {
        *end += text.len() as u64;
        Some(*end)
    });
    put_numbers(bytes, ends);
    dictionary.iter().for_each(|text| bytes.extend_from_slice(text.as_bytes()));
    codes
}

/// Whether two slots hold the same text in the same place of the memory, or none both.
fn is_same(one: Option<&Arc<str>>, other: Option<&Arc<str>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

impl<'a> Column<'a> {
    /// The column in `bytes`; `None` when they are damaged.
    pub(super) fn read(kind: Kind, rows: usize, mut bytes: &'a [u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let present = match take(bytes, 1)? {
            [0] => Bits::first(rows),
            _ => Bits::from_bytes(take(bytes, rows.div_ceil(8))?).and(&Bits::first(rows)),
        };
        let data = match kind {
            Kind::Int | Kind::Bool | Kind::Datetime => {
                let least = i64::from_le_bytes(take(bytes, 8)?.try_into().ok()?);
                Data::Ints { least, distances: Numbers::take(bytes, Some(rows))? }
            }
            Kind::Double => Data::Doubles { values: Numbers::take(bytes, Some(rows))? },
            Kind::Keyword | Kind::Text | Kind::Far => {
                let dictionary = Dictionary::take(bytes)?;
                Data::Texts { dictionary, codes: Numbers::take(bytes, Some(rows))? }
            }
            Kind::List => Data::Lists {
                dictionary: Dictionary::take(bytes)?,
                ends: Numbers::take(bytes, Some(rows))?,
                codes: Numbers::take(bytes, None)?,
            },
            Kind::Run => Data::Runs { ids: take(bytes, rows * 16)? },
        };
        Some(Self { rows, present, data })
    }

    /// What was encoded.
    pub(super) fn values(&self) -> Values {
        let slots = 0..self.rows;
        let there = |slot: usize| self.present.has(slot).then_some(slot);
        match &self.data {
            Data::Ints { .. } => Values::Ints(slots.map(|slot| self.int(there(slot)?)).collect()),
            Data::Doubles { values } => {
                Values::Doubles(slots.map(|slot| Some(f64::from_bits(values.at(there(slot)?)))).collect())
            }
            Data::Texts { dictionary, codes } => {
                let texts = dictionary.shared();
                Values::Texts(slots.map(|slot| texts.get(codes.at(there(slot)?) as usize).cloned()).collect())
            }
            Data::Lists { dictionary, codes, .. } => {
                let texts = dictionary.shared();
                let items = |slot| self.items(slot).filter_map(|item| texts.get(codes.at(item) as usize).cloned());
                Values::Lists(slots.map(|slot| Some(items(there(slot)?).collect())).collect())
            }
            Data::Runs { .. } => Values::Runs(slots.map(|slot| self.run(there(slot)?)).collect()),
        }
    }

    /// The number in a slot that has one; `None` too in a column of another type.
    pub(super) fn int(&self, slot: usize) -> Option<i64> {
        match &self.data {
            Data::Ints { least, distances } => Some(least.wrapping_add(distances.at(slot).cast_signed())),
            Data::Doubles { .. } | Data::Texts { .. } | Data::Lists { .. } | Data::Runs { .. } => None,
        }
    }

    /// Whether all slots that have a value have the same.
    pub(super) fn is_constant(&self) -> bool {
        match &self.data {
            Data::Ints { distances: numbers, .. } | Data::Doubles { values: numbers } => numbers.width == 0,
            Data::Texts { codes, .. } => codes.width == 0,
            Data::Lists { .. } | Data::Runs { .. } => false,
        }
    }

    /// What tells the numbers of a column apart; `None` in a column of another type.
    pub(super) fn bits(&self, slot: usize) -> Option<u64> {
        match &self.data {
            Data::Ints { distances: numbers, .. } | Data::Doubles { values: numbers } => Some(numbers.at(slot)),
            Data::Texts { .. } | Data::Lists { .. } | Data::Runs { .. } => None,
        }
    }

    /// The value in a slot that has one.
    pub(super) fn value(&self, kind: Kind, slot: usize) -> Option<Value> {
        Some(match (&self.data, kind) {
            (Data::Doubles { values }, _) => Value::Double(f64::from_bits(values.at(slot))),
            (Data::Runs { .. }, _) => Value::Keyword(Uuid::from_bytes(self.run(slot)?).to_string()),
            (Data::Texts { dictionary, codes }, Kind::Text) => {
                Value::Text(dictionary.at(codes.at(slot) as usize).to_owned())
            }
            (Data::Texts { dictionary, codes }, Kind::Far) => {
                let nanos = dictionary.at(codes.at(slot) as usize).parse().ok()?;
                Value::Datetime(Datetime::from_parts(nanos, 0))
            }
            (Data::Texts { dictionary, codes }, _) => Value::Keyword(dictionary.at(codes.at(slot) as usize).to_owned()),
            (Data::Lists { dictionary, codes, .. }, _) => {
                let items = self.items(slot).map(|item| dictionary.at(codes.at(item) as usize).to_owned());
                Value::KeywordList(items.collect())
            }
            (Data::Ints { .. }, Kind::Bool) => Value::Bool(self.int(slot)? != 0),
            (Data::Ints { .. }, Kind::Datetime) => Value::Datetime(Time(self.int(slot)?).into()),
            (Data::Ints { .. }, _) => Value::Int(self.int(slot)?),
        })
    }

    /// The run in a slot; `None` too in a column of another type.
    pub(super) fn run(&self, slot: usize) -> Option<[u8; 16]> {
        match &self.data {
            Data::Runs { ids } => ids.get(slot * 16..slot * 16 + 16)?.try_into().ok(),
            Data::Ints { .. } | Data::Doubles { .. } | Data::Texts { .. } | Data::Lists { .. } => None,
        }
    }

    /// The places of a slot's items among the codes of a column of lists.
    pub(super) fn items(&self, slot: usize) -> std::ops::Range<usize> {
        match &self.data {
            Data::Lists { ends, codes, .. } => {
                let start = if slot == 0 { 0 } else { ends.at(slot - 1) as usize };
                start.min(codes.count())..(ends.at(slot) as usize).min(codes.count())
            }
            Data::Ints { .. } | Data::Doubles { .. } | Data::Texts { .. } | Data::Runs { .. } => 0..0,
        }
    }
}

impl<'a> Numbers<'a> {
    /// So many numbers, where it is known.
    fn take(bytes: &mut &'a [u8], expected: Option<usize>) -> Option<Self> {
        let width = usize::from(take(bytes, 1)?[0]);
        let count = u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?) as usize;
        if !matches!(width, 0 | 1 | 2 | 4 | 8) || expected.is_some_and(|expected| expected != count) {
            return None;
        }
        Some(Self { width, bytes: take(bytes, count.checked_mul(width)?)? })
    }

    /// How many there are, unless all are zero: then more than are asked for.
    pub(super) fn count(&self) -> usize {
        self.bytes.len().checked_div(self.width).unwrap_or(usize::MAX)
    }

    /// The number at an index; zero behind the last.
    pub(super) fn at(&self, index: usize) -> u64 {
        let mut whole = [0; 8];
        if let Some(part) = self.bytes.get(index * self.width..(index + 1) * self.width) {
            whole[..self.width].copy_from_slice(part);
        }
        u64::from_le_bytes(whole)
    }
}

impl<'a> Dictionary<'a> {
    fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let width = usize::from(*bytes.first()?);
        let ends = Numbers::take(bytes, None)?;
        // A dictionary with nothing but the empty text has ends that are all zero, and so has one without a text.
        let number = if width == 0 { 1 } else { ends.count() };
        let length = ends.at(number - 1) as usize;
        Some(Self { ends, bytes: take(bytes, length)?, number })
    }

    /// The text of a number; empty behind the last.
    pub(super) fn at(&self, number: usize) -> &'a str {
        let start = if number == 0 { 0 } else { self.ends.at(number - 1) as usize };
        let text = self.bytes.get(start..self.ends.at(number) as usize).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &'a str> {
        let dictionary = *self;
        (0..self.number).map(move |number| dictionary.at(number))
    }

    fn shared(&self) -> Vec<Arc<str>> {
        self.texts().map(Arc::from).collect()
    }

    /// The number of the first text for which `is_before` does not hold; it holds for all before that one.
    pub(super) fn partition(&self, is_before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.number);
        while low < high {
            let middle = low + (high - low) / 2;
            match is_before(self.at(middle).as_bytes()) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }
}

fn take<'a>(bytes: &mut &'a [u8], number: usize) -> Option<&'a [u8]> {
    let (taken, left) = bytes.split_at_checked(number)?;
    *bytes = left;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<Arc<str>> {
        Some(Arc::from(text))
    }

    fn cases() -> Vec<(Kind, Values)> {
        let list = |items: &[&str]| Some(items.iter().map(|item| Arc::from(*item)).collect());
        vec![
            (Kind::Int, Values::Ints(vec![Some(i64::MIN), Some(i64::MAX), None, Some(0)])),
            (Kind::Int, Values::Ints(vec![Some(7); 100])),
            (Kind::Int, Values::Ints((0..4_096).map(|n| (n % 5 > 0).then_some(n * 100)).collect())),
            (Kind::Bool, Values::Ints(vec![None, Some(0), Some(1)])),
            (Kind::Datetime, Values::Ints(vec![None; 9])),
            (Kind::Double, Values::Doubles(vec![Some(0.5), None, Some(-0.0), Some(f64::INFINITY)])),
            (Kind::Keyword, Values::Texts(vec![text(""), None, text("é"), text("a"), text("a")])),
            (Kind::Keyword, Values::Texts(vec![text(""); 3])),
            (Kind::Text, Values::Texts((0..1_000).map(|n| text(&format!("text {n}"))).collect())),
            (Kind::Text, Values::Texts(vec![None; 3])),
            (Kind::List, Values::Lists(vec![list(&["b", "a", "b"]), None, list(&[]), list(&[""])])),
            (Kind::List, Values::Lists(vec![list(&[""]), list(&["", ""])])),
            (Kind::Run, Values::Runs(vec![Some([7; 16]), None])),
        ]
    }

    #[test]
    fn what_was_encoded_is_read() {
        for (kind, values) in cases() {
            let bytes = encode(&values);
            let rows = match &values {
                Values::Ints(values) => values.len(),
                Values::Doubles(values) => values.len(),
                Values::Texts(values) => values.len(),
                Values::Lists(values) => values.len(),
                Values::Runs(values) => values.len(),
            };
            assert_eq!(Column::read(kind, rows, &bytes).expect("it is whole").values(), values);
            for length in 0..bytes.len() {
                assert!(Column::read(kind, rows, &bytes[..length]).is_none(), "{values:?} cut to {length}");
            }
        }
    }

    #[test]
    fn numbers_near_each_other_take_few_bytes() {
        let nearby = Values::Ints((0..512).map(|n| Some(1_700_000_000_000_000_000 + n * 50)).collect());
        assert!(encode(&nearby).len() < 512 * 2 + 20);
        assert!(encode(&Values::Ints(vec![Some(9); 4_096])).len() < 20);
        assert!(encode(&Values::Texts(vec![text("Order"); 4_096])).len() < 30);
    }
}
