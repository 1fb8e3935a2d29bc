//! Visibility: the rows that list and count see, the list-filter language, and its meaning.
//!
//! A filter is parsed once to a typed tree; an SQL engine renders the tree, the engine in memory evaluates it. What a row
//! holds is decided by the engine crate.

mod attributes;
mod evaluate;
mod filter;
mod language;
mod payload;
mod row;
mod stored;
mod words;

pub use attributes::{Schema, can_be_set, is_reserved, predefined_attributes, system_attributes};
pub use filter::{Attribute, Comparison, Filter, Operand, kind_name};
pub use language::{Parsed, parse};
pub use payload::payload_kind;
pub(crate) use row::Position;
pub use row::{Cursor, GroupCount, Query, QueryPage, Row, Value, status_name};
pub use stored::{decode_attributes, encode_attributes};
pub use words::{Phrases, words};
