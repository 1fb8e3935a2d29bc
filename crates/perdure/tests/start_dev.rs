//! The process: what it prints, how it ends, and that each reason not to start is one line with a remedy.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// A server that is killed when the test ends.
struct Server {
    process: Child,
    banner: Vec<String>,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perdure"));
    command.args(["server", "start-dev", "--headless"]).args(flags).stdin(Stdio::null());
    command
}

/// Starts a server and reads its banner, up to its last line.
fn start(flags: &[&str]) -> Server {
    start_in(Path::new("."), flags)
}

/// Starts a server in a folder.
fn start_in(folder: &Path, flags: &[&str]) -> Server {
    let port = free_port();
    let mut process = command(&["--port", &port.to_string()])
        .args(flags)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let lines = BufReader::new(process.stdout.take().expect("stdout is a pipe")).lines();
    let mut banner = Vec::new();
    for line in lines.map_while(Result::ok) {
        let last = line.starts_with("Temporal Metrics:");
        banner.push(line);
        if last {
            return Server { process, banner, port };
        }
    }
    let mut said = String::new();
    let mut stderr = process.stderr.take().expect("stderr is a pipe");
    stderr.read_to_string(&mut said).expect("stderr is text");
    let _ = process.wait();
    panic!("the server ended before its banner: {said}");
}

/// Runs a server that shall not start.
fn refused(flags: &[&str]) -> String {
    let Output { status, stdout, stderr } = command(flags).output().expect("the binary starts");
    assert_eq!(status.code(), Some(1));
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    let text = String::from_utf8(stderr).expect("stderr is text");
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end().to_owned()
}

/// A folder of its own for one test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}

fn signal(server: &Server, name: &str) {
    let pid = server.process.id().to_string();
    let status = Command::new("kill").args([name, &pid]).status();
    assert!(status.is_ok_and(|status| status.success()));
}

#[test]
fn the_banner_comes_when_the_server_is_ready_and_a_signal_ends_it_well() {
    for name in ["-TERM", "-INT"] {
        let mut server = start(&[]);
        assert_eq!(server.banner[2], format!("Temporal Server:      localhost:{}", server.port));
        assert_eq!(server.banner[3], "Temporal Persistence: in-memory");
        assert!(std::net::TcpStream::connect(("127.0.0.1", server.port)).is_ok());
        signal(&server, name);
        assert_eq!(server.process.wait().unwrap().code(), Some(0));
        let mut said = String::new();
        server.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "", "nothing was wrong");
    }
}

#[test]
fn the_status_of_a_running_server_is_told_and_a_wrong_port_named() {
    let server = start(&[]);
    let metrics = server.banner.last().and_then(|line| line.rsplit_once(':')).expect("the banner ends with an address");
    let port = metrics.1.trim_end_matches("/metrics");
    let status = |port: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_perdure"));
        command.args(["server", "status", "--metrics-port", port]).output().expect("the binary starts")
    };
    let told = status(port);
    assert!(told.status.success(), "{told:?}");
    let page = String::from_utf8(told.stdout).expect("stdout is text");
    assert_eq!(page, "Serving, with 64 shards.\nQuarantined runs: 0\n");
    for wrong in [free_port(), server.port] {
        let refused = status(&wrong.to_string());
        assert_eq!(refused.status.code(), Some(1));
        let text = String::from_utf8(refused.stderr).expect("stderr is text");
        assert!(text.contains(&format!("127.0.0.1:{wrong}")) && text.to_lowercase().contains("metrics"), "{text}");
    }
}

#[test]
fn a_busy_port_is_named_with_a_remedy() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let text = refused(&["--port", &port]);
    assert!(text.starts_with(&format!("Error: can't set frontend port {port}: listen tcp 127.0.0.1:{port}")), "{text}");
    assert!(text.contains("address already in use") && text.contains("--port"), "{text}");
}

#[test]
fn a_second_process_on_a_file_is_told_who_has_it() {
    let file = folder("second").join("state.db");
    let file = file.to_str().unwrap();
    let first = start(&["--db-filename", file]);
    let text = refused(&["--port", &free_port().to_string(), "--db-filename", file]);
    assert!(text.contains(&first.process.id().to_string()), "{text}");
    assert!(text.contains(&format!("127.0.0.1:{}", first.port)), "{text}");
}

#[test]
fn a_file_survives_a_kill_and_is_taken_again() {
    let file = folder("kill").join("state.db");
    let file = file.to_str().unwrap();
    let first = start(&["--db-filename", file, "--namespace", "bank"]);
    drop(first);
    let second = start(&["--db-filename", file, "--namespace", "bank"]);
    assert_eq!(second.banner[3], format!("Temporal Persistence: {file}"));
}

#[test]
fn a_name_is_a_path_whatever_it_means_to_sqlite() {
    let folder = folder("names");
    let memory: &[&str] = &[];
    let rows = [
        (":memory:", "in-memory", memory),
        ("", "in-memory", memory),
        ("file:x.db", "file:x.db", &["file:x.db"]),
        ("file:y.db?mode=ro", "file:y.db?mode=ro", &["file:y.db?mode=ro"]),
        (":Memory:", ":Memory:", &[":Memory:"]),
        ("z.db?cache=shared#%41", "z.db?cache=shared#%41", &["z.db?cache=shared#%41"]),
    ];
    for (name, shown, files) in rows {
        let mut server = start_in(&folder, &["--db-filename", name]);
        assert_eq!(server.banner[3], format!("Temporal Persistence: {shown}"));
        signal(&server, "-TERM");
        assert_eq!(server.process.wait().unwrap().code(), Some(0));
        let left = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(left.collect::<Vec<_>>(), files, "{name:?}");
        // It opens again.
        drop(start_in(&folder, &["--db-filename", name]));
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
    }
}

#[test]
fn a_file_that_is_not_ours_is_left_alone() {
    let folder = folder("garbage");
    let file = folder.join("state.db");
    fs::write(&file, "not a database, and too short to look like one").unwrap();
    let port = free_port().to_string();
    let text = refused(&["--port", &port, "--db-filename", file.to_str().unwrap()]);
    assert!(text.contains("state.db"), "{text}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a database, and too short to look like one");
    let text = refused(&["--port", &port, "--db-filename", folder.to_str().unwrap()]);
    assert!(text.contains("folder"), "{text}");
    let nowhere = folder.join("missing").join("state.db");
    let text = refused(&["--port", &port, "--db-filename", nowhere.to_str().unwrap()]);
    assert!(text.contains("folder does not exist"), "{text}");
}

#[test]
fn values_that_can_not_be_meant_are_refused() {
    let port = free_port().to_string();
    let rows = [
        ("--search-attribute", "A=Foo", "Error: invalid search attribute value type \"Foo\""),
        ("--search-attribute", "A", "Error: invalid search attributes: missing expected '=' in \"A\""),
        ("--dynamic-config-value", "A", "Error: invalid dynamic config values: missing expected '=' in \"A\""),
        ("--ip", "foo", "Error: invalid IP address \"foo\": give an address such as 127.0.0.1, not a name"),
    ];
    for (flag, value, text) in rows {
        assert_eq!(refused(&["--port", &port, flag, value]), text);
    }
}

/// What the command line prints, with runs of spaces as one.
fn told(server: &Server, arguments: &[&str]) -> String {
    let address = format!("127.0.0.1:{}", server.port);
    let output = Command::new(env!("CARGO_BIN_EXE_perdure"))
        .args(arguments)
        .args(["--address", &address])
        .output()
        .expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("stdout is text");
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

/// Asked of the reference, but for the state of replication.
const SYSTEM_NAMESPACE: &str = "\
NamespaceInfo.Name temporal-system
NamespaceInfo.Id 32049b68-7872-4094-8e63-d0dd59896a83
NamespaceInfo.Description Temporal internal system namespace
NamespaceInfo.OwnerEmail temporal-core@temporal.io
NamespaceInfo.State Registered
NamespaceInfo.Data map[]
Config.WorkflowExecutionRetentionTtl 168h0m0s
ReplicationConfig.ActiveClusterName active
ReplicationConfig.Clusters [{\"clusterName\":\"active\"}]
ReplicationConfig.State Normal
Config.HistoryArchivalState Disabled
Config.VisibilityArchivalState Disabled
IsGlobalNamespace false
FailoverVersion 0
FailoverHistory []
Config.HistoryArchivalUri
Config.VisibilityArchivalUri
Config.CustomSearchAttributeAliases map[]
";

#[test]
fn the_command_line_shows_the_system_namespace() {
    let server = start(&[]);
    let describe = ["operator", "namespace", "describe"];
    assert_eq!(told(&server, &[&describe[..], &["-n", "temporal-system"]].concat()), SYSTEM_NAMESPACE);
    let id = ["--namespace-id", "32049b68-7872-4094-8e63-d0dd59896a83"];
    assert_eq!(told(&server, &[&describe[..], &id].concat()), SYSTEM_NAMESPACE);
    assert!(told(&server, &["operator", "namespace", "list"]).contains(SYSTEM_NAMESPACE));
}

#[test]
fn those_who_want_a_secured_server_are_led_to_its_file() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_perdure")).args(["server", "start", "--tls-cert", "x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("perdure server start --config perdure.toml. `perdure cloud init` makes one."), "{text}");
}
