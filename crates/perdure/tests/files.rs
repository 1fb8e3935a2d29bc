//! What is done to the files of a server from outside, with the binary: copies while it runs, damage, repair.

use std::{
    fs,
    io::{BufRead, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// A server that is killed when it goes.
struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn perdure(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perdure"));
    command.args(args).stdin(Stdio::null());
    command
}

fn start_command(port: u16, file: &Path) -> Command {
    let mut command = perdure(&["server", "start-dev", "--headless", "--port", &port.to_string(), "--db-filename"]);
    command.arg(file);
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Starts a server and waits until it is ready.
fn start(file: &Path) -> Server {
    let port = free_port();
    let process = start_command(port, file).stdout(Stdio::piped()).spawn().expect("the binary starts");
    let mut server = Server { process, port };
    let stdout = server.process.stdout.take().expect("stdout is a pipe");
    let is_ready =
        BufReader::new(stdout).lines().map_while(Result::ok).any(|line| line.starts_with("Temporal Metrics:"));
    assert!(is_ready, "the server of {} ended before its banner", file.display());
    server
}

/// Why a server does not start with a file; one line.
fn refused(file: &Path) -> String {
    let Output { status, stderr, .. } = start_command(free_port(), file).output().expect("the binary starts");
    let text = String::from_utf8(stderr).expect("stderr is text");
    assert_eq!((status.code(), text.lines().count()), (Some(1), 1), "{text}");
    text
}

impl Server {
    fn client(&self, args: &[&str]) -> String {
        let output = perdure(args).args(["--address", &format!("127.0.0.1:{}", self.port)]).output();
        let Output { status, stdout, stderr } = output.expect("the binary starts");
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).expect("stdout is text")
    }

    fn start_workflow(&self, id: &str) {
        self.client(&["workflow", "start", "--type", "Order", "--task-queue", "orders", "--workflow-id", id]);
    }

    fn has_workflow(&self, id: &str) -> bool {
        self.client(&["workflow", "list"]).contains(id)
    }
}

/// Runs a command on files.
fn on_files(args: &[&str], paths: &[&Path], answer: &str) -> (bool, String) {
    let mut command = perdure(args);
    command.args(paths).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("the binary starts");
    let mut stdin = process.stdin.take().expect("stdin is a pipe");
    // A process that does not ask may be gone by now.
    let _ = stdin.write_all(answer.as_bytes());
    drop(stdin);
    let Output { status, stdout, stderr } = process.wait_with_output().expect("it ends");
    (status.success(), [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat())
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("files-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}

#[test]
fn a_running_server_is_copied_and_the_copy_is_started_with() {
    let folder = folder("backup");
    let [file, copy, back] = ["state.db", "copy.db", "back.db"].map(|name| folder.join(name));
    let server = start(&file);
    server.start_workflow("before");
    let (done, text) = on_files(&["server", "backup"], &[&file, &copy], "");
    assert!(done && text.contains("was verified"), "{text}");
    server.start_workflow("after");
    let (done, text) = on_files(&["server", "backup"], &[&file, &copy], "");
    assert!(!done && text.contains("exists: give another name"), "{text}");
    let (done, text) = on_files(&["server", "restore"], &[&copy, &back], "");
    assert!(done, "{text}");
    for (path, has_after) in [(&copy, false), (&back, false), (&file, true)] {
        let server = if path == &file { &server } else { &start(path) };
        assert!(server.has_workflow("before"));
        assert_eq!(server.has_workflow("after"), has_after);
    }
}

#[test]
fn names_that_mean_something_to_sqlite_are_paths_to_all_commands() {
    let folder = folder("names");
    let names = ["file:state.db", ":memory:", "file:back.db?mode=ro"];
    let [file, ..] = names.map(|name| folder.join(name));
    drop(start(&file));
    let done = |args: &[&str]| {
        let output = perdure(args).current_dir(&folder).output().expect("the binary starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    done(&["server", "backup", names[0], names[1]]);
    done(&["server", "restore", names[1], names[2]]);
    done(&["server", "repair", "--yes", names[2]]);
    for name in names {
        assert!(folder.join(name).exists(), "{name}");
    }
}

#[test]
fn the_database_file_of_a_running_server_by_itself_is_refused() {
    let folder = folder("lone");
    let [file, copy] = ["state.db", "copy.db"].map(|name| folder.join(name));
    let server = start(&file);
    server.start_workflow("order-1");
    fs::copy(&file, &copy).expect("it can be copied");
    drop(server);
    let text = refused(&copy);
    assert!(text.contains("copy.db\" was not closed, and commit log") && text.contains("is missing"), "{text}");
    assert!(start(&file).has_workflow("order-1"), "all that belongs to it is there");
}

#[test]
fn damage_is_named_and_repaired_when_that_is_wanted() {
    let folder = folder("repair");
    let file = folder.join("state.db");
    let server = start(&file);
    server.start_workflow("order-1");
    server.start_workflow("order-2");
    drop(server);
    let log = folder.join("state.db-log");
    let mut content = fs::read(&log).expect("a killed server leaves its log");
    let last = content.iter().rposition(|byte| *byte != 0).expect("there are commits in it");
    content[last - 10] ^= 1;
    fs::write(&log, &content).expect("it can be written");
    let text = refused(&file);
    assert!(text.contains("state.db-log\" is damaged") && text.contains("perdure server repair"), "{text}");
    let (done, text) = on_files(&["server", "repair"], &[&file], "n\n");
    assert!(!done && text.contains("acknowledged commits") && text.contains("was left as it is"), "{text}");
    assert!(refused(&file).contains("is damaged"));
    let (done, text) = on_files(&["server", "repair"], &[&file], "y\n");
    assert!(done && text.contains("can be started with"), "{text}");
    assert_eq!(fs::read(folder.join("state.db-damaged-log")).expect("it is kept"), content);
    let server = start(&file);
    assert!(server.has_workflow("order-1"));
    drop(server);
    let (done, text) = on_files(&["server", "repair", "--yes"], &[&file], "");
    assert!(done && text.contains("Nothing is wrong with"), "{text}");
}
