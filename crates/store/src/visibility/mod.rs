//! Visibility: the rows that list and count see, the list-filter language, and its meaning.
//!
//! A filter is parsed once to a typed tree; an SQL engine renders the tree, the engine in memory evaluates it. What a row
//! holds is decided by the engine crate.

mod evaluate;
mod filter;
mod row;
mod stored;
mod words;

pub use filter::{Attribute, Comparison, Filter, Operand};
pub(crate) use row::Position;
pub use row::{Cursor, GroupCount, Query, QueryPage, Row, Value, status_name};
pub use stored::{decode_attributes, encode_attributes};
pub use words::Phrases;
