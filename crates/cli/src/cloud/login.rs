//! `cloud user login-link`: a way into the web pages for a user, once.

use proto::temporal::api::cloud::identity::v1::User;
use tonic::{Request, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

use crate::{
    connect::Transport,
    context::Context,
    failure::{Attempt, Failure},
    output::json::Json,
};

/// Not a method of the Cloud Ops API: it takes a user's id and answers the link, both as `google.protobuf.StringValue`.
const METHOD: &str = "/perdure.cloud.v1.LoginService/CreateLoginLink";

/// Makes a login link for the user and prints it, this once.
pub(super) async fn create(context: &mut Context, transport: Transport, user: User) -> Result<(), Failure> {
    let email = user.spec.unwrap_or_default().email;
    let link = ask(transport, user.id).await?;
    context.printer.line(&format!("{link}\n\nOpens the web page as {email}, once, within a day."))?;
    context.printer.json(&Json::Object(vec![("loginLink".to_owned(), Json::String(link))]))
}

async fn ask(transport: Transport, user_id: String) -> Result<String, Failure> {
    let attempt = format!("unable to make a login link for user {user_id}");
    let mut client = Grpc::new(transport);
    client.ready().await.map_err(|error| Failure::told(format!("{attempt}: {error}")))?;
    let codec: ProstCodec<String, String> = ProstCodec::default();
    let answer = client.unary(Request::new(user_id), PathAndQuery::from_static(METHOD), codec).await;
    Ok(answer.attempt(&attempt)?.into_inner())
}
