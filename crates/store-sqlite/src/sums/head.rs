//! What the file of checksums begins with.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
};

use bytes::{Buf as _, BufMut as _};
use uuid::Uuid;

use super::{verified, wal::read_up_to};

/// "PERDSUM" and the format.
const MAGIC: [u8; 8] = *b"PERDSUM\x01";
const BYTES: usize = 512;
/// Room for the owner's name.
const OWNER_BYTES: usize = 255;

/// Whose checksums these are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) purpose: Purpose,
    /// The id of the database file.
    pub(crate) id: Uuid,
    /// Drawn when the database was opened, and as long as it is not closed shared with the commit log.
    pub(crate) session: Uuid,
    /// Bytes of a page of the database.
    pub(crate) page_bytes: u32,
    /// Who has the file, for the message to a second one.
    pub(crate) owner: String,
}

/// What the file is there for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Purpose {
    /// The database is open, or its process was killed.
    Live,
    /// A database without checksums is being brought up to date: it is good without them until that is done.
    Adopting,
}

/// What is found where the file should be.
#[derive(Debug, PartialEq)]
pub(crate) enum HeadFound {
    Nothing,
    Damaged,
    Head(Head),
}

impl Head {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.put_slice(&MAGIC);
        bytes.put_u8(match self.purpose {
            Purpose::Live => 0,
            Purpose::Adopting => 1,
        });
        bytes.put_slice(self.id.as_bytes());
        bytes.put_slice(self.session.as_bytes());
        bytes.put_u32_le(self.page_bytes);
        let owner = self.owner.as_bytes();
        let owner = &owner[..owner.len().min(OWNER_BYTES)];
        bytes.put_u8(owner.len() as u8);
        bytes.put_slice(owner);
        bytes.resize(BYTES - 4, 0);
        let sum = crc32fast::hash(&bytes);
        bytes.put_u32_le(sum);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = verified(bytes)?.strip_prefix(&MAGIC)?;
        let purpose = match fields.get_u8() {
            0 => Purpose::Live,
            1 => Purpose::Adopting,
            _ => return None,
        };
        let mut uuid = || Uuid::from_u128(fields.get_u128());
        let (id, session) = (uuid(), uuid());
        let page_bytes = fields.get_u32_le();
        let length = fields.get_u8() as usize;
        let owner = String::from_utf8_lossy(fields.get(..length)?).into_owned();
        Some(Self { purpose, id, session, page_bytes, owner })
    }

    /// Reads the head of the file at a path.
    pub(crate) fn read(path: &Path) -> io::Result<HeadFound> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HeadFound::Nothing),
            Err(error) => return Err(error),
        };
        let mut bytes = [0; BYTES];
        let read = read_up_to(&file, &mut bytes, 0)?;
        Ok(Self::decode(&bytes[..read]).map_or(HeadFound::Damaged, HeadFound::Head))
    }

    /// Makes a file that holds nothing but the head.
    pub(crate) fn write_alone(&self, path: &Path) -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(&self.encode())?;
        file.sync_all()
    }
}
