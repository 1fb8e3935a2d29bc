//! The address of a server: `host:port`, a target in gRPC's own notation, or a URL of the form that a connection string for a
//! hosted service takes.

use std::net::IpAddr;

/// The port where none is given and nothing says TLS.
const DEFAULT_PORT: u16 = 7233;
/// The port of `https://` where none is given.
const DEFAULT_TLS_PORT: u16 = 443;

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Name or IP literal, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What a scheme says about TLS; `None` without a scheme.
    pub(crate) tls: Option<bool>,
}

impl Address {
    /// Reads `host`, `host:port`, `[v6]:port`, and all of them behind `http://` or `https://`, or as a target of gRPC:
    /// behind `dns:`, `dns:///`, `dns://SERVER/`, `passthrough:///`, `ipv4:` or `ipv6:`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (Some(true), rest),
            (None, Some(rest)) => (Some(false), rest),
            (None, None) => (None, target(text)?),
        };
        let rest = match tls {
            // What follows the authority of a URL means nothing to gRPC.
            Some(_) => rest.split_once('/').map_or(rest, |(authority, _)| authority),
            None => rest,
        };
        let (host, port) = split_port(rest).ok_or_else(|| format!("invalid target address {text}"))?;
        let port = match port {
            Some(port) => port.parse().map_err(|_| format!("invalid target address {text}: invalid port {port:?}"))?,
            None if tls == Some(true) => DEFAULT_TLS_PORT,
            None => DEFAULT_PORT,
        };
        if host.is_empty() || host.contains(['/', '@', ' ', '\t']) {
            return Err(format!("invalid target address {text}"));
        }
        Ok(Self { host: host.to_owned(), port, tls })
    }

    /// The IP address, if the host is one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `host:port`, as shown to the user and as the authority of requests.
    pub(crate) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// What a target of gRPC points to: its endpoint, or the whole text where it has no scheme. A name server that `dns:` names is
/// not asked: the system's is.
fn target(text: &str) -> Result<&str, String> {
    let named = ["dns", "passthrough", "ipv4", "ipv6"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme)?.strip_prefix(':').map(|rest| (*scheme, rest)));
    let Some((scheme, rest)) = named else {
        return match text.strip_prefix("unix:") {
            Some(_) => Err(format!("invalid target address {text}: sockets of the file system are not served")),
            None => Ok(text),
        };
    };
    // A host may be called like a scheme.
    if scheme != "ipv6" && !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text);
    }
    let endpoint = match rest.strip_prefix("//") {
        Some(rest) => rest.split_once('/').map(|(_, endpoint)| endpoint),
        None => Some(rest.strip_prefix('/').unwrap_or(rest)),
    };
    endpoint.ok_or_else(|| format!("invalid target address {text}: the host comes behind \"{scheme}:///\""))
}

/// Host and port of an authority; `None` if brackets or colons do not add up.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None if rest.is_empty() => Some((host, None)),
            None => None,
        };
    }
    match authority.matches(':').count() {
        0 => Some((authority, None)),
        1 => authority.split_once(':').map(|(host, port)| (host, Some(port))),
        _ if authority.parse::<IpAddr>().is_ok() => Some((authority, None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted() {
        for (text, host, port, tls) in [
            ("localhost:7233", "localhost", 7233, None),
            ("localhost", "localhost", 7233, None),
            ("https://ns.acct.tmprl.cloud:7233", "ns.acct.tmprl.cloud", 7233, Some(true)),
            ("https://ns.acct.tmprl.cloud/", "ns.acct.tmprl.cloud", 443, Some(true)),
            ("http://127.0.0.1:17310/x", "127.0.0.1", 17310, Some(false)),
            ("[::1]:7233", "::1", 7233, None),
            ("::1", "::1", 7233, None),
            ("dns:///ns.acct.tmprl.cloud:7233", "ns.acct.tmprl.cloud", 7233, None),
            ("dns:///localhost", "localhost", 7233, None),
            ("dns://8.8.8.8/frontend:7233", "frontend", 7233, None),
            ("dns:frontend:7233", "frontend", 7233, None),
            ("dns:7233", "dns", 7233, None),
            ("passthrough:///127.0.0.1:1", "127.0.0.1", 1, None),
            ("ipv4:127.0.0.1:1", "127.0.0.1", 1, None),
            ("ipv6:[::1]:1", "::1", 1, None),
        ] {
            assert_eq!(Address::parse(text), Ok(Address { host: host.to_owned(), port, tls }), "{text}");
        }
        assert_eq!(Address::parse("[::1]:1").unwrap().authority(), "[::1]:1");
    }

    #[test]
    fn refused() {
        for text in [
            "",
            ":7233",
            "a:b",
            "a:70000",
            "a:1:2",
            "ftp://a",
            "[::1",
            "[::1]x",
            "a b",
            "dns://a:1",
            "dns:",
            "unix:///s",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
