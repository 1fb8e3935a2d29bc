//! The commit log: a file of its own beside the database file, in which a commit is one synced write.
//!
//! It has two segments that take turns. While one is filled, what the other holds is folded into the tables; then they
//! change places. Each turn is a generation: generation `n` stands in segment `n % 2`, and the tables say which was folded
//! last. So what counts after a crash are the generations behind that one, at most two. Each frame names the one before it,
//! so they are read up to the last whole one, and what ends before a later generation begins is known as damaged. No frame
//! is appended behind one whose write failed, and none to a segment that was read back.

mod record;
mod row;

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use bytes::{Buf as _, Bytes};
use store::StoreError;
use uuid::Uuid;

use crate::{error, owner};
use record::Link;
pub(crate) use record::{Entry, decode, encode, payload};
pub(crate) use row::decode as decode_row;

/// What the file begins with: "PERDLOG" and the format.
const MAGIC: [u8; 8] = *b"PERDLOG\x01";
/// Bytes of the head before its checksum: the magic, the file's id and the size of a segment.
const CHECKED: usize = 32;
/// Bytes before the first segment.
const HEAD_BYTES: u64 = 4096;
/// How far the file is filled ahead: a write into space that a file already has is synced in half the time.
const AHEAD_BYTES: u64 = 1 << 20;

/// The log of an open file.
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    segment_bytes: u64,
    /// The one that is being filled; after opening, the last that was.
    generation: u64,
    /// Where the next frame goes in the segment.
    at: u64,
    /// The checksum of the last frame.
    previous: u32,
    /// How much of the file is filled.
    filled: u64,
    /// A write failed, so nobody knows what stands behind `at`.
    is_broken: bool,
    /// Whether a commit is synced. A user's setting of SQLite's `synchronous` below full holds here too.
    syncs: bool,
}

/// What the tables know of their log.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    /// The id that file and log share, drawn when the file was made.
    pub(crate) id: Uuid,
    /// The last generation that is in the tables.
    pub(crate) folded: u64,
}

impl Log {
    /// Where the log of a database file is.
    pub(crate) fn path(database: &Path) -> PathBuf {
        let mut path = database.as_os_str().to_owned();
        path.push("-log");
        path.into()
    }

    /// Removes the log of a database file, if there is one.
    ///
    /// # Errors
    /// `Io` when it can't be removed.
    pub(crate) fn discard(database: &Path) -> Result<(), StoreError> {
        let path = Self::path(database);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error::of_log(&path, &error)),
            _ => Ok(()),
        }
    }

    /// Opens the log of a file, or makes one; gives the payloads behind the last folded generation, in order. Nothing may be
    /// appended before they are folded and the next generation is begun.
    ///
    /// # Errors
    /// `Unusable` when there is another file's log; `Full` or `Io` when it can't be made or read.
    pub(crate) fn open(
        path: PathBuf,
        known: Known,
        segment_bytes: u64,
        syncs: bool,
    ) -> Result<(Self, Vec<Bytes>), StoreError> {
        let failed = |error: io::Error| error::of_log(&path, &error);
        let existed = path.exists();
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let mut log = Self {
            file,
            path: path.clone(),
            segment_bytes,
            generation: known.folded,
            at: 0,
            previous: 0,
            filled: 0,
            is_broken: false,
            syncs,
        };
        let mut content = Vec::new();
        log.file.read_to_end(&mut content).map_err(failed)?;
        if content.get(..HEAD_BYTES as usize).is_none_or(|head| head.iter().all(|byte| *byte == 0)) {
            // It was never finished, so nothing was ever committed to it.
            log.make(known.id).map_err(failed)?;
            if !existed {
                owner::sync_folder(&path).map_err(failed)?;
            }
            return Ok((log, Vec::new()));
        }
        log.filled = content.len() as u64;
        let payloads = log.recover(content.into(), known).ok_or_else(|| error::foreign_log(&path))?;
        Ok((log, payloads))
    }

    fn make(&mut self, id: Uuid) -> io::Result<()> {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(id.as_bytes());
        head.extend_from_slice(&self.segment_bytes.to_le_bytes());
        head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
        head.resize(HEAD_BYTES as usize, 0);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&head)?;
        self.file.sync_all()?;
        self.filled = HEAD_BYTES;
        Ok(())
    }

    /// What is behind the last folded generation; `None` when the log does not go on where the tables end.
    fn recover(&mut self, mut content: Bytes, known: Known) -> Option<Vec<Bytes>> {
        let mut head = content.split_to(HEAD_BYTES as usize);
        if crc32fast::hash(&head[..CHECKED]).to_le_bytes() != head[CHECKED..CHECKED + 4] {
            return None;
        }
        if head.split_to(MAGIC.len()) != MAGIC[..] || head.split_to(16) != known.id.as_bytes()[..] {
            return None;
        }
        self.segment_bytes = head.get_u64_le();
        let first_bytes = content.len().min(self.segment_bytes as usize);
        let mut generations: Vec<Segment> = [content.split_to(first_bytes), content]
            .into_iter()
            .filter_map(frames)
            .filter(|segment| segment.first.generation > known.folded)
            .collect();
        generations.sort_by_key(|segment| segment.first.generation);
        let mut left = Vec::new();
        for Segment { first, last, payloads } in generations {
            // Which frame the first one follows, the tables don't say.
            let follows = left.is_empty() || first.previous == self.previous;
            if first.generation != self.generation + 1 || !follows {
                return None;
            }
            self.generation = first.generation;
            self.previous = last.checksum;
            left.extend(payloads);
        }
        Some(left)
    }

    /// Begins the next generation; what its segment held before is folded by now.
    pub(crate) fn begin_next(&mut self) {
        self.generation += 1;
        self.at = 0;
    }

    /// All that was written is in the tables, so it does not matter any more what a failed write has left.
    pub(crate) fn mend(&mut self) {
        self.is_broken = false;
    }

    /// The generation that is being filled.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a segment holds a frame of that length at all.
    pub(crate) fn can_hold(&self, frame: &[u8]) -> bool {
        frame.len() as u64 <= self.segment_bytes
    }

    /// Whether this segment still holds it.
    pub(crate) fn has_room(&self, frame: &[u8]) -> bool {
        self.at + frame.len() as u64 <= self.segment_bytes
    }

    /// Whether the segment has no frame.
    pub(crate) fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// A write failed, so all must be folded before anything else is written.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// How full the segment is, from 0 to 1.
    pub(crate) fn fullness(&self) -> f64 {
        self.at as f64 / self.segment_bytes as f64
    }

    /// Writes a frame behind the others, durably. It must have room.
    ///
    /// # Errors
    /// When the write or the sync fails: then nobody knows whether the frame is there, and the log is broken.
    pub(crate) fn append(&mut self, frame: &mut [u8]) -> Result<(), StoreError> {
        let checksum = record::seal(frame, self.generation, self.previous);
        let start = HEAD_BYTES + (self.generation % 2) * self.segment_bytes;
        let written = self.write(start + self.at, start + self.segment_bytes, frame);
        self.is_broken = written.is_err();
        written.map_err(|error| error::of_log(&self.path, &error))?;
        self.at += frame.len() as u64;
        self.previous = checksum;
        Ok(())
    }

    fn write(&mut self, at: u64, segment_end: u64, frame: &[u8]) -> io::Result<()> {
        let end = at + frame.len() as u64;
        if end > self.filled {
            let until = (end + AHEAD_BYTES).min(segment_end);
            self.file.seek(SeekFrom::Start(self.filled))?;
            self.file.write_all(&vec![0; (until - self.filled) as usize])?;
            self.filled = until;
        }
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(frame)?;
        match self.syncs {
            true => self.file.sync_data(),
            false => Ok(()),
        }
    }

    /// Writes to another file from now on; gives the one before.
    #[cfg(test)]
    pub(crate) fn replace_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }

    /// Removes the file: all that it held is in the tables.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// The whole frames of a segment.
struct Segment {
    first: Link,
    last: Link,
    payloads: Vec<Bytes>,
}

/// What was read of a segment; `None` when it has no whole frame.
fn frames(mut segment: Bytes) -> Option<Segment> {
    let (first, payload) = record::next(&mut segment)?;
    let mut read = Segment { first, last: first, payloads: vec![payload] };
    // Behind the last frame of this turn may stand frames of an earlier one.
    let follows = |last: Link, link: Link| link.generation == last.generation && link.previous == last.checksum;
    while let Some((link, payload)) = record::next(&mut segment).filter(|(link, _)| follows(read.last, *link)) {
        read.last = link;
        read.payloads.push(payload);
    }
    Some(read)
}
