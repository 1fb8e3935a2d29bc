//! A secured server that can't start: each reason is one line that names the key of the configuration and a way out.

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{BufRead as _, BufReader},
        net::TcpListener,
        path::{Path, PathBuf},
        process::{Command, Stdio},
    };

    /// An account in a folder of its own, which goes when the test ends.
    struct Account {
        folder: PathBuf,
        config: String,
    }

    impl Drop for Account {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    fn free_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        listener.local_addr().expect("a bound socket has an address").port()
    }

    impl Account {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("perdure-configured-{name}-{}", std::process::id()));
            let ports = [free_port(), free_port(), free_port()].map(|port| port.to_string());
            let made = Command::new(env!("CARGO_BIN_EXE_perdure"))
                .args(["cloud", "init", "--account", "a2dd6", "--directory"])
                .arg(&folder)
                .args(["--data-port", &ports[0], "--control-port", &ports[1], "--web-port", &ports[2]])
                .output()
                .expect("the binary starts");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            let config = fs::read_to_string(folder.join("perdure.toml")).expect("the configuration is there");
            Self { folder, config }
        }

        /// What the server says when this key has this value instead.
        fn refusal(&self, key: &str, value: &str) -> String {
            let (section, name) = key.split_once('.').expect("a key is in a section");
            let (before, rest) = self.config.split_once(&format!("[{section}]\n")).expect("the section is there");
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            let (other, line, after) = match line.starts_with(&format!("{name} = ")) {
                true => (String::new(), line, after),
                // No section has more than two keys.
                false => {
                    let (next, after) = after.split_once('\n').unwrap_or((after, ""));
                    (format!("{line}\n"), next, after)
                }
            };
            assert!(line.starts_with(&format!("{name} = ")), "{key} is not in {rest}");
            let file = self.folder.join("changed.toml");
            let text = format!("{before}[{section}]\n{other}{name} = {value:?}\n{after}");
            fs::write(&file, text).expect("the folder can be written");
            let ended = Command::new(env!("CARGO_BIN_EXE_perdure"))
                .args(["server", "start", "--config"])
                .arg(&file)
                .stdin(Stdio::null())
                .output()
                .expect("the binary starts");
            assert!(!ended.status.success(), "{key} = {value}");
            String::from_utf8(ended.stderr).expect("stderr is text")
        }
    }

    /// What a client says that can't have a connection.
    fn client(args: &[&str]) -> String {
        let ended = Command::new(env!("CARGO_BIN_EXE_perdure"))
            .args(["workflow", "list", "--disable-config-env", "--disable-config-file"])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts");
        assert!(!ended.status.success(), "{args:?}");
        String::from_utf8(ended.stderr).expect("stderr is text")
    }

    #[test]
    fn a_client_is_told_which_files_do_not_fit_and_how_to_speak_tls() {
        let account = Account::new("client");
        let [certificate, key] = ["tls/server.pem", "keys/signing.pem"]
            .map(|name| account.folder.join(name).to_str().expect("a plain name").to_owned());
        let said = client(&["--address", "localhost:1", "--tls-cert-path", &certificate, "--tls-key-path", &key]);
        let told = "the key is not that of the certificate";
        assert!(said.contains(&certificate) && said.contains(&key) && said.contains(told), "{said}");

        let mut server = Command::new(env!("CARGO_BIN_EXE_perdure"))
            .args(["server", "start", "--config"])
            .arg(account.folder.join("perdure.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        // Its banner comes when it is ready.
        let banner = BufReader::new(server.stdout.take().expect("stdout is a pipe")).lines().next();
        let port = account.config.lines().find_map(|line| line.strip_prefix("listen = \"127.0.0.1:"));
        let port = port.expect("the first is that of the data plane").trim_matches('"');
        let said = client(&["--address", &format!("localhost:{port}")]);
        let _ = server.kill();
        let _ = server.wait();
        assert!(banner.is_some() && said.contains("Retry with --tls"), "{said}");
    }

    #[test]
    fn what_keeps_a_server_from_starting_is_told_by_its_key() {
        let account = Account::new("refused");
        let taken = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let taken = taken.local_addr().map(|address| (address.to_string(), taken)).expect("a bound socket");
        let data = account.config.lines().find(|line| line.starts_with("listen = ")).expect("a port is set");
        let data = data.trim_start_matches("listen = ").trim_matches('"').to_owned();
        for (key, value, told) in [
            ("data_plane.listen", taken.0.as_str(), "address already in use; stop the process that uses it"),
            ("control_plane.listen", data.as_str(), "data_plane.listen is the same"),
            ("control_plane.listen", "203.0.113.1:1", "choose an address of this machine"),
            ("account.id", "b3ee7", "holds the account \"a2dd6\""),
            ("tls.certificate", "tls/nope.pem", "can't be read"),
            ("tls.key", "tls/server.pem", "holds no private key"),
            ("tls.key", "keys/signing.pem", "the key is not that of the certificate"),
            ("api_keys.signing_key", "keys/nope.pem", "can't be read"),
            ("api_keys.signing_key", "tls/server.pem", "is not a private key"),
            ("storage.file", "data/nope.db", "there is no such file; `perdure cloud init` makes one with an account"),
            ("storage.file", "tls/server.pem", "is damaged"),
        ] {
            let said = account.refusal(key, value);
            assert!(said.starts_with("Error: ") && said.lines().count() == 1, "{said}");
            assert!(said.contains(key) && said.contains(told), "{key} = {value}: {said}");
        }
        assert!(!Path::new(&account.folder).join("data/nope.db").exists(), "a refused start leaves nothing behind");
    }
}
