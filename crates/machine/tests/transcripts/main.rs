//! The machine's behaviour, as text. Each file under `transcripts/` says why it is there, then what is done to a run
//! and, after `---`, what follows. `UPDATE_TRANSCRIPTS=1` writes what follows now into the files.
//!
//! `script` reads the files, `stage` does what they say, with `inputs`
//! of lines (`jobs` to a job), `show` puts into words what follows, `hold` checks after every
//! step what must hold for all of them.

mod hold;
mod inputs;
mod jobs;
mod json;
mod script;
mod show;
mod stage;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every transcript below the folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder of transcripts is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts");
    let update = std::env::var_os("UPDATE_TRANSCRIPTS").is_some();
    let only = std::env::var_os("ONLY_TRANSCRIPT").map(|only| only.to_string_lossy().into_owned());
    let mut different = Vec::new();
    for path in files(&folder) {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let Ok(actual) = std::panic::catch_unwind(|| script::play(&name, &text)) else {
            different.push(format!("{name}\n  can't be played: see the panic above"));
            continue;
        };
        if actual == text {
            continue;
        }
        if update {
            fs::write(&path, &actual).unwrap();
        } else {
            different.push(format!("{name}\n{}", script::difference(&text, &actual)));
        }
    }
    assert!(different.is_empty(), "transcripts that tell something else now:\n{}", different.join("\n"));
}
