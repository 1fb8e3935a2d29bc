//! Roles and permissions as flags and as text.

use std::collections::BTreeMap;

use clap::Args;
use proto::temporal::api::cloud::identity::v1::{
    Access, AccountAccess, NamespaceAccess, account_access::Role, namespace_access::Permission,
};

use super::{named, operation::ChangeArgs};
use crate::{
    failure::Failure,
    flags::values::{Choice, key_value, repeated_choice},
};

impl Choice for Role {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("owner", Self::Owner),
        ("admin", Self::Admin),
        ("developer", Self::Developer),
        ("finance-admin", Self::FinanceAdmin),
        ("read", Self::Read),
        ("metrics-read", Self::MetricsRead),
        ("none", Self::Unspecified),
    ];
}

impl Choice for Permission {
    const VALUES: &'static [(&'static str, Self)] =
        &[("admin", Self::Admin), ("write", Self::Write), ("read", Self::Read)];
}

/// What a principal may do.
#[derive(Args, Clone, Debug)]
pub(super) struct AccessArgs {
    /// Role in the account. Accepted values: owner, admin, developer, finance-admin, read, metrics-read, none.
    #[arg(long, alias = "role", value_name = "string", value_parser = repeated_choice::<Role>)]
    account_role: Option<Role>,
    /// Permission on a namespace, as NAME.ACCOUNT=PERMISSION. Accepted permissions: admin, write, read. Can be passed
    /// multiple times.
    #[arg(long, value_name = "NAMESPACE=PERMISSION")]
    namespace_permission: Vec<String>,
}

/// What a change of somebody's permission takes.
#[derive(Args, Clone, Debug)]
pub(super) struct SetAccessArgs<W: Args> {
    #[command(flatten)]
    pub(super) change: ChangeArgs<W>,
    /// Permission on the namespace of --namespace; removed where it is not given. Accepted values: admin, write, read.
    #[arg(long, value_name = "string", value_parser = repeated_choice::<Permission>)]
    pub(super) permission: Option<Permission>,
}

impl AccessArgs {
    /// The access of a new principal; the role `read` where none is given.
    pub(super) fn build(&self) -> Result<Access, Failure> {
        self.over(Access { account_access: Some(account(Role::Read)), ..Access::default() })
    }

    /// The access with what the flags change of it.
    pub(super) fn over(&self, mut access: Access) -> Result<Access, Failure> {
        if let Some(role) = self.account_role {
            access.account_access = (role != Role::Unspecified).then(|| account(role));
        }
        for item in &self.namespace_permission {
            let (namespace, text) = key_value(item)?;
            access.namespace_accesses.insert(namespace.to_owned(), namespace_access(permission(text)?));
        }
        Ok(access)
    }
}

fn account(role: Role) -> AccountAccess {
    AccountAccess { role: role.into(), ..AccountAccess::default() }
}

/// The access of a permission.
pub(super) fn namespace_access(permission: Permission) -> NamespaceAccess {
    NamespaceAccess { permission: permission.into(), ..NamespaceAccess::default() }
}

/// A permission by its name.
fn permission(text: &str) -> Result<Permission, Failure> {
    repeated_choice::<Permission>(text).map_err(Failure::told)
}

/// Role and permissions on one line each.
pub(super) fn shown(access: Option<&Access>) -> [String; 2] {
    let role = access.and_then(|access| access.account_access.as_ref()).map(|account| role_name(account.role));
    [role.unwrap_or_else(|| "None".to_owned()), permissions(access.map(|access| &access.namespace_accesses))]
}

fn role_name(role: i32) -> String {
    named(role, Role::as_str_name, "ROLE_")
}

fn permissions(accesses: Option<&BTreeMap<String, NamespaceAccess>>) -> String {
    let accesses = accesses.into_iter().flatten();
    let each: Vec<String> =
        accesses.map(|(namespace, access)| format!("{namespace}={}", permission_name(access))).collect();
    each.join(", ")
}

/// The name of a permission.
pub(super) fn permission_name(access: &NamespaceAccess) -> String {
    named(access.permission, Permission::as_str_name, "PERMISSION_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(role: Option<Role>, permissions: &[&str]) -> AccessArgs {
        let namespace_permission = permissions.iter().map(|text| (*text).to_owned()).collect();
        AccessArgs { account_role: role, namespace_permission }
    }

    #[test]
    fn access_is_built_and_changed() {
        let access = args(None, &["a.b=Write", "c.d=read"]).build().unwrap();
        assert_eq!(shown(Some(&access)), ["Read", "a.b=Write, c.d=Read"]);
        let access = args(Some(Role::Developer), &["a.b=admin"]).over(access).unwrap();
        assert_eq!(shown(Some(&access)), ["Developer", "a.b=Admin, c.d=Read"]);
        let access = args(Some(Role::Unspecified), &[]).over(access).unwrap();
        assert_eq!(shown(Some(&access))[0], "None");
        assert_eq!(
            args(None, &["a.b=x"]).build().unwrap_err().to_string(),
            "invalid value: x, allowed values are: admin, write, read"
        );
        assert!(args(None, &["a.b"]).build().is_err());
    }
}
