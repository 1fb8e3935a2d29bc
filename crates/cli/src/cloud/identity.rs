//! `cloud whoami`: whom the API key belongs to.

use proto::temporal::api::cloud::cloudservice::v1::{
    GetCurrentIdentityRequest, get_current_identity_response::Principal,
};

use super::access;
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    output::blocks::Card,
};

pub(super) async fn show(context: &mut Context) -> Result<(), Failure> {
    let mut session = context.connect_cloud().await?;
    let answer = session.get_current_identity(GetCurrentIdentityRequest {}).await;
    let answer = answer.attempt("unable to get the current identity")?.into_inner();
    let card = match &answer.principal {
        Some(Principal::User(user)) => {
            let spec = user.spec.clone().unwrap_or_default();
            let [role, permissions] = access::shown(spec.access.as_ref());
            Card::default()
                .field("User", spec.email)
                .field("Id", user.id.as_str())
                .field("AccountRole", role)
                .optional("NamespacePermissions", permissions)
        }
        Some(Principal::ServiceAccount(account)) => {
            let spec = account.spec.clone().unwrap_or_default();
            let [role, permissions] = super::service_account::rights(&spec);
            Card::default()
                .field("ServiceAccount", spec.name)
                .field("Id", account.id.as_str())
                .field("AccountRole", role)
                .optional("NamespacePermissions", permissions)
        }
        None => Card::default().field("Principal", "unknown"),
    };
    let key = answer.principal_api_key.as_ref().map(|key| key.id.clone()).unwrap_or_default();
    context.printer.card(&card.optional("ApiKeyId", key))?;
    context.printer.message(&answer)
}
