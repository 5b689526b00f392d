//! The security contexts of a pod and its containers: reading what holds, writing what is generated.

use manifest::object;
use serde_json::{Map, Value};

/// The member of the pod's security context; an explicit null is none.
pub(crate) fn of_pod<'a>(pod: &'a Value, key: &str) -> Option<&'a Value> {
    member(pod.get("spec")?, key)
}

/// The member of a container's own security context.
pub(crate) fn own<'a>(container: &'a Value, key: &str) -> Option<&'a Value> {
    member(container, key)
}

/// What holds for a container: its own member, or else the pod's.
pub(crate) fn effective<'a>(pod: &'a Value, container: &'a Value, key: &str) -> Option<&'a Value> {
    own(container, key).or_else(|| of_pod(pod, key))
}

fn member<'a>(holder: &'a Value, key: &str) -> Option<&'a Value> {
    holder
        .get("securityContext")?
        .get(key)
        .filter(|value| !value.is_null())
}

/// Writes into the pod's security context.
pub(crate) fn set_of_pod(pod: &mut Value, key: &str, value: Value) {
    object::map_at(pod, &["spec", "securityContext"]).insert(key.to_owned(), value);
}

/// Writes into a container's own security context.
pub(crate) fn set_own(container: &mut Value, key: &str, value: Value) {
    object::map_at(container, &["securityContext"]).insert(key.to_owned(), value);
}

/// Whether a member of the pod's spec is set to true.
pub(crate) fn spec_flag(pod: &Value, key: &str) -> bool {
    pod.get("spec")
        .and_then(|spec| spec.get(key))
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

/// The lists of containers in the order in which they are looked at.
pub(crate) const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// The containers of one list.
pub(crate) fn containers<'a>(pod: &'a Value, list: &str) -> &'a [Value] {
    pod.get("spec")
        .and_then(|spec| spec.get(list))
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The names under which a seccomp profile is known in annotations.
pub(crate) fn seccomp_name(profile: &Value) -> String {
    let text = |key: &str| profile.get(key).and_then(Value::as_str);
    match (text("type"), text("localhostProfile")) {
        (Some("Unconfined"), _) => "unconfined".to_owned(),
        (Some("RuntimeDefault"), _) => "runtime/default".to_owned(),
        (Some("Localhost"), Some(file)) => format!("localhost/{file}"),
        _ => String::new(),
    }
}

/// The profile behind such a name.
pub(crate) fn seccomp_profile(name: &str) -> Option<Value> {
    let mut profile = Map::new();
    match name {
        "unconfined" => profile.insert("type".into(), "Unconfined".into()),
        "runtime/default" | "docker/default" => profile.insert("type".into(), "RuntimeDefault".into()),
        _ => {
            let file = name.strip_prefix("localhost/").filter(|file| !file.is_empty())?;
            profile.insert("localhostProfile".into(), file.into());
            profile.insert("type".into(), "Localhost".into())
        }
    };
    Some(Value::Object(profile))
}
