//! The standard health check of gRPC, which is not part of Temporal's API: two messages and one method, spoken by hand.

use prost::Message;
use tonic::{
    Request, Status,
    client::{Grpc, GrpcService},
    codegen::http::uri::PathAndQuery,
};

use super::Transport;

/// The service whose health is asked for.
const FRONTEND: &str = "temporal.api.workflowservice.v1.WorkflowService";
/// `HealthCheckResponse.ServingStatus.SERVING` of `grpc.health.v1`.
const SERVING: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// Succeeds if the server says that its frontend serves.
pub(crate) async fn check(transport: &mut Transport) -> Result<(), Status> {
    std::future::poll_fn(|context| transport.poll_ready(context))
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let codec = tonic_prost::ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let request = Request::new(HealthCheckRequest { service: FRONTEND.to_owned() });
    let response = Grpc::new(transport).unary(request, path, codec).await?;
    match response.into_inner().status {
        SERVING => Ok(()),
        status => Err(Status::unavailable(format!("health check returned unhealthy status: {status}"))),
    }
}
