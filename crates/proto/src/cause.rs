//! The cause of a failure, whose own cause has a cause, and so on: kept as it is encoded, so that a chain of any length is
//! read, kept, copied and written in one go, and not level by level on the stack.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::{
    DecodeError, Message,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint},
};

use prost_types::{FileDescriptorSet, field_descriptor_proto::Type};

use crate::temporal::api::failure::v1::Failure;

/// Failures in one chain: as many as the reference can store, where a message is nested at most 10,000 times.
pub const MOST_FAILURES: usize = 9_994;
/// What the error says of a chain that is longer.
pub const TOO_DEEP: &str = "exceeded maximum recursion depth";
/// The number of `Failure.cause`.
const CAUSE: u32 = 4;

/// A failure, encoded. It was looked at when it was read, with all its causes: what is here can be decoded.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Cause(Bytes);

impl Cause {
    /// The failure; its own cause stays as it is.
    pub fn failure(&self) -> Failure {
        let mut failure = Failure::default();
        let mut fields = self.0.clone();
        while fields.has_remaining() {
            // Without a look at the causes behind it, which were looked at before.
            if next_field(&mut failure, &mut fields).is_err() {
                break;
            }
        }
        failure
    }
}

/// A failure and its causes, one after the other.
pub fn chain(failure: &Failure) -> impl Iterator<Item = Failure> + use<> {
    std::iter::successors(Some(failure.clone()), |failure| failure.cause.as_ref().map(Cause::failure))
}

/// Has `Failure.cause` be bytes in descriptors, for those that read messages by them: as it is kept here, and for the same
/// reason.
pub fn keep_encoded(set: &mut FileDescriptorSet) {
    let files = set.file.iter_mut().filter(|file| file.package() == "temporal.api.failure.v1");
    let failures = files.flat_map(|file| &mut file.message_type).filter(|message| message.name() == "Failure");
    for field in failures.flat_map(|message| &mut message.field).filter(|field| field.name() == "cause") {
        field.set_type(Type::Bytes);
        field.type_name = None;
    }
}

impl From<Failure> for Cause {
    fn from(failure: Failure) -> Self {
        Self(failure.encode_to_vec().into())
    }
}

impl std::fmt::Debug for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Failure { message, source, cause, .. } = self.failure();
        let mut shown = f.debug_struct("Cause");
        shown.field("message", &message).field("source", &source).field("has_cause", &cause.is_some()).finish()
    }
}

impl Message for Cause {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        buffer.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buffer: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        if wire_type != WireType::LengthDelimited {
            // A failure has no such field: what is not known is passed over.
            return Failure::default().merge_field(tag, wire_type, buffer, context);
        }
        let value = delimited(buffer)?;
        let mut encoded = BytesMut::from(std::mem::take(&mut self.0));
        let begins = encoded.len();
        encode_key(tag, wire_type, &mut encoded);
        encode_varint(value.len() as u64, &mut encoded);
        encoded.put_slice(&value);
        if tag == CAUSE {
            if has_cause(&encoded[..begins])? {
                return Err(error("a failure has two causes"));
            }
            // This is the second failure of the chain, at least, and its cause the third.
            check_chain(value, MOST_FAILURES - 2)?;
        } else {
            Failure::default().merge(&encoded[begins..])?;
        }
        self.0 = encoded.freeze();
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// The bytes of a length-delimited field.
fn delimited(buffer: &mut impl Buf) -> Result<Bytes, DecodeError> {
    let length = decode_varint(buffer)?;
    match usize::try_from(length) {
        Ok(length) if length <= buffer.remaining() => Ok(buffer.copy_to_bytes(length)),
        _ => Err(error("a field is cut short")),
    }
}

/// Reads one field of a failure; a cause is taken as it is.
fn next_field(failure: &mut Failure, fields: &mut Bytes) -> Result<(), DecodeError> {
    let (tag, wire_type) = decode_key(fields)?;
    if tag != CAUSE || wire_type != WireType::LengthDelimited {
        return failure.merge_field(tag, wire_type, fields, DecodeContext::default());
    }
    match failure.cause.replace(Cause(delimited(fields)?)) {
        Some(_) => Err(error("a failure has two causes")),
        None => Ok(()),
    }
}

/// Whether there is a cause among these fields of a failure.
fn has_cause(mut fields: &[u8]) -> Result<bool, DecodeError> {
    while fields.has_remaining() {
        let (tag, _) = decode_key(&mut fields)?;
        delimited(&mut fields)?;
        if tag == CAUSE {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether this failure and its causes can be decoded, and are not more than `most`.
fn check_chain(failure: Bytes, most: usize) -> Result<(), DecodeError> {
    let mut next = Some(failure);
    let mut left = most;
    while let Some(mut fields) = next.take() {
        left = left.checked_sub(1).ok_or_else(|| error(TOO_DEEP))?;
        let mut level = Failure::default();
        while fields.has_remaining() {
            next_field(&mut level, &mut fields)?;
        }
        next = level.cause.map(|cause| cause.0);
    }
    Ok(())
}

#[expect(
    deprecated,
    reason = "the library means it for messages that are written by hand, and has no other way for them"
)]
fn error(text: &'static str) -> DecodeError {
    DecodeError::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporal::api::failure::v1::{ApplicationFailureInfo, failure::FailureInfo};

    /// So many failures, each the cause of the one before, encoded.
    fn encoded(failures: usize) -> Bytes {
        let info = ApplicationFailureInfo { r#type: "Refused".to_owned(), ..Default::default() };
        let mut encoded: Vec<u8> = Vec::new();
        for number in 0..failures {
            let mut failure = Failure {
                message: format!("number {number}"),
                failure_info: Some(FailureInfo::ApplicationFailureInfo(info.clone())),
                ..Default::default()
            }
            .encode_to_vec();
            if number > 0 {
                encode_key(CAUSE, WireType::LengthDelimited, &mut failure);
                encode_varint(encoded.len() as u64, &mut failure);
                failure.extend(encoded);
            }
            encoded = failure;
        }
        encoded.into()
    }

    fn messages(failure: Failure) -> Vec<String> {
        super::chain(&failure).map(|failure| failure.message).collect()
    }

    #[test]
    fn a_chain_of_any_length_up_to_the_most_comes_back_as_it_was() {
        for failures in [1, 2, 3, 99, 101, MOST_FAILURES] {
            let encoded = encoded(failures);
            let failure = Failure::decode(encoded.clone()).unwrap();
            assert_eq!(failure.encoded_len(), encoded.len());
            assert_eq!(Failure::decode(failure.encode_to_vec().as_slice()).unwrap(), failure);
            let expected: Vec<_> = (0..failures).rev().map(|number| format!("number {number}")).collect();
            assert_eq!(messages(failure), expected);
        }
    }

    #[test]
    fn one_more_is_too_deep() {
        let refusal = Failure::decode(encoded(MOST_FAILURES + 1)).unwrap_err();
        assert!(refusal.to_string().contains(TOO_DEEP), "{refusal}");
    }

    #[test]
    fn what_is_no_failure_is_none_however_deep_it_stands() {
        let within = |levels: usize, bottom: &[u8]| {
            let mut encoded = bottom.to_vec();
            for _ in 0..levels {
                let mut outer = Vec::new();
                encode_key(CAUSE, WireType::LengthDelimited, &mut outer);
                encode_varint(encoded.len() as u64, &mut outer);
                outer.extend(encoded);
                encoded = outer;
            }
            Failure::decode(encoded.as_slice())
        };
        for levels in [0, 1, 2, 3, 500] {
            assert!(within(levels, b"\x0a\x02ok\xa2\x06\x01x\xa0\x06\x01").is_ok(), "unknown fields are passed over");
            // No UTF-8; cut short; a number where a text stands; no field at all.
            for bottom in [b"\x0a\x01\xff".as_slice(), b"\x0a\x05ab", b"\x08\x01", b"\x22", b"\x22\x00\x22\x00"] {
                let is_merged = levels == 0 && bottom == b"\x22\x00\x22\x00";
                assert_eq!(within(levels, bottom).is_ok(), is_merged, "{levels} {bottom:?}");
            }
        }
    }

    #[test]
    fn a_cause_is_made_of_a_failure() {
        let failure = Failure { message: "gone".to_owned(), ..Default::default() };
        let outer = Failure { cause: Some(failure.clone().into()), ..Default::default() };
        let read = Failure::decode(outer.encode_to_vec().as_slice()).unwrap();
        assert_eq!(read.cause.unwrap().failure(), failure);
        assert!(format!("{outer:?}").contains("gone"));
    }
}
