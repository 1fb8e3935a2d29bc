//! `cloud account`: the account itself.

use clap::{Args, Subcommand};
use proto::temporal::api::cloud::cloudservice::v1::GetAccountRequest;

use super::{present, state};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    output::blocks::Card,
};

/// Show the account
///
/// Tells the account's id, which is a part of every namespace's full name.
#[derive(Args, Clone, Debug)]
pub struct AccountArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Show the account
    Get,
}

impl AccountArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            Verb::Get => get(context).await,
        }
    }
}

async fn get(context: &mut Context) -> Result<(), Failure> {
    let mut session = context.connect_cloud().await?;
    let answer = session.get_account(GetAccountRequest {}).await.attempt("unable to get the account")?.into_inner();
    let account = present(answer.account, "account")?;
    let card = Card::default()
        .field("AccountId", account.id.as_str())
        .field("State", state(account.state))
        .field("ResourceVersion", account.resource_version.as_str());
    context.printer.card(&card)?;
    context.printer.message(&account)
}
