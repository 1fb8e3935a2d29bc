//! All that answers on the control plane's port.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use model::{Kind, Reject};
use tonic::{
    Code, Status,
    body::Body,
    codec::CompressionEncoding,
    codegen::{
        BoxFuture,
        http::{Request, Response},
    },
    server::{Grpc, UnaryService},
};
use tonic_health::{pb::health_server::HealthServer, server::HealthService};
use transport::{Answering, Backend, Endpoint, Port, Raw, Versions, headers, to_status};

use super::{
    Cloud, SERVICE,
    call::{self, Admitted},
    http, paths, version,
};
use crate::{
    health::{self, Reflection},
    method, router,
    turn::Turn,
    unary,
};

/// The one method of another service that clients ask of every address.
const SYSTEM_INFO: &str = "/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo";
/// How calls of methods that are not in the API are counted, all together.
const UNKNOWN: &str = "unknown";
/// Services whose health can be asked.
const HEALTHY: [&str; 2] = ["", SERVICE];

/// Serves the control plane.
pub(crate) async fn serve_cloud(cloud: Arc<Cloud>, port: Port, stop: impl Future<Output = ()>) {
    let (health, stop) = health::health(&HEALTHY, stop).await;
    let endpoint = ControlPlane { cloud, health, reflection: Arc::new(Reflection::of(&HEALTHY)) };
    transport::serve(endpoint, Versions::OneAndTwo, port, stop).await;
}

/// The method beside the Cloud Operations API that makes a login link.
const CREATE_LOGIN_LINK: &str = "/perdure.cloud.v1.LoginService/CreateLoginLink";

#[derive(Clone)]
struct ControlPlane {
    cloud: Arc<Cloud>,
    health: HealthServer<HealthService>,
    reflection: Arc<Reflection>,
}

impl Endpoint for ControlPlane {
    fn answer(&self, request: Request<Body>) -> Answering {
        let path = request.uri().path();
        if health::is_beside_the_api(path) {
            return health::beside_the_api(&self.cloud.context, &self.health, &self.reflection, request);
        }
        let cloud = self.cloud.clone();
        if path.starts_with(http::ROOT) {
            return Answering::new(Turn::MIDDLE.priority(), async move { Ok(http::answer(cloud, request).await) });
        }
        if path == SYSTEM_INFO {
            return router::route(cloud.context.clone(), request);
        }
        Answering::new(Turn::MIDDLE.priority(), async move { Ok(serve(cloud, request).await) })
    }

    fn backend(&self) -> &impl Backend {
        &*self.cloud.context
    }
}

/// Answers a gRPC call.
async fn serve(cloud: Arc<Cloud>, request: Request<Body>) -> Response<Body> {
    let began = cloud.context.engine.now();
    let path = request.uri().path();
    let method = path.trim_start_matches('/').strip_prefix(SERVICE).and_then(|method| method.strip_prefix('/'));
    let own = (path == CREATE_LOGIN_LINK).then_some(control::CREATE_LOGIN_LINK);
    let Some(method) = own.or_else(|| method.and_then(paths::declared)) else {
        let status = unknown(path, method);
        cloud.context.metrics.record(UNKNOWN, status.code(), cloud.context.engine.now().since(began));
        return status.into_http();
    };
    let (response, code) = match call::admit(&cloud, &request) {
        Ok(admitted) => carry(&cloud, admitted, method, request).await,
        Err(reject) => {
            let status = to_status(&reject);
            let code = status.code();
            (status.into_http(), code)
        }
    };
    cloud.context.metrics.record(method, code, cloud.context.engine.now().since(began));
    response
}

/// The answer to a method that is not in the API.
fn unknown(path: &str, method: Option<&str>) -> Status {
    match method {
        Some(method) => {
            let text = format!("unknown method {method} for service {SERVICE}");
            to_status(&Reject::new(Kind::Unimplemented, text))
        }
        None => method::unknown(path),
    }
}

async fn carry(
    cloud: &Arc<Cloud>,
    admitted: Admitted,
    method: &'static str,
    request: Request<Body>,
) -> (Response<Body>, Code) {
    if let Err(refusal) = version::check(request.headers()) {
        call::note(cloud, admitted, method, &refusal).await;
        let status = to_status(&refusal);
        return (status.clone().into_http(), status.code());
    }
    let limit = cloud.context.limits().message_size;
    let mut grpc = Grpc::new(Raw).accept_compressed(CompressionEncoding::Gzip).max_decoding_message_size(limit);
    // A reply is compressed where the request was.
    if headers::encoding(request.headers()) == Some(b"gzip") {
        grpc = grpc.send_compressed(CompressionEncoding::Gzip);
    }
    let waiting = Arc::new(Mutex::new(Some(admitted)));
    let call = UnaryCall { cloud: cloud.clone(), admitted: waiting.clone(), method };
    let (response, code) = unary::settle(grpc.unary(call, request).await, limit);
    let unread = waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(admitted) = unread {
        let status = Status::from_header_map(response.headers());
        let refusal = Reject::invalid(status.map_or_else(String::new, |status| status.message().to_owned()));
        call::note(cloud, admitted, method, &refusal).await;
    }
    (response, code)
}

/// A service that answers the one call it is made for.
struct UnaryCall {
    cloud: Arc<Cloud>,
    /// Still there afterwards when the message could not be read.
    admitted: Arc<Mutex<Option<Admitted>>>,
    method: &'static str,
}

impl UnaryService<Bytes> for UnaryCall {
    type Response = Bytes;
    type Future = BoxFuture<tonic::Response<Bytes>, Status>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (cloud, method) = (self.cloud.clone(), self.method);
        Box::pin(async move {
            let admitted = admitted.ok_or_else(|| Reject::internal("a call was made twice"));
            let answer = match admitted {
                Ok(admitted) => call::call(&cloud, admitted, method, request.into_inner()).await,
                Err(reject) => Err(reject),
            };
            answer.map(tonic::Response::new).map_err(|reject| to_status(&reject))
        })
    }
}
