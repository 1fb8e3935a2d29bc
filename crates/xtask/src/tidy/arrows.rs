//! The arrows between the crates, and the crates from outside that each may use. This table is the map of the house:
//! a dependency that is not in it fails, and so does a line of it that no manifest uses any more.
//!
//! Dev-dependencies inside the workspace are arrows too and stand in `tests`, because a test that reaches sideways is
//! how a layer starts to leak.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, House, metadata::Package};

const RULE: &str = "arrows";
/// The package that is the product.
const BINARY: &str = "perdure";

/// One crate of the workspace.
struct Row {
    name: &'static str,
    /// Crates of the workspace it may use, lowest layer first.
    internal: &'static [&'static str],
    /// Crates from outside, each of which has its reason in [`EXTERNAL`].
    external: &'static [&'static str],
    /// What its tests may use beyond that.
    tests: &'static [&'static str],
}

const ROWS: &[Row] = &[
    // Layer 0: words.
    Row {
        name: "proto",
        internal: &[],
        external: &["bytes", "prost", "prost-types", "temporalio-protos", "tonic", "tonic-prost", "tonic-prost-build"],
        tests: &[],
    },
    Row {
        name: "model",
        internal: &["proto"],
        external: &["bytes", "hmac", "jiff", "prost", "prost-types", "serde_json", "sha2", "uuid"],
        tests: &[],
    },
    // Layer 1: decisions, bytes, identity, membership. No arrow between two of them, but from a storage engine to its
    // contract.
    Row {
        name: "machine",
        internal: &["proto", "model"],
        external: &["bytes", "imbl", "jiff", "prost", "prost-types", "serde_json"],
        tests: &["base64", "prost-reflect"],
    },
    Row { name: "store", internal: &["proto", "model"], external: &["bytes", "imbl", "prost", "uuid"], tests: &[] },
    Row {
        name: "store-sqlite",
        internal: &["proto", "model", "store"],
        external: &["bytes", "crc32fast", "imbl", "prost", "rusqlite", "uuid"],
        tests: &[],
    },
    Row {
        name: "auth",
        internal: &["model"],
        external: &["base64", "ring", "rustls-pki-types", "rustls-webpki", "serde_json", "x509-parser"],
        tests: &["prost", "prost-types", "proto", "rcgen"],
    },
    Row { name: "cluster", internal: &["model"], external: &[], tests: &[] },
    // Layer 2: where the machine meets clock, store and cluster.
    Row {
        name: "engine",
        internal: &["proto", "model", "machine", "store", "cluster"],
        external: &["bytes", "imbl", "prost", "prost-types", "rustix", "tokio", "tracing", "uuid"],
        tests: &[],
    },
    Row {
        name: "control",
        internal: &["proto", "model", "store", "auth"],
        external: &["base64", "bytes", "imbl", "prost", "prost-types", "sha2"],
        tests: &["rcgen"],
    },
    // Beside the layers: messages made into pages, without a port of its own.
    Row { name: "web", internal: &["proto"], external: &["maud", "prost", "prost-reflect", "prost-types"], tests: &[] },
    // Layer 3: requests and answers. `transport` knows of nothing that is behind it. `frontend` knows of `store` only the
    // list filter's typed tree, which it parses and words errors about.
    Row {
        name: "transport",
        internal: &["proto", "model"],
        external: &[
            "bytes",
            "futures-util",
            "http-body-util",
            "hyper",
            "hyper-util",
            "prost",
            "prost-types",
            "tokio",
            "tokio-rustls",
            "tonic",
            "tracing",
        ],
        tests: &["h2"],
    },
    Row {
        name: "frontend",
        internal: &["proto", "model", "store", "auth", "engine", "control", "web", "transport"],
        external: &[
            "bytes",
            "flate2",
            "futures-util",
            "http-body-util",
            "hyper",
            "prometheus-client",
            "prost",
            "prost-reflect",
            "prost-types",
            "serde_json",
            "tokio",
            "tonic",
            "tonic-health",
            "tonic-reflection",
            "tracing",
            "uuid",
        ],
        tests: &["h2", "hyper-util", "rcgen", "tokio-rustls"],
    },
    Row {
        name: "cli",
        internal: &["proto", "model"],
        external: &[
            "base64",
            "clap",
            "jiff",
            "prost",
            "prost-reflect",
            "prost-types",
            "ring",
            "serde_json",
            "strsim",
            "tokio",
            "toml",
            "tonic",
            "tonic-prost",
            "unicode-width",
            "uuid",
            "x509-parser",
        ],
        tests: &[],
    },
    // Layer 4: the binary.
    Row {
        name: "perdure",
        internal: &[
            "proto",
            "model",
            "store",
            "store-sqlite",
            "auth",
            "engine",
            "control",
            "transport",
            "frontend",
            "cli",
        ],
        external: &[
            "clap",
            "rcgen",
            "rustix",
            "serde_json",
            "tikv-jemallocator",
            "tokio",
            "toml",
            "tracing",
            "tracing-subscriber",
            "uuid",
        ],
        tests: &["prost", "prost-types", "tonic", "tonic-prost"],
    },
    // Development only.
    Row {
        name: "sim",
        internal: &["proto", "model", "machine", "store", "cluster", "engine"],
        external: &["bytes", "clap", "prost", "prost-types", "uuid"],
        tests: &[],
    },
    Row {
        name: "probe",
        internal: &["proto"],
        external: &[
            "base64",
            "bytes",
            "clap",
            "h2",
            "prost",
            "prost-reflect",
            "prost-types",
            "rustix",
            "serde_json",
            "tikv-jemallocator",
            "tokio",
            "tonic",
        ],
        tests: &[],
    },
    Row { name: "xtask", internal: &[], external: &["serde_json"], tests: &[] },
];

/// Why each crate from outside is worth its place. A new one needs a line here.
const EXTERNAL: &[(&str, &str)] = &[
    ("base64", "payloads in JSON, as people and other command lines write them; tokens and PEM"),
    ("bytes", "payloads are handed on without a copy"),
    ("clap", "commands and flags as data: help is generated from their definition"),
    ("crc32fast", "tells a torn frame of the commit log"),
    ("flate2", "pages travel compressed; gRPC's own compression has it already"),
    ("futures-util", "the calls of a connection in one task, of which only those are polled that can go on"),
    ("h2", "clients that send what no client should: heads without ends, messages in part, windows that never open"),
    ("hmac", "task tokens carry a keyed MAC"),
    ("http-body-util", "bodies of the metrics page and of the pages on the UI's port"),
    ("hyper", "HTTP: calls, the metrics page and the UI's port, and words for a client that comes to the wrong port"),
    ("hyper-util", "joins hyper to tokio"),
    (
        "imbl",
        "persistent maps: the state before a step stays readable beside the state after it, and a scan beside a commit",
    ),
    (
        "jiff",
        "calendar and time zones: cron schedules, values of search attributes, and times as the command line shows them",
    ),
    ("maud", "pages whose text is escaped by their templates, which are checked when they are compiled"),
    ("prometheus-client", "metrics in Prometheus' format"),
    ("prost", "the wire format of the API and of stored records"),
    ("prost-reflect", "protobuf as JSON by descriptor, so that no message needs code of its own"),
    ("prost-types", "the well-known types and the descriptor set"),
    ("rcgen", "makes certificates: those of a new account, and those of tests"),
    ("ring", "signatures and hashes under tokens and certificates; the TLS library brings it anyway"),
    ("rustix", "the system's steady clock and the limit on open files, which the standard library does not show"),
    ("rusqlite", "SQLite, compiled in, so that one binary is the whole installation"),
    ("rustls-pki-types", "certificates as the TLS library hands them over, and PEM"),
    ("rustls-webpki", "chains from a client certificate to a namespace's authority, as the TLS library builds them"),
    ("serde_json", "JSON: payloads, output for scripts, and the output of cargo metadata"),
    ("sha2", "the hash under the MAC of task tokens"),
    ("temporalio-protos", "publishes the descriptor set that our types are generated from"),
    ("strsim", "which name may be meant by another; the command line's parser has it already"),
    ("tikv-jemallocator", "the allocator: an eighth less processor time per workflow than the system's"),
    ("tokio", "the driver's event loop, sockets and signals"),
    ("tokio-rustls", "TLS of the ports, with what is asked of clients decided for each of them"),
    ("toml", "the configuration of a server and of a client, with the line of every value for those who mistype one"),
    ("tonic", "gRPC"),
    ("tonic-health", "grpc.health.v1, which load balancers ask"),
    ("tonic-prost", "gRPC's codec over prost"),
    ("tonic-prost-build", "generates the service traits from the descriptor set"),
    ("tonic-reflection", "server reflection, which grpcurl and its like ask"),
    ("tracing", "structured logs"),
    ("tracing-subscriber", "writes the logs as text or JSON"),
    ("unicode-width", "columns that line up whatever script a name is in"),
    ("uuid", "run ids and request ids, time-ordered"),
    ("x509-parser", "the fields of certificates: subjects, alternative names, what a key may do"),
];

/// What must stay out of a crate whatever the table says: what it does not know is a fact of the manifest.
const NEVER: &[(&str, &[&str])] = &[
    ("proto", &["tokio", "tracing"]),
    ("model", &["tokio", "tonic", "rand", "tracing", "rusqlite"]),
    ("machine", &["tokio", "tonic", "rand", "tracing", "rusqlite", "uuid"]),
    ("transport", &["auth", "control", "engine", "machine", "store"]),
];

/// Direct dependencies from outside, over the whole workspace.
const MOST_EXTERNAL: usize = 45;
/// Edges to crates above layer 0; the wiring and the simulator see everything.
const MOST_EDGES: usize = 3;
/// The services stand on the transport, before two planes, the engine and the account, and show pages, and so have three
/// more.
const MOST_EDGES_OF_SERVICES: (&str, usize) = ("frontend", 6);
/// Crates on the longest chain of arrows.
const MOST_DEPTH: usize = 6;
const WIRING: [&str; 2] = ["perdure", "sim"];
const LAYER_0: [&str; 2] = ["proto", "model"];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let packages = house.packages.as_slice();
    let mut findings = Vec::new();
    for package in packages {
        match ROWS.iter().find(|row| row.name == package.name) {
            Some(row) => findings.extend(package_against_row(package, row)),
            None => findings.push(finding(&package.name, "the crate has no row in arrows.rs")),
        }
        findings.extend(unused(house, package));
    }
    findings.extend(reasons(packages));
    findings.extend(shape(packages));
    findings.extend(main_job(packages));
    findings
}

/// `cargo run --release -- server start-dev` runs the server, as the first page says.
fn main_job(packages: &[Package]) -> Option<Finding> {
    let defaults: Vec<_> = packages.iter().filter(|package| package.is_default).map(|package| &package.name).collect();
    let message = format!("cargo run means {defaults:?}, and not the one package \"{BINARY}\": see default-members");
    (defaults != [BINARY]).then(|| Finding::new(RULE, "Cargo.toml", message))
}

fn finding(package: &str, message: impl Into<String>) -> Finding {
    Finding::new(RULE, format!("crates/{package}/Cargo.toml"), message)
}

fn package_against_row(package: &Package, row: &Row) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut declared = BTreeSet::new();
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        let is_test = dependency.kind.as_deref() == Some("dev");
        let listed = if dependency.internal { row.internal } else { row.external };
        let allowed = listed.contains(&name) || (is_test && row.tests.contains(&name));
        if !allowed {
            findings
                .push(finding(row.name, format!("the dependency \"{name}\" is not in the row of \"{}\"", row.name)));
        }
        if NEVER.iter().any(|(owner, names)| *owner == row.name && names.contains(&name)) {
            findings.push(finding(row.name, format!("\"{}\" must never depend on \"{name}\"", row.name)));
        }
        declared.insert((name, is_test));
    }
    for name in row.internal.iter().chain(row.external) {
        if !declared.contains(&(name, false)) {
            findings.push(finding(
                row.name,
                format!("\"{name}\" is in the row of \"{}\" but not used: remove it", row.name),
            ));
        }
    }
    for name in row.tests {
        if !declared.contains(&(name, true)) {
            findings.push(finding(row.name, format!("\"{name}\" is in the tests of \"{}\" but not used", row.name)));
        }
    }
    findings
}

/// A dependency that is declared but never named in the crate's code.
fn unused(house: &House, package: &Package) -> Vec<Finding> {
    // Published descriptor set only: its build script is the point, its code is not used.
    const LINKED: [&str; 1] = ["temporalio-protos"];
    // Generated code names it.
    const GENERATED: [(&str, &[&str]); 1] = [("proto", &["bytes", "prost", "prost-types", "tonic", "tonic-prost"])];
    // Code names it otherwise than manifests do.
    const RENAMED: [(&str, &str); 1] = [("rustls-webpki", "webpki")];
    let folder = format!("crates/{}/", package.name);
    let words: BTreeSet<&str> = house
        .sources
        .iter()
        .filter(|source| source.path.starts_with(&folder))
        .flat_map(|source| source.tokens().into_iter().map(|token| token.text))
        .collect();
    let in_code = |name: &str| {
        let renamed = RENAMED.iter().find(|(manifest, _)| *manifest == name);
        renamed.map_or_else(|| name.replace('-', "_"), |(_, code)| (*code).to_owned())
    };
    let generated = |name: &str| GENERATED.iter().any(|(owner, names)| *owner == package.name && names.contains(&name));
    package
        .dependencies
        .iter()
        .map(|dependency| dependency.name.as_str())
        .filter(|name| !LINKED.contains(name) && !generated(name) && !words.contains(in_code(name).as_str()))
        .map(|name| finding(&package.name, format!("\"{name}\" is declared but no code names it: remove it")))
        .collect()
}

fn reasons(packages: &[Package]) -> Vec<Finding> {
    let used: BTreeSet<&str> = packages
        .iter()
        .flat_map(|package| &package.dependencies)
        .filter(|dependency| !dependency.internal)
        .map(|dependency| dependency.name.as_str())
        .collect();
    let place = "crates/xtask/src/tidy/arrows.rs";
    let mut findings = Vec::new();
    for name in &used {
        if !EXTERNAL.iter().any(|(listed, _)| listed == name) {
            findings.push(Finding::new(RULE, place, format!("the outside crate \"{name}\" has no reason in EXTERNAL")));
        }
    }
    for (name, _) in EXTERNAL {
        if !used.contains(name) {
            findings.push(Finding::new(
                RULE,
                place,
                format!("\"{name}\" is in EXTERNAL but no crate uses it: remove it"),
            ));
        }
    }
    if used.len() > MOST_EXTERNAL {
        let message = format!("{} direct dependencies from outside, at most {MOST_EXTERNAL} are allowed", used.len());
        findings.push(Finding::new(RULE, place, message));
    }
    findings
}

fn shape(packages: &[Package]) -> Vec<Finding> {
    let arrows: BTreeMap<&str, Vec<&str>> = packages
        .iter()
        .map(|package| {
            let internal = package.dependencies.iter().filter(|d| d.internal && d.kind.is_none());
            (package.name.as_str(), internal.map(|dependency| dependency.name.as_str()).collect())
        })
        .collect();
    let mut findings = Vec::new();
    for (name, targets) in &arrows {
        let edges = targets.iter().filter(|target| !LAYER_0.contains(target)).count();
        let (services, more) = MOST_EDGES_OF_SERVICES;
        let most = if *name == services { more } else { MOST_EDGES };
        if edges > most && !WIRING.contains(name) {
            findings.push(finding(name, format!("{edges} arrows above layer 0, at most {most} are allowed")));
        }
        let depth = depth(&arrows, name);
        if depth > MOST_DEPTH {
            findings.push(finding(name, format!("a chain of {depth} crates, at most {MOST_DEPTH} are allowed")));
        }
    }
    findings
}

/// Crates on the longest chain that starts here. Cargo refuses cycles, so it ends.
fn depth(arrows: &BTreeMap<&str, Vec<&str>>, name: &str) -> usize {
    let below = arrows.get(name).into_iter().flatten().map(|target| depth(arrows, target)).max();
    1 + below.unwrap_or(0)
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    use super::metadata::Dependency;
    let package = |name: &str, dependencies: &[(&str, Option<&str>, bool)]| Package {
        name: name.to_owned(),
        dependencies: dependencies
            .iter()
            .map(|(name, kind, internal)| Dependency {
                name: (*name).to_owned(),
                kind: kind.map(str::to_owned),
                internal: *internal,
            })
            .collect(),
        is_default: false,
    };
    let of = |packages: Vec<Package>| super::Planted::of(&[]).with_packages(packages);
    let outside = |name| (name, None, false);
    let inside = |name| (name, None, true);
    let many: Vec<String> = (0..=MOST_EXTERNAL).map(|number| format!("outside-{number}")).collect();
    let many: Vec<_> = many.iter().map(|name| outside(name.as_str())).collect();
    let chain: Vec<String> = (0..=MOST_DEPTH).map(|number| format!("link-{number}")).collect();
    let chain = chain.windows(2).map(|pair| package(&pair[0], &[inside(pair[1].as_str())])).collect();
    vec![
        of(vec![package("left", &[])]).found("the crate has no row"),
        of(vec![package("auth", &[outside("clap")])]).found("\"clap\" is not in the row of \"auth\""),
        of(vec![package("machine", &[inside("store")])]).found("\"store\" is not in the row of \"machine\""),
        of(vec![package("machine", &[("rand", Some("dev"), false)])]).found("must never depend on \"rand\""),
        of(vec![package("cluster", &[])]).found("\"model\" is in the row of \"cluster\" but not used"),
        of(vec![package("machine", &[outside("base64")])]).found("\"base64\" is in the tests of \"machine\" but not"),
        of(vec![package("model", &[outside("sha2")])]).found("\"sha2\" is declared but no code names it"),
        of(vec![package("model", &[outside("left-pad")])]).found("\"left-pad\" has no reason in EXTERNAL"),
        of(vec![package("model", &[])]).found("\"sha2\" is in EXTERNAL but no crate uses it"),
        of(vec![package("model", &many)]).found(format!("{} direct dependencies", MOST_EXTERNAL + 1)),
        of(vec![package("auth", &[inside("a"), inside("b"), inside("c"), inside("d")])])
            .found("4 arrows above layer 0"),
        of(chain).found(format!("a chain of {} crates", MOST_DEPTH + 1)),
        of(vec![package(BINARY, &[])]).found("cargo run means []"),
    ]
}
