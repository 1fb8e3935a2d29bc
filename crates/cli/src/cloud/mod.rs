//! `cloud`: commands on an account's control plane, as a plain client of the Cloud Ops API.
//!
//! Every write there begins an asynchronous operation; the commands wait for its end unless told not to, see
//! [`operation`]. Listing commands read all pages.

mod access;
mod account;
mod api_key;
mod audit;
mod identity;
mod login;
mod namespace;
mod operation;
mod region;
mod service_account;
mod user;

use clap::Subcommand;
use prost::{Message, Name};

use crate::{
    context::Context,
    failure::Failure,
    output::{Printer, blocks::Table, names},
};

/// Rows of one page of a list; what is asked for, the server may give less.
const PAGE_SIZE: i32 = 100;

/// The commands on the control plane.
#[derive(Clone, Debug, Subcommand)]
pub enum CloudCommand {
    Account(Box<account::AccountArgs>),
    Apikey(Box<api_key::ApiKeyArgs>),
    AuditLog(Box<audit::AuditLogArgs>),
    Namespace(Box<namespace::NamespaceArgs>),
    Operation(Box<operation::OperationArgs>),
    Region(Box<region::RegionArgs>),
    ServiceAccount(Box<service_account::ServiceAccountArgs>),
    User(Box<user::UserArgs>),
    /// Show whom the API key belongs to
    Whoami,
}

impl CloudCommand {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::Account(args) => args.run(context).await,
            Self::Apikey(args) => args.run(context).await,
            Self::AuditLog(args) => args.run(context).await,
            Self::Namespace(args) => args.run(context).await,
            Self::Operation(args) => args.run(context).await,
            Self::Region(args) => args.run(context).await,
            Self::ServiceAccount(args) => args.run(context).await,
            Self::User(args) => args.run(context).await,
            Self::Whoami => identity::show(context).await,
        }
    }
}

/// The short name of an enum's value: `RESOURCE_STATE_ACTIVE` is `Active`.
fn named<T: TryFrom<i32>>(number: i32, name: impl Fn(&T) -> &'static str, prefix: &str) -> String {
    match T::try_from(number) {
        Ok(known) => names::short(name(&known), prefix),
        Err(_) => number.to_string(),
    }
}

/// The state that a resource is in.
fn state(number: i32) -> String {
    use proto::temporal::api::cloud::resource::v1::ResourceState;

    named(number, ResourceState::as_str_name, "RESOURCE_STATE_")
}

/// What an answer must hold, or the complaint that it does not.
fn present<T>(value: Option<T>, what: &str) -> Result<T, Failure> {
    value.ok_or_else(|| Failure::told(format!("the server's answer has no {what}")))
}

/// All items of a list, page by page: `page` gets the token of each page, and returns its items and the next token.
async fn all_pages<T>(
    mut page: impl AsyncFnMut(String) -> Result<(Vec<T>, String), Failure>,
) -> Result<Vec<T>, Failure> {
    let (mut items, mut token) = page(String::new()).await?;
    while !token.is_empty() {
        let (more, next) = page(token).await?;
        items.extend(more);
        token = next;
    }
    Ok(items)
}

/// A list as a table and as JSON, whichever the format asks for.
fn print_list<T: Message + Name>(printer: &mut Printer, items: &[T], table: &Table) -> Result<(), Failure> {
    printer.table(table)?;
    printer.start_list()?;
    let shown = items.iter().try_for_each(|item| printer.message(item));
    printer.end_list()?;
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_list_has_the_items_of_all_its_pages() {
        let mut asked = Vec::new();
        let items = all_pages(async |token: String| {
            asked.push(token.clone());
            Ok(match token.as_str() {
                "" => (vec![1, 2], "a".to_owned()),
                "a" => (vec![], "b".to_owned()),
                _ => (vec![3], String::new()),
            })
        });
        assert_eq!(items.await.unwrap(), [1, 2, 3]);
        assert_eq!(asked, ["", "a", "b"]);
        let failed = all_pages(async |_| Err::<(Vec<u8>, String), _>(Failure::told("no")));
        assert_eq!(failed.await.unwrap_err().to_string(), "no");
    }
}
