//! Which system calls a pod may make: profiles by the names they have in annotations.

use manifest::object;
use serde_json::Value;

use crate::{constraint::Constraint, context, problem::forbidden};

/// The annotation with the pod's profile.
pub(crate) const OF_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
/// The start of the annotation with a container's profile.
pub(crate) const OF_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";

fn named(own: &Constraint) -> Vec<&str> {
    own.seccomp
        .iter()
        .map(String::as_str)
        .filter(|name| *name != "*")
        .collect()
}

/// The pod's profile: what it says itself, or the first one allowed.
pub(crate) fn generate(own: &Constraint, pod: &Value) -> String {
    if let Some(name) = object::annotation(pod, OF_POD).filter(|name| !name.is_empty()) {
        return name.to_owned();
    }
    if let Some(profile) = context::of_pod(pod, "seccompProfile") {
        return context::seccomp_name(profile);
    }
    named(own).first().copied().unwrap_or_default().to_owned()
}

pub(crate) fn validate_pod(own: &Constraint, pod: &Value) -> Option<String> {
    let said = object::annotation(pod, OF_POD).filter(|name| !name.is_empty());
    let name = said.map_or_else(
        || context::of_pod(pod, "seccompProfile").map_or_else(String::new, context::seccomp_name),
        str::to_owned,
    );
    judge(own, OF_POD, &name)
}

pub(crate) fn validate_container(own: &Constraint, pod: &Value, container: &Value) -> Option<String> {
    let key = format!(
        "{OF_CONTAINER}{}",
        container.get("name").and_then(Value::as_str).unwrap_or_default()
    );
    let name = if let Some(profile) = context::own(container, "seccompProfile") {
        context::seccomp_name(profile)
    } else if let Some(name) = object::annotation(pod, &key) {
        name.to_owned()
    } else if let Some(profile) = context::of_pod(pod, "seccompProfile") {
        context::seccomp_name(profile)
    } else {
        object::annotation(pod, OF_POD).unwrap_or_default().to_owned()
    };
    judge(own, &key, &name)
}

/// QUIRK: the path is the annotation's, without the constraint's name, even where only the field is set.
fn judge(own: &Constraint, key: &str, name: &str) -> Option<String> {
    let path = format!("metadata.annotations[{key}]");
    if own.seccomp.iter().any(|allowed| allowed == "*") {
        return None;
    }
    let allowed = named(own);
    if allowed.is_empty() {
        return (!name.is_empty()).then(|| forbidden(&path, "seccomp may not be set"));
    }
    let default = |name: &str| matches!(name, "runtime/default" | "docker/default");
    if allowed.contains(&name) || default(name) && allowed.iter().any(|allowed| default(allowed)) {
        return None;
    }
    Some(forbidden(
        &path,
        format!(
            "{name} is not an allowed seccomp profile. Valid values are [{}]",
            allowed.join(" ")
        ),
    ))
}
