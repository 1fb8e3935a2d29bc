//! SQLite's own log, read as bytes: where its committed frames end, and what pages they hold.
//!
//! SQLite takes a damaged frame for the end of its log and says nothing, so it is read here too. The format is the one of
//! SQLite's file format description, section 4.

use std::{collections::BTreeMap, fs::File, io, os::unix::fs::FileExt, path::Path};

const HEAD_BYTES: usize = 32;
const FRAME_HEAD_BYTES: usize = 24;
/// Without its last bit, which says how the words of checksums stand.
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;

/// How far a log of SQLite's was written. It begins anew with other salts, so they say which one is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) salt: u64,
    pub(crate) frames: u32,
}

/// SQLite's log.
pub(crate) struct Wal {
    file: File,
    page_bytes: usize,
    salt: u64,
    is_big_endian: bool,
    /// The checksum of the head, with which that of the first frame begins.
    seed: [u32; 2],
}

/// The frames that SQLite's recovery finds.
#[derive(Default)]
pub(crate) struct Committed {
    pub(crate) extent: Extent,
    /// The pages of the database behind the last of them.
    pub(crate) page_count: u32,
    /// The checksum of each page that stands in them, as it is behind the last of them.
    pub(crate) pages: BTreeMap<u32, u32>,
}

impl Wal {
    /// Opens a log; `None` if there is none, or it has no head that SQLite would take.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut head = [0; HEAD_BYTES];
        match file.read_exact_at(&mut head, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let word = |at: usize| big(&head[at..]);
        let is_big_endian = word(0) & 1 == 1;
        let seed = checksum([0, 0], &head[..24], is_big_endian);
        let page_bytes = word(8);
        let is_sound = word(0) & !1 == MAGIC
            && word(4) == VERSION
            && seed == [word(24), word(28)]
            && page_bytes.is_power_of_two()
            && (512..=65_536).contains(&page_bytes);
        let wal = Self {
            file,
            page_bytes: page_bytes as usize,
            salt: (u64::from(word(16)) << 32) | u64::from(word(20)),
            is_big_endian,
            seed,
        };
        Ok(is_sound.then_some(wal))
    }

    /// Which log it is.
    pub(crate) fn salt(&self) -> u64 {
        self.salt
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The frames that are whole, up to the last that ends a transaction.
    pub(crate) fn committed(&self) -> io::Result<Committed> {
        let mut found = Committed { extent: Extent { salt: self.salt, frames: 0 }, ..Committed::default() };
        let mut running = self.seed;
        let mut waiting = BTreeMap::new();
        let mut read = 0;
        self.each(0, u32::MAX, |head, page| {
            let salt = (u64::from(big(&head[8..])) << 32) | u64::from(big(&head[12..]));
            running = checksum(running, &head[..8], self.is_big_endian);
            running = checksum(running, page, self.is_big_endian);
            if salt != self.salt || big(head) == 0 || running != [big(&head[16..]), big(&head[20..])] {
                return false;
            }
            read += 1;
            waiting.insert(big(head), crc32fast::hash(page));
            let page_count = big(&head[4..]);
            if page_count > 0 {
                found.extent.frames = read;
                found.page_count = page_count;
                found.pages.append(&mut waiting);
            }
            true
        })?;
        Ok(found)
    }

    /// What the frames of a range, which are known to be there, make of the pages: the number of pages behind them, and
    /// the checksums of those that they hold.
    pub(crate) fn changes(&self, from: u32, to: u32) -> io::Result<(u32, BTreeMap<u32, u32>)> {
        let mut pages = BTreeMap::new();
        let mut page_count = 0;
        let mut read = from;
        self.each(from, to, |head, page| {
            read += 1;
            pages.insert(big(head), crc32fast::hash(page));
            let committed = big(&head[4..]);
            if committed > 0 {
                page_count = committed;
            }
            true
        })?;
        if read < to {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok((page_count, pages))
    }

    /// Gives the head and the page of each frame of a range, until `take` has enough or the file ends.
    fn each(&self, from: u32, to: u32, mut take: impl FnMut(&[u8], &[u8]) -> bool) -> io::Result<()> {
        const FRAMES_AT_ONCE: u32 = 64;
        let frame_bytes = FRAME_HEAD_BYTES + self.page_bytes;
        let mut buffer = vec![0; frame_bytes * FRAMES_AT_ONCE as usize];
        let mut next = from;
        while next < to {
            let wanted = frame_bytes * (to - next).min(FRAMES_AT_ONCE) as usize;
            let at = HEAD_BYTES as u64 + u64::from(next) * frame_bytes as u64;
            let read = read_up_to(&self.file, &mut buffer[..wanted], at)?;
            for frame in buffer[..read].chunks_exact(frame_bytes) {
                let (head, page) = frame.split_at(FRAME_HEAD_BYTES);
                if !take(head, page) {
                    return Ok(());
                }
                next += 1;
            }
            if read < wanted {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Fills the buffer, or as much of it as the file has; how much that was.
pub(crate) fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn big(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |word| u32::from_be_bytes(*word))
}

/// SQLite's running checksum over pairs of words.
fn checksum([mut first, mut second]: [u32; 2], bytes: &[u8], is_big_endian: bool) -> [u32; 2] {
    let word = |bytes: [u8; 4]| if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
    for pair in bytes.chunks_exact(8) {
        let [a, b, c, d, e, f, g, h] = *pair else { continue };
        first = first.wrapping_add(word([a, b, c, d])).wrapping_add(second);
        second = second.wrapping_add(word([e, f, g, h])).wrapping_add(first);
    }
    [first, second]
}
