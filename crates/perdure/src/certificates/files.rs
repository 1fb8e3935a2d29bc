//! Files of certificates and keys: none is overwritten, and a key is for its owner's eyes only.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

use auth::SigningKey;

/// Writes a new file that everybody may read.
///
/// # Errors
/// One line with path, cause and remedy.
pub(crate) fn write_public(path: &Path, text: &str) -> Result<(), String> {
    write(path, text, 0o644)
}

/// Writes a new file that only its owner may read.
///
/// # Errors
/// One line with path, cause and remedy.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), String> {
    write(path, text, 0o600)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            format!("the file {} is there already; move it away or name another one", path.display())
        }
        _ => format!("the file {} can't be written: {error}", path.display()),
    })
}

/// Makes a folder that only its owner may look into, unless it is there.
///
/// # Errors
/// One line with path and cause.
pub(crate) fn create_folder(path: &Path) -> Result<(), String> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| format!("the folder {} can't be made: {error}", path.display()))
}

/// Reads a file of text.
///
/// # Errors
/// One line with path and cause.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("the file {} can't be read: {error}", path.display()))
}

/// Reads the key that API keys are signed with.
///
/// # Errors
/// A file that can't be read or is no such key.
pub(crate) fn signing_key(path: &Path) -> Result<Arc<SigningKey>, String> {
    let pem = read(path)?;
    SigningKey::from_pem(&pem).map(Arc::new).map_err(|reject| format!("{}: {reject}", path.display()))
}
