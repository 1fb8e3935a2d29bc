//! What a message will take in memory, told from its bytes before they are decoded.
//!
//! An empty message within another is two bytes on the wire and may be a thousand in memory. So the fields that come in any
//! number are counted in one pass over the bytes, each with the size that its type has in memory; texts and payloads share
//! the bytes and cost nothing more. What is no message is left to the decoder, which says so.

use proto::Shape;

/// Messages of at most so many bytes are not weighed: what they can become is bounded by that, and nearly all are so small.
pub(crate) const FREE: usize = 1_024;
/// The decoder takes no message that is nested deeper.
const DEEPEST: usize = 100;

/// Numbers of what follows a field's tag (protobuf's wire types).
mod wire {
    pub(super) const VARINT: u64 = 0;
    pub(super) const FIXED_64: u64 = 1;
    pub(super) const DELIMITED: u64 = 2;
    pub(super) const GROUP: u64 = 3;
    pub(super) const END_GROUP: u64 = 4;
    pub(super) const FIXED_32: u64 = 5;
}

/// Where the walk is: within a message of this shape, which ends there; within a group, which nothing is known of, it has
/// none.
#[derive(Clone, Copy)]
struct Level {
    shape: Option<&'static Shape>,
    end: usize,
}

/// About how many bytes the values of an encoded message take that come in any number; counting ends where it is more than
/// `most`.
pub(crate) fn weigh(shape: &'static Shape, message: &[u8], most: usize) -> usize {
    let mut weight = 0_usize;
    let mut at = 0;
    let mut levels = vec![Level { shape: Some(shape), end: message.len() }];
    while let Some(Level { shape, end }) = levels.last().copied() {
        if at >= end {
            levels.pop();
            continue;
        }
        let Some((value, each)) = field(message, &mut at, shape, end) else { return weight };
        weight = weight.saturating_add(each);
        match value {
            Value::Passed => {}
            Value::EndOfGroup => drop(levels.pop()),
            Value::Within(level) if levels.len() < DEEPEST => levels.push(level),
            Value::Within(_) => return weight,
        }
        if weight > most {
            return weight;
        }
    }
    weight
}

/// What a field's value is to the walk.
enum Value {
    Passed,
    Within(Level),
    EndOfGroup,
}

/// Passes over a field, or goes into it; and what its value takes. `None` where there is no field.
fn field(message: &[u8], at: &mut usize, shape: Option<&'static Shape>, end: usize) -> Option<(Value, usize)> {
    let key = varint(message, at)?;
    let length = match key & 7 {
        wire::VARINT => {
            varint(message, at)?;
            0
        }
        wire::FIXED_64 => 8,
        wire::FIXED_32 => 4,
        wire::DELIMITED => usize::try_from(varint(message, at)?).ok()?,
        wire::GROUP => return Some((Value::Within(Level { shape: None, end }), 0)),
        wire::END_GROUP => return Some((Value::EndOfGroup, 0)),
        _ => return None,
    };
    let behind = at.checked_add(length).filter(|behind| *behind <= end)?;
    let known = shape.filter(|_| key & 7 == wire::DELIMITED);
    let known = known.and_then(|shape| shape.fields.iter().find(|field| u64::from(field.tag) == key >> 3));
    let Some(known) = known else {
        *at = behind;
        return Some((Value::Passed, 0));
    };
    let each = usize::try_from(known.each).ok()?;
    match known.child() {
        Some(child) => Some((Value::Within(Level { shape: Some(child), end: behind }), each)),
        None => {
            *at = behind;
            Some((Value::Passed, each))
        }
    }
}

/// A number in groups of seven bits, the lowest first.
fn varint(message: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *message.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, mem::size_of};

    use prost::{Message, Name};
    use proto::temporal::api::{
        command::v1::{Command, StartTimerCommandAttributes, command::Attributes},
        common::v1::{Memo, Payload, Payloads},
        workflowservice::v1::{RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest},
    };

    use super::*;

    fn weight<M: Message + Name>(message: &M, most: usize) -> usize {
        weigh(proto::shape(&M::full_name()).unwrap(), &message.encode_to_vec(), most)
    }

    fn payloads(number: usize) -> Option<Payloads> {
        Some(Payloads { payloads: vec![Payload::default(); number] })
    }

    #[test]
    fn what_comes_in_any_number_is_counted_wherever_it_stands() {
        let input = payloads(1_000);
        let start = StartWorkflowExecutionRequest { input, ..Default::default() };
        let counted = weight(&start, usize::MAX);
        assert!((1_000 * size_of::<Payload>()..2_000 * size_of::<Payload>()).contains(&counted), "{counted}");
        let fields: BTreeMap<String, Payload> = (0..500).map(|key| (key.to_string(), Payload::default())).collect();
        let memo = StartWorkflowExecutionRequest { memo: Some(Memo { fields }), ..Default::default() };
        assert!(weight(&memo, usize::MAX) > 500 * (size_of::<Payload>() + size_of::<String>()));
        let timer = StartTimerCommandAttributes { timer_id: "1".to_owned(), ..Default::default() };
        let attributes = Some(Attributes::StartTimerCommandAttributes(timer));
        let commands = vec![Command { attributes, ..Default::default() }; 2_000];
        let completed = RespondWorkflowTaskCompletedRequest { commands, ..Default::default() };
        let counted = weight(&completed, usize::MAX);
        assert!((2_000 * size_of::<Command>()..5_000 * size_of::<Command>()).contains(&counted), "{counted}");
    }

    #[test]
    fn payloads_of_any_size_weigh_what_one_does() {
        let of = |size: usize| {
            let payload = Payload { data: vec![0x0a; size].into(), ..Default::default() };
            let input = Some(Payloads { payloads: vec![payload] });
            weight(&StartWorkflowExecutionRequest { input, ..Default::default() }, usize::MAX)
        };
        assert_eq!(of(0), of(2_000_000));
    }

    #[test]
    fn counting_ends_where_it_is_enough() {
        let start = StartWorkflowExecutionRequest { input: payloads(1_900_000), ..Default::default() };
        let most = 1_000_000;
        let counted = weight(&start, most);
        assert!(counted > most && counted < most + 1_000, "{counted}");
    }

    #[test]
    fn unknown_fields_hide_nothing_and_nonsense_ends_the_walk() {
        let shape = proto::shape("temporal.api.common.v1.Payloads").unwrap();
        let each = weigh(shape, b"\x0a\x00", usize::MAX);
        assert!(each > 0);
        // A number, fixed ones, a text and a group with a group in it, all unknown; then a payload.
        let unknown = b"\x98\x06\x01\x99\x06********\x9d\x06****\x9a\x06\x02\x0a\x00\x9b\x06\x0a\x00\xa3\x06\xa4\x06\x9c\x06\x0a\x00";
        assert_eq!(weigh(shape, unknown, usize::MAX), each);
        for nonsense in
            [b"\x0a".as_slice(), b"\x0a\x05a", b"\x0f", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x0c"]
        {
            assert_eq!(weigh(shape, nonsense, usize::MAX), 0, "{nonsense:?}");
        }
        assert_eq!(weigh(shape, &[0x0b; 1_000], usize::MAX), 0, "groups without an end");
    }
}
