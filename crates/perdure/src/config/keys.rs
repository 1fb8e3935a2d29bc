//! The table of keys. One line per key makes the struct's field, the reader, the bounds and the explanation.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use model::{
    Limits,
    limits::{Assigned, Entry as Limit, Scope, TABLE},
};

use super::{
    Complaint,
    document::{self, Entry, Scalar},
    value::{AccountId, Bounds, Domain, LogFormat, LogLevel, Value},
};

/// A key, for those who read about it.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// As the file has it: section and name.
    pub(super) name: String,
    /// The documentation, one sentence or more.
    pub(super) meaning: &'static str,
    /// What its type is called.
    pub(super) kind: &'static str,
    /// What is accepted, bounds included.
    pub(super) accepted: String,
    /// As it would stand in the file; `None` where the key must be given.
    pub(super) default: Option<String>,
}

macro_rules! keys {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr, $name:literal, $bounds:expr;)+) => {
        /// The configuration of a server, checked.
        #[derive(Clone, Debug)]
        pub(crate) struct Config {
            $($(#[doc = $doc])+ pub(crate) $field: $type,)+
            /// What the section `[limits]` makes of the defaults.
            pub(crate) limits: Limits,
        }

        /// Every key but those of the section `[limits]`.
        fn fixed_keys() -> Vec<Key> {
            vec![$(Key {
                name: $name.to_owned(),
                meaning: concat!($($doc),+).trim_start(),
                kind: <$type as Value>::NAME,
                accepted: <$type as Value>::accepted($bounds),
                default: $default.map(shown),
            }),+]
        }

        fn read_fixed(entries: &mut BTreeMap<String, Entry>, limits: Limits, directory: &Path)
            -> Result<Config, Vec<Complaint>>
        {
            let mut complaints = Vec::new();
            $(let $field = take::<$type>(entries, $name, $default, $bounds, directory, &mut complaints);)+
            match ($($field,)+) {
                ($(Some($field),)+) if complaints.is_empty() => Ok(Config { $($field,)+ limits }),
                _ => Err(complaints),
            }
        }
    };
}

keys! {
    /// The account's id: the part of every namespace's full name behind the dot, as in "payments.a2dd6". It is in the
    /// names of certificates and in every API key, so it can't be changed later.
    account_id: AccountId = None, "account.id", Bounds::Free;
    /// The DNS name under which the account's endpoints stand: "<namespace>.<account>.<domain>" for workers and
    /// "saas-api.<domain>" for the control plane. The server's certificate must carry them.
    domain: Domain = Some("localhost.test"), "account.domain", Bounds::Free;
    /// The id of the account's one region, which namespaces are created in.
    region: Domain = Some("local"), "account.region", Bounds::Free;
    /// The file that keeps all state: workflows, namespaces, users, keys, the audit log. Back it up.
    storage_file: PathBuf = Some("data/perdure.db"), "storage.file", Bounds::Free;
    /// Shards of new data. What a file was made with stays.
    shards: u32 = Some("64"), "storage.shards", Bounds::Between(1, 4_096);
    /// Idle Workflow Executions that are kept in memory.
    cached_runs: u32 = Some("2000"), "storage.cached_runs", Bounds::Between(1, 1_000_000);
    /// Where workers and clients connect, always with TLS: gRPC with a client certificate or an API key.
    data_plane_listen: SocketAddr = Some("127.0.0.1:7233"), "data_plane.listen", Bounds::Free;
    /// Where the Cloud Ops API is served, always with TLS: gRPC and HTTP/JSON with an API key.
    control_plane_listen: SocketAddr = Some("127.0.0.1:7243"), "control_plane.listen", Bounds::Free;
    /// Where the web page is served, in plain HTTP: any address but loopback needs the flag --allow-open-network.
    web_listen: Option<SocketAddr> = Some("127.0.0.1:8233"), "web.listen", Bounds::Free;
    /// Where metrics are served in Prometheus' format, in plain HTTP and to everybody who can reach it: any address
    /// but loopback needs the flag --allow-open-network.
    metrics_listen: Option<SocketAddr> = Some("off"), "metrics.listen", Bounds::Free;
    /// The server's certificate in PEM, with what links it to its authority. It is read again when it changes.
    tls_certificate: PathBuf = Some("tls/server.pem"), "tls.certificate", Bounds::Free;
    /// The private key of the server's certificate in PEM.
    tls_key: PathBuf = Some("tls/server.key"), "tls.key", Bounds::Free;
    /// The private key that new API keys are signed with: P-256, PKCS#8 in PEM. Who can read it can make API keys.
    /// Another key in its place is taken up at the next start, and API keys that were signed before stay good.
    signing_key: PathBuf = Some("keys/signing.pem"), "api_keys.signing_key", Bounds::Free;
    /// What is worth a log line. The flag --log-level wins.
    log_level: LogLevel = Some("warn"), "log.level", Bounds::Free;
    /// The form of a log line. The flag --log-format wins.
    log_format: LogFormat = Some("text"), "log.format", Bounds::Free;
    /// How long calls that are under way may take when the server is told to stop.
    shutdown_grace: Duration = Some("5s"), "shutdown.grace", Bounds::Between(0, 300);
}

/// The section of the limits, whose keys are those of the model's table.
pub(super) const LIMITS: &str = "limits.";
/// The section of what is set for one namespace by its name.
const NAMESPACES: &str = "namespaces.";

/// Every key.
pub(super) fn all() -> Vec<Key> {
    let defaults = Limits::default();
    let limits = TABLE.iter().map(|entry| {
        let default = defaults.formatted(entry.name).map(|text| limit_of(entry, &text));
        Key {
            name: format!("{LIMITS}{}", entry.name),
            meaning: entry.meaning.trim_start(),
            kind: entry.kind,
            accepted: entry.accepted.to_owned(),
            default: default.map(|default| default.shown()),
        }
    });
    fixed_keys().into_iter().chain(limits).collect()
}

/// The name of every key.
pub(super) fn names() -> Vec<String> {
    all().into_iter().map(|key| key.name).collect()
}

/// Reads a document. `limits` are those that it does not set.
pub(super) fn read(text: &str, directory: &Path, limits: Limits) -> Result<Config, Vec<Complaint>> {
    let mut entries = document::entries(text).map_err(|complaint| vec![complaint])?;
    let mut complaints = Vec::new();
    let mut limits = read_limits(limits, &mut entries, &mut complaints);
    read_namespaces(&mut entries, &mut limits, &mut complaints);
    let config = read_fixed(&mut entries, limits, directory);
    complaints.extend(entries.iter().map(|(name, entry)| unknown(name, entry)));
    match config {
        Ok(config) if complaints.is_empty() => Ok(config),
        Ok(_) => Err(sorted(complaints)),
        Err(more) => {
            complaints.extend(more);
            Err(sorted(complaints))
        }
    }
}

/// In the order of the file, what is missing last.
fn sorted(mut complaints: Vec<Complaint>) -> Vec<Complaint> {
    complaints.sort_by_key(|complaint| complaint.line.unwrap_or(usize::MAX));
    complaints
}

fn take<T: Value>(
    entries: &mut BTreeMap<String, Entry>,
    name: &str,
    default: Option<&str>,
    bounds: Bounds,
    directory: &Path,
    complaints: &mut Vec<Complaint>,
) -> Option<T> {
    let (line, scalar) = match (entries.remove(name), default) {
        (Some(entry), _) => (Some(entry.line), entry.value),
        (None, Some(default)) => (None, scalar_of(default)),
        (None, None) => {
            let accepted = T::accepted(bounds);
            complaints.push(Complaint { line: None, text: format!("{name} is missing: expected {accepted}") });
            return None;
        }
    };
    let value = T::read(&scalar, bounds, directory);
    if value.is_none() {
        let text = format!("{name} = {}: expected {}", scalar.shown(), T::accepted(bounds));
        complaints.push(Complaint { line, text });
    }
    value
}

/// A default as it would stand in the file.
fn shown(text: &str) -> String {
    scalar_of(text).shown()
}

/// A default, which stands in the table as text.
fn scalar_of(text: &str) -> Scalar {
    // A version such as 1.2 is no number of ours, so that only whole ones are taken for numbers.
    let number = text.parse().map(Scalar::Integer);
    let word = |_| text.parse().map(Scalar::Boolean);
    number.or_else(word).unwrap_or_else(|_| Scalar::Text(text.to_owned()))
}

fn read_limits(mut limits: Limits, entries: &mut BTreeMap<String, Entry>, complaints: &mut Vec<Complaint>) -> Limits {
    for limit in TABLE {
        let name = format!("{LIMITS}{}", limit.name);
        let Some(given) = entries.remove(&name) else {
            continue;
        };
        let assigned = limits.assign(limit.setting, &plain(&given.value));
        complaints.extend(unassigned(assigned, &name, &given, limit));
    }
    limits
}

/// What is set for one namespace, as `namespaces."payments".limits.requests_per_second`. A name without the account's id
/// means one of the account.
fn read_namespaces(entries: &mut BTreeMap<String, Entry>, limits: &mut Limits, complaints: &mut Vec<Complaint>) {
    let account = match entries.get("account.id") {
        Some(Entry { value: Scalar::Text(id), .. }) => id.clone(),
        _ => String::new(),
    };
    let is_of_one = |name: &String| name.starts_with(NAMESPACES);
    let names: Vec<String> = entries.keys().filter(|name| is_of_one(name)).cloned().collect();
    for name in names {
        let known = name[NAMESPACES.len()..].rsplit_once(".limits.").and_then(|(namespace, limit)| {
            let is_meant = |entry: &&Limit| entry.name == limit && entry.scope == Scope::Namespace;
            TABLE.iter().find(is_meant).map(|limit| (namespace.to_owned(), limit))
        });
        let Some(given) = entries.remove(&name) else { continue };
        let Some((namespace, limit)) = known else {
            let text =
                format!("there is no limit {name}; docs/limits.md shows those that a Namespace can have of its own");
            complaints.push(Complaint { line: Some(given.line), text });
            continue;
        };
        let namespace = if namespace.contains('.') { namespace } else { format!("{namespace}.{account}") };
        let assigned = limits.assign_within(&namespace, limit.name, &plain(&given.value));
        complaints.extend(unassigned(assigned, &name, &given, limit));
    }
}

/// The text of a value, as limits are assigned.
fn plain(value: &Scalar) -> String {
    match value {
        Scalar::Text(text) => text.clone(),
        other @ (Scalar::Integer(_) | Scalar::Boolean(_) | Scalar::Fraction(_) | Scalar::Other(_)) => other.shown(),
    }
}

fn unassigned(assigned: Assigned, name: &str, given: &Entry, limit: &Limit) -> Option<Complaint> {
    match assigned {
        Assigned::Done => None,
        Assigned::Unknown | Assigned::Invalid => Some(Complaint {
            line: Some(given.line),
            text: format!("{name} = {}: expected {}", given.value.shown(), limit.accepted),
        }),
    }
}

/// A limit's default as it would stand in the file.
fn limit_of(limit: &Limit, text: &str) -> Scalar {
    match text.parse() {
        Ok(number) if limit.kind == "number" => Scalar::Fraction(number),
        _ => scalar_of(text),
    }
}

fn unknown(name: &str, entry: &Entry) -> Complaint {
    let names = names();
    let is_within = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    let text = if names.iter().any(|known| is_within(known, name)) {
        format!("{name} is a section, not a key; write [{name}], and its keys below it")
    } else if let Some(known) = names.iter().find(|known| is_within(name, known)) {
        format!("{known} is a key, not a section; there is no key {name}")
    } else {
        no_key(name, &names)
    };
    Complaint { line: Some(entry.line), text }
}

/// What is said of a name that is no key's.
pub(super) fn no_key(name: &str, names: &[String]) -> String {
    match cli::nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("there is no key {name}; did you mean {near}?"),
        None => format!("there is no key {name}; `perdure config keys` shows all keys"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, directory: &Path) -> Result<Config, Vec<Complaint>> {
        super::read(text, directory, Limits::default())
    }

    fn complaints(text: &str) -> Vec<String> {
        let path = Path::new("p.toml");
        read(text, Path::new("d")).unwrap_err().iter().map(|complaint| complaint.told(path)).collect()
    }

    #[test]
    fn the_account_is_all_that_must_be_given() {
        let config = read("account.id = \"a2dd6\"", Path::new("/d")).unwrap();
        assert_eq!(config.account_id, AccountId("a2dd6".to_owned()));
        assert_eq!(config.storage_file, Path::new("/d/data/perdure.db"));
        assert_eq!((config.shards, config.shutdown_grace), (64, Duration::from_secs(5)));
        assert_eq!((config.metrics_listen, config.log_level), (None, LogLevel::Warn));
        assert_eq!(config.limits, Limits::default());
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let text = "[account]\nid = \"a2dd6\"\n[storage]\nfile = \"/x/y.db\"\nshards = 8\n[log]\nformat = \"json\"\n\
                    [shutdown]\ngrace = \"1m\"\n[metrics]\nlisten = \"[::1]:9\"\n[limits]\nid_length = 7\nhistory_long_poll = \"3s\"\n";
        let config = read(text, Path::new("/d")).unwrap();
        assert_eq!((config.storage_file.as_path(), config.shards), (Path::new("/x/y.db"), 8));
        assert_eq!((config.log_format, config.shutdown_grace.as_secs()), (LogFormat::Json, 60));
        assert_eq!(config.metrics_listen, Some("[::1]:9".parse().unwrap()));
        assert_eq!((config.limits.id_length, config.limits.history_long_poll.as_secs()), (7, 3));
    }

    #[test]
    fn a_namespace_has_limits_of_its_own() {
        let text = "[account]\nid = \"a2dd6\"\n[limits]\nlists_per_second = 5\n[namespaces.\"payments\".limits]\n\
                    requests_per_second = 100\nrequests_burst = 1.5\n[namespaces.\"mail.a2dd6\".limits]\nwaiting_calls = 7\n";
        let limits = read(text, Path::new("/d")).unwrap().limits;
        let of = |name: &str| {
            let own = limits.within(name);
            (own.requests_per_second, own.requests_burst, own.lists_per_second, own.waiting_calls)
        };
        assert_eq!(of("payments.a2dd6"), (100, 1.5, 5, 1_200));
        assert_eq!(of("mail.a2dd6"), (2_400, 2.0, 5, 7));
        assert_eq!(of("other.a2dd6"), (2_400, 2.0, 5, 1_200));
        let text = "[account]\nid = \"a2dd6\"\n[namespaces.x]\nretention = 1\n[namespaces.x.limits]\nid_length = 1\n\
                    lists_burst = \"much\"\n";
        assert_eq!(
            complaints(text),
            [
                "p.toml:4: there is no limit namespaces.x.retention; docs/limits.md shows those that a Namespace can \
                 have of its own",
                "p.toml:6: there is no limit namespaces.x.limits.id_length; docs/limits.md shows those that a Namespace \
                 can have of its own",
                "p.toml:7: namespaces.x.limits.lists_burst = \"much\": expected a number from 0 to 1000000",
            ]
        );
    }

    #[test]
    fn every_problem_is_told_with_line_and_remedy() {
        let text = "[storage]\nshards = 0\n[data_plane]\nlisten = 7233\nlisten_ = 1\n[log]\nlevel = \"loud\"\n\
                    [limits]\nid_length = \"many\"\n[nonsense.of]\nmine = 1\n";
        assert_eq!(
            complaints(text),
            [
                "p.toml:2: storage.shards = 0: expected a whole number from 1 to 4096",
                "p.toml:4: data_plane.listen = 7233: expected an IP address and a port, for example \"127.0.0.1:7233\"",
                "p.toml:5: there is no key data_plane.listen_; did you mean data_plane.listen?",
                "p.toml:7: log.level = \"loud\": expected one of \"debug\", \"info\", \"warn\", \"error\", \"never\"",
                "p.toml:9: limits.id_length = \"many\": expected a whole number from 0 to 9223372036854775807",
                "p.toml:11: there is no key nonsense.of.mine; `perdure config keys` shows all keys",
                "p.toml: account.id is missing: expected 5 to 16 of a-z and 0-9, for example \"a2dd6\"",
            ]
        );
    }

    #[test]
    fn sections_and_keys_are_told_apart() {
        let text = "account.id = \"a2dd6\"\ndata_plane = 7233\n[[web]]\nlisten = \"off\"\n[tls.key]\nfile = \"x\"\n\
                    [log]\nlevel = [1.5]\n[storage]\nshards = 1.5\n";
        assert_eq!(
            complaints(text),
            [
                "p.toml:2: data_plane is a section, not a key; write [data_plane], and its keys below it",
                "p.toml:3: web is a section, not a key; write [web], and its keys below it",
                "p.toml:6: tls.key is a key, not a section; there is no key tls.key.file",
                "p.toml:8: log.level = a list: expected one of \"debug\", \"info\", \"warn\", \"error\", \"never\"",
                "p.toml:10: storage.shards = 1.5: expected a whole number from 1 to 4096",
            ]
        );
    }

    #[test]
    fn what_a_key_is_by_default_may_stand_in_the_file() {
        let lines: Vec<_> = all().into_iter().filter_map(|key| Some((key.name, key.default?))).collect();
        let text: String = lines.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        let config = read(&format!("account.id = \"a2dd6\"\n{text}"), Path::new("/d")).unwrap();
        assert_eq!(config.limits, Limits::default());
        let raw = lines.iter().find(|(name, _)| name == "limits.raw_history").unwrap();
        assert_eq!(raw.1, "false");
    }

    #[test]
    fn every_default_is_accepted_and_every_key_explained() {
        let mut names = names();
        assert!(all().iter().all(|key| !key.meaning.is_empty() && !key.accepted.is_empty()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        read("account.id = \"a2dd6\"", Path::new("")).unwrap();
    }
}
