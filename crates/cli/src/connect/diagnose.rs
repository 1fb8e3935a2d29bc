//! Why a connection failed, found out by trying again step by step: name, port, TLS.
//!
//! The report names what was checked, what failed, and what to do about it.

use std::{error::Error, io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::{
    Unconnected,
    settings::{Settings, TlsSettings},
};

/// How long each step of the checks may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);

/// How often to ask again for a reason that was lost.
const ATTEMPTS: usize = 8;

/// What the checks found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    UnknownHost,
    Refused,
    TimedOut,
    Unreachable,
    /// TLS was spoken to a server that does not speak it.
    PlaintextServer,
    /// Plaintext was spoken to a server that speaks TLS.
    TlsServer,
    /// The server's certificate is signed by nobody we trust.
    Untrusted,
    /// The server's certificate is for another name.
    WrongName,
    /// The server's certificate is not valid any more.
    ServerExpired,
    /// The server's certificate is not valid yet.
    ServerNotYetValid,
    /// The server says that our certificate is not valid at this time.
    ClientExpired,
    /// The server says that our certificate is signed by nobody it trusts.
    ClientUntrusted,
    /// The server refused our certificate otherwise.
    ClientRefused,
    /// The server wants a certificate, and we have none.
    ClientMissing,
    /// The TLS handshake failed otherwise.
    Handshake,
    /// Connected, but what answers is no gRPC server.
    NotGrpc,
}

/// The checks' lines and their outcome.
struct Checks {
    lines: Vec<String>,
    cause: Cause,
}

/// What was found out about a connection that failed.
pub(crate) struct Examination {
    /// One line per check, each beginning with its mark: `✓`, `✗`, `-` or `?`.
    pub(crate) lines: Vec<String>,
    /// What is wrong, in a few words.
    pub(crate) summary: String,
    /// What to do about it.
    pub(crate) advice: String,
}

/// Finds out why a connection failed.
pub(crate) async fn examine(settings: &Settings, error: &(dyn Error + 'static)) -> Examination {
    let Checks { lines, cause } = run(settings, error).await;
    Examination { lines, summary: summary(cause, error), advice: advice(cause, settings) }
}

/// The message of a failed connection, several lines long.
pub(crate) async fn report(settings: &Settings, error: &(dyn Error + 'static)) -> String {
    let Examination { lines, summary, advice } = examine(settings, error).await;
    let address = settings.address.authority();
    let lines: Vec<String> = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!(
        "failed connecting to Temporal server at {address}: {summary}\n  Namespace: {}\n  TLS: {}\n\n  \
         Connection checks for {address}\n{}\n  {advice}",
        settings.namespace,
        settings.tls.is_some(),
        lines.concat(),
    )
}

async fn run(settings: &Settings, error: &(dyn Error + 'static)) -> Checks {
    let address = &settings.address;
    let mut lines = Vec::new();
    let targets: Vec<SocketAddr> = match address.ip() {
        Some(ip) => {
            lines.push("- DNS lookup skipped: address uses an IP literal".to_owned());
            vec![SocketAddr::new(ip, address.port)]
        }
        None => {
            let found = timeout(STEP_TIMEOUT, lookup_host((address.host.as_str(), address.port))).await;
            let found: Vec<SocketAddr> =
                found.map(|found| found.map(Iterator::collect)).unwrap_or(Ok(Vec::new())).unwrap_or_default();
            let plural = if found.len() == 1 { "address" } else { "addresses" };
            if found.is_empty() {
                lines.push(format!("✗ DNS lookup for {:?} failed: no such host", address.host));
                return Checks { lines, cause: Cause::UnknownHost };
            }
            lines.push(format!("✓ DNS resolved ({} {plural})", found.len()));
            found
        }
    };
    let (line, cause) = match connect_any(&targets).await {
        Ok(()) => {
            lines.push("✓ TCP connection established".to_owned());
            beyond_tcp(settings, error).await
        }
        Err(Cause::Refused) => {
            (format!("✗ TCP connection refused: nothing is listening at {}", address.authority()), Cause::Refused)
        }
        Err(Cause::TimedOut) => ("✗ TCP connection timed out".to_owned(), Cause::TimedOut),
        Err(cause) => ("✗ TCP connection failed: host is unreachable".to_owned(), cause),
    };
    lines.push(line);
    Checks { lines, cause }
}

async fn connect_any(targets: &[SocketAddr]) -> Result<(), Cause> {
    let mut cause = Cause::Unreachable;
    for target in targets {
        match timeout(STEP_TIMEOUT, TcpStream::connect(target)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => cause = Cause::Refused,
            Ok(Err(_)) => {}
            Err(_) => cause = Cause::TimedOut,
        }
    }
    Err(cause)
}

/// What failed above TCP, judged by the original error and, without TLS, by whether the server would have it.
async fn beyond_tcp(settings: &Settings, error: &(dyn Error + 'static)) -> (String, Cause) {
    let mut reason = innermost(error);
    if settings.tls.is_none() {
        return match speaks_tls(settings).await {
            true => ("✗ server expects TLS, but the CLI is connecting without it".to_owned(), Cause::TlsServer),
            false => (format!("? gRPC failure was not classified: {reason}"), Cause::NotGrpc),
        };
    }
    if is_lost(&reason) {
        reason = heard(settings).await.unwrap_or(reason);
    }
    if is_not_tls(&reason) {
        let line = "✗ TLS handshake failed: server did not respond with TLS (it may be a plaintext gRPC endpoint)";
        return (line.to_owned(), Cause::PlaintextServer);
    }
    let cause = match reason.as_str() {
        reason if reason.contains("UnknownIssuer") => Cause::Untrusted,
        reason if reason.contains("not valid for name") => Cause::WrongName,
        reason if reason.contains("certificate expired") => Cause::ServerExpired,
        reason if reason.contains("certificate not valid yet") => Cause::ServerNotYetValid,
        reason => alert(reason, settings),
    };
    (format!("✗ TLS handshake failed: {reason}"), cause)
}

/// Whether a connection is known to have ended, but not why. A server judges a client's certificate after the client's
/// side of the handshake is done, so its alert may arrive when nobody listens for it.
fn is_lost(reason: &str) -> bool {
    [
        "connection closed",
        "broken pipe",
        "Broken pipe",
        "connection reset",
        "Connection reset",
        "operation was canceled",
    ]
    .iter()
    .any(|sign| reason.contains(sign))
}

/// Connects again until the server's alert is heard, a few times at most.
async fn heard(settings: &Settings) -> Option<String> {
    for _ in 0..ATTEMPTS {
        let Err(Unconnected::Unreached(error)) = super::reach(settings).await else {
            return None;
        };
        let reason = innermost(error.as_ref());
        if !is_lost(&reason) {
            return Some(reason);
        }
    }
    None
}

/// What an alert of the server says of our certificate. The names are the TLS library's.
fn alert(reason: &str, settings: &Settings) -> Cause {
    let says = |names: &[&str]| names.iter().any(|name| reason.contains(name));
    let shows_certificate = settings.tls.as_ref().is_some_and(|tls| tls.client.is_some());
    if !says(&["received fatal alert"]) {
        Cause::Handshake
    } else if says(&["CertificateRequired"]) || (says(&["HandshakeFailure"]) && !shows_certificate) {
        Cause::ClientMissing
    } else if says(&["CertificateExpired"]) {
        Cause::ClientExpired
    } else if says(&["UnknownCA"]) {
        Cause::ClientUntrusted
    } else if says(&["BadCertificate", "CertificateUnknown", "UnsupportedCertificate", "AccessDenied", "DecryptError"])
    {
        Cause::ClientRefused
    } else {
        Cause::Handshake
    }
}

/// Whether the server answers a TLS handshake, be it to refuse it.
async fn speaks_tls(settings: &Settings) -> bool {
    let with_tls = Settings { tls: Some(TlsSettings::default()), ..settings.clone() };
    let Ok(endpoint) = super::endpoint(&with_tls) else {
        return false;
    };
    match timeout(STEP_TIMEOUT, endpoint.connect()).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => !is_not_tls(&innermost(&error)),
        Err(_) => false,
    }
}

/// Whether a handshake failed because what came back was no TLS record at all.
fn is_not_tls(reason: &str) -> bool {
    ["InvalidContentType", "corrupt message", "unexpected eof", "handshake eof", "Connection reset"]
        .iter()
        .any(|sign| reason.contains(sign))
}

/// The text at the root of an error's chain of sources.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn summary(cause: Cause, error: &(dyn Error + 'static)) -> String {
    match cause {
        Cause::UnknownHost => "could not resolve host".to_owned(),
        Cause::Refused => "connection refused".to_owned(),
        Cause::TimedOut => "connection timed out".to_owned(),
        Cause::PlaintextServer => {
            "TLS is enabled but the server did not respond with TLS; check tls configuration".to_owned()
        }
        Cause::TlsServer => "the server requires TLS but the CLI is connecting without it".to_owned(),
        Cause::Untrusted => "cannot verify server TLS certificate".to_owned(),
        Cause::WrongName => "server TLS certificate does not match host".to_owned(),
        Cause::ServerExpired => "server TLS certificate has expired".to_owned(),
        Cause::ServerNotYetValid => "server TLS certificate is not valid yet".to_owned(),
        Cause::ClientExpired => "the server refuses the client certificate: it is not valid at this time".to_owned(),
        Cause::ClientUntrusted => {
            "the server refuses the client certificate: it is of no authority that the namespace accepts".to_owned()
        }
        Cause::ClientRefused => "the server refuses the client certificate".to_owned(),
        Cause::ClientMissing => "the server wants a client certificate".to_owned(),
        Cause::Unreachable | Cause::Handshake | Cause::NotGrpc => innermost(error),
    }
}

fn advice(cause: Cause, settings: &Settings) -> String {
    let address = settings.address.authority();
    match cause {
        Cause::UnknownHost => format!("Could not resolve {:?} — check the server address.", settings.address.host),
        Cause::Refused if address == "localhost:7233" => format!(
            "No Temporal server is running at {address}. Start a local dev server:\n\n    temporal server start-dev"
        ),
        Cause::Refused => {
            format!("Nothing is listening at {address} — verify the address and that the server is running.")
        }
        Cause::TimedOut | Cause::Unreachable => {
            format!("{address} could not be reached — verify the address, the network and firewalls in between.")
        }
        Cause::PlaintextServer => format!(
            "The server at {address} does not appear to use TLS. Disable TLS (--tls=false), or check the address. An --api-key, a \
             profile, or environment configuration can enable TLS without a --tls flag. Check the effective settings, \
             not only the flags you passed."
        ),
        Cause::TlsServer => "The server requires TLS. Retry with --tls.".to_owned(),
        Cause::Untrusted => {
            "The server certificate is not trusted. Configure its CA certificate with --tls-ca-path.".to_owned()
        }
        Cause::WrongName => match settings.tls.as_ref().and_then(|tls| tls.server_name.as_ref()) {
            Some(name) => format!(
                "The server certificate is not valid for {name:?}, which --tls-server-name sets. Correct that value, or \
                 remove it to verify against the address host."
            ),
            None => format!(
                "The server certificate is not valid for {:?}. Set the name that it is valid for with \
                 --tls-server-name.",
                settings.address.host
            ),
        },
        Cause::ServerExpired => "The server's certificate has expired. Check this machine's clock. Whoever runs the \
             server must replace it, for a Perdure server by perdure cloud cert generate-leaf --server --san HOST \
             --organization NAME --ca-cert ca/server-ca.pem --ca-key ca/server-ca.key --cert tls/server.pem --key tls/server.key."
            .to_owned(),
        Cause::ServerNotYetValid => "The server's certificate begins to be valid later. Check the clocks of both \
             machines, or ask whoever runs the server."
            .to_owned(),
        Cause::ClientExpired => {
            "The client certificate has expired or is not valid yet. Make a new one, with an authority that the namespace \
             accepts: perdure cloud cert generate-leaf --organization NAME --ca-cert client-ca.pem --ca-key client-ca.key."
                .to_owned()
        }
        Cause::ClientUntrusted => format!(
            "The client certificate is of an authority that the namespace does not accept. Make one with the right \
             authority, or accept this one: perdure cloud namespace accepted-client-ca add --namespace {} --ca-file \
             client-ca.pem.",
            settings.namespace
        ),
        Cause::ClientRefused => "Check that the client certificate is one for clients and has its whole chain in the \
             file."
            .to_owned(),
        Cause::ClientMissing => {
            "Pass the client certificate with --tls-cert-path and --tls-key-path, or an API key with --api-key."
                .to_owned()
        }
        Cause::Handshake => "Check the certificates, the server name and the CA.".to_owned(),
        Cause::NotGrpc => format!("What answers at {address} is not a gRPC server. Check the address and the port."),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{super::address::Address, *};

    fn settings(address: &str, tls: bool) -> Settings {
        Settings {
            address: Address::parse(address).unwrap(),
            namespace: "default".to_owned(),
            identity: String::new(),
            authority: None,
            api_key: None,
            headers: BTreeMap::new(),
            tls: tls.then(TlsSettings::default),
            connect_timeout: STEP_TIMEOUT,
        }
    }

    #[tokio::test]
    async fn nothing_listens() {
        // Bound and dropped: nobody else is given the port that soon.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = io::Error::other("transport error");
        let address = format!("127.0.0.1:{port}");
        assert_eq!(
            report(&settings(&address, false), &error).await,
            format!(
                "failed connecting to Temporal server at {address}: connection refused\n  Namespace: default\n  \
                 TLS: false\n\n  Connection checks for {address}\n    - DNS lookup skipped: address uses an IP \
                 literal\n    ✗ TCP connection refused: nothing is listening at {address}\n\n  Nothing is listening \
                 at {address} — verify the address and that the server is running."
            )
        );
    }

    #[tokio::test]
    async fn tls_to_a_plaintext_server() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let error = io::Error::other("received corrupt message of type InvalidContentType");
        let report = report(&settings(&address, true), &error).await;
        assert!(report.contains("TLS is enabled but the server did not respond with TLS"), "{report}");
        assert!(
            report.contains("✓ TCP connection established\n    ✗ TLS handshake failed: server did not"),
            "{report}"
        );
    }

    #[tokio::test]
    async fn plaintext_to_a_tls_server() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        // The checks connect twice: to see whether anybody listens, and to ask.
        let server = std::thread::Builder::new().spawn(move || {
            use std::io::{Read, Write};
            drop(listener.accept().unwrap());
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
            // The alert "handshake failure".
            stream.write_all(&[21, 3, 3, 0, 2, 2, 40]).unwrap();
        });
        let report = report(&settings(&address, false), &io::Error::other("broken pipe")).await;
        server.unwrap().join().unwrap();
        assert!(report.contains("the server requires TLS but the CLI is connecting without it"), "{report}");
        assert!(report.ends_with("The server requires TLS. Retry with --tls."), "{report}");
    }

    #[tokio::test]
    async fn certificates_that_are_refused() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        for (error, summary) in [
            ("invalid peer certificate: UnknownIssuer", "cannot verify server TLS certificate"),
            ("certificate not valid for name \"a\"", "server TLS certificate does not match host"),
            ("peer is incompatible", "peer is incompatible"),
            ("invalid peer certificate: certificate expired: verified at 1", "server TLS certificate has expired"),
            ("invalid peer certificate: certificate not valid yet: x", "server TLS certificate is not valid yet"),
            ("received fatal alert: CertificateRequired", "the server wants a client certificate"),
            (
                "received fatal alert: CertificateExpired",
                "the server refuses the client certificate: it is not valid at this time",
            ),
            (
                "received fatal alert: UnknownCA",
                "the server refuses the client certificate: it is of no authority that the namespace accepts",
            ),
            ("received fatal alert: BadCertificate", "the server refuses the client certificate"),
        ] {
            let report = report(&settings(&address, true), &io::Error::other(error)).await;
            assert!(report.starts_with(&format!("failed connecting to Temporal server at {address}: {summary}\n")));
        }
    }
}
