//! Classes: the default one for Ingresses and claims, the only default among PriorityClasses, a pod's RuntimeClass.

use std::{cmp::Reverse, sync::Arc};

use serde_json::Value;

use crate::{call::Call, failure::Outcome};

const INGRESS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";
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
        let found = default(call, "storageclasses.storage.k8s.io", &marks);
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

pub(super) fn validate(call: &Call<'_>, object: &Value) -> Outcome<()> {
    if !call.resource.is("scheduling.k8s.io", "priorityclasses") || object["globalDefault"] != Value::Bool(true) {
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
