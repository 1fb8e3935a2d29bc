//! Where one bit is wrong, as a checksum tells.

/// The polynomial of the checksum (CRC-32), reflected.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// Which bit of a text of so many bytes, counted from the lowest bit of the first byte, makes this difference between its
/// checksum and the one it should have; `None` if no single one does.
///
/// The difference of two checksums of texts of one length is that of the difference of the texts, and the checksum of one bit
/// is made from that of the bit behind it by one step: so each place takes one step to try.
pub(crate) fn flipped(difference: u32, bytes: usize) -> Option<usize> {
    // What the last bit of a text makes.
    let mut of_bit = POLYNOMIAL;
    for bit in (0..bytes * 8).rev() {
        if of_bit == difference {
            return Some(bit);
        }
        of_bit = (of_bit >> 1) ^ if of_bit & 1 == 1 { POLYNOMIAL } else { 0 };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_found() {
        let text: Vec<u8> = (0..64_u8).map(|byte| byte.wrapping_mul(7)).collect();
        for bit in 0..text.len() * 8 {
            let mut flipped_text = text.clone();
            flipped_text[bit / 8] ^= 1 << (bit % 8);
            let difference = crc32fast::hash(&text) ^ crc32fast::hash(&flipped_text);
            assert_eq!(flipped(difference, text.len()), Some(bit));
        }
        assert_eq!(flipped(0x1234_5678, text.len()), None);
    }
}
