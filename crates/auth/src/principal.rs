//! Users and service accounts, and the rights that they hold.

use std::collections::BTreeMap;

/// Who an API key belongs to, with the rights of the moment: several sources of rights are already joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// 32 hexadecimal digits.
    pub id: String,
    pub kind: PrincipalKind,
    /// A user's address, a service account's name.
    pub name: String,
    /// The key that was shown, when one was.
    pub api_key_id: Option<String>,
    /// `None`: nothing in the account, only what [`Principal::namespace_accesses`] gives.
    pub account_role: Option<AccountRole>,
    /// By `<name>.<account>`. What the account role gives beyond it is not in here.
    pub namespace_accesses: BTreeMap<String, NamespacePermission>,
    pub scope: Scope,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    User,
    ServiceAccount,
}

/// How far a principal reaches at most, whatever else it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The account: users, and service accounts with roles of their own.
    Account,
    /// One namespace (`<name>.<account>`), and in the account no more than reading.
    Namespace(String),
    /// The namespaces of one project (its id), and in the account no more than reading.
    Project(String),
}

/// What a principal may do in the account as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountRole {
    Owner,
    /// Global admin.
    Admin,
    Developer,
    FinanceAdmin,
    Read,
    /// Only the metrics endpoint.
    MetricsRead,
}

/// What a principal may do in a namespace; each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NamespacePermission {
    Read,
    Write,
    Admin,
}

impl Principal {
    /// The account role that counts: a principal that is scoped to less than the account is a reader there at most.
    pub fn effective_role(&self) -> Option<AccountRole> {
        match (&self.scope, self.account_role) {
            (_, None) => None,
            (Scope::Account, role) => role,
            (Scope::Namespace(_) | Scope::Project(_), Some(AccountRole::MetricsRead)) => Some(AccountRole::MetricsRead),
            (Scope::Namespace(_) | Scope::Project(_), Some(_)) => Some(AccountRole::Read),
        }
    }

    /// Whether this is an Owner or a Global Admin, who are admins of every namespace, too.
    pub fn is_account_admin(&self) -> bool {
        matches!(self.effective_role(), Some(AccountRole::Owner | AccountRole::Admin))
    }

    /// What the principal may do in a namespace (`<name>.<account>`): the most that any of its rights gives. Says
    /// nothing of whether there is such a namespace.
    pub fn namespace_permission(&self, namespace: &str) -> Option<NamespacePermission> {
        if self.is_account_admin() {
            return Some(NamespacePermission::Admin);
        }
        match &self.scope {
            Scope::Namespace(only) if only != namespace => None,
            Scope::Account | Scope::Namespace(_) | Scope::Project(_) => self.namespace_accesses.get(namespace).copied(),
        }
    }
}
