//! The control plane as HTTP paths with JSON.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

use crate::{
    pki::{Authority, EXPIRED, GOOD, Leaf, NOT_YET_VALID},
    world::{Account, World},
};

/// Names and values.
type Headers<'a> = &'a [(&'a str, &'a str)];

/// One request over HTTP/1.1 and TLS: the status and the JSON that come back.
pub(crate) async fn ask(world: &World, verb: &str, path: &str, headers: Headers<'_>, body: &str) -> (u16, Value) {
    ask_as(world, None, verb, path, headers, body).await
}

/// The same by a client that would show a certificate.
async fn ask_as(
    world: &World,
    leaf: Option<&Leaf>,
    verb: &str,
    path: &str,
    headers: Headers<'_>,
    body: &str,
) -> (u16, Value) {
    let mut roots = RootCertStore::empty();
    roots.add(world.root.der()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match leaf {
        Some(leaf) => builder.with_client_auth_cert(vec![leaf.certificate.clone()], leaf.key()).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from("saas-api.localhost.test").unwrap();
    let stream = TcpStream::connect(world.cloud).await.unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let mut request = format!("{verb} {path} HTTP/1.1\r\nHost: saas-api.localhost.test\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, json) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(json).unwrap())
}

#[tokio::test]
async fn namespaces_are_made_and_listed_by_path() {
    let world = Account::new().serve().await;
    let bearer = format!("Bearer {}", world.owner_key);
    let headers = [("Authorization", bearer.as_str()), ("temporal-cloud-api-version", "v0.17.1")];
    let body = json!({ "spec": {
        "name": "bank", "regions": ["local"], "retentionDays": 7, "apiKeyAuth": { "enabled": true },
    } });
    let (status, made) = ask(&world, "POST", "/cloud/namespaces", &headers, &body.to_string()).await;
    assert_eq!((status, made["namespace"].as_str()), (200, Some("bank.a2dd6")), "{made}");
    let (status, again) = ask(&world, "POST", "/cloud/namespaces", &headers, &body.to_string()).await;
    assert_eq!((status, again["code"].as_i64()), (409, Some(6)), "{again}");
    let (status, one) = ask(&world, "GET", "/cloud/namespaces/bank.a2dd6", &headers, "").await;
    assert_eq!((status, one["namespace"]["spec"]["retentionDays"].as_i64()), (200, Some(7)), "{one}");
    let (status, list) = ask(&world, "GET", "/cloud/namespaces?page_size=5&name=bank", &headers, "").await;
    assert_eq!((status, list["namespaces"].as_array().map(Vec::len)), (200, Some(1)), "{list}");
}

#[tokio::test]
async fn refusals_are_statuses_in_json() {
    let world = Account::new().serve().await;
    let bearer = format!("Bearer {}", world.owner_key);
    let owner = [("Authorization", bearer.as_str())];
    let versioned = [("Authorization", bearer.as_str()), ("temporal-cloud-api-version", "soon")];
    let rows: [(&str, &str, Headers<'_>, u16, i64, &str); 9] = [
        ("GET", "/cloud/namespaces", &[], 401, 16, "request not authenticated"),
        ("GET", "/cloud/namespaces/nobody.b3ee7", &[], 401, 16, "request not authenticated"),
        ("GET", "/cloud/namespaces", &versioned, 400, 3, "API version specified is invalid"),
        ("GET", "/cloud/namespaces?nope=1", &owner, 400, 3, "GetNamespacesRequest has no field \"nope\""),
        ("GET", "/cloud/namespaces?name=%ff", &owner, 400, 3, "the query is not percent-encoded UTF-8"),
        ("POST", "/cloud/namespaces", &owner, 400, 3, ""),
        ("GET", "/cloud/nothing", &owner, 404, 5, "there is no such path"),
        ("PUT", "/cloud/namespaces", &owner, 405, 12, "there is no PUT for this path"),
        ("GET", "/cloud/projects", &owner, 501, 12, "GetProjects is not implemented yet"),
    ];
    for (verb, path, headers, status, code, text) in rows {
        let (found, refusal) = ask(&world, verb, path, headers, "").await;
        assert_eq!((found, refusal["code"].as_i64()), (status, Some(code)), "{verb} {path}: {refusal}");
        let message = refusal["message"].as_str().unwrap();
        assert!(text.is_empty() || message == text, "{verb} {path}: {message}");
    }
}

#[tokio::test]
async fn a_certificate_says_nothing_on_the_control_plane() {
    let world = Account::new().serve().await;
    let authority = Authority::new("clients of the bank");
    world.namespace("bank", Some(&authority)).await;
    let bearer = format!("Bearer {}", world.owner_key);
    for years in [GOOD, EXPIRED, NOT_YET_VALID] {
        let leaf = authority.client("worker", years);
        let headers = [("temporal-namespace", "bank.a2dd6"), ("Authorization", bearer.as_str())];
        let (status, refusal) = ask_as(&world, Some(&leaf), "GET", "/cloud/account", &headers[..1], "").await;
        assert_eq!((status, refusal["code"].as_i64()), (401, Some(16)), "{refusal}");
        let (status, account) = ask_as(&world, Some(&leaf), "GET", "/cloud/account", &headers, "").await;
        assert_eq!(status, 200, "{account}");
    }
}
