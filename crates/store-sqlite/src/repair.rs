//! A damaged database, made into one that opens with as much as can be saved.
//!
//! What is saved is worked out in a copy, so that it can be told what would be lost before anything is changed; and the files
//! as they were are kept.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, Error, params_from_iter, types::Value};
use store::StoreError;

use crate::{
    OpenOptions,
    backup::{copy_set, discard, verify},
    bits, condition, error,
    files::{self, Files},
    fold::Folding,
    known,
    log::{read, salvage::salvage},
    make, migrate, open,
    owner::{self, Lock},
    sums::{
        self, Head, HeadFound, Mark, Tail,
        seal::{self, Seal},
        wal::{Committed, Wal},
    },
    tables::Tables,
};

/// The tables, in the order in which they are saved. What else there is, is made from the rows of lists.
const TABLES: [&str; 4] = ["meta", "epoch", "pair", "visibility"];

/// A repair that is worked out and not carried out yet. Dropped, it leaves the files as they are.
pub struct Repair {
    files: Files,
    draft: Files,
    findings: Vec<String>,
    /// Nothing else may open the files meanwhile.
    lock: Lock,
}

impl Repair {
    /// Works out what can be saved of a database file and what is beside it.
    ///
    /// # Errors
    /// `Unusable` when there is no such file, a server has it, or nothing of it can be read; `Full` or `Io` when the copy
    /// can't be made.
    pub fn prepare(path: &Path) -> Result<Self, StoreError> {
        let files = Files::of(path);
        let draft = Files::of(&files::beside(&files.database, "-repaired"));
        let lock = owner::take(&files)?;
        discard(&draft);
        let mut repair = Self { files, draft, findings: Vec::new(), lock };
        repair.work_out()?;
        Ok(repair)
    }

    /// What is wrong and what would be lost, line by line; nothing when the files are sound.
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// Puts what was saved in the place of the damaged files, which get names that begin with the one that is given back.
    ///
    /// # Errors
    /// `Full` or `Io` when a file can't be moved: then some may be moved already.
    pub fn carry_out(self) -> Result<PathBuf, StoreError> {
        let failed = |error: io::Error| error::of_file(&self.files.database, &error);
        let kept = self.free_name();
        let moved = Files::of(&kept);
        // The database last: without it nothing opens.
        for (from, to) in self.files.all().into_iter().zip(moved.all()).rev() {
            match fs::rename(from, to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        fs::rename(&self.draft.database, &self.files.database).map_err(failed)?;
        files::sync_folder(&self.files.database).map_err(failed)?;
        Ok(kept)
    }

    /// A name for the damaged files that is not taken.
    fn free_name(&self) -> PathBuf {
        let name = |number: u32| match number {
            1 => files::beside(&self.files.database, "-damaged"),
            number => files::beside(&self.files.database, &format!("-damaged-{number}")),
        };
        let is_free = |path: &PathBuf| Files::of(path).all().into_iter().all(|path| !path.exists());
        (1..).map(name).find(is_free).unwrap_or_else(|| name(0))
    }

    fn find(&mut self, finding: impl Into<String>) {
        self.findings.push(finding.into());
    }

    fn work_out(&mut self) -> Result<(), StoreError> {
        let written = Written::read(&self.files)?;
        if let Err(fault) = condition::of(&self.files, self.lock.file()) {
            self.find(first_part(&fault));
        }
        if written.is_damaged {
            let name = self.files.sums.display().to_string();
            self.find(format!("file of checksums \"{name}\" is damaged: what was changed in the others can't be told"));
        }
        copy_set(&self.files, &self.draft)?;
        // What is beside the copy is taken in by us.
        for path in [&self.draft.log, &self.draft.sums, &self.draft.shm] {
            files::remove(path).map_err(|error| error::of_file(path, &error))?;
        }
        let wal = self.choose_wal(&written)?;
        self.mend_pages(&written, &wal)?;
        self.save_tables()?;
        self.take_in_log(&written)?;
        let failed = |error: io::Error| error::of_file(&self.draft.database, &error);
        let file = File::options().read(true).write(true).open(&self.draft.database).map_err(failed)?;
        make::seal(&self.draft.database, &file).map_err(failed)?;
        verify(&self.draft)
    }

    /// Decides whether SQLite's log goes into what is saved: a part of it would bring back old pages if more of it is in the
    /// database already.
    fn choose_wal(&mut self, written: &Written) -> Result<Committed, StoreError> {
        let failed = |error: io::Error| error::of_file(&self.files.wal, &error);
        let wal = Wal::open(&self.files.wal).map_err(failed)?;
        let found = wal.map(|wal| wal.committed()).transpose().map_err(failed)?.unwrap_or_default();
        let Some(Mark { needed, copied, .. }) = written.mark else { return Ok(found) };
        let is_current = found.extent.salt == needed.salt;
        let reaches = is_current && found.extent.frames >= needed.frames;
        if needed != copied && !reaches {
            let whole = if is_current { found.extent.frames } else { 0 };
            let name = self.files.wal.display().to_string();
            self.find(format!("SQLite's log \"{name}\" has {whole} of {} frames that are needed", needed.frames));
        }
        let is_behind = found.extent.salt == copied.salt && found.extent.frames < copied.frames;
        if !is_current || is_behind {
            files::remove(&self.draft.wal).map_err(|error| error::of_file(&self.draft.wal, &error))?;
            return Ok(Committed::default());
        }
        Ok(found)
    }

    /// Sets pages right that have one wrong bit, and names the others that are not what was written.
    fn mend_pages(&mut self, written: &Written, wal: &Committed) -> Result<(), StoreError> {
        let draft = self.draft.database.clone();
        let failed = |error: io::Error| error::of_file(&draft, &error);
        let Some((page_bytes, pages)) = &written.pages else { return Ok(()) };
        let file = File::options().read(true).write(true).open(&draft).map_err(failed)?;
        let mut content = vec![0; *page_bytes as usize];
        let (length, end) = (file.metadata().map_err(failed)?.len(), pages.len() as u64 * u64::from(*page_bytes));
        if length < end && (1..=pages.len() as u32).any(|page| !wal.pages.contains_key(&page)) {
            self.find(format!("{} of {end} bytes of the database file are there", length));
            file.set_len(end).map_err(failed)?;
        }
        let (mut mended, mut changed) = (0_u32, Vec::new());
        for (number, sum) in (1_u32..).zip(pages).filter(|(number, _)| !wal.pages.contains_key(number)) {
            let at = u64::from(number - 1) * u64::from(*page_bytes);
            content.fill(0);
            sums::read_up_to(&file, &mut content, at).map_err(failed)?;
            let difference = crc32fast::hash(&content) ^ sum;
            match bits::flipped(difference, content.len()).filter(|_| difference != 0) {
                _ if difference == 0 => {}
                Some(bit) => {
                    content[bit / 8] ^= 1 << (bit % 8);
                    file.write_all_at(&content, at).map_err(failed)?;
                    mended += 1;
                }
                None => changed.push(number.to_string()),
            }
        }
        if mended > 0 {
            self.find(format!("{mended} pages have one wrong bit each, which can be set right"));
        }
        if !changed.is_empty() {
            let (most, count) = (changed.len().min(20), changed.len());
            self.find(format!(
                "{count} pages are not what was written, and what stands on them may be wrong or gone: {}{}",
                changed[..most].join(", "),
                if most < count { ", …" } else { "" }
            ));
        }
        Ok(())
    }

    /// Brings what SQLite can read of the tables into a sound file.
    fn save_tables(&mut self) -> Result<(), StoreError> {
        let failed = |error: Error| error::at_open(&self.files.database, &error);
        let is_whole = |path: &Path| -> Result<bool, Error> {
            let connection = Connection::open(path)?;
            connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map(|found: String| found == "ok")
        };
        let opened = open::connect(&self.draft.database, &OpenOptions::default())
            .and_then(|connection| open::recognise(&connection, &self.draft.database));
        let format = match opened {
            Ok(format) => format,
            Err(error) => {
                return Err(StoreError::Unusable(format!(
                    "nothing of it can be read: restore a backup ({})",
                    first_part(&error)
                )));
            }
        };
        if is_whole(&self.draft.database).unwrap_or(false) {
            return Ok(());
        }
        if migrate::is_needed(format) {
            return Err(StoreError::Unusable(format!(
                "its tables are damaged and of format {format}, and this version saves only tables of its own: restore a backup"
            )));
        }
        let saved = Files::of(&files::beside(&self.draft.database, "-saved"));
        discard(&saved);
        make::draw(&saved.database).map_err(failed)?;
        let (from, to) = (Connection::open(&self.draft.database), Connection::open(&saved.database));
        let (from, mut to) = (from.map_err(failed)?, to.map_err(failed)?);
        to.execute_batch("DELETE FROM meta; BEGIN").map_err(failed)?;
        let mut counts = Vec::new();
        for table in TABLES {
            counts.push(format!("{} of \"{table}\"", save_table(&from, &to, table).map_err(failed)?));
        }
        to.execute_batch("COMMIT").map_err(failed)?;
        let transaction = to.transaction().map_err(failed)?;
        migrate::place_anew(&transaction).and_then(|()| transaction.commit()).map_err(failed)?;
        drop((from, to));
        self.find(format!("the tables are damaged; rows that can be read: {}", counts.join(", ")));
        discard(&self.draft);
        fs::rename(&saved.database, &self.draft.database).map_err(|error| error::of_file(&self.draft.database, &error))
    }

    /// Brings in the commits that stand whole behind the tables, up to the first that is missing.
    fn take_in_log(&mut self, written: &Written) -> Result<(), StoreError> {
        let failed = |error: Error| error::at_open(&self.draft.database, &error);
        let options = OpenOptions::default();
        let mut connection = open::connect(&self.draft.database, &options)?;
        let format = open::recognise(&connection, &self.draft.database)?;
        if migrate::is_needed(format) {
            migrate::run(&mut connection, &self.draft.database, format, migrate::STEPS)?;
        }
        let known = known::read(&connection).map_err(failed)?;
        let tables = Tables::new(connection, self.draft.database.clone(), options, true, None, known.logged);
        let folding = Folding::new(tables);
        if let Ok(read::Found::Log(content)) = read::read(&self.files.log)
            && let Err(fault) = content.follow(&known, written.tail)
        {
            self.find(first_part(&error::of_fault(&self.files, fault)));
        }
        let log = salvage(&self.files.log, &known).map_err(|error| error::of_log(&self.files.log, &error))?;
        if log.behind > 0 {
            let name = self.files.log.display().to_string();
            self.find(format!(
                "commit log \"{name}\" has {} whole commits that follow none: they are lost",
                log.behind
            ));
        }
        if let Some(tail) = written.tail.filter(|tail| tail.generation > known.folded)
            && !log.left.has(tail.generation, tail.checksum)
        {
            let lost = (tail.frames as usize).saturating_sub(log.left.count(tail.generation));
            self.find(format!("of the last {} acknowledged commits {lost} are lost", tail.frames));
        }
        folding.take_in(log.left)?;
        folding.fold().tables.close()?;
        Ok(())
    }
}

impl Drop for Repair {
    fn drop(&mut self) {
        discard(&self.draft);
    }
}

/// What was written down of the files, as far as that can be read.
#[derive(Default)]
struct Written {
    /// The bytes of a page, and the checksum of each.
    pages: Option<(u32, Vec<u32>)>,
    mark: Option<Mark>,
    tail: Option<Tail>,
    is_damaged: bool,
}

impl Written {
    fn read(files: &Files) -> Result<Self, StoreError> {
        let failed = |error: io::Error| error::of_file(&files.database, &error);
        let database = File::open(&files.database).map_err(failed)?;
        if let seal::Found::Seal(Seal { page_bytes, pages, .. }) = Seal::read(&database).map_err(failed)? {
            return Ok(Self { pages: Some((page_bytes, pages)), ..Self::default() });
        }
        let HeadFound::Head(head) = Head::read(&files.sums).map_err(failed)? else { return Ok(Self::default()) };
        let Some((pages, mark, tail)) = sums::peek(files).map_err(failed)? else {
            return Ok(Self { is_damaged: true, ..Self::default() });
        };
        Ok(Self { pages: Some((head.page_bytes, pages)), mark: Some(mark), tail: Some(tail), is_damaged: false })
    }
}

/// Copies the rows of a table that can be read, from its start to the first that can't and from its end; how many it has.
fn save_table(from: &Connection, to: &Connection, table: &str) -> Result<i64, Error> {
    for order in ["", "ORDER BY 1 DESC"] {
        let Ok(mut statement) = from.prepare(&format!("SELECT * FROM {table} {order}")) else { continue };
        let columns = statement.column_count();
        let places = vec!["?"; columns].join(", ");
        let mut insert = to.prepare(&format!("INSERT OR IGNORE INTO {table} VALUES ({places})"))?;
        let Ok(mut rows) = statement.query([]) else { continue };
        while let Ok(Some(row)) = rows.next() {
            let values: Result<Vec<Value>, Error> = (0..columns).map(|column| row.get(column)).collect();
            let Ok(values) = values else { break };
            // What breaks a rule of the table is damaged too.
            drop(insert.execute(params_from_iter(values)));
        }
    }
    to.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
}

/// The cause of an error, without its remedy.
fn first_part(error: &StoreError) -> String {
    let text = error.to_string();
    text.split(error::REMEDY).next().unwrap_or_default().to_owned()
}
