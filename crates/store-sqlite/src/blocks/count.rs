//! Counts.

use std::collections::BTreeMap;

use rusqlite::Connection;
use store::visibility::{GroupCount, Query, Row, Value};

use super::{
    Bounds,
    bits::Bits,
    column::{Column, Data},
    read::{Block, Source},
    seek,
    values::Kind,
};
use crate::readers::Read;

/// How many rows there are of each value of the attributes that a count groups by.
#[derive(Default)]
struct Groups(Vec<(Vec<Option<Value>>, i64)>);

/// How many rows a query selects, by group, and how much was read for it.
pub(crate) fn count(connection: &Connection, query: &Query, bounds: &Bounds) -> Read<(Vec<GroupCount>, u64)> {
    // What several statements read is of one moment.
    // Within a transaction all is of one moment anyway.
    let _moment = connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()?;
    let source = Source::new(connection, query.namespace)?;
    let mut groups = Groups::default();
    let selects = |row: &Row| query.filter.as_ref().is_none_or(|filter| filter.selects(row));
    let sought = match &query.filter {
        Some(filter) => seek::runs(&source, filter, bounds.entries)?,
        None => None,
    };
    if let Some(runs) = sought {
        for run in runs {
            let found = source.row(&run)?.map(|(row, _)| row);
            for row in found.iter().filter(|row| row.namespace == query.namespace && selects(row)) {
                groups.put_row(row, &query.group_by);
            }
        }
    } else {
        source.tail(|row| {
            if selects(&row) {
                groups.put_row(&row, &query.group_by);
            }
        })?;
        source.blocks(|block| {
            let selected = match &query.filter {
                Some(filter) => block.selected(filter)?,
                None => block.live.clone(),
            };
            groups.put_block(&block, &selected, &query.group_by)
        })?;
    }
    Ok((groups.counted(&query.group_by), source.work()))
}

impl Groups {
    fn put(&mut self, values: Vec<Option<Value>>, number: i64) {
        match self.0.iter_mut().find(|(other, _)| *other == values) {
            Some((_, count)) => *count += number,
            None => self.0.push((values, number)),
        }
    }

    fn put_row(&mut self, row: &Row, names: &[String]) {
        self.put(names.iter().map(|name| row.value(name).map(std::borrow::Cow::into_owned)).collect(), 1);
    }

    fn put_block(&mut self, block: &Block<'_, '_>, selected: &Bits, names: &[String]) -> Read<()> {
        if names.is_empty() {
            self.put(Vec::new(), selected.count() as i64);
            return Ok(());
        }
        // By the number that each value has in its column.
        let columns = names.iter().map(|name| Coded::of(block, name)).collect::<Read<Vec<_>>>()?;
        if let [column] = &columns[..] {
            let mut counts = vec![0; column.values.len()];
            match &column.codes {
                Codes::Same(code) => counts[*code] = selected.count() as i64,
                Codes::Each(codes) => selected.slots().for_each(|slot| counts[codes[slot]] += 1),
            }
            column.values.iter().zip(counts).for_each(|(value, number)| self.put(vec![value.clone()], number));
            return Ok(());
        }
        let mut counts: BTreeMap<Vec<usize>, i64> = BTreeMap::new();
        for slot in selected.slots() {
            *counts.entry(columns.iter().map(|column| column.code(slot)).collect()).or_default() += 1;
        }
        for (codes, number) in counts {
            let values = codes.iter().zip(&columns).map(|(code, column)| column.values[*code].clone()).collect();
            self.put(values, number);
        }
        Ok(())
    }

    /// In the order of the values.
    fn counted(mut self, names: &[String]) -> Vec<GroupCount> {
        if names.is_empty() && self.0.is_empty() {
            self.put(Vec::new(), 0);
        }
        self.0.retain(|(values, number)| *number > 0 || values.is_empty());
        self.0.sort_by(|(left, _), (right, _)| left.partial_cmp(right).unwrap_or(std::cmp::Ordering::Equal));
        let shown = |(values, number): (Vec<Option<Value>>, i64)| {
            let named = names.iter().zip(values);
            (named.map(|(name, value)| value.map(|value| Row::as_group(name, value))).collect(), number)
        };
        self.0.into_iter().map(shown).collect()
    }
}

/// The values of an attribute in a block, by number; number zero is none.
struct Coded {
    values: Vec<Option<Value>>,
    codes: Codes,
}

/// The number of the value in each slot.
enum Codes {
    Same(usize),
    Each(Vec<usize>),
}

impl Coded {
    fn of(block: &Block<'_, '_>, name: &str) -> Read<Self> {
        let mut values = vec![None];
        let mut codes = Codes::Same(0);
        for (kind, head) in block.head.of(name) {
            block.column(kind, head, |kind, column| {
                let base = values.len();
                let (more, code): (Vec<_>, _) = numbered(kind, column);
                values.extend(more.into_iter().map(Some));
                if column.is_constant() && column.present == Bits::first(block.rows) {
                    codes = Codes::Same(base);
                    return;
                }
                let mut each = match std::mem::replace(&mut codes, Codes::Same(0)) {
                    Codes::Same(code) => vec![code; block.rows],
                    Codes::Each(each) => each,
                };
                column.present.slots().for_each(|slot| each[slot] = base + code(slot));
                codes = Codes::Each(each);
            })?;
        }
        Ok(Self { values, codes })
    }

    fn code(&self, slot: usize) -> usize {
        match &self.codes {
            Codes::Same(code) => *code,
            Codes::Each(codes) => codes[slot],
        }
    }
}

/// The values of a column, and which of them a slot has.
fn numbered<'c>(kind: Kind, column: &'c Column<'_>) -> (Vec<Value>, Box<dyn Fn(usize) -> usize + 'c>) {
    if let (Data::Texts { dictionary, codes }, Kind::Keyword) = (&column.data, kind) {
        let values = dictionary.texts().map(|text| Value::Keyword(text.to_owned())).collect();
        return (values, Box::new(|slot| codes.at(slot) as usize));
    }
    let mut values: Vec<Value> = Vec::new();
    let mut by_bits: BTreeMap<u64, usize> = BTreeMap::new();
    let mut codes = vec![0; column.rows];
    for slot in column.present.slots() {
        codes[slot] = match (column.bits(slot), column.value(kind, slot)) {
            (Some(bits), Some(value)) => *by_bits.entry(bits).or_insert_with(|| {
                values.push(value);
                values.len() - 1
            }),
            (None, Some(value)) => values.iter().position(|other| *other == value).unwrap_or_else(|| {
                values.push(value);
                values.len() - 1
            }),
            (_, None) => continue,
        };
    }
    (values, Box::new(move |slot| codes[slot]))
}
