//! The files that belong together: the database, and what stands beside it while it is open.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The paths of one set.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) database: PathBuf,
    /// Our commit log.
    pub(crate) log: PathBuf,
    /// The checksums of the database's pages, and how far the logs were written.
    pub(crate) sums: PathBuf,
    /// SQLite's own log.
    pub(crate) wal: PathBuf,
    /// SQLite's index of its log; made anew by the first connection.
    pub(crate) shm: PathBuf,
}

impl Files {
    /// The set of a database file. Its paths mean files to SQLite too, whatever they are called.
    pub(crate) fn of(database: &Path) -> Self {
        let database = plain(database);
        let beside = |end: &str| beside(&database, end);
        Self { log: beside("-log"), sums: beside("-sums"), wal: beside("-wal"), shm: beside("-shm"), database }
    }

    /// All of them; the database comes first.
    pub(crate) fn all(&self) -> [&Path; 5] {
        [&self.database, &self.log, &self.sums, &self.wal, &self.shm]
    }
}

/// A path in a form that SQLite takes for a path. On its own it takes a name that begins with `file:` for a URI, and
/// `:memory:` for no file at all (<https://www.sqlite.org/c3ref/open.html>).
fn plain(path: &Path) -> PathBuf {
    let has_meaning = [&b":"[..], b"file:"].iter().any(|start| path.as_os_str().as_encoded_bytes().starts_with(start));
    if has_meaning { Path::new(".").join(path) } else { path.to_path_buf() }
}

/// A name that begins with that of the database file.
pub(crate) fn beside(database: &Path, end: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(end);
    path.into()
}

/// How long a file is; `None` if there is none.
pub(crate) fn length(path: &Path) -> io::Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a file if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The name of a new file must be as durable as its content.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
