//! Starts other programs from the root of the repository. Output is shown as it comes and kept for the totals at its
//! end; nothing is retried and no exit code is swallowed.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::tree;

/// How a program ended.
pub(crate) struct Ending {
    pub(crate) success: bool,
    /// Standard output and standard error, interleaved by line.
    pub(crate) output: String,
    pub(crate) took: Duration,
}

/// A command that starts in the root of the repository, without the variables that `cargo run` leaves for this
/// program: a nested cargo would take the crate's folder and target settings from them.
pub(crate) fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(tree::root()).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Cargo itself, the one that started this program where there is one.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// Runs to the end, showing what is printed.
pub(crate) fn run(mut command: Command) -> Result<Ending, String> {
    let shown = format!("{command:?}");
    let begun = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {shown}: {error}"))?;
    let output = collect(&mut child);
    let status = child
        .wait()
        .map_err(|error| format!("cannot wait for {shown}: {error}"))?;
    Ok(Ending {
        success: status.success(),
        output,
        took: begun.elapsed(),
    })
}

/// Runs to the end and turns a bad exit code into an error.
pub(crate) fn must(command: Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    if run(command)?.success {
        Ok(())
    } else {
        Err(format!("failed: {shown}"))
    }
}

fn collect(child: &mut Child) -> String {
    let (sender, lines) = mpsc::channel::<String>();
    let stdout = child
        .stdout
        .take()
        .map(|stream| Box::new(stream) as Box<dyn Read + Send>);
    let stderr = child
        .stderr
        .take()
        .map(|stream| Box::new(stream) as Box<dyn Read + Send>);
    thread::scope(|scope| {
        for stream in [stdout, stderr].into_iter().flatten() {
            let sender = sender.clone();
            scope.spawn(move || forward(stream, &sender));
        }
        drop(sender);
        let mut output = String::new();
        let mut screen = std::io::stdout();
        for line in lines {
            // A closed screen must not end the run: its exit code still matters.
            screen.write_all(line.as_bytes()).and_then(|()| screen.flush()).ok();
            output.push_str(&line);
        }
        output
    })
}

fn forward(stream: impl Read, lines: &mpsc::Sender<String>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
            return;
        }
        line.clear();
    }
}
