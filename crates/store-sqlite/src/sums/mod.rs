//! What the other files of an open database must hold: a file of its own beside them.
//!
//! SQLite serves whatever a page holds, and takes a damaged frame of its log for the end of it. So every page's checksum
//! is kept here, and how far SQLite's log and ours were written when something was acknowledged. A file that holds less is
//! damaged, or is not the one that was there.
//!
//! The file is a head, two records that are overwritten in place, each in a block of its own, and a checksum for each page.
//! A page's checksum changes when SQLite's log is copied into the database, which is done by us for that reason
//! ([`Sums::before_copy`], [`Sums::after_copy`]). Until that is over the pages that stand in SQLite's log are not looked at
//! in the database, so a crash in between does no harm.

#[cfg(test)]
mod golden;
mod head;
pub(crate) mod seal;
pub(crate) mod wal;

use std::{cell::OnceCell, collections::BTreeMap, fs::File, io, os::unix::fs::FileExt, sync::Arc};

use bytes::{Buf as _, BufMut as _};

use store::StoreError;

use crate::{error, files::Files, known::Known};
pub(crate) use head::{Head, HeadFound, Purpose};
use seal::Seal;
pub(crate) use wal::read_up_to;
use wal::{Extent, Wal};

/// Where the records and the checksums stand in the file.
const MARK_AT: u64 = 4_096;
const TAIL_AT: u64 = 8_192;
const PAGES_AT: u64 = 12_288;
/// Bytes of the records, each with its own checksum at its end.
const MARK_BYTES: usize = 36;
const TAIL_BYTES: usize = 32;
/// Checksums that are written together: those of one block of the file.
const BLOCK: usize = 1_024;

/// The checksums of an open database.
pub(crate) struct Sums {
    file: Arc<File>,
    /// The database, by a descriptor that lives as long as SQLite's: closing one ends SQLite's locks.
    database: File,
    files: Files,
    pages: Vec<u32>,
    mark: Mark,
    /// Up to where SQLite's log has gone into `pages`.
    summed: Extent,
    /// The copying that is done but not written down yet, with all that must be before SQLite's log begins anew.
    unwritten: Option<Extent>,
    page_bytes: u32,
}

/// How far SQLite's log is relied upon.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Mark {
    /// So much of it must be there, unless it is all copied.
    pub(crate) needed: Extent,
    /// So much of it is copied into the database.
    pub(crate) copied: Extent,
    /// The pages of the database then.
    pub(crate) page_count: u32,
    /// Nothing was synced, so less of it may be there after a power cut.
    pub(crate) is_loose: bool,
}

/// The last frame of the commit log that was acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tail {
    pub(crate) generation: u64,
    /// Where it ends in its segment.
    pub(crate) end: u64,
    pub(crate) checksum: u32,
    /// The frames of its generation up to it.
    pub(crate) frames: u32,
}

/// Writes down the tail of the commit log.
pub(crate) struct TailWriter(Arc<File>);

impl Sums {
    /// Makes the file for a database whose pages have these checksums.
    pub(crate) fn create(files: &Files, database: File, head: &Head, pages: Vec<u32>) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&files.sums)?;
        file.write_all_at(&head.encode(), 0)?;
        let page_count = pages.len() as u32;
        let mark = Mark { page_count, ..Mark::default() };
        file.write_all_at(&mark.encode(), MARK_AT)?;
        file.write_all_at(&Tail::default().encode(), TAIL_AT)?;
        file.write_all_at(&encode_pages(&pages), PAGES_AT)?;
        file.sync_all()?;
        Ok(Self::of(file, database, files, head, pages, mark))
    }

    /// Reads the file; `None` when it is damaged.
    pub(crate) fn load(files: &Files, database: File, head: &Head) -> io::Result<Option<(Self, Tail)>> {
        let Some((pages, mark, tail)) = peek(files)? else { return Ok(None) };
        let file = File::options().read(true).write(true).open(&files.sums)?;
        Ok(Some((Self::of(file, database, files, head, pages, mark), tail)))
    }

    fn of(file: File, database: File, files: &Files, head: &Head, pages: Vec<u32>, mark: Mark) -> Self {
        Self {
            file: Arc::new(file),
            database,
            files: files.clone(),
            pages,
            mark,
            summed: mark.copied,
            unwritten: None,
            page_bytes: head.page_bytes,
        }
    }

    pub(crate) fn tail_writer(&self) -> TailWriter {
        TailWriter(self.file.clone())
    }

    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }

    /// The checksum of each page, of the first one first.
    pub(crate) fn pages(&self) -> &[u32] {
        &self.pages
    }

    /// The end of the database, when it is closed.
    pub(crate) fn seal(&self, known: &Known) -> Seal {
        let last = known.logged.map_or(0, |(_, checksum)| checksum);
        Seal { id: known.id, page_bytes: self.page_bytes, pages: self.pages.clone(), folded: known.folded, last }
    }

    /// The file has another owner now.
    pub(crate) fn sign(&self, head: &Head) -> io::Result<()> {
        self.file.write_all_at(&head.encode(), 0)?;
        self.file.sync_data()
    }

    /// The first page of a range, from 1 on, that is not what it was when it was written, and whether there are more
    /// pages behind the range.
    ///
    /// # Errors
    /// When the database or SQLite's log can't be read.
    pub(crate) fn first_damaged(&self, from: u32, count: u32) -> Result<(Option<u32>, bool), StoreError> {
        let end = (from - 1).saturating_add(count).min(self.pages.len() as u32);
        let sums = self.pages.get(from as usize - 1..end as usize).unwrap_or_default();
        let in_wal = OnceCell::new();
        let is_elsewhere = |page| {
            let pages = in_wal.get_or_init(|| {
                let wal = Wal::open(&self.files.wal).ok().flatten();
                wal.and_then(|wal| wal.committed().ok()).unwrap_or_default().pages
            });
            pages.contains_key(&page)
        };
        let page = first_damaged(&self.database, self.page_bytes, sums, from, is_elsewhere);
        let page = page.map_err(|error| error::of_file(&self.files.database, &error))?;
        Ok((page, (end as usize) < self.pages.len()))
    }

    /// From now on so many frames of SQLite's log, which are durable, must be there.
    ///
    /// # Errors
    /// When that can't be written down.
    pub(crate) fn rely_on(&mut self, frames: u32) -> Result<(), StoreError> {
        let wal = self.wal().map_err(|error| self.failed(&error))?;
        let needed = Extent { salt: wal.salt(), frames };
        self.write_mark(Mark { needed, ..self.mark }).map_err(|error| self.failed(&error))
    }

    /// Whether the user has it that commits do not wait for the disk: then SQLite's log may be shorter after a power cut.
    ///
    /// # Errors
    /// When that can't be written down.
    pub(crate) fn set_loose(&mut self, is_loose: bool) -> Result<(), StoreError> {
        if self.mark.is_loose == is_loose {
            return Ok(());
        }
        self.write_mark(Mark { is_loose, ..self.mark }).map_err(|error| self.failed(&error))
    }

    /// Says that so many frames of SQLite's log are about to be copied into the database.
    ///
    /// # Errors
    /// When that can't be written down.
    pub(crate) fn before_copy(&mut self, frames: u32) -> Result<(), StoreError> {
        self.announce(frames).map_err(|error| self.failed(&error))
    }

    fn announce(&mut self, frames: u32) -> io::Result<()> {
        let wal = self.wal()?;
        wal.sync()?;
        let needed = Extent { salt: wal.salt(), frames };
        // What is written afterwards must find room: SQLite's log waits for it.
        let (page_count, _) = wal.changes(frames - 1, frames)?;
        let end = PAGES_AT + u64::from(page_count) * 4;
        if self.file.metadata()?.len() < end {
            let added = page_count as usize - self.pages.len().min(page_count as usize);
            let at = PAGES_AT + self.pages.len() as u64 * 4;
            self.file.write_all_at(&encode_pages(&vec![0; added]), at)?;
        }
        self.write_mark(Mark { needed, ..self.mark })
    }

    /// Takes in what was copied since [`before_copy`](Self::before_copy), which was all. SQLite's log must not begin anew
    /// before this has been done.
    ///
    /// # Errors
    /// When that can't be written down: [`settle`](Self::settle) tries again.
    pub(crate) fn after_copy(&mut self) -> Result<(), StoreError> {
        let copied = self.mark.needed;
        self.unwritten = Some(copied);
        self.settle()
    }

    /// Writes down what was copied, if it is not yet.
    ///
    /// # Errors
    /// When it can't be written down.
    pub(crate) fn settle(&mut self) -> Result<(), StoreError> {
        self.write_copied().map_err(|error| self.failed(&error))
    }

    fn write_copied(&mut self) -> io::Result<()> {
        let Some(copied) = self.unwritten else { return Ok(()) };
        let wal = self.wal()?;
        let from = if self.summed.salt == copied.salt { self.summed.frames } else { 0 };
        if wal.salt() != copied.salt {
            return Err(io::Error::other("SQLite's log has begun anew"));
        }
        if from < copied.frames {
            let (page_count, changed) = wal.changes(from, copied.frames)?;
            self.take(page_count, changed)?;
        }
        self.summed = copied;
        self.file.sync_data()?;
        self.write_mark(Mark { copied, page_count: self.pages.len() as u32, ..self.mark })?;
        self.unwritten = None;
        Ok(())
    }

    fn take(&mut self, page_count: u32, changed: BTreeMap<u32, u32>) -> io::Result<()> {
        let before = self.pages.len().min(page_count as usize);
        self.pages.resize(page_count as usize, 0);
        for page in before..self.pages.len() {
            // What is added and freed at once is never written: then it is what the file happens to hold there.
            if !changed.contains_key(&(page as u32 + 1)) {
                let mut content = vec![0; self.page_bytes as usize];
                read_up_to(&self.database, &mut content, page as u64 * u64::from(self.page_bytes))?;
                self.pages[page] = crc32fast::hash(&content);
            }
        }
        let mut blocks: Vec<usize> = (before..self.pages.len()).step_by(BLOCK).map(|page| page / BLOCK).collect();
        blocks.extend(self.pages.len().checked_sub(1).map(|page| page / BLOCK).filter(|_| before < self.pages.len()));
        for (page, sum) in changed {
            // A page beyond the end was cut off by what came later.
            if let Some(place) = self.pages.get_mut((page - 1) as usize) {
                *place = sum;
                blocks.push((page - 1) as usize / BLOCK);
            }
        }
        blocks.sort_unstable();
        blocks.dedup();
        for block in blocks {
            let from = block * BLOCK;
            let pages = &self.pages[from..(from + BLOCK).min(self.pages.len())];
            self.file.write_all_at(&encode_pages(pages), PAGES_AT + from as u64 * 4)?;
        }
        Ok(())
    }

    fn write_mark(&mut self, mark: Mark) -> io::Result<()> {
        self.file.write_all_at(&mark.encode(), MARK_AT)?;
        self.file.sync_data()?;
        self.mark = mark;
        Ok(())
    }

    /// How many of these frames of SQLite's log are copied into the database.
    pub(crate) fn copied(&self, frames: u32) -> u32 {
        let copied = self.mark.copied;
        let is_current = copied.frames <= frames && self.wal().is_ok_and(|wal| wal.salt() == copied.salt);
        if is_current { copied.frames } else { 0 }
    }

    /// The error of the file.
    pub(crate) fn failed(&self, error: &io::Error) -> StoreError {
        error::of_sums(&self.files.sums, error)
    }

    fn wal(&self) -> io::Result<Wal> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "SQLite's log is not there");
        Wal::open(&self.files.wal)?.ok_or_else(missing)
    }
}

impl TailWriter {
    /// Writes the tail down, but does not wait for the disk: a process that is killed leaves it all the same, and after a
    /// power cut an older one is still true.
    pub(crate) fn write(&self, tail: Tail) -> io::Result<()> {
        self.0.write_all_at(&tail.encode(), TAIL_AT)
    }
}

impl Mark {
    fn encode(&self) -> [u8; MARK_BYTES] {
        let mut bytes = Vec::with_capacity(MARK_BYTES);
        bytes.put_u64_le(self.needed.salt);
        bytes.put_u32_le(self.needed.frames);
        bytes.put_u64_le(self.copied.salt);
        bytes.put_u32_le(self.copied.frames);
        bytes.put_u32_le(self.page_count);
        bytes.put_u32_le(self.is_loose.into());
        checked(bytes)
    }

    fn decode(bytes: &[u8; MARK_BYTES]) -> Option<Self> {
        let mut fields = verified(bytes)?;
        let mut extent = || Extent { salt: fields.get_u64_le(), frames: fields.get_u32_le() };
        let (needed, copied) = (extent(), extent());
        Some(Self { needed, copied, page_count: fields.get_u32_le(), is_loose: fields.get_u32_le() == 1 })
    }
}

impl Tail {
    fn encode(&self) -> [u8; TAIL_BYTES] {
        let mut bytes = Vec::with_capacity(TAIL_BYTES);
        bytes.put_u64_le(self.generation);
        bytes.put_u64_le(self.end);
        bytes.put_u32_le(self.checksum);
        bytes.put_u32_le(self.frames);
        bytes.put_u32_le(0);
        checked(bytes)
    }

    fn decode(bytes: &[u8; TAIL_BYTES]) -> Option<Self> {
        let mut fields = verified(bytes)?;
        Some(Self {
            generation: fields.get_u64_le(),
            end: fields.get_u64_le(),
            checksum: fields.get_u32_le(),
            frames: fields.get_u32_le(),
        })
    }
}

/// A record with its checksum behind it.
fn checked<const BYTES: usize>(mut fields: Vec<u8>) -> [u8; BYTES] {
    let sum = crc32fast::hash(&fields);
    fields.put_u32_le(sum);
    let mut record = [0; BYTES];
    record.copy_from_slice(&fields);
    record
}

/// The fields of such a record, if they are what was written.
fn verified(record: &[u8]) -> Option<&[u8]> {
    let (fields, sum) = record.split_last_chunk::<4>()?;
    (crc32fast::hash(fields) == u32::from_le_bytes(*sum)).then_some(fields)
}

fn encode_pages(pages: &[u32]) -> Vec<u8> {
    pages.iter().flat_map(|sum| sum.to_le_bytes()).collect()
}

fn decode_pages(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|mut sum| sum.get_u32_le()).collect()
}

/// The checksums of a file that may belong to another process, and its records; `None` when they are damaged.
///
/// # Errors
/// When they can't be read.
pub(crate) fn peek(files: &Files) -> io::Result<Option<(Vec<u32>, Mark, Tail)>> {
    let Some(tail) = peek_tail(files)? else { return Ok(None) };
    let file = File::open(&files.sums)?;
    let mut mark = [0; MARK_BYTES];
    read_up_to(&file, &mut mark, MARK_AT)?;
    let Some(mark) = Mark::decode(&mark) else { return Ok(None) };
    let mut pages = vec![0; mark.page_count as usize * 4];
    let is_whole = read_up_to(&file, &mut pages, PAGES_AT)? == pages.len();
    Ok(is_whole.then(|| (decode_pages(&pages), mark, tail)))
}

/// The last acknowledged frame of a commit log that may belong to another process; `None` when that is damaged.
///
/// # Errors
/// When it can't be read.
pub(crate) fn peek_tail(files: &Files) -> io::Result<Option<Tail>> {
    let mut tail = [0; TAIL_BYTES];
    read_up_to(&File::open(&files.sums)?, &mut tail, TAIL_AT)?;
    Ok(Tail::decode(&tail))
}

/// The first page of a range, counted from 1, whose content in the database is not what its checksum says. A page that is
/// not there at all is one.
pub(crate) fn first_damaged(
    database: &File,
    page_bytes: u32,
    sums: &[u32],
    from: u32,
    is_elsewhere: impl Fn(u32) -> bool,
) -> io::Result<Option<u32>> {
    const AT_ONCE: usize = 256;
    let page_bytes = page_bytes as usize;
    let mut buffer = vec![0; page_bytes * AT_ONCE];
    let mut page = from;
    for sums in sums.chunks(AT_ONCE) {
        let wanted = page_bytes * sums.len();
        let read = read_up_to(database, &mut buffer[..wanted], u64::from(page - 1) * page_bytes as u64)?;
        for (number, sum) in sums.iter().enumerate() {
            let content = buffer[..read].get(number * page_bytes..(number + 1) * page_bytes);
            if content.map(crc32fast::hash) != Some(*sum) && !is_elsewhere(page) {
                return Ok(Some(page));
            }
            page += 1;
        }
    }
    Ok(None)
}

/// The bytes of a page, and the checksum of each page of a database that SQLite has closed.
///
/// # Errors
/// `InvalidData` when it has no head that tells.
pub(crate) fn first_pages(database: &File) -> io::Result<(u32, Vec<u32>)> {
    let mut head = [0; 32];
    database.read_exact_at(&mut head, 0)?;
    let page_bytes = match head[16..].first_chunk().map_or(0, |size| u16::from_be_bytes(*size)) {
        1 => 65_536,
        size => u32::from(size),
    };
    let page_count = head[28..].first_chunk().map_or(0, |count| u32::from_be_bytes(*count));
    let mut page = vec![0; page_bytes as usize];
    let mut pages = Vec::with_capacity(page_count as usize);
    if page_bytes < 512 || page_count == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a database"));
    }
    for number in 0..page_count {
        database.read_exact_at(&mut page, u64::from(number) * u64::from(page_bytes))?;
        pages.push(crc32fast::hash(&page));
    }
    Ok((page_bytes, pages))
}
