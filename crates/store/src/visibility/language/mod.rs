//! The list-filter language: text to a typed tree, with the reference's errors.
//!
//! The text is the part of an SQL statement that follows `WHERE`. The grammar and the names of syntax errors are those of
//! the reference's SQL parser, the rest those of its query converter. What is not kept: text values lose no quotes at
//! their ends, and the columns that the reference reserves for custom attributes (`Keyword01`) are no names here.

mod check;
mod keywords;
mod lex;
mod literals;
mod syntax;

use model::Reject;

use super::{Filter, attributes::Schema};

/// A filter with its meaning, and what a count groups by.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    pub filter: Option<Filter>,
    pub group_by: Vec<String>,
}

/// Parses a query of a list or count. Unless it speaks of `TemporalNamespaceDivision`, runs in a division (system
/// workflows) are left out.
///
/// # Errors
/// `InvalidArgument`, in the reference's words.
pub fn parse(text: &str, schema: &Schema<'_>) -> Result<Parsed, Reject> {
    let text = text.trim();
    let result = match text {
        "" => check::statement(&syntax::Statement::default(), schema),
        text => match syntax::parse(text) {
            Ok(statement) => check::statement(&statement, schema),
            Err(error) => Err(format!("malformed SQL query: {error}")),
        },
    };
    result.map_err(|error| Reject::invalid(format!("invalid query: {error}")))
}
