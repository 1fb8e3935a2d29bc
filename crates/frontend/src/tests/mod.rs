//! The data plane on real sockets: what clients get whose set-up is right, and what those get whose set-up is not.

mod pki;
mod world;

use std::{
    future::{Ready, ready},
    io,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use auth::{CertificateRefusal, Filter};
use hyper_util::rt::TokioIo;
use model::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, ConfigBuilder, ProtocolVersion, RootCertStore, SignatureScheme, SupportedProtocolVersion,
        client::{ResolvesClientCert, WantsClientCert},
        crypto::ring,
        pki_types::ServerName,
        sign::CertifiedKey,
        version::{TLS12, TLS13},
    },
};
use tonic::{
    Code, Status,
    codegen::{Service, http::Uri},
    transport::{Channel, Endpoint},
};
use transport::{SPEAK_PLAIN, SPEAK_TLS};

use self::{
    pki::{Authority, EXPIRED, GOOD, Leaf, NOT_YET_VALID},
    world::{BANK, BANK_HOST, Client, NOBODYS_HOST, SHOP, World},
};

/// Names and values.
type Headers<'a> = &'a [(&'static str, &'a [u8])];

const UNAUTHORIZED: &str = "Request unauthorized.";

fn answer(result: Result<(), Status>) -> (Code, String) {
    result.map_or_else(|status| (status.code(), status.message().to_owned()), |()| (Code::Ok, String::new()))
}

fn ok() -> (Code, String) {
    (Code::Ok, String::new())
}

fn denied(text: &str) -> (Code, String) {
    (Code::PermissionDenied, text.to_owned())
}

fn refused(refusal: CertificateRefusal) -> (Code, String) {
    (Code::Unauthenticated, format!("request not authenticated: {refusal}"))
}

/// A client's settings, up to what it shows.
fn config(world: &World, version: &'static SupportedProtocolVersion) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(world.root.der()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
}

async fn connect(world: &World, host: &str, mut config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(world.tls).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(host.to_owned()).unwrap(), stream).await
}

/// A channel over one connection of this version of TLS.
async fn channel(world: &World, host: &str, leaf: &Leaf, version: &'static SupportedProtocolVersion) -> Channel {
    let config = config(world, version).with_client_auth_cert(vec![leaf.certificate.clone()], leaf.key()).unwrap();
    let stream = connect(world, host, config).await.unwrap();
    let over = Over(Some(stream));
    Endpoint::from_shared(format!("http://{host}")).unwrap().connect_with_connector(over).await.unwrap()
}

/// Gives the one connection that is there.
struct Over(Option<TlsStream<TcpStream>>);

impl Service<Uri> for Over {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        ready(self.0.take().map(TokioIo::new).ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

/// What the TLS library says of a handshake without a client's certificate, and of the first read after it.
async fn shake(
    world: &World,
    host: &str,
    version: &'static SupportedProtocolVersion,
) -> Result<Option<ProtocolVersion>, String> {
    shake_with(world, host, config(world, version).with_no_client_auth()).await
}

async fn shake_with(world: &World, host: &str, config: ClientConfig) -> Result<Option<ProtocolVersion>, String> {
    let mut stream = connect(world, host, config).await.map_err(|error| error.to_string())?;
    // The server's settings, or the alert on what the client showed last.
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.map_err(|error| error.to_string())?;
    Ok(stream.get_ref().1.protocol_version())
}

#[tokio::test]
async fn a_certificate_of_the_namespace_opens_it_and_no_other() {
    let world = World::new().await;
    let leaf = world.bank.client("worker", GOOD);
    let mut client = world.client(Some(BANK_HOST), Some(&leaf)).await;
    assert_eq!(answer(client.greet().await), ok());
    assert_eq!(answer(client.read(BANK).await), ok());
    // The other namespace, and one that isn't there: nothing tells them apart.
    assert_eq!(answer(client.read(SHOP).await), denied(UNAUTHORIZED));
    assert_eq!(answer(client.read("nobody.a2dd6").await), denied(UNAUTHORIZED));
    assert_eq!(answer(client.read_with(BANK, &[("temporal-namespace", SHOP.as_bytes())]).await), denied(UNAUTHORIZED));
    assert_eq!(answer(client.read_with(SHOP, &[("temporal-namespace", BANK.as_bytes())]).await), denied(UNAUTHORIZED));
}

#[tokio::test]
async fn without_a_server_name_the_header_names_the_namespace() {
    let world = World::new().await;
    let leaf = world.bank.client("worker", GOOD);
    let mut client = world.client(None, Some(&leaf)).await;
    assert_eq!(answer(client.greet().await), ok());
    assert_eq!(answer(client.read(BANK).await), ok());
    for namespace in [SHOP, "nobody.a2dd6"] {
        assert_eq!(answer(client.read(namespace).await), refused(CertificateRefusal::UnknownIssuer), "{namespace}");
    }
    let expired = world.bank.client("worker", EXPIRED);
    let mut client = world.client(None, Some(&expired)).await;
    assert_eq!(answer(client.read(BANK).await), refused(CertificateRefusal::Expired));
    let early = world.bank.client("worker", NOT_YET_VALID);
    let mut client = world.client(None, Some(&early)).await;
    assert_eq!(answer(client.read(BANK).await), refused(CertificateRefusal::NotYetValid));
}

#[tokio::test]
async fn without_a_server_name_the_authority_names_the_namespace_before_the_header_does() {
    let world = World::new().await;
    let leaf = world.bank.client("worker", GOOD);
    for host in [Some(BANK_HOST), None] {
        let mut client = world.client_at(None, host, Some(&leaf)).await;
        assert_eq!(answer(client.read_with(BANK, &[]).await).0 == Code::Ok, host.is_some(), "{host:?}");
        assert_eq!(answer(client.read(BANK).await), ok(), "{host:?}");
    }
    let mut client = world.client_at(None, Some(NOBODYS_HOST), Some(&leaf)).await;
    assert_eq!(answer(client.read(BANK).await), refused(CertificateRefusal::UnknownIssuer));
    // The server name of the handshake goes before both.
    let mut client = world.client_at(Some(BANK_HOST), Some(NOBODYS_HOST), Some(&leaf)).await;
    assert_eq!(answer(client.read(BANK).await), ok());
}

#[tokio::test]
async fn handshakes_that_do_not_go_on_hold_up_no_others() {
    // Longer than any test, so that nothing is given up for its age.
    let handshake_time = Duration::from_secs(3_600);
    let limits = Limits { unidentified_connections: 20, handshake_time, ..Limits::default() };
    let world = World::with(limits).await;
    let leaf = world.bank.client("worker", GOOD);
    let mut known = world.client(Some(BANK_HOST), Some(&leaf)).await;
    assert_eq!(answer(known.read(BANK).await), ok());
    let mut begun = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(world.tls).await.unwrap();
        stream.write_all(&[0x16, 3, 1, 2, 0]).await.unwrap();
        begun.push(stream);
    }
    let mut client = world.client(Some(BANK_HOST), Some(&leaf)).await;
    assert_eq!(answer(client.read(BANK).await), ok());
    assert_eq!(answer(known.read(BANK).await), ok());
    // The first of them had to go.
    let closed = begun[0].read(&mut [0; 64]).await;
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
}

#[tokio::test]
async fn who_shows_nothing_learns_only_what_the_server_is() {
    let world = World::new().await;
    for host in [None, Some(BANK_HOST), Some(NOBODYS_HOST)] {
        let mut client = world.client(host, None).await;
        assert_eq!(answer(client.greet().await), ok());
        let text = "request not authenticated: no API key was shown, and no client certificate for a namespace";
        for namespace in [BANK, "nobody.a2dd6"] {
            assert_eq!(answer(client.read(namespace).await), (Code::Unauthenticated, text.to_owned()), "{host:?}");
        }
    }
}

#[tokio::test]
async fn a_bad_certificate_is_refused_with_its_cause_by_the_first_call_that_needs_a_right() {
    let world = World::new().await;
    let foreign_authority = Authority::new("somebody else");
    for version in [&TLS13, &TLS12] {
        let good = world.bank.client("worker", GOOD);
        let foreign = [
            (foreign_authority.client("worker", GOOD), CertificateRefusal::UnknownIssuer),
            (world.shop.client("worker", GOOD), CertificateRefusal::UnknownIssuer),
            (foreign_authority.client("worker", EXPIRED), CertificateRefusal::Expired),
        ];
        let own = [
            (world.bank.client("worker", EXPIRED), CertificateRefusal::Expired),
            (world.bank.client("worker", NOT_YET_VALID), CertificateRefusal::NotYetValid),
        ];
        let mut known = Client::over(channel(&world, BANK_HOST, &good, version).await);
        assert_eq!(answer(known.read(BANK).await), ok(), "{version:?}");
        let bank = foreign.iter().chain(&own).map(|shown| (BANK_HOST, shown));
        // A namespace that isn't there answers each caller as a foreign one does.
        let unknown = (good, CertificateRefusal::UnknownIssuer);
        let nobody = foreign.iter().chain([&unknown]).map(|shown| (NOBODYS_HOST, shown));
        for (host, (leaf, cause)) in bank.chain(nobody) {
            let mut client = Client::over(channel(&world, host, leaf, version).await);
            // What is for anyone is for them as well: a client that asks what the server is gets to its own question.
            assert_eq!(answer(client.greet().await), ok(), "{version:?}");
            for namespace in [BANK, "nobody.a2dd6"] {
                assert_eq!(answer(client.read(namespace).await), refused(*cause), "{version:?} {host}");
            }
        }
    }
}

/// Shows a certificate and signs with the key of another.
#[derive(Debug)]
struct Thief(Arc<CertifiedKey>);

impl ResolvesClientCert for Thief {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn who_does_not_hold_the_key_of_the_certificate_is_not_let_in() {
    let world = World::new().await;
    let (worker, own) = (world.bank.client("worker", GOOD), world.bank.client("thief", GOOD));
    for version in [&TLS13, &TLS12] {
        let key = ring::sign::any_supported_type(&own.key()).unwrap();
        let stolen = Thief(Arc::new(CertifiedKey::new(vec![worker.certificate.clone()], key)));
        let config = config(&world, version).with_client_cert_resolver(Arc::new(stolen));
        let refusal = shake_with(&world, BANK_HOST, config).await.unwrap_err();
        assert_eq!(refusal, "received fatal alert: DecryptError", "{version:?}");
    }
}

#[tokio::test]
async fn a_filter_that_leaves_the_certificate_out_denies_the_call() {
    let world = World::new().await;
    let filter = Filter { common_name: "worker*".to_owned(), ..Filter::default() };
    world.account.trust(BANK, &world.bank, vec![filter]);
    let meant = world.bank.client("worker-7", GOOD);
    let mut client = world.client(Some(BANK_HOST), Some(&meant)).await;
    assert_eq!(answer(client.read(BANK).await), ok());
    let other = world.bank.client("admin", GOOD);
    let mut client = world.client(Some(BANK_HOST), Some(&other)).await;
    let text =
        "Request unauthorized: no certificate filter of namespace \"bank.a2dd6\" matches the client certificate.";
    assert_eq!(answer(client.read(BANK).await), denied(text));
}

#[tokio::test]
async fn an_authority_that_is_taken_away_opens_nothing_any_more() {
    let world = World::new().await;
    let leaf = world.bank.client("worker", GOOD);
    let mut client = world.client(Some(BANK_HOST), Some(&leaf)).await;
    assert_eq!(answer(client.read(BANK).await), ok());
    world.account.trust(BANK, &world.shop, Vec::new());
    assert_eq!(answer(client.read(BANK).await), refused(CertificateRefusal::UnknownIssuer));
}

#[tokio::test]
async fn plain_text_on_a_tls_port_is_told_so() {
    let world = World::new().await;
    let mut client = Client::over(Endpoint::from_shared(format!("http://{}", world.tls)).unwrap().connect_lazy());
    assert_eq!(answer(client.greet().await), (Code::FailedPrecondition, SPEAK_TLS.to_owned()));
    assert_eq!(answer(client.read(BANK).await), (Code::FailedPrecondition, SPEAK_TLS.to_owned()));
    let mut stream = TcpStream::connect(world.tls).await.unwrap();
    stream.write_all(b"GET /cloud/namespaces HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    assert!(page.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{page}");
    assert!(page.ends_with(&format!("\r\n\r\n{SPEAK_TLS}\n")), "{page}");
}

#[tokio::test]
async fn tls_on_a_plain_port_is_told_so() {
    let mut world = World::new().await;
    let mut client = Client::over(Endpoint::from_shared(format!("http://{}", world.plain)).unwrap().connect_lazy());
    assert_eq!(answer(client.greet().await), ok());
    world.tls = world.plain;
    let refusal = shake(&world, BANK_HOST, &TLS13).await.unwrap_err();
    assert_eq!(refusal, "received corrupt message of type InvalidContentType");
    let mut stream = TcpStream::connect(world.plain).await.unwrap();
    stream.write_all(b"\x16\x03\x01\x00\x05hello").await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    assert!(page.ends_with(&format!("\r\n\r\n{SPEAK_PLAIN}\n")), "{page}");
}

#[tokio::test]
async fn a_new_server_certificate_is_shown_to_new_connections_and_cuts_no_old_one() {
    let mut world = World::new().await;
    let leaf = world.bank.client("worker", GOOD);
    let mut open = world.client(Some(BANK_HOST), Some(&leaf)).await;
    assert_eq!(answer(open.read(BANK).await), ok());
    world.spoil();
    let fault = world.shown.reload().unwrap_err().to_string();
    assert!(fault.contains("holds no private key"), "{fault}");
    assert!(shake(&world, BANK_HOST, &TLS13).await.is_ok());
    let newer = Authority::new("servers, second edition");
    world.renew(&newer);
    world.shown.reload().unwrap();
    assert_eq!(answer(open.read(BANK).await), ok());
    assert!(shake(&world, BANK_HOST, &TLS13).await.unwrap_err().contains("UnknownIssuer"));
    world.root = newer;
    assert!(shake(&world, BANK_HOST, &TLS13).await.is_ok());
}

#[tokio::test]
async fn headers_that_can_not_be_meant_are_refused_by_name() {
    let world = World::new().await;
    let mut client = world.client(Some(BANK_HOST), None).await;
    let long = format!("Bearer {}", "x".repeat(20_000));
    let unauthenticated = |cause: &str| (Code::Unauthenticated, format!("request not authenticated: {cause}"));
    let rows: [(Headers<'_>, _); 6] = [
        (
            &[("authorization", long.as_bytes())],
            unauthenticated("the authorization header has 20007 bytes, at most 16384 are read"),
        ),
        (&[("authorization", b"Bearer \xff\xfe")], unauthenticated("the authorization header is not text")),
        (
            &[("authorization", b"Bearer a"), ("authorization", b"Bearer b")],
            unauthenticated("more than one authorization header"),
        ),
        (&[("authorization", b"Bearer sesame")], unauthenticated("the bearer token is not an API key")),
        (
            &[("temporal-namespace", b"\xff")],
            (Code::InvalidArgument, "the temporal-namespace header is not text".to_owned()),
        ),
        (
            &[("temporal-namespace", b"a.b"), ("temporal-namespace", b"c.d")],
            (Code::InvalidArgument, "the temporal-namespace headers name different namespaces".to_owned()),
        ),
    ];
    for (headers, expected) in rows {
        assert_eq!(answer(client.read_with(BANK, headers).await), expected);
    }
    // Beyond what the port reads at all, the transport refuses.
    let huge = vec![b'x'; 100_000];
    assert!(client.read_with(BANK, &[("authorization", &huge)]).await.is_err());
    assert_eq!(answer(client.greet().await), ok());
}
