//! The commit log: a file of its own beside the database file, in which a commit is one synced write.
//!
//! It has two segments that take turns. While one is filled, what the other holds is folded into the tables; then they
//! change places. Each turn is a generation: generation `n` stands in segment `n % 2`, and the tables say which was folded
//! last. So what counts after a crash are the generations behind that one, at most two. Each frame names the one before it.
//! No frame is appended behind one whose write failed, and none to a segment that was read back.

#[cfg(test)]
mod golden;
pub(crate) mod read;
mod record;
mod row;
pub(crate) mod salvage;

use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom, Write as _},
    path::PathBuf,
};

use store::StoreError;

use crate::{
    error::{self, WriteError},
    sums::{Tail, TailWriter},
};
pub(crate) use record::{Entry, Link, decode, encode, payload};
pub(crate) use row::decode as decode_row;

/// What the file begins with: "PERDLOG" and the format.
const MAGIC: [u8; 8] = *b"PERDLOG\x02";
/// Bytes of the head before its checksum: the magic, the file's id, the size of a segment, the session, and the generation
/// before the first one.
const CHECKED: usize = 56;
/// Bytes before the first segment.
const HEAD_BYTES: u64 = 4096;
/// How far the file is filled ahead: a write into space that a file already has is synced in half the time.
const AHEAD_BYTES: u64 = 1 << 20;
/// How it is filled: a page at a time. What is written in one large piece Linux may keep as one (a folio), all of which it counts
/// and looks through with each small write into it.
const FILLER: [u8; 4096] = [0; 4096];

/// The log of an open file.
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    segment_bytes: u64,
    /// The one that is being filled.
    generation: u64,
    /// Where the next frame goes in the segment.
    at: u64,
    /// The frames in the segment.
    frames: u32,
    /// The checksum of the last frame.
    previous: u32,
    /// How much of the file is filled.
    filled: u64,
    /// A write failed, so nobody knows what stands behind `at`.
    is_broken: bool,
    #[cfg(test)]
    pub(crate) fails_to_sync: bool,
    /// Where it is written down how far this goes; none where commits are not synced, as a user's setting of SQLite's
    /// `synchronous` below full has it.
    tail: Option<TailWriter>,
}

impl Log {
    /// Makes the log of a file that is being opened, in place of any that is there.
    ///
    /// # Errors
    /// `Full` or `Io` when it can't be made.
    pub(crate) fn make(path: PathBuf, head: read::Head, previous: u32) -> Result<Self, StoreError> {
        let make = || {
            let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
            file.write_all(&head.encode())?;
            file.sync_all()?;
            Ok(file)
        };
        let file = make().map_err(|error| error::of_log(&path, &error))?;
        Ok(Self::at(file, path, head, head.base, previous, HEAD_BYTES))
    }

    /// Goes on with a log that was read. What it holds must be folded before anything is appended.
    ///
    /// # Errors
    /// `Io` when it can't be opened.
    pub(crate) fn resume(path: PathBuf, content: &read::Content, left: &read::Left) -> Result<Self, StoreError> {
        let opened = File::options().read(true).write(true).open(&path);
        let file = opened.map_err(|error| error::of_log(&path, &error))?;
        Ok(Self::at(file, path, content.head, left.generation, left.previous, content.length))
    }

    fn at(file: File, path: PathBuf, head: read::Head, generation: u64, previous: u32, filled: u64) -> Self {
        Self {
            file,
            path,
            segment_bytes: head.segment_bytes,
            generation: generation + 1,
            at: 0,
            frames: 0,
            previous,
            filled,
            is_broken: false,
            #[cfg(test)]
            fails_to_sync: false,
            tail: None,
        }
    }

    /// Where it is written down from now on how far this goes; none where commits are not synced.
    pub(crate) fn set_tail(&mut self, tail: Option<TailWriter>) {
        self.tail = tail;
    }

    /// Begins the next generation; what its segment held before is folded by now.
    pub(crate) fn begin_next(&mut self) {
        self.generation += 1;
        self.at = 0;
        self.frames = 0;
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

    /// Writes a frame behind the others, durably; gives its place. It must have room.
    ///
    /// # Errors
    /// When the write or the sync fails. Where it was the sync, the frame may be there or not. The log is broken either way.
    pub(crate) fn append(&mut self, frame: &mut [u8]) -> Result<Link, WriteError> {
        let checksum = record::seal(frame, self.generation, self.previous);
        let start = HEAD_BYTES + (self.generation % 2) * self.segment_bytes;
        let written = self.write(start + self.at, start + self.segment_bytes, frame);
        self.is_broken = written.is_err();
        written?;
        let link = Link { generation: self.generation, previous: self.previous, checksum };
        self.at += frame.len() as u64;
        self.frames += 1;
        self.previous = checksum;
        if let Some(tail) = &self.tail {
            let (generation, end, frames) = (self.generation, self.at, self.frames);
            // The commit is durable whether or not this succeeds, and an older tail is true as well.
            drop(tail.write(Tail { generation, end, checksum, frames }));
        }
        Ok(link)
    }

    fn write(&mut self, at: u64, segment_end: u64, frame: &[u8]) -> Result<(), WriteError> {
        let put = self.put(at, segment_end, frame);
        put.map_err(|error| WriteError::Failed(error::of_log(&self.path, &error)))?;
        if self.tail.is_none() {
            return Ok(());
        }
        let synced = self.file.sync_data();
        #[cfg(test)]
        let synced = if self.fails_to_sync { Err(io::Error::other("as the test wants it")) } else { synced };
        synced.map_err(|error| WriteError::Unknown(error::of_log(&self.path, &error)))
    }

    /// A frame of which the end is not there counts as none.
    fn put(&mut self, at: u64, segment_end: u64, frame: &[u8]) -> io::Result<()> {
        let end = at + frame.len() as u64;
        if end > self.filled {
            self.fill((end + AHEAD_BYTES).min(segment_end))?;
        }
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(frame)
    }

    fn fill(&mut self, until: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.filled))?;
        while self.filled < until {
            let page = FILLER.len() as u64;
            let piece = (page - self.filled % page).min(until - self.filled);
            self.file.write_all(&FILLER[..piece as usize])?;
            self.filled += piece;
        }
        Ok(())
    }

    /// Writes to another file from now on; gives the one before.
    #[cfg(test)]
    pub(crate) fn replace_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }
}
