//! What is printed when the server is ready.

use std::net::SocketAddr;

use super::listen::shown;

/// The facts of the banner.
pub(super) struct Banner {
    pub(super) grpc: SocketAddr,
    pub(super) persistence: String,
    /// Only where it was asked for by its flag.
    pub(super) http: Option<SocketAddr>,
    pub(super) ui: Option<SocketAddr>,
    pub(super) metrics: SocketAddr,
}

impl Banner {
    pub(super) fn text(&self) -> String {
        let mut lines = vec![
            format!("Perdure {} (Server 1.32.0 compatible)", env!("CARGO_PKG_VERSION")),
            String::new(),
            format!("Temporal Server:      {}", shown(self.grpc)),
            format!("Temporal Persistence: {}", self.persistence),
        ];
        lines.extend(self.http.map(|address| format!("Temporal HTTP:        {}", shown(address))));
        lines.extend(self.ui.map(|address| format!("Temporal UI:          http://{}", shown(address))));
        lines.push(format!("Temporal Metrics:     http://{}/metrics", shown(self.metrics)));
        lines.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_has_the_references_shape() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let banner = Banner {
            grpc: at(7233),
            persistence: "a.db".into(),
            http: None,
            ui: Some(at(8233)),
            metrics: SocketAddr::from(([10, 0, 0, 1], 9)),
        };
        let text = banner.text();
        let body: Vec<_> = text.lines().skip(2).collect();
        let expected = [
            "Temporal Server:      localhost:7233",
            "Temporal Persistence: a.db",
            "Temporal UI:          http://localhost:8233",
            "Temporal Metrics:     http://10.0.0.1:9/metrics",
        ];
        assert_eq!(body, expected);
    }
}
