//! What a cluster holds from its start: the roles and bindings that a kube-apiserver makes, and OpenShift's constraints.

use std::sync::OnceLock;

use jiff::Timestamp;
use manifest::object;
use serde_json::{Map, Value, json};

use crate::{
    core::{Core, time},
    dispatch, kinds,
    request::Incoming,
    resource,
    store::Key,
    user::User,
};

static POLICY: &[u8] = include_bytes!("../data/bootstrap-policy.json.zst");
static OBJECTS: &[u8] = include_bytes!("../data/bootstrap-objects.json.zst");

/// Puts Kubernetes' default RBAC policy, priorities and flow control into an empty store.
pub(crate) fn policy(core: &mut Core, now: Timestamp) {
    for object in decoded() {
        let (group, version) = manifest::split_api_version(object::api_version(object));
        let kind = kinds::find_kind(group, version, object::kind(object));
        let Some(resource) = kind.and_then(|kind| resource::builtin(group, version, kind.resource)) else {
            continue;
        };
        let mut object = object.clone();
        date(&mut object, &time(now));
        let uid = core.uid();
        let metadata = object::map_at(&mut object, &["metadata"]);
        metadata.insert("uid".to_owned(), json!(uid));
        metadata.insert("creationTimestamp".to_owned(), json!(time(now)));
        let owners = owners(&object, &time(now));
        object::map_at(&mut object, &["metadata"]).insert("managedFields".to_owned(), owners);
        let key = Key::of(&object);
        core.put(&resource, key, object);
    }
}

/// Puts a time wherever there is none: nothing else is null in these objects.
fn date(object: &mut Value, now: &str) {
    match object {
        Value::Null => *object = now.into(),
        Value::Array(items) => items.iter_mut().for_each(|item| date(item, now)),
        Value::Object(members) => members.values_mut().for_each(|member| date(member, now)),
        _ => {}
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

/// Who owns what of a default object: the server all of it, but the rules of an aggregated role.
fn owners(object: &Value, now: &str) -> Value {
    let owned = |map: Option<&Map<String, Value>>| {
        let names = map
            .into_iter()
            .flatten()
            .map(|(name, _)| (format!("f:{name}"), json!({})));
        Value::Object(
            std::iter::once((".".to_owned(), json!({})))
                .chain(names)
                .collect(),
        )
    };
    let entry = |manager: &str, operation: &str, fields: Map<String, Value>| {
        json!({
            "manager": manager, "operation": operation, "apiVersion": object::api_version(object), "time": now,
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        })
    };
    let mut fields = Map::new();
    fields.insert(
        "f:metadata".to_owned(),
        json!({
            "f:annotations": owned(object::annotations(object)), "f:labels": owned(object::labels(object)),
        }),
    );
    for part in ["rules", "roleRef", "subjects"] {
        if object.get(part).is_some_and(|value| !value.is_null()) {
            fields.insert(format!("f:{part}"), json!({}));
        }
    }
    let mut entries = Vec::new();
    if object.get("aggregationRule").is_some() {
        let rules: Option<(String, Value)> = fields.remove_entry("f:rules");
        fields.insert(
            "f:aggregationRule".to_owned(),
            json!({".": {}, "f:clusterRoleSelectors": {}}),
        );
        entries.push(entry(
            "clusterrole-aggregation-controller",
            "Apply",
            rules.into_iter().collect(),
        ));
    }
    entries.push(entry("kube-apiserver", "Update", fields));
    entries.into()
}

fn decoded() -> &'static [Value] {
    static DECODED: OnceLock<Vec<Value>> = OnceLock::new();
    DECODED.get_or_init(|| {
        let list = |packed| -> Vec<Value> {
            let bytes = zstd::decode_all(packed).unwrap_or_default();
            serde_json::from_slice(&bytes).unwrap_or_default()
        };
        [list(POLICY), list(OBJECTS)].concat()
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
        let count = |kind: &str| decoded().iter().filter(|object| object["kind"] == kind).count();
        assert_eq!(count("FlowSchema"), 11);
        assert_eq!(count("PriorityLevelConfiguration"), 8);
        assert_eq!(count("PriorityClass"), 2);
    }
}
