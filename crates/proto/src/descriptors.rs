//! The descriptor set as a pool of descriptors takes it.

use std::collections::BTreeSet;

use prost::{DecodeError, Message};
use prost_types::FileDescriptorSet;

use crate::DESCRIPTOR_SET;

/// The descriptor set, closed: some of its files import annotations that it leaves out, and no message depends on them, so those
/// imports are left out too.
///
/// # Errors
/// Not with the set that was built in.
pub fn closed_descriptor_set() -> Result<FileDescriptorSet, DecodeError> {
    let mut set = FileDescriptorSet::decode(DESCRIPTOR_SET)?;
    let names: BTreeSet<String> = set.file.iter().map(|file| file.name().to_owned()).collect();
    for file in &mut set.file {
        file.dependency.retain(|name| names.contains(name));
        file.public_dependency.clear();
        file.weak_dependency.clear();
    }
    Ok(set)
}
