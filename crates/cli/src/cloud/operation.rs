//! Asynchronous operations: what every write begins, and how commands wait for it.

use std::time::Duration;

use clap::{Args, Subcommand};
use prost::{Message, Name};
use proto::temporal::api::cloud::{
    cloudservice::v1::{self as api, GetAsyncOperationRequest},
    operation::v1::{AsyncOperation, async_operation::State},
};
use tonic::{Code, Response, Status};

use super::{named, present};
use crate::{
    connect::CloudSession,
    context::Context,
    failure::{Attempt, Failure},
    flags::values::positive_duration,
    output::blocks::Card,
};

/// The first wait for an operation; each next one is twice as long, up to `--poll-interval`.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Show and await asynchronous operations
///
/// Every change of an account is an operation with an id, which ends some time after it was accepted.
#[derive(Args, Clone, Debug)]
pub struct OperationArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Show an asynchronous operation
    Get {
        /// Operation ID. Required.
        #[arg(long, alias = "operation-id", required = true, value_name = "string")]
        id: String,
    },
    /// Wait for an asynchronous operation
    ///
    /// Ends when the operation does, with an error if it has failed.
    #[command(visible_alias = "await")]
    Wait {
        /// Operation ID. Required.
        #[arg(long, alias = "operation-id", required = true, value_name = "string")]
        id: String,
        #[command(flatten)]
        pace: PaceArgs,
    },
}

/// How often to ask.
#[derive(Args, Clone, Debug)]
struct PaceArgs {
    /// Longest time between two looks at the operation.
    #[arg(long, value_name = "duration", value_parser = positive_duration, default_value = "1s")]
    poll_interval: Duration,
}

/// What every write takes.
#[derive(Args, Clone, Debug)]
pub(super) struct WriteArgs {
    /// Return when the operation is accepted, not when it has ended.
    #[arg(long = "async")]
    detached: bool,
    /// ID of the operation, which makes the command safe to repeat. The server draws one where it is not given.
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) async_operation_id: String,
    /// Succeed if there is nothing to do: the resource is there, as wanted, or gone already.
    #[arg(long)]
    idempotent: bool,
    #[command(flatten)]
    pace: PaceArgs,
}

/// The version that a change must find.
#[derive(Args, Clone, Debug)]
pub(super) struct VersionArgs {
    /// Resource version that the change is meant for. The present one where it is not given.
    #[arg(long, value_name = "string")]
    resource_version: Option<String>,
}

impl VersionArgs {
    pub(super) fn or(&self, present: &str) -> String {
        self.resource_version.clone().unwrap_or_else(|| present.to_owned())
    }
}

/// What a change of something takes: which it is, and in which version.
#[derive(Args, Clone, Debug)]
pub(super) struct ChangeArgs<W: Args> {
    #[command(flatten)]
    pub(super) which: W,
    #[command(flatten)]
    pub(super) version: VersionArgs,
    #[command(flatten)]
    pub(super) write: WriteArgs,
}

/// An answer that carries an operation.
pub(super) trait Begun: Message + Name {
    fn operation(&mut self) -> &mut Option<AsyncOperation>;
}

macro_rules! begun {
    ($($response:ident),+ $(,)?) => {
        $(impl Begun for api::$response {
            fn operation(&mut self) -> &mut Option<AsyncOperation> {
                &mut self.async_operation
            }
        })+
    };
}

begun!(
    CreateApiKeyResponse,
    CreateNamespaceResponse,
    CreateServiceAccountResponse,
    CreateUserResponse,
    DeleteApiKeyResponse,
    DeleteNamespaceResponse,
    DeleteServiceAccountResponse,
    DeleteUserResponse,
    RenameCustomSearchAttributeResponse,
    SetServiceAccountNamespaceAccessResponse,
    SetUserNamespaceAccessResponse,
    UpdateApiKeyResponse,
    UpdateNamespaceResponse,
    UpdateNamespaceTagsResponse,
    UpdateServiceAccountResponse,
    UpdateUserResponse,
);

impl WriteArgs {
    /// Takes the answer of a write, waits for what it has begun and tells the end of it. `done` is the sentence for it.
    pub(super) async fn settle<R: Begun>(
        &self,
        context: &mut Context,
        session: &mut CloudSession,
        answer: Result<Response<R>, Status>,
        attempt: &str,
        done: impl FnOnce(&R) -> String,
    ) -> Result<Option<R>, Failure> {
        let mut response = match answer {
            Ok(response) => response.into_inner(),
            Err(status) => {
                return match self.nothing_to_do(&status) {
                    Some(text) => context.printer.success(text).map(|()| None),
                    None => Err(status).attempt(attempt),
                };
            }
        };
        let begun = response.operation().take();
        let sentence = match (&begun, self.detached) {
            (Some(operation), true) => format!(
                "Operation {} has begun; wait for its end with: perdure cloud operation wait --id {}",
                operation.id, operation.id
            ),
            _ => done(&response),
        };
        *response.operation() = match begun {
            Some(operation) if !self.detached => {
                Some(wait(session, operation, self.pace.poll_interval).await.attempt(attempt)?)
            }
            other => other,
        };
        context.printer.success(&sentence)?;
        context.printer.message(&response)?;
        Ok(Some(response))
    }

    /// Whether the command returns when all is done.
    pub(super) fn waits(&self) -> bool {
        !self.detached
    }

    /// What `--idempotent` makes of an error.
    fn nothing_to_do(&self, status: &Status) -> Option<&'static str> {
        match status.code() {
            Code::AlreadyExists if self.idempotent => Some("Resource already exists"),
            Code::NotFound if self.idempotent => Some("Resource already deleted"),
            Code::InvalidArgument if self.idempotent && status.message().contains("nothing to change") => {
                Some("Resource already in desired state")
            }
            _ => None,
        }
    }
}

impl OperationArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect_cloud().await?;
        let operation = match self.verb {
            Verb::Get { id } => get(&mut session, &id).await?,
            Verb::Wait { id, pace } => {
                let operation = get(&mut session, &id).await?;
                wait(&mut session, operation, pace.poll_interval).await?
            }
        };
        context.printer.card(&card(context, &operation))?;
        context.printer.message(&operation)
    }
}

async fn get(session: &mut CloudSession, id: &str) -> Result<AsyncOperation, Failure> {
    let request = GetAsyncOperationRequest { async_operation_id: id.to_owned() };
    let answer = session.get_async_operation(request).await;
    let answer = answer.attempt(&format!("unable to get operation {id}"))?.into_inner();
    present(answer.async_operation, "operation")
}

/// Asks for the operation until it has ended, ever more slowly.
async fn wait(
    session: &mut CloudSession,
    mut operation: AsyncOperation,
    interval: Duration,
) -> Result<AsyncOperation, Failure> {
    let mut pause = FIRST_WAIT.min(interval);
    loop {
        let reason = match operation.failure_reason.as_str() {
            "" => "no reason is given",
            reason => reason,
        };
        match operation.state() {
            State::Fulfilled => return Ok(operation),
            State::Failed => return Err(Failure::told(format!("operation {} failed: {reason}", operation.id))),
            State::Cancelled => {
                return Err(Failure::told(format!("operation {} was cancelled: {reason}", operation.id)));
            }
            State::Rejected => return Err(Failure::told(format!("operation {} was rejected: {reason}", operation.id))),
            State::Unspecified | State::Pending | State::InProgress => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(interval);
        operation = get(session, &operation.id).await?;
    }
}

fn card(context: &Context, operation: &AsyncOperation) -> Card {
    Card::default()
        .field("OperationId", operation.id.as_str())
        .field("Type", operation.operation_type.as_str())
        .field("State", named(operation.state, State::as_str_name, "STATE_"))
        .field("StartedTime", context.printer.time(operation.started_time.as_ref()))
        .optional("FinishedTime", context.printer.time(operation.finished_time.as_ref()))
        .optional("FailureReason", operation.failure_reason.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(idempotent: bool) -> WriteArgs {
        let pace = PaceArgs { poll_interval: Duration::from_secs(1) };
        WriteArgs { detached: false, async_operation_id: String::new(), idempotent, pace }
    }

    #[test]
    fn idempotence_swallows_what_needs_no_change_and_nothing_else() {
        let told = |status: Status| flags(true).nothing_to_do(&status);
        assert_eq!(told(Status::already_exists("x")), Some("Resource already exists"));
        assert_eq!(told(Status::not_found("x")), Some("Resource already deleted"));
        let unchanged = "namespace a.b: nothing to change";
        assert_eq!(told(Status::invalid_argument(unchanged)), Some("Resource already in desired state"));
        assert_eq!(told(Status::invalid_argument("x")), None);
        assert_eq!(told(Status::permission_denied("x")), None);
        assert_eq!(flags(false).nothing_to_do(&Status::already_exists("x")), None);
    }
}
