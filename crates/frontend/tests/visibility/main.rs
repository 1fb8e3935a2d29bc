//! What is shown of runs over the wire, and what finds them.

mod agreement;
mod attributes;
mod world;
