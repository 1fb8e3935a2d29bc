//! Search attributes: which there are without anybody adding them, the values that each type has, and how those stand in
//! payloads. What is set and what a filter compares with are read here and nowhere else, so that what is accepted is found.

mod builtin;
mod datetime;
mod float;
mod value;

pub use builtin::{Builtin, builtin};
pub use datetime::Datetime;
pub use float::go_float;
pub use value::{Misfit, Value, kind_name, payload_kind};
