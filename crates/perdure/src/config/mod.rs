//! `perdure.toml`: one table of keys, from which the file is read, checked and explained.
//!
//! [`keys`] is the table and the struct that it makes; [`document`] reads TOML and remembers lines; [`value`] is what a
//! value may be; [`explain`] is `perdure config`, and [`limits`] the page of limits that it prints.

mod document;
mod explain;
mod keys;
mod limits;
mod value;

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

pub(crate) use self::{
    explain::{ConfigArgs, Next, run},
    keys::Config,
    value::{AccountId, Domain, LogFormat, LogLevel},
};

/// Reads and checks the file. Paths in it are relative to the folder that it lies in.
///
/// # Errors
/// One line per problem, each with file and line, what is wrong, and what is accepted.
pub(crate) fn load(path: &Path) -> Result<Config, String> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::NotFound => "; `perdure cloud init --directory DIR` makes one",
            _ => "",
        };
        format!("the configuration {} can't be read: {error}{remedy}", path.display())
    })?;
    let directory = path.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    keys::read(&text, &directory, crate::memory::limits()).map_err(|complaints| {
        let lines: Vec<String> = complaints.iter().map(|complaint| complaint.told(path)).collect();
        lines.join("\n")
    })
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Complaint {
    /// Counted from 1; `None` for what is missing.
    line: Option<usize>,
    text: String,
}

impl Complaint {
    fn told(&self, path: &Path) -> String {
        match self.line {
            Some(line) => format!("{}:{line}: {}", path.display(), self.text),
            None => format!("{}: {}", path.display(), self.text),
        }
    }
}
