//! The flags that commands share, and the forms of their values.

pub(crate) mod globals;
pub(crate) mod payloads;
pub(crate) mod values;

pub use globals::Globals;
