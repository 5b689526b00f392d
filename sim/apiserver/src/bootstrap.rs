//! The roles and bindings that a kube-apiserver makes at its start.

use std::sync::OnceLock;

use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use crate::{
    core::{Core, time},
    resource,
    store::Key,
};

static POLICY: &[u8] = include_bytes!("../data/bootstrap-policy.json.zst");

/// Puts Kubernetes' default RBAC policy into an empty store.
pub(crate) fn policy(core: &mut Core, now: Timestamp) {
    for object in decoded() {
        let plural = if object["kind"] == "ClusterRole" {
            "clusterroles"
        } else {
            "clusterrolebindings"
        };
        let Some(resource) = resource::builtin("rbac.authorization.k8s.io", "v1", plural) else {
            continue;
        };
        let mut object = object.clone();
        let uid = core.uid();
        let metadata = object::map_at(&mut object, &["metadata"]);
        metadata.insert("uid".to_owned(), json!(uid));
        metadata.insert("creationTimestamp".to_owned(), json!(time(now)));
        let key = Key::of(&object);
        core.put(&resource, key, object);
    }
}

fn decoded() -> &'static [Value] {
    static DECODED: OnceLock<Vec<Value>> = OnceLock::new();
    DECODED.get_or_init(|| {
        let bytes = zstd::decode_all(POLICY).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_whole() {
        assert_eq!(
            decoded()
                .iter()
                .filter(|object| object["kind"] == "ClusterRole")
                .count(),
            70
        );
        assert_eq!(
            decoded()
                .iter()
                .filter(|object| object["kind"] == "ClusterRoleBinding")
                .count(),
            51
        );
    }
}
