//! What kustomize calls an object: group, version, kind, name and namespace, now and before each change.

use std::{collections::BTreeSet, fmt, sync::OnceLock};

use serde_json::Value;

/// The namespace that objects without any are recorded with.
const NO_NAMESPACE: &str = "_non_namespaceable_";

/// The name of an object at one point of the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) cluster_scoped: bool,
}

impl Id {
    pub(crate) fn of(value: &Value) -> Self {
        let api_version = manifest::object::api_version(value);
        let (group, version) = manifest::split_api_version(api_version);
        let kind = manifest::object::kind(value);
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            name: manifest::object::name(value).to_owned(),
            namespace: manifest::object::namespace(value).to_owned(),
            cluster_scoped: is_cluster_scoped(api_version, kind),
        }
    }

    pub(crate) fn effective_namespace(&self) -> &str {
        if self.cluster_scoped {
            NO_NAMESPACE
        } else if self.namespace.is_empty() {
            "default"
        } else {
            &self.namespace
        }
    }

    /// The same object: no namespace and the namespace `default` are the same one.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.is_same_but_namespace(other) && self.effective_namespace() == other.effective_namespace()
    }

    /// The same object if it is in the same namespace.
    pub(crate) fn is_same_but_namespace(&self, other: &Self) -> bool {
        self.name == other.name
            && self.group == other.group
            && self.version == other.version
            && self.kind == other.kind
    }

    /// As Go's `%#v` prints it.
    pub(crate) fn go_syntax(&self) -> String {
        format!(
            "resid.ResId{{Gvk:resid.Gvk{{Group:{:?}, Version:{:?}, Kind:{:?}, isClusterScoped:{}}}, Name:{:?}, Namespace:{:?}}}",
            self.group, self.version, self.kind, self.cluster_scoped, self.name, self.namespace
        )
    }
}

impl fmt::Display for Id {
    /// `Deployment.v1.apps/name.namespace`, with words in brackets for what is absent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn or<'a>(text: &'a str, absent: &'a str) -> &'a str {
            if text.is_empty() { absent } else { text }
        }
        write!(
            f,
            "{}.{}.",
            or(&self.kind, "[noKind]"),
            or(&self.version, "[noVer]")
        )?;
        write!(
            f,
            "{}/{}.",
            or(&self.group, "[noGrp]"),
            or(&self.name, "[noName]")
        )?;
        f.write_str(or(&self.namespace, "[noNs]"))
    }
}

/// Kinds of the built-in API that have no namespace; any other kind is taken to have one.
fn is_cluster_scoped(api_version: &str, kind: &str) -> bool {
    static KINDS: OnceLock<BTreeSet<(&str, &str)>> = OnceLock::new();
    let kinds = KINDS.get_or_init(|| {
        let lines = include_str!("../data/cluster-scoped.txt").lines();
        lines
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once(' '))
            .collect()
    });
    kinds.contains(&(api_version, kind))
}
