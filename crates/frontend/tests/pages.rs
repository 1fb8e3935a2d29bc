//! The pages of a server that asks nobody who they are.

#[cfg(test)]
#[path = "secured/browser.rs"]
mod browser;

#[cfg(test)]
mod open {
    use std::{future::pending, net::SocketAddr, sync::Arc, time::Duration};

    use engine::{Config, Engine};
    use frontend::{About, Door, Hosts, Loops, NewNamespace, Page, Ui, ensure, serve_page};
    use model::Limits;
    use store::MemoryStore;
    use tokio::{net::TcpListener, task::JoinSet};

    use crate::browser::ask;

    async fn serve() -> (SocketAddr, (JoinSet<()>, Loops)) {
        serve_as(Page::Ui(Ui::new("localhost:7233".to_owned(), None))).await
    }

    async fn serve_as(page: Page) -> (SocketAddr, (JoinSet<()>, Loops)) {
        let config = Config { shards: 1, limits: Arc::new(Limits::default()), address: String::new(), cached_runs: 10 };
        let engine = Engine::open(Arc::new(MemoryStore::new()), config).unwrap();
        let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
        let door = Door::new(engine, auth::Policy::Open, about, || uuid::Uuid::from_u128(1));
        ensure(&door, NewNamespace::named("default", Duration::from_secs(86_400))).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hosts = Hosts::new(["pages.example.test".to_owned()]);
        let mut servers = JoinSet::new();
        let loops = Loops::start(1).unwrap();
        servers.spawn(serve_page(door, listener, loops.homes(), page, hosts, pending()));
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
        assert_eq!(
            ask(address, "GET", "/style.css", &[]).await.header("content-type"),
            Some("text/css; charset=utf-8")
        );
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
