//! Blocks: the rows of lists once more, by columns, so that a filter is decided for thousands of rows at a time.
//!
//! A list over any attribute can't have an index for each: an index in which values come in no order costs a start more than
//! all else that a list needs of it. So a row that is written gets the next place of its namespace, among the open runs or
//! among the closed ones, and when `SMALL` places are taken their rows become a block: for each attribute a column, and in
//! the block's head what is in each column. Eight such blocks become one of `ROWS`. A row that changes gets a new place, and
//! its old one is dead; a block with little alive in it is given up, and what is alive gets new places too.
//!
//! What of a block is alive is exact, so what a filter selects in a block is counted without a look at the rows. The rows in
//! places that are in no block yet are looked at one by one.
//!
//! Rows are found by index where one conjunct of a filter selects few: by Workflow Id, by keywords and words of texts, and by
//! the ids of parents and roots. All else is found by blocks.

mod bits;
mod column;
mod count;
mod head;
mod page;
mod read;
mod seal;
mod seek;
mod truth;
mod values;
mod writer;

pub(crate) use count::count;
pub(crate) use head::is_id;
pub(crate) use page::list;
pub(crate) use read::Source;
pub(crate) use writer::{Tails, Writer};

/// Rows of a block at first.
const SMALL: usize = 512;

/// Bounds of the work for one page; how a filter is answered depends on them, what it answers does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Entries of an index that a conjunct may select for its rows to be looked at one by one.
    pub(crate) entries: usize,
    /// Rows that are looked at in the order of lists, beyond those that a page holds, before blocks are.
    pub(crate) walk: usize,
    /// Rows, blocks and columns that are read for a page, about, before it ends where it is: each takes some microseconds.
    pub(crate) work: u64,
}

impl Bounds {
    pub(crate) const USUAL: Bounds = Bounds { entries: 1_000, walk: 100, work: 4_000 };
}

/// The place of a row: its number among those of its namespace that were open, or closed, when they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    is_closed: bool,
    position: i64,
}

impl Place {
    /// As it stands in the row.
    pub(crate) fn number(self) -> i64 {
        self.position * 2 + i64::from(self.is_closed)
    }

    pub(crate) fn of_number(number: i64) -> Self {
        Self { is_closed: number & 1 == 1, position: number >> 1 }
    }
}

/// The number of a block: of its first position, whether it is large, and which runs it holds.
fn block_number(is_closed: bool, is_large: bool, first: i64) -> i64 {
    first * 4 + i64::from(is_large) * 2 + i64::from(is_closed)
}

/// The first position of the block of so many rows that has this one.
fn first_of(position: i64, rows: usize) -> i64 {
    position - position % rows as i64
}

#[cfg(test)]
mod tests;
