//! Task tokens: what a worker hands back to say which task it answers. A token carries a keyed MAC, so that it can't be
//! forged for another namespace or run, and the shard's epoch, so that one of before a crash is refused.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use prost::Message;
use sha2::Sha256;

use crate::Reject;

const MAC_BYTES: usize = 16;

/// What a token says. Field numbers are part of what waits in workers during an upgrade: never reuse one.
#[derive(Clone, PartialEq, Message)]
pub struct Token {
    #[prost(bytes = "vec", tag = "1")]
    pub namespace_id: Vec<u8>,
    #[prost(string, tag = "2")]
    pub workflow_id: String,
    #[prost(bytes = "vec", tag = "3")]
    pub run_id: Vec<u8>,
    /// The event that scheduled the task.
    #[prost(int64, tag = "4")]
    pub scheduled_event_id: i64,
    /// Of a workflow task: the event that would record its start.
    #[prost(int64, tag = "5")]
    pub started_event_id: i64,
    #[prost(int32, tag = "6")]
    pub attempt: i32,
    #[prost(uint64, tag = "7")]
    pub epoch: u64,
    #[prost(string, tag = "8")]
    pub activity_id: String,
    /// Set in a token that answers a query outside a workflow task.
    #[prost(string, tag = "9")]
    pub query_id: String,
    /// When the attempt started, in nanoseconds: tells apart two starts that share an attempt number.
    #[prost(int64, tag = "10")]
    pub started_time: i64,
}

/// The secret that a cluster signs its tokens with.
#[derive(Clone)]
pub struct TokenKey([u8; 64]);

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(secret)")
    }
}

impl TokenKey {
    pub fn new(secret: [u8; 32]) -> Self {
        // HMAC pads a shorter key with zeros to the hash's block; done here, no length is left to be wrong.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&secret);
        Self(block)
    }

    /// The token's bytes, followed by the first 16 bytes of their HMAC-SHA-256 (RFC 2104).
    pub fn seal(&self, token: &Token) -> Vec<u8> {
        let mut bytes = token.encode_to_vec();
        let mac = self.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac[..MAC_BYTES]);
        bytes
    }

    /// # Errors
    /// `InvalidArgument` with the reference's text when the bytes are not a token that this cluster made.
    pub fn open(&self, sealed: &[u8]) -> Result<Token, Reject> {
        let invalid = || Reject::invalid("Error deserializing task token.");
        let split = sealed.len().checked_sub(MAC_BYTES).ok_or_else(invalid)?;
        let (bytes, mac) = sealed.split_at(split);
        self.mac(bytes).verify_truncated_left(mac).map_err(|_| invalid())?;
        Token::decode(bytes).map_err(|_| invalid())
    }

    fn mac(&self, bytes: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.0.into());
        mac.update(bytes);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_token_is_refused() {
        let key = TokenKey::new([7; 32]);
        let token = Token { workflow_id: "order".into(), attempt: 2, ..Default::default() };
        let sealed = key.seal(&token);
        assert_eq!(key.open(&sealed), Ok(token));
        for position in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[position] ^= 1;
            assert!(key.open(&forged).is_err(), "bit flip at byte {position} went unseen");
        }
        assert!(TokenKey::new([8; 32]).open(&sealed).is_err());
        assert!(key.open(b"short").is_err());
    }
}
