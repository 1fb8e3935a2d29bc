//! `cloud user`: people of the account.

use clap::{Args, Subcommand};
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        CreateUserRequest, DeleteUserRequest, GetUserRequest, GetUsersRequest, SetUserNamespaceAccessRequest,
        UpdateUserRequest, cloud_service_client::CloudServiceClient,
    },
    identity::v1::{User, UserSpec},
};

use super::{
    PAGE_SIZE,
    access::{self, AccessArgs, SetAccessArgs},
    all_pages, login,
    operation::{ChangeArgs, WriteArgs},
    present, print_list, state,
};
use crate::{
    connect::CloudSession,
    context::Context,
    failure::{Attempt, Failure},
    output::blocks::{Card, Column, Table},
};

/// Manage users
///
/// Users are people who have been invited to the account.
#[derive(Args, Clone, Debug)]
pub struct UserArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Invite a user
    #[command(visible_alias = "create")]
    Invite(InviteArgs),
    /// Delete a user
    Delete(ChangeArgs<WhichArgs>),
    /// Show a user
    Get(WhichArgs),
    /// List users
    List(ListArgs),
    /// Make a login link
    ///
    /// The link opens the web page as the user, once, within a day; a link that the user had before is void.
    /// Everybody can make one for themselves, and for others who could make an API key for them.
    LoginLink(WhichArgs),
    /// Change a user's account role or namespace permissions
    #[command(visible_aliases = ["set-account-role", "set-namespace-permissions"])]
    Update(UpdateArgs),
    /// Set or remove a user's permission on one namespace
    SetNamespaceAccess(SetAccessArgs<WhichArgs>),
}

/// Which user.
#[derive(Args, Clone, Debug)]
pub(super) struct WhichArgs {
    /// User ID.
    #[arg(long, alias = "id", value_name = "string", conflicts_with = "email")]
    user_id: Option<String>,
    /// Email address of the user.
    #[arg(long, value_name = "string")]
    email: Option<String>,
}

#[derive(Args, Clone, Debug)]
struct InviteArgs {
    /// Email address of the user. Required.
    #[arg(long, required = true, value_name = "string")]
    email: String,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Clone, Debug)]
struct ListArgs {
    /// Only users who have a permission on the namespace of --namespace.
    #[arg(long)]
    in_namespace: bool,
}

#[derive(Args, Clone, Debug)]
struct UpdateArgs {
    #[command(flatten)]
    change: ChangeArgs<WhichArgs>,
    #[command(flatten)]
    access: AccessArgs,
}

impl UserArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect_cloud().await?;
        match self.verb {
            Verb::Invite(args) => args.run(context, &mut session).await,
            Verb::Delete(args) => args.delete(context, &mut session).await,
            Verb::Get(args) => {
                let user = args.find(&mut session).await?;
                context.printer.card(&card(context, &user))?;
                context.printer.message(&user)
            }
            Verb::List(args) => args.run(context, &mut session).await,
            Verb::LoginLink(which) => {
                let transport = context.reach_cloud().await?;
                let user = which.find(&mut CloudServiceClient::new(transport.clone())).await?;
                login::create(context, transport, user).await
            }
            Verb::Update(args) => args.run(context, &mut session).await,
            Verb::SetNamespaceAccess(args) => args.set_access(context, &mut session).await,
        }
    }
}

impl WhichArgs {
    pub(super) async fn find(&self, session: &mut CloudSession) -> Result<User, Failure> {
        match (&self.user_id, &self.email) {
            (Some(id), _) => {
                let answer = session.get_user(GetUserRequest { user_id: id.clone() }).await;
                present(answer.attempt(&format!("unable to get user {id}"))?.into_inner().user, "user")
            }
            (None, Some(email)) => {
                let request = GetUsersRequest { email: email.clone(), ..Default::default() };
                let found = session.get_users(request).await.attempt(&format!("unable to find user {email}"))?;
                let found = found.into_inner().users.into_iter().next();
                found.ok_or_else(|| Failure::told(format!("there is no user {email}")))
            }
            (None, None) => Err(Failure::told("no user is named: pass --user-id or --email")),
        }
    }
}

impl InviteArgs {
    async fn run(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let attempt = format!("unable to invite user {}", self.email);
        let spec = UserSpec { email: self.email.clone(), access: Some(self.access.build()?) };
        let async_operation_id = self.write.async_operation_id.clone();
        let answer = session.create_user(CreateUserRequest { spec: Some(spec), async_operation_id }).await;
        let done = |response: &proto::temporal::api::cloud::cloudservice::v1::CreateUserResponse| {
            format!(
                "User {email} is invited with the ID {}. To let them into the web page, make a link for them: \
                 perdure cloud user login-link --email {email}",
                response.user_id,
                email = self.email,
            )
        };
        self.write.settle(context, session, answer, &attempt, done).await.map(drop)
    }
}

impl ListArgs {
    async fn run(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let namespace = if self.in_namespace { context.cloud_namespace()? } else { String::new() };
        let request = GetUsersRequest { page_size: PAGE_SIZE, namespace, ..Default::default() };
        let users = all_pages(async |page_token| {
            let page = session.get_users(GetUsersRequest { page_token, ..request.clone() }).await;
            let page = page.attempt("unable to list users")?.into_inner();
            Ok((page.users, page.next_page_token))
        })
        .await?;
        let mut table = Table::new(["Id", "Email", "State", "AccountRole", "NamespacePermissions"].map(Column::text));
        for user in &users {
            let spec = user.spec.clone().unwrap_or_default();
            let [role, permissions] = access::shown(spec.access.as_ref());
            table.push([user.id.clone(), spec.email, state(user.state), role, permissions]);
        }
        print_list(&mut context.printer, &users, &table)
    }
}

impl UpdateArgs {
    async fn run(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let ChangeArgs { which, version, write } = self.change;
        let user = which.find(session).await?;
        let mut spec = user.spec.unwrap_or_default();
        spec.access = Some(self.access.over(spec.access.unwrap_or_default())?);
        let request = UpdateUserRequest {
            user_id: user.id.clone(),
            spec: Some(spec),
            resource_version: version.or(&user.resource_version),
            async_operation_id: write.async_operation_id.clone(),
        };
        let answer = session.update_user(request).await;
        let attempt = format!("unable to update user {}", user.id);
        write.settle(context, session, answer, &attempt, |_| format!("User {} is updated.", user.id)).await.map(drop)
    }
}

impl SetAccessArgs<WhichArgs> {
    async fn set_access(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let ChangeArgs { which, version, write } = self.change;
        let user = which.find(session).await?;
        let request = SetUserNamespaceAccessRequest {
            namespace: context.cloud_namespace()?,
            user_id: user.id.clone(),
            access: self.permission.map(access::namespace_access),
            resource_version: version.or(&user.resource_version),
            async_operation_id: write.async_operation_id.clone(),
        };
        let answer = session.set_user_namespace_access(request).await;
        let attempt = format!("unable to set the access of user {}", user.id);
        write.settle(context, session, answer, &attempt, |_| format!("User {} is updated.", user.id)).await.map(drop)
    }
}

impl ChangeArgs<WhichArgs> {
    async fn delete(self, context: &mut Context, session: &mut CloudSession) -> Result<(), Failure> {
        let user = self.which.find(session).await?;
        let request = DeleteUserRequest {
            user_id: user.id.clone(),
            resource_version: self.version.or(&user.resource_version),
            async_operation_id: self.write.async_operation_id.clone(),
        };
        let answer = session.delete_user(request).await;
        let attempt = format!("unable to delete user {}", user.id);
        self.write
            .settle(context, session, answer, &attempt, |_| format!("User {} is deleted.", user.id))
            .await
            .map(drop)
    }
}

fn card(context: &Context, user: &User) -> Card {
    let spec = user.spec.clone().unwrap_or_default();
    let [role, permissions] = access::shown(spec.access.as_ref());
    let expires = user.invitation.as_ref().and_then(|invitation| invitation.expired_time.as_ref());
    Card::default()
        .field("Id", user.id.as_str())
        .field("Email", spec.email)
        .field("State", state(user.state))
        .field("AccountRole", role)
        .optional("NamespacePermissions", permissions)
        .optional("InvitationExpires", context.printer.time(expires))
        .field("CreatedTime", context.printer.time(user.created_time.as_ref()))
        .field("ResourceVersion", user.resource_version.as_str())
}
