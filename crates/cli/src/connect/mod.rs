//! The connection of a command to a server: one channel, the headers of every request, and typed clients.

mod address;
pub(crate) mod diagnose;
pub(crate) mod environment;
pub(crate) mod health;
pub(crate) mod identity;
pub(crate) mod pem;
pub(crate) mod profile;
pub(crate) mod settings;

use std::{error::Error, path::PathBuf};

use proto::temporal::api::{
    cloud::cloudservice::v1::cloud_service_client::CloudServiceClient,
    operatorservice::v1::operator_service_client::OperatorServiceClient,
    workflowservice::v1::{GetSystemInfoRequest, workflow_service_client::WorkflowServiceClient},
};
use tokio::time::timeout;
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataKey, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use self::{
    environment::Environment,
    settings::{Client, Settings, TlsSettings},
};
use crate::failure::{Attempt, Failure};

/// The largest reply that is accepted, in bytes; a history page may be far beyond gRPC's customary 4 MiB.
const MAX_REPLY_BYTES: usize = 128 * 1024 * 1024;

/// What a Perdure server tells those who speak no TLS on a port of TLS.
const SPEAKS_TLS: &str = "this port speaks TLS";

/// A channel that adds our headers to every request.
pub(crate) type Transport = InterceptedService<Channel, Headers>;

/// A server that answered, and the names that requests carry.
pub(crate) struct Session {
    pub(crate) workflow: WorkflowServiceClient<Transport>,
    pub(crate) operator: OperatorServiceClient<Transport>,
    pub(crate) transport: Transport,
    pub(crate) namespace: String,
    pub(crate) identity: String,
}

/// A control plane that answered.
pub(crate) type CloudSession = CloudServiceClient<Transport>;

/// The headers of every request. Their values are marked as secrets where they are, so that `Debug` shows none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers(Vec<(MetadataKey<Ascii>, MetadataValue<Ascii>)>);

impl Headers {
    fn insert(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let unusable =
            || Failure::told(format!("invalid gRPC meta: header {name:?} has a name or value that is not allowed"));
        let key = MetadataKey::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
        let value = MetadataValue::try_from(value).map_err(|_| unusable())?;
        self.0.push((key, value));
        Ok(())
    }
}

impl Interceptor for Headers {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (key, value) in &self.0 {
            request.metadata_mut().insert(key.clone(), value.clone());
        }
        Ok(request)
    }
}

/// The variables of this process whose names and values are text.
pub(crate) fn environment_of_process() -> Environment {
    let variables = std::env::vars_os();
    variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// Where a user keeps certificates and keys: outside of every application's folder.
pub(crate) fn own_folder(environment: &Environment) -> Option<PathBuf> {
    profile::user_folder(environment).map(|folder| folder.join("perdure"))
}

/// Connects to a server.
pub(crate) async fn connect(settings: Settings) -> Result<Session, Failure> {
    let transport = open(&settings).await?;
    Ok(Session {
        workflow: WorkflowServiceClient::new(transport.clone()).max_decoding_message_size(MAX_REPLY_BYTES),
        operator: OperatorServiceClient::new(transport.clone()).max_decoding_message_size(MAX_REPLY_BYTES),
        transport,
        namespace: settings.namespace,
        identity: settings.identity,
    })
}

/// Connects to a control plane.
pub(crate) async fn connect_cloud(settings: &Settings) -> Result<CloudSession, Failure> {
    Ok(CloudServiceClient::new(open(settings).await?).max_decoding_message_size(MAX_REPLY_BYTES))
}

/// Why a connection can't be had.
pub(crate) enum Unconnected {
    /// The settings make no connection.
    Unusable(Failure),
    /// No server was reached, or none that speaks our protocol.
    Unreached(Box<dyn Error + Send + Sync>),
    /// A server answered, with an error.
    Answered(Status),
}

/// Connects and asks the server who it is, so that a wrong address fails here and with a reason.
pub(crate) async fn open(settings: &Settings) -> Result<Transport, Failure> {
    let address = settings.address.authority();
    match reach(settings).await {
        Ok(transport) => Ok(transport),
        Err(Unconnected::Unusable(failure)) => Err(failure),
        Err(Unconnected::Unreached(error)) => Err(Failure::Told(diagnose::report(settings, error.as_ref()).await)),
        // What listens for TLS only may still answer those who speak none.
        Err(Unconnected::Answered(status)) if settings.tls.is_none() && status.message().contains(SPEAKS_TLS) => {
            Err(Failure::Told(diagnose::report(settings, &status).await))
        }
        Err(Unconnected::Answered(status)) => {
            Err(status).attempt(&format!("failed connecting to Temporal server at {address}"))
        }
    }
}

/// Connects and asks the server who it is.
pub(crate) async fn reach(settings: &Settings) -> Result<Transport, Unconnected> {
    let endpoint = endpoint(settings).map_err(Unconnected::Unusable)?;
    let headers = headers(settings).map_err(Unconnected::Unusable)?;
    let channel = match timeout(settings.connect_timeout, endpoint.connect()).await {
        Ok(Ok(channel)) => channel,
        Ok(Err(error)) => return Err(Unconnected::Unreached(error.into())),
        Err(elapsed) => return Err(Unconnected::Unreached(elapsed.into())),
    };
    let transport = InterceptedService::new(channel, headers);
    let mut workflow = WorkflowServiceClient::new(transport.clone());
    match timeout(settings.connect_timeout, workflow.get_system_info(GetSystemInfoRequest {})).await {
        Ok(Ok(_)) => Ok(transport),
        Ok(Err(status)) if status.code() == Code::Unimplemented => Ok(transport),
        Ok(Err(status)) if status.source().is_some() => Err(Unconnected::Unreached(status.into())),
        Ok(Err(status)) => Err(Unconnected::Answered(status)),
        Err(elapsed) => Err(Unconnected::Unreached(elapsed.into())),
    }
}

fn endpoint(settings: &Settings) -> Result<Endpoint, Failure> {
    let unusable = |error: tonic::transport::Error| {
        let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        Failure::told(format!("failed preparing Temporal server connection: {reason}"))
    };
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let uri = format!("{scheme}://{}", settings.address.authority());
    let mut endpoint = Endpoint::from_shared(uri).map_err(unusable)?.connect_timeout(settings.connect_timeout);
    if let Some(authority) = &settings.authority {
        let origin = format!("{scheme}://{authority}").parse();
        let origin = origin.map_err(|_| Failure::told(format!("invalid client authority {authority:?}")))?;
        endpoint = endpoint.origin(origin);
    }
    match &settings.tls {
        Some(tls) => endpoint.tls_config(tls_config(tls)).map_err(|error| match &tls.client {
            Some(client) => unfit(client, &error),
            None => unusable(error),
        }),
        None => Ok(endpoint),
    }
}

/// A certificate and a key that can't be used; which of both is wrong can't be told.
fn unfit(client: &Client, error: &tonic::transport::Error) -> Failure {
    let [certificate, key] = &client.names;
    let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let reason = match reason.contains("KeyMismatch") {
        true => "the key is not that of the certificate".to_owned(),
        false => reason,
    };
    Failure::told(format!(
        "failed preparing Temporal server connection: client certificate {certificate} and key {key} can't be used: {reason}"
    ))
}

fn tls_config(tls: &TlsSettings) -> ClientTlsConfig {
    let config = match &tls.authority {
        Some(authority) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    let config = match &tls.client {
        Some(client) => config.identity(Identity::from_pem(&client.certificate, &client.key)),
        None => config,
    };
    match &tls.server_name {
        Some(name) => config.domain_name(name),
        None => config,
    }
}

fn headers(settings: &Settings) -> Result<Headers, Failure> {
    let mut headers = Headers::default();
    if let Some(key) = &settings.api_key {
        headers.insert("authorization", &format!("Bearer {key}"))?;
        headers.0.iter_mut().for_each(|(_, value)| value.set_sensitive(true));
    }
    if !settings.namespace.is_empty() {
        headers.insert("temporal-namespace", &settings.namespace)?;
    }
    headers.insert("client-name", "temporal-cli")?;
    headers.insert("client-version", env!("CARGO_PKG_VERSION"))?;
    headers.insert("supported-server-versions", ">=1.0.0 <2.0.0")?;
    headers.insert("caller-type", "operator")?;
    // Last, so that the user may replace what we say.
    for (name, value) in &settings.headers {
        headers.insert(name, value)?;
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_carries_our_headers_and_its_own() {
        let mut headers = Headers::default();
        headers.insert("x-a", "1").unwrap();
        let mut request = Request::new(());
        request.metadata_mut().insert("grpc-timeout", MetadataValue::from_static("1S"));
        let request = headers.call(request).unwrap();
        assert_eq!(request.metadata().get("x-a").unwrap(), "1");
        assert_eq!(request.metadata().get("grpc-timeout").unwrap(), "1S");
    }

    #[test]
    fn header_names_and_values_are_checked() {
        let failure = Headers::default().insert("bad name", "x").unwrap_err();
        assert!(failure.to_string().contains("\"bad name\""));
        assert!(Headers::default().insert("a", "line\nfeed").is_err());
    }
}
