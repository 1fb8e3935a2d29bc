//! Starts other programs from the root of the repository. Output is shown as it comes and kept for the totals at its
//! end; nothing is retried and no exit code is swallowed. A program gets a process group of its own, so that whatever
//! it left running ends with it.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use crate::tree;

/// No single program of ours takes longer on two cores; one that does hangs.
const LIMIT: Duration = Duration::from_secs(40 * 60);
/// How often a silent program is looked after.
const LOOK: Duration = Duration::from_millis(500);

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
    let shown = shown(&command);
    let begun = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cannot start {shown}: {error}"))?;
    let (output, in_time) = collect(&mut child, begun + LIMIT);
    let status = child.wait().map_err(|error| format!("cannot wait for {shown}: {error}"))?;
    if !in_time {
        return Err(format!("stopped after {} minutes: {shown}", LIMIT.as_secs() / 60));
    }
    Ok(Ending { success: status.success(), output, took: begun.elapsed() })
}

/// Runs to the end and turns a bad exit code into an error.
pub(crate) fn must(command: Command) -> Result<(), String> {
    let shown = shown(&command);
    if run(command)?.success { Ok(()) } else { Err(format!("failed: {shown}")) }
}

/// The command as a person would type it, without the environment.
fn shown(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    words.join(OsStr::new(" ")).to_string_lossy().into_owned()
}

/// What the program prints until it has ended, and whether it ended before the deadline.
fn collect(child: &mut Child, deadline: Instant) -> (String, bool) {
    let (sender, lines) = mpsc::channel::<String>();
    let stdout = child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
    let stderr = child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
    thread::scope(|scope| {
        for stream in [stdout, stderr].into_iter().flatten() {
            let sender = sender.clone();
            scope.spawn(move || forward(stream, &sender));
        }
        drop(sender);
        let mut output = String::new();
        let mut in_time = true;
        let mut screen = std::io::stdout();
        loop {
            match lines.recv_timeout(LOOK) {
                Ok(line) => {
                    // A closed screen must not end the run: its exit code still matters.
                    screen.write_all(line.as_bytes()).and_then(|()| screen.flush()).ok();
                    output.push_str(&line);
                }
                Err(RecvTimeoutError::Disconnected) => return (output, in_time),
                Err(RecvTimeoutError::Timeout) => {
                    let ended = child.try_wait().is_ok_and(|status| status.is_some());
                    in_time &= Instant::now() < deadline;
                    // A child of the child may still hold the pipes open.
                    if ended || !in_time {
                        end_group(child.id());
                    }
                }
            }
        }
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

fn end_group(leader: u32) {
    // A group that is already gone is what was wanted.
    Command::new("kill").args(["-KILL", "--", &format!("-{leader}")]).stderr(Stdio::null()).status().ok();
}
