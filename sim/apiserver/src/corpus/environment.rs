//! What the recorded clusters were, beside the server.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::controllers::Controllers;

/// What the recorded namespace controller waits before it empties a namespace.
pub(super) const NAMESPACE_DELAY: SignedDuration = SignedDuration::from_secs(5);

/// Where the recorded server said that it was.
pub(super) const ADDRESS: &str = "192.0.2.2:16443";

/// What runs beside the recorded server in an environment.
pub(super) fn controllers(environment: &str) -> Controllers {
    match environment {
        "bare" => Controllers::None,
        "api" => Controllers::Furnishing,
        _ => Controllers::All,
    }
}

/// A grant that the recorded cluster had beside the default policy: everybody may read what is well known.
pub(super) fn well_known() -> [Value; 2] {
    const NAME: &str = "recorded:well-known";
    const API: &str = "rbac.authorization.k8s.io";
    let meta = json!({"name": NAME});
    let subject = |name: &str| json!({"kind": "Group", "apiGroup": API, "name": name});
    [
        json!({
            "apiVersion": format!("{API}/v1"), "kind": "ClusterRole", "metadata": meta,
            "rules": [{"nonResourceURLs": ["/.well-known", "/.well-known/*"], "verbs": ["get"]}],
        }),
        json!({
            "apiVersion": format!("{API}/v1"), "kind": "ClusterRoleBinding", "metadata": meta,
            "roleRef": {"apiGroup": API, "kind": "ClusterRole", "name": NAME},
            "subjects": [subject("system:authenticated"), subject("system:unauthenticated")],
        }),
    ]
}
