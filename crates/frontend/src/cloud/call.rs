//! One call of the Cloud Operations API, however it came: version, rates, and the way into the account and back.

use std::sync::Arc;

use auth::Caller;
use bytes::Bytes;
use model::{Kind, Reject};
use tonic::codegen::http::Request;
use transport::Peer;

use super::Cloud;
use crate::{context::Client, gate};

/// A caller that may send its message.
#[derive(Clone)]
pub(super) struct Admitted {
    client: Client,
    /// Where it calls from.
    address: String,
}

/// What is asked of a call before its message is read.
///
/// # Errors
/// `Unauthenticated`; `ResourceExhausted`.
pub(super) fn admit<B>(cloud: &Cloud, request: &Request<B>) -> Result<Admitted, Reject> {
    let client = gate::identify(&cloud.context, request)?;
    match &client.caller {
        Caller::Anonymous => return Err(auth::unauthenticated()),
        Caller::Principal(principal) => {
            cloud.rates.take(&cloud.account_id, principal, cloud.context.engine.now())?;
        }
        Caller::Open | Caller::Certificate(_) | Caller::FilteredOut(_) => {}
    }
    let peer = request.extensions().get::<Arc<Peer>>();
    let address = peer.map(|peer| peer.address.ip().to_string()).unwrap_or_default();
    Ok(Admitted { client, address })
}

/// Writes down a call that was refused before the account could be asked, if it would have changed something or was
/// denied.
pub(super) async fn note(cloud: &Arc<Cloud>, admitted: Admitted, method: &'static str, refusal: &Reject) {
    let (cloud, refusal) = (cloud.clone(), refusal.clone());
    let Admitted { client, address } = admitted;
    let writing = tokio::task::spawn_blocking(move || {
        cloud.control.refused(&client.caller, &cloud.request_context(address), method, &refusal)
    });
    let written = writing.await.unwrap_or_else(|error| Err(Reject::internal(error.to_string())));
    if let Err(reject) = written {
        tracing::error!(method, %reject, "a refused call can't be written to the audit log");
    }
}

/// Calls a method with its encoded request, and returns its encoded response.
///
/// # Errors
/// The account's.
pub(super) async fn call(
    cloud: &Arc<Cloud>,
    admitted: Admitted,
    method: &'static str,
    request: Bytes,
) -> Result<Bytes, Reject> {
    let cloud = cloud.clone();
    let Admitted { client, address } = admitted;
    gate::note_request(&client);
    // The account writes to the disk before it answers.
    let answering = tokio::task::spawn_blocking(move || {
        let request_context = cloud.request_context(address);
        cloud.control.call(&client.caller, &request_context, method, &request)
    });
    let answer = answering.await.unwrap_or_else(|error| Err(Reject::internal(format!("a call was cut off: {error}"))));
    if let Err(reject) = &answer
        && reject.kind == Kind::Internal
    {
        tracing::error!(method, %reject, "a call of the account failed");
    }
    answer
}
