//! What a cluster holds from its start: the roles and bindings that a kube-apiserver makes, and OpenShift's constraints.

use std::sync::OnceLock;

use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use crate::{
    core::{Core, time},
    dispatch,
    request::Incoming,
    resource,
    store::Key,
    user::User,
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

/// Makes the cluster an OpenShift one: the constraints, the roles that let one use them, and admission by them.
pub(crate) fn openshift(core: &mut Core, now: Timestamp) {
    core.openshift = true;
    let definition = openshift::definition();
    make(
        core,
        now,
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        &definition,
    );
    for constraint in openshift::constraints() {
        make(
            core,
            now,
            "/apis/security.openshift.io/v1/securitycontextconstraints",
            &constraint,
        );
    }
    for object in openshift::policy() {
        let plural = object::kind(&object).to_lowercase();
        make(
            core,
            now,
            &format!("/apis/rbac.authorization.k8s.io/v1/{plural}s"),
            &object,
        );
    }
}

/// Creates an object the way the installer of a cluster does.
fn make(core: &mut Core, now: Timestamp, path: &str, body: &Value) {
    let request = Incoming {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("user-agent".to_owned(), "kubectl-create".to_owned()),
        ],
        body: body.to_string().into(),
        ..Incoming::default()
    };
    let reply = dispatch::serve(core, &request, Some(&User::admin()), now);
    debug_assert!(
        matches!(&reply, dispatch::Reply::Object { code: 201, .. }),
        "bootstrap refused: {path}"
    );
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
