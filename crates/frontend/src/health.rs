//! The services that every gRPC port has beside those of the API: health and reflection.

use std::{convert::Infallible, sync::OnceLock};

use tonic::{
    body::Body,
    codec::CompressionEncoding,
    codegen::{
        Service,
        http::{Request, Response},
    },
};
use tonic_health::{pb::health_server::HealthServer, server::HealthReporter, server::HealthService};
use transport::{Answering, to_status};

use crate::{context::ServerContext, gate, method::unknown, turn::Turn};

const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/";
const REFLECTION_ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/";

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

/// Reflection decodes the whole API, so it is built when a client asks first.
pub(crate) struct Reflection {
    services: &'static [&'static str],
    v1: OnceLock<Option<Unnamed>>,
    v1alpha: OnceLock<Option<Unnamed>>,
}

/// Whether a path is of health or reflection, which every port has.
pub(crate) fn is_beside_the_api(path: &str) -> bool {
    [HEALTH, REFLECTION, REFLECTION_ALPHA].iter().any(|service| path.starts_with(service))
}

/// Answers a call of health or reflection.
pub(crate) fn beside_the_api(
    context: &ServerContext,
    health: &HealthServer<HealthService>,
    reflection: &Reflection,
    request: Request<Body>,
) -> Answering {
    if let Some(refused) = refusal(context, &request) {
        return Answering::at_once(refused);
    }
    let path = request.uri().path();
    if path.starts_with(HEALTH) {
        return Answering::new(Turn::EARLY.priority(), health.clone().call(request));
    }
    let service = if path.starts_with(REFLECTION) { reflection.v1() } else { reflection.v1alpha() };
    match service {
        Some(service) => service(request),
        None => Answering::at_once(unknown(path).into_http()),
    }
}

/// The gate of the services that are not the API's own: the answer of a call that does not pass.
fn refusal(context: &ServerContext, request: &Request<Body>) -> Option<Response<Body>> {
    let path = request.uri().path();
    let admitted = gate::identify(context, request).and_then(|client| gate::authorize(context, &client, path, ""));
    let status = match (admitted, auth::permission(path)) {
        (Ok(()), _) => return None,
        (Err(reject), Some(_)) => to_status(&reject),
        (Err(_), None) => unknown(path),
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
    Box::new(move |request| Answering::new(Turn::MIDDLE.priority(), service.clone().call(request)))
}
