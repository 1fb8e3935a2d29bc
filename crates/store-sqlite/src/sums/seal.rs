//! What a database file ends with when it is closed: the checksums of its pages, and what says that they are all.
//!
//! SQLite takes the number of pages from the first page, so it does not look behind them. A file that was copied while it
//! was open, or by SQLite's own means, does not end with a seal: so it is known that it is not all there is.

use std::{fs::File, io, os::unix::fs::FileExt};

use bytes::{Buf as _, BufMut as _};
use uuid::Uuid;

use super::{checked, decode_pages, encode_pages, verified, wal::read_up_to};

/// "PERDSEAL" and, in the last byte of the next field, the format.
const MAGIC: [u8; 8] = *b"PERDSEAL";
const FORMAT: u32 = 1;
const BYTES: usize = 64;

/// The end of a closed file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seal {
    /// The id of the database file.
    pub(crate) id: Uuid,
    pub(crate) page_bytes: u32,
    /// The checksum of each page.
    pub(crate) pages: Vec<u32>,
    /// The last generation of the commit log that is in the tables; there was no frame of a later one.
    pub(crate) folded: u64,
    /// The checksum of the commit log's last frame.
    pub(crate) last: u32,
}

/// What a file ends with.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    Nothing,
    Damaged,
    Seal(Seal),
}

impl Seal {
    /// Bytes of the pages before the seal.
    fn pages_end(&self) -> u64 {
        self.pages.len() as u64 * u64::from(self.page_bytes)
    }

    /// Writes the seal behind the pages, durably.
    pub(crate) fn write(&self, database: &File) -> io::Result<()> {
        database.set_len(self.pages_end())?;
        // The pages first: what is sealed must be there.
        database.sync_all()?;
        let mut bytes = encode_pages(&self.pages);
        let sum = crc32fast::hash(&bytes);
        let mut foot = Vec::with_capacity(BYTES);
        foot.put_slice(self.id.as_bytes());
        foot.put_u64_le(self.folded);
        foot.put_u32_le(self.last);
        foot.put_u32_le(self.page_bytes);
        foot.put_u32_le(self.pages.len() as u32);
        foot.put_u32_le(sum);
        foot.put_u64_le(0);
        foot.put_u32_le(FORMAT);
        foot.put_slice(&MAGIC);
        bytes.extend_from_slice(&checked::<BYTES>(foot));
        database.write_all_at(&bytes, self.pages_end())?;
        database.sync_all()
    }

    /// Takes the seal off: from now on the file is open.
    pub(crate) fn remove(&self, database: &File) -> io::Result<()> {
        database.set_len(self.pages_end())?;
        database.sync_all()
    }

    /// Reads what a file ends with.
    pub(crate) fn read(database: &File) -> io::Result<Found> {
        let length = database.metadata()?.len();
        let mut foot = [0; BYTES];
        let Some(foot_at) = length.checked_sub(BYTES as u64) else { return Ok(Found::Nothing) };
        read_up_to(database, &mut foot, foot_at)?;
        let magic_at = BYTES - 4 - MAGIC.len();
        if foot[magic_at..BYTES - 4] != MAGIC {
            return Ok(Found::Nothing);
        }
        let Some(mut fields) = verified(&foot) else { return Ok(Found::Damaged) };
        let (id, folded, last) = (Uuid::from_u128(fields.get_u128()), fields.get_u64_le(), fields.get_u32_le());
        let (page_bytes, page_count, sum) = (fields.get_u32_le(), fields.get_u32_le(), fields.get_u32_le());
        fields.advance(8);
        let pages_end = u64::from(page_count) * u64::from(page_bytes);
        if fields.get_u32_le() != FORMAT || pages_end + u64::from(page_count) * 4 != foot_at {
            return Ok(Found::Damaged);
        }
        let mut pages = vec![0; page_count as usize * 4];
        read_up_to(database, &mut pages, pages_end)?;
        if crc32fast::hash(&pages) != sum {
            return Ok(Found::Damaged);
        }
        Ok(Found::Seal(Self { id, page_bytes, pages: decode_pages(&pages), folded, last }))
    }
}
