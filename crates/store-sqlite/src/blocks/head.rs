//! What stands with a block itself: of each column where it is and what is in it, so that most blocks that hold nothing of
//! what is looked for are told without a look at their columns. A small column is there as a whole.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use store::visibility::Filter;

use super::{
    column::{Column, encode},
    truth::{may_hold_between, may_hold_between_texts},
    values::{Kind, Name, Values},
};

/// Bytes up to which a column stands in the head.
const SMALL: usize = 128;
/// Different texts of a column that are told one by one, and bytes of them; of more, the first and the last.
const FEW: usize = 12;
const FEW_BYTES: usize = 256;

/// What is known of a block's columns. Tags are the file format.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Head {
    #[prost(message, repeated, tag = "1")]
    pub(super) columns: Vec<ColumnHead>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ColumnHead {
    #[prost(string, tag = "1")]
    pub(super) attribute: String,
    /// The number of its `Kind`.
    #[prost(int32, tag = "2")]
    pub(super) kind: i32,
    /// The column itself.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(super) whole: Option<Bytes>,
    /// The attribute with the same values, whose column stands for both.
    #[prost(string, optional, tag = "4")]
    pub(super) same_as: Option<String>,
    /// The least and the greatest number.
    #[prost(sint64, optional, tag = "5")]
    least: Option<i64>,
    #[prost(sint64, optional, tag = "6")]
    most: Option<i64>,
    /// All texts.
    #[prost(message, optional, tag = "7")]
    few: Option<Texts>,
    /// The first text and the last.
    #[prost(string, optional, tag = "8")]
    first: Option<String>,
    #[prost(string, optional, tag = "9")]
    last: Option<String>,
    /// Whether each slot has a value.
    #[prost(bool, tag = "10")]
    pub(super) is_full: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Texts {
    #[prost(string, repeated, tag = "1")]
    texts: Vec<String>,
}

impl Head {
    /// The columns of an attribute, by their types.
    pub(super) fn of<'h>(&'h self, attribute: &'h str) -> impl Iterator<Item = (Kind, &'h ColumnHead)> {
        let named = self.columns.iter().filter(move |column| column.attribute == attribute);
        named.filter_map(|column| Some((Kind::of_number(i64::from(column.kind))?, column)))
    }

    /// The head of a block with these columns, and those of them that stand apart, in bytes.
    pub(super) fn build(columns: &BTreeMap<Name, Values>) -> (Self, Vec<(Name, Vec<u8>)>) {
        let mut head = Head::default();
        let mut apart = Vec::new();
        for (name, values) in columns {
            let mut column =
                ColumnHead { attribute: name.attribute.clone(), kind: name.kind as i32, ..ColumnHead::default() };
            if values.is_empty() {
                continue;
            }
            column.is_full = values.is_full();
            if let Some(other) = same_as(name, columns) {
                column.same_as = Some(other.to_owned());
            } else {
                let bytes = encode(values);
                match bytes.len() <= SMALL {
                    true => column.whole = Some(bytes.into()),
                    false => {
                        column.describe(values);
                        apart.push((name.clone(), bytes));
                    }
                }
            }
            head.columns.push(column);
        }
        (head, apart)
    }
}

/// Whether a text is this id as it is written.
pub(crate) fn is_id(id: uuid::Uuid, text: &str) -> bool {
    *id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()) == *text
}

/// The attribute whose values those of this one repeat: most runs begin at once, and are their own roots.
fn same_as(name: &Name, columns: &BTreeMap<Name, Values>) -> Option<&'static str> {
    let find = |attribute: &str, kind| columns.get(&Name { attribute: attribute.to_owned(), kind });
    let own = columns.get(name)?;
    match name.attribute.as_str() {
        "ExecutionTime" => (find("StartTime", Kind::Datetime)? == own).then_some("StartTime"),
        "RootWorkflowId" => (find("WorkflowId", Kind::Keyword)? == own).then_some("WorkflowId"),
        "RootRunId" => match (find("RunId", Kind::Run)?, own) {
            (Values::Runs(runs), Values::Texts(texts)) => {
                let is_same = |(run, text): (&Option<[u8; 16]>, &Option<std::sync::Arc<str>>)| match (run, text) {
                    (Some(run), Some(text)) => is_id(uuid::Uuid::from_bytes(*run), text),
                    (None, None) => true,
                    _ => false,
                };
                runs.iter().zip(texts).all(is_same).then_some("RunId")
            }
            _ => None,
        },
        _ => None,
    }
}

impl ColumnHead {
    fn describe(&mut self, values: &Values) {
        match values {
            Values::Ints(values) => {
                self.least = values.iter().flatten().min().copied();
                self.most = values.iter().flatten().max().copied();
            }
            Values::Texts(values) => self.describe_texts(values.iter().flatten().map(|text| &**text)),
            Values::Lists(values) => self.describe_texts(values.iter().flatten().flatten().map(|text| &**text)),
            Values::Doubles(_) | Values::Runs(_) => {}
        }
    }

    fn describe_texts<'t>(&mut self, texts: impl Iterator<Item = &'t str> + Clone) {
        let mut few = std::collections::BTreeSet::new();
        let mut bytes = 0;
        for text in texts.clone() {
            bytes += if few.insert(text) { text.len() } else { 0 };
            if few.len() > FEW || bytes > FEW_BYTES {
                let end = |text: &str| (text.len() <= FEW_BYTES / 2).then(|| text.to_owned());
                let (first, last) = (texts.clone().min(), texts.max());
                self.first = first.and_then(end);
                self.last = last.and_then(end);
                return;
            }
        }
        self.few = Some(Texts { texts: few.into_iter().map(str::to_owned).collect() });
    }

    /// Whether a condition may hold for a value of this column. Lists are asked for what they contain.
    pub(super) fn may_hold(&self, leaf: &Filter, kind: Kind) -> bool {
        if let (Some(least), Some(most)) = (self.least, self.most) {
            return may_hold_between(leaf, kind, least, most);
        }
        let few = self.few.as_ref().map(|few| &few.texts);
        match (leaf, kind) {
            (Filter::Contains { any_of, negated: false, .. }, Kind::List) => {
                few.is_none_or(|few| any_of.iter().any(|item| few.contains(item)))
            }
            (Filter::IsNull { .. } | Filter::Mentions { .. } | Filter::Contains { .. }, _) => true,
            (leaf, Kind::Keyword) => match (few, &self.first, &self.last) {
                (Some(few), _, _) => few.iter().any(|text| may_hold_between_texts(leaf, text, text)),
                (None, Some(first), Some(last)) => may_hold_between_texts(leaf, first, last),
                _ => true,
            },
            _ => true,
        }
    }

    /// The column, where it stands here.
    pub(super) fn column(&self, kind: Kind, rows: usize) -> Option<Option<Column<'_>>> {
        self.whole.as_ref().map(|whole| Column::read(kind, rows, whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field has its own tag for a value, as far as may be.
    #[test]
    fn the_head_of_a_block_stands_in_files_as_it_always_did() {
        let column = ColumnHead {
            attribute: "1".to_owned(),
            kind: 2,
            whole: Some(Bytes::from_static(&[3])),
            same_as: Some("4".to_owned()),
            least: Some(5),
            most: Some(6),
            few: Some(Texts { texts: vec!["7".to_owned()] }),
            first: Some("8".to_owned()),
            last: Some("9".to_owned()),
            is_full: true,
        };
        let head = Head { columns: vec![column] };
        let bytes = head.encode_to_vec();
        let golden = b"\x0a\x1c\x0a\x011\x10\x02\x1a\x01\x03\x22\x014\x28\x0a\x30\x0c\x3a\x03\x0a\x017\x42\x018\x4a\x019\x50\x01";
        assert_eq!(bytes, golden);
        assert_eq!(Head::decode(&bytes[..]), Ok(head));
    }
}
