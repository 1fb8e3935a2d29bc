//! Visibility: the rows that list and count see, the list-filter language, and its meaning.
//!
//! A filter is parsed once to a typed tree; an SQL engine renders the tree, the engine in memory evaluates it. What a row
//! holds is decided by the engine crate.

mod attributes;
mod evaluate;
mod filter;
mod language;
mod row;
mod stored;
mod words;

pub use model::search_attribute::Value;

pub use attributes::{Schema, is_reserved, predefined_attributes, system_attributes};
pub use filter::{Attribute, Comparison, Filter, Operand};
pub use language::{Parsed, parse};
pub(crate) use row::Position;
pub use row::{Cursor, GroupCount, Query, QueryPage, Row, status_name};
pub use stored::{decode_attributes, encode_attributes};
pub use words::{Phrases, words};
