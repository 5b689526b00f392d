//! What the server sets, keeps and resets on a write, whatever the client sent.

mod generation;
mod pod;
mod service;

use serde_json::{Map, Value, json};

use manifest::quantity::Quantity;

use super::{Kind, allocate, shape};

/// Annotation that carries a DaemonSet's template generation, which has no member in `apps/v1`.
pub(super) const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Prepares an object with its defaults, its name, uid and creation time for being created.
///
/// The genuine server does this after it has computed `managedFields`, so that what is set here belongs to no
/// manager. A CertificateSigningRequest's requester has to be set afterwards.
pub fn prepare_create(kind: &Kind, object: &mut Value) {
    store(kind, object);
    reset_status(kind, object);
    match kind.kind {
        "Namespace" => namespace_finalizer(object),
        "DaemonSet" if annotation(object, TEMPLATE_GENERATION).is_none_or(|g| g < 1) => {
            set_template_generation(object, 1);
        }
        "Job" => job_selector(object),
        "LimitRange" => name_from_uid(object),
        "PersistentVolume" => finalizer(object, "kubernetes.io/pv-protection"),
        "PersistentVolumeClaim" => {
            data_source(object);
            finalizer(object, "kubernetes.io/pvc-protection");
        }
        "Pod" => pod::create(object),
        "Service" => {
            allocate::complete(object, None);
            service::hide(object);
        }
        "ServiceAccount" => secret_references(object),
        "CertificateSigningRequest" => {
            if let Some(Value::Object(spec)) = object.get_mut("spec") {
                for member in ["username", "uid", "groups", "extra"] {
                    spec.remove(member);
                }
            }
        }
        _ => {}
    }
    generation::create(kind, object);
}

/// Prepares an object with its defaults for replacing `old`, through the resource itself (`""`) or a subresource.
pub fn prepare_update(kind: &Kind, subresource: &str, new: &mut Value, old: &Value) {
    store(kind, new);
    copy(new, old, "/metadata", "generation");
    for given in [
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        if old
            .pointer("/metadata")
            .and_then(|m| m.get(given))
            .is_some_and(|t| !t.is_null())
        {
            copy(new, old, "/metadata", given);
        }
    }
    match subresource {
        "status" | "approval" => return keep_for_status(kind, subresource, new, old),
        "finalize" => return copy(new, old, "", "status"),
        "ephemeralcontainers" | "resize" => pod::subresource(subresource, new, old),
        _ => keep(kind, new, old),
    }
    generation::update(kind, new, old);
}

fn store(kind: &Kind, object: &mut Value) {
    if let Some(index) = shape::of(kind) {
        shape::store(index, object);
    }
}

fn keep(kind: &Kind, new: &mut Value, old: &Value) {
    if kind.has_status() {
        copy(new, old, "", "status");
    }
    match kind.kind {
        "Namespace" => copy(new, old, "/spec", "finalizers"),
        "CertificateSigningRequest" => copy(new, old, "", "spec"),
        "DaemonSet" => {
            let before = annotation(old, TEMPLATE_GENERATION).unwrap_or_default();
            let changed = new.pointer("/spec/template") != old.pointer("/spec/template");
            set_template_generation(new, before + i64::from(changed));
        }
        "PersistentVolumeClaim" => data_source(new),
        "CustomResourceDefinition" => stored_version(new),
        "Service" => {
            allocate::complete(new, Some(old));
            service::update(new, old);
        }
        "ServiceAccount" => secret_references(new),
        _ => {}
    }
}

/// A write to `status` keeps the rest; how much of the metadata, differs by kind.
fn keep_for_status(kind: &Kind, subresource: &str, new: &mut Value, old: &Value) {
    copy(new, old, "", "spec");
    let members: &[&str] = match kind.kind {
        "Deployment" => &["labels"],
        "Pod" => &["deletionTimestamp", "ownerReferences"],
        "APIService" => &["labels", "annotations", "finalizers", "ownerReferences"],
        "ValidatingAdmissionPolicy" | "ResourceClaim" | "ServiceCIDR" | "VolumeAttachment" => &[
            "deletionTimestamp",
            "generation",
            "selfLink",
            "labels",
            "annotations",
            "finalizers",
            "ownerReferences",
        ],
        "FlowSchema" | "PriorityLevelConfiguration" => {
            let managed = new.pointer("/metadata/managedFields").cloned();
            copy(new, old, "", "metadata");
            if let (Some(managed), Some(metadata)) = (managed, metadata(new)) {
                metadata.insert("managedFields".into(), managed);
            }
            &[]
        }
        _ => &[],
    };
    for member in members {
        copy(new, old, "/metadata", member);
    }
    match (kind.kind, subresource) {
        ("CertificateSigningRequest", "status") => copy(new, old, "/status", "conditions"),
        ("CertificateSigningRequest", _) => copy(new, old, "/status", "certificate"),
        ("Pod", _) => pod::status(new, old),
        ("PersistentVolume", _) => phase_transition(new, old),
        ("DaemonSet", _) => {
            set_template_generation(new, annotation(old, TEMPLATE_GENERATION).unwrap_or_default())
        }
        _ => {}
    }
}

/// A new object has no status of the client's making.
fn reset_status(kind: &Kind, object: &mut Value) {
    let now = object.pointer("/metadata/creationTimestamp").cloned();
    let status = match kind.kind {
        "Node" => return,
        "Namespace" => json!({"phase": "Active"}),
        "PersistentVolume" => json!({"phase": "Pending", "lastPhaseTransitionTime": now}),
        "PersistentVolumeClaim" => json!({"phase": "Pending"}),
        "APIService" if object.pointer("/spec/service").is_none_or(Value::is_null) => json!({"conditions": [{
            "type": "Available", "status": "True", "lastTransitionTime": now, "reason": "Local",
            "message": "Local APIServices are always available"}]}),
        "CustomResourceDefinition" => {
            json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}})
        }
        _ if kind.has_status() => json!({}),
        _ => return,
    };
    if let Some(map) = object.as_object_mut() {
        map.insert("status".into(), status);
    }
    if kind.kind == "CustomResourceDefinition" {
        stored_version(object);
    }
    super::settle(kind, object);
}

fn namespace_finalizer(object: &mut Value) {
    let Some(spec) = child(object, "spec") else { return };
    let finalizers = spec.entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = finalizers.as_array_mut()
        && !list.iter().any(|f| f == "kubernetes")
    {
        list.push(Value::from("kubernetes"));
    }
}

/// A LimitRange without a name gets one that looks like a uid.
fn name_from_uid(object: &mut Value) {
    let Some(metadata) = metadata(object) else { return };
    if metadata
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(|n| !n.is_empty())
    {
        return;
    }
    let uid = metadata.get("uid").and_then(Value::as_str).unwrap_or_default();
    let parts: Vec<String> = uid.split('-').map(|part| part.chars().rev().collect()).collect();
    metadata.insert("name".into(), Value::from(parts.join("-")));
}

/// Storage that is in use must not vanish.
fn finalizer(object: &mut Value, name: &str) {
    let Some(metadata) = metadata(object) else { return };
    let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = finalizers.as_array_mut()
        && !list.iter().any(|f| f == name)
    {
        list.push(Value::from(name));
    }
}

fn annotation(object: &Value, name: &str) -> Option<i64> {
    object
        .pointer("/metadata/annotations")?
        .get(name)?
        .as_str()?
        .parse()
        .ok()
}

fn set_template_generation(object: &mut Value, generation: i64) {
    if let Some(annotations) = metadata(object).and_then(|m| member(m, "annotations")) {
        annotations.insert(TEMPLATE_GENERATION.into(), Value::from(generation.to_string()));
    }
}

/// A Job without a selector of its own selects its pods by its uid.
///
/// QUIRK: labels that the Job took from its template are the same map in the genuine server, and get the same
/// additions. DIFFERENCE: labels that the client gave equal to those of the template are not told from them.
fn job_selector(object: &mut Value) {
    if object.pointer("/spec/manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (name, uid) = (text("/metadata/name"), text("/metadata/uid"));
    let own = object.pointer("/metadata/labels").cloned();
    let shared = own.is_none() || own.as_ref() == object.pointer("/spec/template/metadata/labels");
    let Some(spec) = child(object, "spec") else { return };
    if let Some(labels) = member(spec, "selector").and_then(|s| member(s, "matchLabels")) {
        labels
            .entry("batch.kubernetes.io/controller-uid")
            .or_insert_with(|| Value::from(uid.clone()));
    }
    let template = member(spec, "template").and_then(|t| member(t, "metadata"));
    let Some(labels) = template.and_then(|m| member(m, "labels")) else {
        return;
    };
    for (label, value) in [
        ("job-name", &name),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("batch.kubernetes.io/controller-uid", &uid),
    ] {
        labels.entry(label).or_insert_with(|| Value::from(value.clone()));
    }
    let labels = Value::Object(labels.clone());
    if shared && let Some(metadata) = metadata(object) {
        metadata.insert("labels".into(), labels);
    }
}

/// `dataSource` and `dataSourceRef` say the same, and the former only of claims and snapshots.
fn data_source(object: &mut Value) {
    let Some(spec) = child(object, "spec") else { return };
    let reference = spec.get("dataSourceRef").filter(|r| !r.is_null()).cloned();
    let source = spec.get("dataSource").filter(|r| !r.is_null()).cloned();
    match (source, reference) {
        (Some(source), None) => {
            let group = source.get("apiGroup").and_then(Value::as_str).unwrap_or_default();
            let kind = source.get("kind").and_then(Value::as_str).unwrap_or_default();
            if matches!(
                (group, kind),
                ("", "PersistentVolumeClaim") | ("snapshot.storage.k8s.io", "VolumeSnapshot")
            ) {
                spec.insert("dataSourceRef".into(), source);
            } else {
                spec.remove("dataSource");
            }
        }
        (None, Some(Value::Object(mut reference)))
            if reference
                .get("namespace")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .is_empty() =>
        {
            reference.remove("namespace");
            spec.insert("dataSource".into(), Value::Object(reference));
        }
        _ => {}
    }
}

/// A ServiceAccount's references to Secrets keep nothing but the name.
fn secret_references(object: &mut Value) {
    let secrets = object.get_mut("secrets").and_then(Value::as_array_mut);
    for secret in secrets.into_iter().flatten().filter_map(Value::as_object_mut) {
        secret.retain(|name, _| name == "name");
    }
}

fn stored_version(object: &mut Value) {
    let versions = object.pointer("/spec/versions").and_then(Value::as_array);
    let storage = versions
        .into_iter()
        .flatten()
        .find(|v| v.get("storage") == Some(&Value::Bool(true)));
    let Some(name) = storage.and_then(|v| v.get("name")).cloned() else {
        return;
    };
    let Some(status) = child(object, "status") else {
        return;
    };
    let stored = status.entry("storedVersions").or_insert_with(|| json!([]));
    if stored.is_null() {
        *stored = json!([]);
    }
    if let Some(list) = stored.as_array_mut()
        && !list.contains(&name)
    {
        list.push(name);
    }
}

/// The time of a volume's last change of phase is kept as long as the phase is.
fn phase_transition(new: &mut Value, old: &Value) {
    if new.pointer("/status/phase") == old.pointer("/status/phase")
        && new
            .pointer("/status/lastPhaseTransitionTime")
            .is_none_or(Value::is_null)
    {
        copy(new, old, "/status", "lastPhaseTransitionTime");
    }
}

/// The sum of two amounts as the server prints it.
pub(super) fn amount(value: Option<&Value>) -> Option<Quantity> {
    Quantity::of(value?)
}

/// Takes a member from the old object, also its absence.
fn copy(new: &mut Value, old: &Value, parent: &str, name: &str) {
    let value = old.pointer(parent).and_then(|p| p.get(name)).cloned();
    let Some(map) = new.pointer_mut(parent).and_then(Value::as_object_mut) else {
        return;
    };
    match value {
        Some(value) => map.insert(name.to_owned(), value),
        None => map.remove(name),
    };
}

fn metadata(object: &mut Value) -> Option<&mut Map<String, Value>> {
    child(object, "metadata")
}

fn child<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Map<String, Value>> {
    member(object.as_object_mut()?, name)
}

/// A member that is an object, made if absent.
fn member<'a>(map: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    let value = map.entry(name).or_insert_with(|| json!({}));
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{prepare_create, prepare_update};
    use crate::kinds::{default, find};

    #[test]
    fn status_is_the_servers_and_generation_follows_the_specification() {
        let kind = find("apps", "v1", "replicasets").unwrap();
        let mut object =
            json!({"metadata": {"name": "a"}, "spec": {"replicas": 2}, "status": {"replicas": 9}});
        default(kind, &mut object);
        prepare_create(kind, &mut object);
        assert_eq!(object["status"]["replicas"], 0);
        assert_eq!(object["metadata"]["generation"], 1);
        let old = object.clone();
        object["metadata"]["labels"] = json!({"a": "b"});
        object["status"]["replicas"] = json!(3);
        prepare_update(kind, "", &mut object, &old);
        assert_eq!(
            (&object["metadata"]["generation"], &object["status"]["replicas"]),
            (&json!(1), &json!(0))
        );
        object["spec"]["replicas"] = json!(3);
        prepare_update(kind, "", &mut object, &old);
        assert_eq!(object["metadata"]["generation"], 2);
        let mut status = old.clone();
        status["spec"]["replicas"] = json!(7);
        status["status"]["replicas"] = json!(2);
        prepare_update(kind, "status", &mut status, &old);
        assert_eq!(
            (&status["spec"]["replicas"], &status["status"]["replicas"]),
            (&json!(2), &json!(2))
        );
    }

    #[test]
    fn a_job_selects_its_pods() {
        let kind = find("batch", "v1", "jobs").unwrap();
        let mut object = json!({"metadata": {"name": "j", "uid": "u"}, "spec": {"template": {}}});
        default(kind, &mut object);
        prepare_create(kind, &mut object);
        assert_eq!(
            object["spec"]["selector"]["matchLabels"],
            json!({"batch.kubernetes.io/controller-uid": "u"})
        );
        assert_eq!(object["metadata"]["labels"]["job-name"], "j");
    }
}
