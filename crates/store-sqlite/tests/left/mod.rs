//! What a kill leaves behind of a database file.

use std::{fs, path::Path};

/// Copies the file and what is beside it, as they are now, to another name.
pub(crate) fn copy_as_killed(from: &Path, to: &Path) {
    for end in ["", "-wal", "-log", "-sums"] {
        let [from, to] = [from, to].map(|path| format!("{}{end}", path.display()));
        if Path::new(&from).exists()
            && let Err(error) = fs::copy(&from, to)
        {
            panic!("\"{from}\" can't be copied: {error}");
        }
    }
}
