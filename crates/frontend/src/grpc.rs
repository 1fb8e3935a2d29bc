//! The gRPC server: connections, the services beside the API's own (health and reflection), and an orderly stop.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
};

use auth::Plane;
use engine::Engine;
use tokio::net::TcpListener;
use tonic::{
    body::Body,
    codec::CompressionEncoding,
    codegen::{
        Service,
        http::{Request, Response},
    },
};
use tonic_health::{pb::health_server::HealthServer, server::HealthReporter, server::HealthService};

use crate::{
    calls::Answering,
    door::Door,
    gate,
    listen::Port,
    loops::Homes,
    router,
    serve::{self, Versions},
    status::to_status,
    turn::Turn,
};

/// Services whose health is told.
const HEALTHY: [&str; 3] =
    ["", "temporal.api.workflowservice.v1.WorkflowService", "temporal.api.operatorservice.v1.OperatorService"];

const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/";
const REFLECTION_ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/";

/// Serves gRPC on `listener`, its connections on `homes`, until `stop` is done; then no new connection is taken, and the
/// calls that are under way are waited for.
pub async fn serve(door: Arc<Door>, listener: TcpListener, homes: Homes, stop: impl Future<Output = ()>) {
    serve_data(door, Port::new(listener, None, Plane::Data, homes), stop).await;
}

/// Serves the data plane.
pub(crate) async fn serve_data(door: Arc<Door>, port: Port, stop: impl Future<Output = ()>) {
    let (health, stop) = health(&HEALTHY, stop).await;
    let root = Root { door, health, reflection: Arc::new(Reflection::of(&HEALTHY)) };
    serve::serve(root, Versions::Two, port, stop).await;
}

/// The health of `services`: good until `stop` is done. What is given back ends after that was told.
pub(crate) async fn health<S: Future<Output = ()>>(
    services: &'static [&'static str],
    stop: S,
) -> (HealthServer<HealthService>, impl Future<Output = ()> + use<S>) {
    let reporter = HealthReporter::new();
    for service in services {
        reporter.set_service_status(*service, tonic_health::ServingStatus::Serving).await;
    }
    let health = HealthServer::new(HealthService::from_health_reporter(reporter.clone()))
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let stop = async move {
        stop.await;
        for service in services {
            reporter.set_service_status(*service, tonic_health::ServingStatus::NotServing).await;
        }
    };
    (health, stop)
}

/// A service whose type has no name.
type Unnamed = Box<dyn Fn(Request<Body>) -> Answering + Send + Sync>;

/// Reflection decodes the whole API, so it is built when somebody asks first.
pub(crate) struct Reflection {
    services: &'static [&'static str],
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

impl serve::Root for Root {
    fn answer(&self, request: Request<Body>) -> Answering {
        let path = request.uri().path();
        if is_beside_the_api(path) {
            return beside_the_api(&self.door, &self.health, &self.reflection, request);
        }
        router::route(self.door.clone(), request)
    }

    fn engine(&self) -> &Engine {
        &self.door.engine
    }
}

/// Whether a path is of health or reflection, which every port has.
pub(crate) fn is_beside_the_api(path: &str) -> bool {
    [HEALTH, REFLECTION, REFLECTION_ALPHA].iter().any(|service| path.starts_with(service))
}

/// Answers a call of health or reflection.
pub(crate) fn beside_the_api(
    door: &Door,
    health: &HealthServer<HealthService>,
    reflection: &Reflection,
    request: Request<Body>,
) -> Answering {
    if let Some(refused) = refusal(door, &request) {
        return Answering::at_once(refused);
    }
    let path = request.uri().path();
    if path.starts_with(HEALTH) {
        return Answering::new(Turn::EARLY, health.clone().call(request));
    }
    let service = if path.starts_with(REFLECTION) { reflection.v1() } else { reflection.v1alpha() };
    match service {
        Some(service) => service(request),
        None => Answering::at_once(router::unknown(path).into_http()),
    }
}

/// The gate of the services that are not the API's own: the answer of a call that does not pass.
fn refusal(door: &Door, request: &Request<Body>) -> Option<Response<Body>> {
    let path = request.uri().path();
    let admitted = gate::identify(door, request).and_then(|client| gate::authorize(door, &client, path, ""));
    let status = match (admitted, auth::permission(path)) {
        (Ok(()), _) => return None,
        (Err(reject), Some(_)) => to_status(&reject),
        (Err(_), None) => router::unknown(path),
    };
    Some(status.into_http())
}

impl Reflection {
    /// `services` as health has them: the first one is the server as a whole.
    pub(crate) fn of(services: &'static [&'static str]) -> Self {
        Self { services, v1: OnceLock::new(), v1alpha: OnceLock::new() }
    }

    fn v1(&self) -> Option<&Unnamed> {
        self.v1
            .get_or_init(|| Some(unnamed(self.builder().build_v1().ok()?.accept_compressed(CompressionEncoding::Gzip))))
            .as_ref()
    }

    fn v1alpha(&self) -> Option<&Unnamed> {
        self.v1alpha
            .get_or_init(|| {
                Some(unnamed(self.builder().build_v1alpha().ok()?.accept_compressed(CompressionEncoding::Gzip)))
            })
            .as_ref()
    }

    fn builder(&self) -> tonic_reflection::server::Builder<'static> {
        let others = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];
        let served = self.services.iter().skip(1).copied().chain(others);
        served.fold(
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET),
            |builder, name| builder.with_service_name(name),
        )
    }
}

fn unnamed<S>(service: S) -> Unnamed
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    Box::new(move |request| Answering::new(Turn::MIDDLE, service.clone().call(request)))
}
