//! The pages of a server that asks nobody who they are.

#[cfg(test)]
#[path = "secured/browser.rs"]
mod browser;

#[cfg(test)]
mod open {
    use std::{future::pending, io::Read as _, net::SocketAddr, sync::Arc, time::Duration};

    use engine::{Config, Engine};
    use frontend::{About, Hosts, NewNamespace, Page, ServerContext, Ui, ensure, serve_page};
    use model::Limits;
    use store::MemoryStore;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        task::JoinSet,
    };
    use transport::Loops;

    use crate::browser::ask;

    async fn serve() -> (SocketAddr, (JoinSet<()>, Loops)) {
        serve_as(Page::Ui(Ui::new("localhost:7233".to_owned(), None))).await
    }

    async fn serve_as(page: Page) -> (SocketAddr, (JoinSet<()>, Loops)) {
        let config = Config { shards: 1, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 10 };
        let engine = Engine::open(Arc::new(MemoryStore::new()), config).unwrap();
        let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
        let context = ServerContext::new(engine, auth::Policy::Open, about, || uuid::Uuid::from_u128(1));
        ensure(&context, NewNamespace::named("default", Duration::from_secs(86_400))).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hosts = Hosts::new(["pages.example.test".to_owned()]);
        let mut servers = JoinSet::new();
        let loops = Loops::start(1).unwrap();
        servers.spawn(serve_page(context, listener, loops.handles(), page, hosts, pending()));
        (address, (servers, loops))
    }

    #[tokio::test]
    async fn the_local_namespaces_are_shown_without_a_login() {
        let (address, _servers) = serve().await;
        assert_eq!(ask(address, "GET", "/", &[]).await.location(), (303, Some("/namespaces")));
        assert_eq!(ask(address, "GET", "/login", &[]).await.location(), (303, Some("/")));
        let page = ask(address, "GET", "/namespaces", &[]).await;
        assert!(page.status == 200 && page.body.contains("/namespaces/default/workflows"), "{}", page.body);
        assert!(page.body.contains("the full Web UI is still to come"), "{}", page.body);
        let workflows = "/namespaces/default/workflows";
        assert_eq!(ask(address, "GET", "/namespaces/default", &[]).await.location(), (303, Some(workflows)));
        assert!(ask(address, "GET", workflows, &[]).await.body.contains("No workflows."));
        assert_eq!(ask(address, "GET", "/namespaces/nobody/workflows", &[]).await.status, 404);
        assert_eq!(ask(address, "GET", "/healthz", &[]).await.body, "{\"status\":\"OK\"}");
    }

    /// What pages load is kept by the browser for as long as it likes, since other contents have other addresses; pages
    /// are not kept. Both are compressed for those who take that.
    #[tokio::test]
    async fn assets_are_cached_and_all_is_compressed() {
        // It shows what was asked for, and so it is long enough to be worth it.
        let long = &format!("/namespaces/default/workflows?query={}", "x".repeat(1_000));
        let (address, _servers) = serve().await;
        let page = ask(address, "GET", long, &[]).await;
        assert_eq!((page.header("cache-control"), page.header("content-encoding")), (Some("no-store"), None));
        let packed = ask_packed(address, long).await;
        assert!(packed.head.contains("content-encoding: gzip\r\n"), "{}", packed.head);
        assert_eq!(packed.text(), page.body);
        for asset in web::ASSETS {
            let path = asset.path();
            assert!(page.body.contains(&format!("\"{path}\"")), "{path} in {}", page.body);
            let plain = ask(address, "GET", &path, &[]).await;
            assert_eq!((plain.status, plain.body.as_str()), (200, asset.text));
            assert_eq!(plain.header("content-type"), Some(asset.kind));
            assert_eq!(plain.header("cache-control"), Some("public, max-age=31536000, immutable"));
            assert_eq!(plain.header("vary"), Some("accept-encoding"));
            let packed = ask_packed(address, &path).await;
            assert!(packed.head.contains("content-encoding: gzip\r\n"), "{}", packed.head);
            assert!(packed.body.len() < asset.text.len() && packed.text() == asset.text);
        }
        assert_eq!(ask(address, "GET", "/assets/style-0.css", &[]).await.status, 404);
    }

    /// An answer with a compressed body.
    struct Packed {
        head: String,
        body: Vec<u8>,
    }

    impl Packed {
        fn text(&self) -> String {
            let mut text = String::new();
            flate2::read::GzDecoder::new(self.body.as_slice()).read_to_string(&mut text).unwrap();
            text
        }
    }

    async fn ask_packed(address: SocketAddr, path: &str) -> Packed {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nConnection: close\r\nHost: {address}\r\nAccept-Encoding: br, gzip\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        Packed { head: String::from_utf8_lossy(&answer[..end + 2]).into_owned(), body: answer[end + 4..].to_vec() }
    }

    #[tokio::test]
    async fn a_foreign_name_for_this_machine_shows_nothing() {
        let ui = Page::Ui(Ui::new("localhost:7233".to_owned(), None));
        for (page, path, status) in
            [(ui, "/namespaces", 200), (Page::Metrics, "/metrics", 200), (Page::HttpApi, "/api/v1/namespaces", 501)]
        {
            let (address, _servers) = serve_as(page).await;
            for host in
                ["localhost:8233", "LOCALHOST", "127.0.0.1:8233", "[::1]:8233", "app.localhost", "pages.example.test"]
            {
                assert_eq!(ask(address, "GET", path, &[("Host", host)]).await.status, status, "{host}{path}");
            }
            for host in ["example.test", "example.test:8233", "localhost.example.test", "127.0.0.1.example.test", "x"] {
                let refused = ask(address, "GET", path, &[("Host", host)]).await;
                assert_eq!(refused.status, 421, "{host}{path}");
                assert!(refused.body.starts_with("this page is shown as localhost"), "{}", refused.body);
            }
        }
    }
}
