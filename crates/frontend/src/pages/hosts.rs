//! Under which names pages are asked for.
//!
//! A site on the network can have a name of its own lead to this machine; to a browser its scripts and our pages are then of
//! one origin (DNS rebinding). So what is shown without a login is shown under names only that no such site can have.

use std::net::IpAddr;

use tonic::codegen::http::{Request, header};

/// Longest name that is repeated to its asker.
const LONGEST_NAME: usize = 253;

/// The names that the operator gave the pages, beside those that any machine has for itself.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Each name stands for the names below it, too.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().map(|name| name.trim_matches('.').to_ascii_lowercase()).collect())
    }

    /// Whether every name that a request gives this machine is one of ours. `is_local`: it came over loopback.
    ///
    /// # Errors
    /// What its asker is told.
    pub(super) fn check<B>(&self, request: &Request<B>, is_local: bool) -> Result<(), String> {
        let in_target = request.uri().authority().map(|authority| Some(authority.as_str()));
        let in_heads = request.headers().get_all(header::HOST).iter().map(|value| value.to_str().ok());
        for name in in_target.into_iter().chain(in_heads) {
            let name = name.map(without_port).unwrap_or("?");
            if !self.has(name, is_local) {
                return Err(refusal(name));
            }
        }
        Ok(())
    }

    fn has(&self, name: &str, is_local: bool) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_below =
            |known: &str| name.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        // Names without a dot are given by the network that the operator opened the pages to.
        let is_of_network =
            || !is_local && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        name.is_empty()
            || is_address
            || is_below("localhost")
            || self.0.iter().any(|known| is_below(known))
            || is_of_network()
    }
}

fn refusal(name: &str) -> String {
    let name: String = name.chars().take(LONGEST_NAME).collect();
    format!(
        "this page is shown as localhost, under an IP address, or under a name that the server was given, not as {name:?}\n"
    )
}

fn without_port(host: &str) -> &str {
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &Hosts, target: &str, heads: &[&[u8]], is_local: bool) -> bool {
        let mut request = Request::builder().uri(target);
        for head in heads {
            request = request.header(header::HOST, *head);
        }
        hosts.check(&request.body(()).unwrap(), is_local).is_ok()
    }

    #[test]
    fn only_names_that_no_site_can_have_are_ours() {
        let hosts = Hosts::new(["Metrics.Example.test.".to_owned()]);
        let ours =
            ["", "localhost", "LOCALHOST:8233", "localhost.", "a.localhost:1", "127.0.0.1:8233", "[::1]:9", "10.0.0.9"];
        for name in ours.into_iter().chain(["metrics.example.test:80", "a.metrics.example.test"]) {
            assert!(check(&hosts, "/", &[name.as_bytes()], true), "{name}");
        }
        let foreign = ["example.test", "example.test:8233", "localhost.example.test", "127.0.0.1.example.test"];
        for name in
            foreign.into_iter().chain(["notlocalhost", "xmetrics.example.test", "localhost@example.test", "a b"])
        {
            assert!(!check(&hosts, "/", &[name.as_bytes()], true), "{name}");
        }
        assert!(check(&hosts, "/", &[], true), "a program that gives no name is no browser");
        assert!(!check(&hosts, "/", &[b"\xff"], true));
    }

    #[test]
    fn every_name_of_a_request_counts() {
        let hosts = Hosts::default();
        assert!(!check(&hosts, "http://example.test/metrics", &[b"localhost"], true));
        assert!(!check(&hosts, "/metrics", &[b"localhost", b"example.test"], true));
        assert!(check(&hosts, "http://localhost:9/metrics", &[b"localhost"], true));
    }

    #[test]
    fn a_name_without_a_dot_is_of_the_network_that_the_pages_were_opened_to() {
        let hosts = Hosts::default();
        assert!(check(&hosts, "/", &[b"perdure-1:34567"], false));
        assert!(!check(&hosts, "/", &[b"perdure-1:34567"], true));
        assert!(!check(&hosts, "/", &[b"perdure.example.test"], false));
    }
}
