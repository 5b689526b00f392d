//! Who asks.

use std::collections::BTreeMap;

/// An authenticated identity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// Such as `alice` or `system:serviceaccount:apps:deployer`.
    pub name: String,
    /// Every group, `system:authenticated` among them.
    pub groups: Vec<String>,
    /// Stays the same when the name is given to another.
    pub uid: String,
    /// What the authenticator adds.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// The cluster's administrator, a member of `system:masters`.
    pub fn admin() -> Self {
        Self::new("admin", &["system:masters", "system:authenticated"])
    }

    /// A user in these groups and no others.
    pub fn new(name: &str, groups: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..Self::default()
        }
    }

    /// The identity of a ServiceAccount.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let mut user = Self::new(&format!("system:serviceaccount:{namespace}:{name}"), &[]);
        user.groups = service_account_groups(namespace);
        user
    }

    /// Who sends no credentials.
    pub fn anonymous() -> Self {
        Self::new("system:anonymous", &["system:unauthenticated"])
    }

    pub(crate) fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }
}

pub(crate) fn service_account_groups(namespace: &str) -> Vec<String> {
    vec![
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{namespace}"),
        "system:authenticated".to_owned(),
    ]
}

/// Namespace and name of a ServiceAccount's user name.
pub(crate) fn parse_service_account(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("system:serviceaccount:")?.split_once(':')
}
