//! The shapes of messages: which fields hold messages or come in any number, and about how large they are in memory. So that what
//! decoding a message would cost is known before it is done.

/// A message.
#[derive(Debug)]
pub struct Shape {
    /// As in `temporal.api.common.v1.Payload`.
    pub name: &'static str,
    /// About how many bytes one takes in memory, without what it points to.
    pub size: u32,
    /// Those that matter here, by tag.
    pub fields: &'static [Field],
}

/// A field that holds messages, or values in any number.
#[derive(Debug)]
pub struct Field {
    pub tag: u32,
    /// About how many bytes each of its values takes where it comes in any number; 0 where there is one at most.
    pub each: u32,
    /// The message that it holds, as an index of all shapes.
    child: u16,
}

/// Where a field holds no message.
const NO_CHILD: u16 = u16::MAX;

impl Field {
    /// The message that the field holds, if it holds one.
    pub fn child(&self) -> Option<&'static Shape> {
        SHAPES.get(usize::from(self.child))
    }
}

/// The shape of a message by its full name.
pub fn shape(name: &str) -> Option<&'static Shape> {
    SHAPES.binary_search_by_key(&name, |shape| shape.name).ok().map(|index| &SHAPES[index])
}

include!(concat!(env!("OUT_DIR"), "/shapes.rs"));

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use super::*;
    use crate::temporal::api::{
        command::v1::Command, common::v1::Payload, history::v1::HistoryEvent, protocol::v1::Message,
    };

    #[test]
    fn a_size_is_about_what_a_message_takes() {
        for (name, size) in [
            ("temporal.api.command.v1.Command", size_of::<Command>()),
            ("temporal.api.common.v1.Payload", size_of::<Payload>()),
            ("temporal.api.history.v1.HistoryEvent", size_of::<HistoryEvent>()),
            ("temporal.api.protocol.v1.Message", size_of::<Message>()),
        ] {
            let told = shape(name).unwrap().size as usize;
            assert!(told >= size && told <= 2 * size, "{name}: {told} for {size}");
        }
        assert!(shape("temporal.api.common.v1.Payloads").is_some() && shape("no.such.Message").is_none());
    }
}
