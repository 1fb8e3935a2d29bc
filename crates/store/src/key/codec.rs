//! The encodings of key fields. Each sorts, byte by byte, as its values do, and ends by itself, so that fields can
//! follow one another.
//!
//! Integers are big-endian with the sign flipped. Text ends with `00 01`, and a zero byte in it is `00 ff`.

use model::{EntityId, EntityKind};
use uuid::Uuid;

use crate::StoreError;

const ESCAPE: u8 = 0x00;
const END_OF_TEXT: u8 = 0x01;
const ESCAPED_ZERO: u8 = 0xff;

/// Builds a key.
pub(super) struct Encoder(Vec<u8>);

impl Encoder {
    pub(super) fn new(tag: u8) -> Self {
        // Most keys are a tag, a run id and one or two short fields.
        let mut bytes = Vec::with_capacity(40);
        bytes.push(tag);
        Self(bytes)
    }

    pub(super) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// Bytes of a fixed number.
    pub(super) fn raw(mut self, bytes: &[u8; 16]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The kind, and then the uuid: an entity takes one byte more than a run id.
    pub(super) fn entity(self, entity: EntityId) -> Self {
        self.byte(entity.kind.number()).raw(entity.uuid.as_bytes())
    }

    pub(super) fn i32(mut self, value: i32) -> Self {
        self.0.extend_from_slice(&(value.cast_unsigned() ^ (1 << 31)).to_be_bytes());
        self
    }

    pub(super) fn i64(mut self, value: i64) -> Self {
        self.0.extend_from_slice(&(value.cast_unsigned() ^ (1 << 63)).to_be_bytes());
        self
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        for byte in text.bytes() {
            self.0.push(byte);
            if byte == ESCAPE {
                self.0.push(ESCAPED_ZERO);
            }
        }
        self.0.extend_from_slice(&[ESCAPE, END_OF_TEXT]);
        self
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes a key apart, field by field.
pub(super) struct Decoder<'a> {
    whole: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { whole: bytes, rest: bytes }
    }

    pub(super) fn byte(&mut self) -> Result<u8, StoreError> {
        Ok(self.fixed::<1>()?[0])
    }

    pub(super) fn raw(&mut self) -> Result<[u8; 16], StoreError> {
        self.fixed()
    }

    pub(super) fn entity_kind(&mut self) -> Result<EntityKind, StoreError> {
        EntityKind::of_number(self.byte()?).ok_or_else(|| self.damaged())
    }

    pub(super) fn entity(&mut self) -> Result<EntityId, StoreError> {
        Ok(EntityId { kind: self.entity_kind()?, uuid: Uuid::from_bytes(self.raw()?) })
    }

    pub(super) fn i32(&mut self) -> Result<i32, StoreError> {
        Ok((u32::from_be_bytes(self.fixed()?) ^ (1 << 31)).cast_signed())
    }

    pub(super) fn i64(&mut self) -> Result<i64, StoreError> {
        Ok((u64::from_be_bytes(self.fixed()?) ^ (1 << 63)).cast_signed())
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                ESCAPE => match self.byte()? {
                    END_OF_TEXT => break,
                    ESCAPED_ZERO => text.push(ESCAPE),
                    _ => return Err(self.damaged()),
                },
                byte => text.push(byte),
            }
        }
        String::from_utf8(text).map_err(|_| self.damaged())
    }

    /// Nothing may follow the last field.
    pub(super) fn end<T>(&self, key: T) -> Result<T, StoreError> {
        if self.rest.is_empty() { Ok(key) } else { Err(self.damaged()) }
    }

    pub(super) fn damaged(&self) -> StoreError {
        let hex: String = self.whole.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
        StoreError::Unusable(format!(
            "a stored key is unknown or damaged: {hex}. Use the version that wrote it, or restore a copy."
        ))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let Some((field, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.damaged());
        };
        self.rest = rest;
        Ok(*field)
    }
}
