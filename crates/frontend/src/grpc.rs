//! The endpoint of the data plane: the services of the API, and health and reflection beside them.

use std::sync::Arc;

use model::Plane;
use tokio::net::TcpListener;
use tonic::{body::Body, codegen::http::Request};
use tonic_health::{pb::health_server::HealthServer, server::HealthService};
use transport::{Answering, Backend, Endpoint, LoopHandles, Port, Versions};

use crate::{
    context::ServerContext,
    health::{self, Reflection},
    router,
};

/// Services whose health can be asked.
const HEALTHY: [&str; 3] =
    ["", "temporal.api.workflowservice.v1.WorkflowService", "temporal.api.operatorservice.v1.OperatorService"];

/// Serves gRPC on `listener`, its connections on `loops`, until `stop` is done; then no new connection is taken, and the
/// calls that are under way are waited for.
pub async fn serve(
    context: Arc<ServerContext>,
    listener: TcpListener,
    loops: LoopHandles,
    stop: impl Future<Output = ()>,
) {
    serve_data(context, Port::new(listener, None, Plane::Data, loops), stop).await;
}

/// Serves the data plane.
pub(crate) async fn serve_data(context: Arc<ServerContext>, port: Port, stop: impl Future<Output = ()>) {
    let (health, stop) = health::health(&HEALTHY, stop).await;
    let endpoint = DataPlane { context, health, reflection: Arc::new(Reflection::of(&HEALTHY)) };
    transport::serve(endpoint, Versions::Two, port, stop).await;
}

/// All services behind one port.
#[derive(Clone)]
struct DataPlane {
    context: Arc<ServerContext>,
    health: HealthServer<HealthService>,
    reflection: Arc<Reflection>,
}

impl Endpoint for DataPlane {
    fn answer(&self, request: Request<Body>) -> Answering {
        let path = request.uri().path();
        if health::is_beside_the_api(path) {
            return health::beside_the_api(&self.context, &self.health, &self.reflection, request);
        }
        router::route(self.context.clone(), request)
    }

    fn backend(&self) -> &impl Backend {
        &*self.context
    }
}
