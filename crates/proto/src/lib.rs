//! The public API of Temporal as prost types and tonic service traits, generated at build time, and its descriptor
//! set. There is no logic here but that of reading names and failures for people, and no message that is written by hand but one.

pub mod cause;
mod descriptors;
pub mod name;
mod shape;
pub mod trouble;

pub use descriptors::closed_descriptor_set;
pub use shape::{Field, Shape, shape};

include!(concat!(env!("OUT_DIR"), "/api.rs"));

/// The descriptor set of every message and service in this crate, as an encoded `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
