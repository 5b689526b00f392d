//! Classes: the default one for Ingresses and claims, the only default among PriorityClasses, what a pod's RuntimeClass
//! adds, and whether claims of a class may grow.

use std::{cmp::Reverse, sync::Arc};

use serde_json::Value;

use super::amounts;
use crate::{call::Call, failure::Outcome, store::Key};

const INGRESS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";
const STORAGE_CLASSES: &str = "storageclasses.storage.k8s.io";
const STORAGE_DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
const STORAGE_DEFAULT_BETA: &str = "storageclass.beta.kubernetes.io/is-default-class";

pub(super) fn mutate(call: &Call<'_>, object: &mut Value, old: Option<&Value>) {
    if old.is_some() || !call.target.subresource.is_empty() {
        return;
    }
    if call.resource.is("networking.k8s.io", "ingresses") {
        let named = object.pointer("/spec/ingressClassName").is_some()
            || manifest::object::annotation(object, "kubernetes.io/ingress.class").is_some();
        let found = default(call, "ingressclasses.networking.k8s.io", &[INGRESS_DEFAULT]);
        set(object, "ingressClassName", found.filter(|_| !named));
    }
    if call.resource.is("", "persistentvolumeclaims") {
        let named = object.pointer("/spec/storageClassName").is_some()
            || manifest::object::annotation(object, "volume.beta.kubernetes.io/storage-class").is_some();
        let marks = [STORAGE_DEFAULT, STORAGE_DEFAULT_BETA];
        let found = default(call, STORAGE_CLASSES, &marks);
        set(object, "storageClassName", found.filter(|_| !named));
    }
}

fn set(object: &mut Value, key: &str, class: Option<String>) {
    if let Some(class) = class {
        manifest::object::map_at(object, &["spec"]).insert(key.to_owned(), class.into());
    }
}

/// Of the classes that are marked as default, the youngest.
///
/// DIFFERENCE: of two that were made in one second the genuine server takes the first by name. In virtual time
/// everything may happen in one second, so here the order of their revisions decides.
fn default(call: &Call<'_>, table: &str, marks: &[&str]) -> Option<String> {
    let table = call.core.table(table);
    let marked = table.values().filter(|class| {
        marks
            .iter()
            .any(|mark| manifest::object::annotation(class, mark) == Some("true"))
    });
    let youngest = marked.min_by_key(|class| {
        let made = class["metadata"]["creationTimestamp"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let revision: u64 = manifest::object::resource_version(class).parse().unwrap_or(0);
        Reverse((made, revision))
    });
    youngest.map(|class| manifest::object::name(class).to_owned())
}

pub(super) fn validate(call: &Call<'_>, object: &Value, old: Option<&Value>) -> Outcome<()> {
    if let Some(old) = old.filter(|_| call.resource.is("", "persistentvolumeclaims")) {
        return resizes(call, object, old);
    }
    if !call.resource.is("scheduling.k8s.io", "priorityclasses")
        || object["globalDefault"] != Value::Bool(true)
    {
        return Ok(());
    }
    let name = manifest::object::name(object);
    let table = call.core.table("priorityclasses.scheduling.k8s.io");
    let other: Option<&Arc<Value>> = table
        .values()
        .find(|class| class["globalDefault"] == Value::Bool(true) && manifest::object::name(class) != name);
    match other {
        None => Ok(()),
        Some(other) => {
            let detail = format!(
                "PriorityClass {} is already marked as default. Only one default can exist",
                manifest::object::name(other)
            );
            Err(call.forbidden(name, &detail))
        }
    }
}

/// A claim grows only where its class says that volumes can.
fn resizes(call: &Call<'_>, claim: &Value, old: &Value) -> Outcome<()> {
    let size = |claim: &Value| {
        let asked = amounts::read(claim.pointer("/spec/resources/requests"));
        asked.get("storage").copied()
    };
    if !call.target.subresource.is_empty() || size(claim) <= size(old) {
        return Ok(());
    }
    let class = claim.pointer("/spec/storageClassName").and_then(Value::as_str);
    let class = class.and_then(|class| call.core.stored(STORAGE_CLASSES, &Key::new("", class)));
    if class.is_some_and(|class| class["allowVolumeExpansion"] == Value::Bool(true)) {
        return Ok(());
    }
    Err(call.forbidden(
        manifest::object::name(claim),
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
    ))
}

/// A pod takes over what its RuntimeClass says about overhead, nodes and tolerations.
pub(super) fn runtime(call: &Call<'_>, pod: &mut Value) -> Outcome<()> {
    let name = super::shown_name(call, pod);
    let asked = pod
        .pointer("/spec/runtimeClassName")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let refuse = |detail: &str| Err(call.forbidden(&name, detail));
    let overhead = pod.pointer("/spec/overhead").cloned();
    if asked.is_empty() {
        let detail = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
        return if overhead.is_some() {
            refuse(detail)
        } else {
            Ok(())
        };
    }
    let Some(class) = call
        .core
        .stored("runtimeclasses.node.k8s.io", &Key::new("", &asked))
    else {
        return refuse(&format!("pod rejected: RuntimeClass {asked:?} not found"));
    };
    match (class.pointer("/overhead/podFixed"), overhead) {
        (Some(own), Some(said)) if amounts::read(Some(own)) != amounts::read(Some(&said)) => {
            return refuse("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
        }
        (Some(own), None) => {
            manifest::object::map_at(pod, &["spec"]).insert("overhead".into(), own.clone());
        }
        (None, Some(_)) => {
            return refuse(
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
            );
        }
        _ => {}
    }
    let selector = class
        .pointer("/scheduling/nodeSelector")
        .and_then(Value::as_object);
    for (key, value) in selector.into_iter().flatten() {
        let own = manifest::object::map_at(pod, &["spec", "nodeSelector"]);
        match own.get(key) {
            Some(said) if said != value => {
                return refuse(&format!(
                    "conflict: runtimeClass.Scheduling.NodeSelector[{key}] = {}; pod.Spec.NodeSelector[{key}] = {}",
                    value.as_str().unwrap_or_default(),
                    said.as_str().unwrap_or_default()
                ));
            }
            _ => own.insert(key.clone(), value.clone()),
        };
    }
    let tolerations = class.pointer("/scheduling/tolerations").and_then(Value::as_array);
    for toleration in tolerations.into_iter().flatten() {
        let own = manifest::object::map_at(pod, &["spec"])
            .entry("tolerations")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Some(list) = own.as_array_mut().filter(|list| !list.contains(toleration)) {
            list.push(toleration.clone());
        }
    }
    Ok(())
}
