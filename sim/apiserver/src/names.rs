//! Tables that the core itself looks into.

pub(crate) const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
pub(crate) const NAMESPACES: &str = "namespaces";
pub(crate) const QUOTAS: &str = "resourcequotas";
pub(crate) const SERVICE_ACCOUNTS: &str = "serviceaccounts";
pub(crate) const SERVICES: &str = "services";
