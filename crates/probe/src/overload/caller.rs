//! One caller beside the flood, on a connection of its own, who asks twenty times in a second and reads what it is told.

use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message as _;
use proto::{
    google::rpc,
    temporal::api::{
        enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope},
        errordetails::v1::ResourceExhaustedFailure,
        workflowservice::v1::StartWorkflowExecutionRequest,
    },
};
use tonic::{Code, Status, codegen::http::uri::PathAndQuery};

use super::{PATH, tally::Times};
use crate::{
    Fault,
    wire::{Way, Wire},
};

/// Between two calls.
const PAUSE: Duration = Duration::from_millis(50);

/// The caller.
pub(super) struct Caller {
    wire: Wire,
    request: StartWorkflowExecutionRequest,
    patience: Duration,
}

/// What it heard.
pub(super) struct Heard {
    pub(super) answers: Times,
    pub(super) refusals: Times,
    /// The first answer that is none of those that a busy server may give.
    pub(super) odd: Option<String>,
}

impl Caller {
    pub(super) fn new(way: Way, request: &StartWorkflowExecutionRequest, patience: Duration) -> Result<Self, Fault> {
        Ok(Self { wire: way.wire()?, request: request.clone(), patience })
    }

    pub(super) async fn run(mut self, lasts: Duration) -> Result<Heard, Fault> {
        let path = PathAndQuery::from_static(PATH);
        let mut heard = Heard { answers: Times::new(), refusals: Times::new(), odd: None };
        let began = Instant::now();
        let process = std::process::id();
        for number in 0.. {
            if began.elapsed() >= lasts {
                break;
            }
            self.request.workflow_id = format!("quiet-{process}-{}-{number}", began.elapsed().as_nanos());
            self.request.request_id = self.request.workflow_id.clone();
            let asked = Instant::now();
            let body = Bytes::from(self.request.encode_to_vec());
            match self.wire.call(&path, body, self.patience).await {
                Ok(_) => heard.answers.add(asked.elapsed()),
                // Cancelled by its own library, when its time was over.
                Err(status) if matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled) => {}
                Err(status) => {
                    heard.refusals.add(asked.elapsed());
                    if let Err(odd) = check(&status) {
                        heard.odd.get_or_insert(odd);
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(heard)
    }
}

/// Whether a refusal says that the server is overloaded, and when to come again.
fn check(status: &Status) -> Result<(), String> {
    let odd = |what: &str| format!("{what}: {status:?}");
    if status.code() != Code::ResourceExhausted {
        return Err(odd("another code than RESOURCE_EXHAUSTED"));
    }
    let carried = rpc::Status::decode(status.details()).map_err(|_| odd("no details"))?;
    let [failure, limit, retry] = &carried.details[..] else { return Err(odd("other details than three")) };
    let failure = ResourceExhaustedFailure::decode(failure.value.as_slice()).map_err(|_| odd("another failure"))?;
    if failure.cause() != ResourceExhaustedCause::SystemOverloaded || failure.scope() != ResourceExhaustedScope::System
    {
        return Err(odd("another cause or scope"));
    }
    match [limit, retry].map(|detail| detail.type_url.rsplit('.').next()) {
        [Some("ErrorInfo"), Some("RetryInfo")] => Ok(()),
        _ => Err(odd("no limit or no retry delay")),
    }
}
