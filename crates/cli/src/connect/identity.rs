//! Who a command says it is: `temporal-cli:<user>@<host>`, unless `--identity` says otherwise.

use std::{fs, os::unix::fs::MetadataExt, process::Command};

/// The identity sent to the server by default.
pub(crate) fn default_identity(environment: impl Fn(&str) -> Option<String>) -> String {
    let user = user_name(environment).unwrap_or_else(|| "unknown-user".to_owned());
    let host = host_name().unwrap_or_else(|| "unknown-host".to_owned());
    format!("temporal-cli:{user}@{host}")
}

/// The reason given for what the user asked without giving one.
pub(crate) fn default_reason(environment: impl Fn(&str) -> Option<String>) -> String {
    let user = user_name(environment).unwrap_or_else(|| "<unknown-user>".to_owned());
    format!("Requested from CLI by {user}")
}

/// The name of the user that runs this process: its entry in the user database, or else `USER`.
fn user_name(environment: impl Fn(&str) -> Option<String>) -> Option<String> {
    let from_database = || {
        let user = fs::metadata("/proc/self").ok()?.uid();
        name_in_passwd(&fs::read_to_string("/etc/passwd").ok()?, user)
    };
    from_database().or_else(|| environment("USER")).or_else(|| environment("LOGNAME"))
}

fn name_in_passwd(passwd: &str, user: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(user)).then(|| name.to_owned())
    })
}

fn host_name() -> Option<String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = kernel.or_else(|| String::from_utf8(Command::new("hostname").output().ok()?.stdout).ok())?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_database_knows_the_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(name_in_passwd(passwd, 1000).as_deref(), Some("ada"));
        assert_eq!(name_in_passwd(passwd, 7), None);
    }

    #[test]
    fn the_shape_of_the_identity() {
        let identity = default_identity(|_| Some("someone".to_owned()));
        assert!(identity.starts_with("temporal-cli:") && identity.contains('@'), "{identity}");
    }
}
