//! The gRPC server: connections, the services beside the API's own (health and reflection), and an orderly stop.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use tokio::net::TcpListener;
use tonic::{
    body::Body,
    codec::CompressionEncoding,
    codegen::{
        Service,
        http::{Request, Response},
    },
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{pb::health_server::HealthServer, server::HealthReporter, server::HealthService};

use crate::{door::Door, gate, router, status::to_status};

/// Streams of one connection; more wait. The reference sets no limit.
const STREAMS: u32 = 100_000;
/// Flow-control windows, so that a large history is not sent in small steps.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// A silent connection is asked for a sign of life, and closed when none comes.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Services whose health is told.
const HEALTHY: [&str; 3] =
    ["", "temporal.api.workflowservice.v1.WorkflowService", "temporal.api.operatorservice.v1.OperatorService"];

const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/";
const REFLECTION_ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/";

/// Serves gRPC on `listener` until `stop` is done; then no new connection is taken, and the calls that are under way
/// are waited for.
///
/// # Errors
/// When the listener fails.
pub async fn serve(door: Arc<Door>, listener: TcpListener, stop: impl Future<Output = ()>) -> io::Result<()> {
    let reporter = HealthReporter::new();
    for service in HEALTHY {
        reporter.set_service_status(service, tonic_health::ServingStatus::Serving).await;
    }
    let health = HealthServer::new(HealthService::from_health_reporter(reporter.clone()))
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let limit = door.limits().header_size;
    let root = Root { door, health, reflection: Arc::default() };
    let stop = async move {
        stop.await;
        for service in HEALTHY {
            reporter.set_service_status(service, tonic_health::ServingStatus::NotServing).await;
        }
    };
    Server::builder()
        .http2_max_header_list_size(limit)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .serve_with_incoming_shutdown(root, TcpIncoming::from(listener).with_nodelay(Some(true)), stop)
        .await
        .map_err(io::Error::other)
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;
/// A service whose type has no name.
type Unnamed = Box<dyn Fn(Request<Body>) -> Answering + Send + Sync>;

/// Reflection decodes the whole API, so it is built when somebody asks first.
#[derive(Default)]
struct Reflection {
    v1: OnceLock<Option<Unnamed>>,
    v1alpha: OnceLock<Option<Unnamed>>,
}

/// All services behind one port.
#[derive(Clone)]
struct Root {
    door: Arc<Door>,
    health: HealthServer<HealthService>,
    reflection: Arc<Reflection>,
}

impl Service<Request<Body>> for Root {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answering {
        let path = request.uri().path();
        if ![HEALTH, REFLECTION, REFLECTION_ALPHA].iter().any(|service| path.starts_with(service)) {
            let door = self.door.clone();
            return Box::pin(async move { Ok(router::route(door, request).await) });
        }
        if let Some(refused) = self.refusal(&request) {
            return Box::pin(async move { Ok(refused) });
        }
        if path.starts_with(HEALTH) {
            return Box::pin(self.health.call(request));
        }
        let service = if path.starts_with(REFLECTION) { self.reflection.v1() } else { self.reflection.v1alpha() };
        match service {
            Some(service) => service(request),
            None => {
                let unknown = router::unknown(path).into_http();
                Box::pin(async move { Ok(unknown) })
            }
        }
    }
}

impl Root {
    /// The gate of the services that are not the API's own: the answer of a call that does not pass.
    fn refusal(&self, request: &Request<Body>) -> Option<Response<Body>> {
        let path = request.uri().path();
        let admitted = gate::identify(&self.door, request.headers())
            .and_then(|client| gate::authorize(&self.door, &client, path, ""));
        let status = match (admitted, auth::permission(path)) {
            (Ok(()), _) => return None,
            (Err(reject), Some(_)) => to_status(&reject),
            (Err(_), None) => router::unknown(path),
        };
        Some(status.into_http())
    }
}

impl Reflection {
    fn v1(&self) -> Option<&Unnamed> {
        self.v1
            .get_or_init(|| Some(unnamed(builder().build_v1().ok()?.accept_compressed(CompressionEncoding::Gzip))))
            .as_ref()
    }

    fn v1alpha(&self) -> Option<&Unnamed> {
        self.v1alpha
            .get_or_init(|| Some(unnamed(builder().build_v1alpha().ok()?.accept_compressed(CompressionEncoding::Gzip))))
            .as_ref()
    }
}

fn builder() -> tonic_reflection::server::Builder<'static> {
    let others = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];
    let served = HEALTHY.iter().skip(1).copied().chain(others);
    served.fold(
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET),
        |builder, name| builder.with_service_name(name),
    )
}

fn unnamed<S>(service: S) -> Unnamed
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    Box::new(move |request| Box::pin(service.clone().call(request)))
}
