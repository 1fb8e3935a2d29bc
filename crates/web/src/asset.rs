//! What pages load beside themselves. Each stands under an address that changes with its content, so that a browser keeps it
//! for as long as it likes.

/// A file that pages load.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    name: &'static str,
    suffix: &'static str,
    /// Its media type, as the header has it.
    pub kind: &'static str,
    pub text: &'static str,
}

/// How all pages look.
pub(crate) const STYLE: Asset =
    Asset { name: "style", suffix: "css", kind: "text/css; charset=utf-8", text: include_str!("style.css") };
/// Shows times in the zone of the person who reads.
pub(crate) const ZONE: Asset =
    Asset { name: "zone", suffix: "js", kind: "text/javascript; charset=utf-8", text: include_str!("zone.js") };

/// Every asset.
pub const ASSETS: [Asset; 2] = [STYLE, ZONE];

impl Asset {
    /// Where it is served.
    pub fn path(self) -> String {
        format!("/assets/{}-{:016x}.{}", self.name, hash(self.text.as_bytes()), self.suffix)
    }
}

/// FNV-1a with 64 bits: it tells contents apart, and is no secret. Source: Fowler, Noll and Vo.
const fn hash(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_changes_with_its_content() {
        let other = Asset { text: "other", ..STYLE };
        assert!(STYLE.path().starts_with("/assets/style-") && STYLE.path().ends_with(".css"));
        assert_ne!(STYLE.path(), other.path());
        // The published value of the empty text and of one letter.
        assert_eq!((hash(b""), hash(b"a")), (0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c));
    }
}
