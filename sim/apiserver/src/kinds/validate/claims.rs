//! Claims for volumes, volumes and their classes.

use serde_json::Value;

use super::{
    Case,
    at::At,
    errors::{Errors, quote},
    internal,
    meta::Name,
    names, scheduling, selectors, volume,
};
use manifest::quantity::Quantity;

const MODES: &[&str] = &[
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];

/// Judges objects of the kinds of this module; false for others.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    match case.kind.kind {
        "PersistentVolumeClaim" if case.subresource == "status" => case.meta().update(errors),
        "PersistentVolume" if case.subresource == "status" => case.meta().update(errors),
        "PersistentVolumeClaim" => {
            case.meta().update(errors);
            case.meta().whole(Name::Subdomain, errors);
            spec(&case.new.get("spec"), errors);
            claim_update(case, errors);
        }
        "PersistentVolume" => persistent_volume(case, errors),
        "StorageClass" => storage_class(case, errors),
        _ => return false,
    }
    true
}

/// A `PersistentVolumeClaimSpec`.
pub(super) fn spec(at: &At<'_>, errors: &mut Errors) {
    let modes = at.get("accessModes");
    if modes.is_empty() {
        errors.required(&modes, "at least 1 access mode is required");
    }
    selectors::selector(&at.get("selector"), errors);
    access_modes(&modes, errors);
    let amount = at.get("resources.requests.storage");
    let place = At::new(format!("{}.resources[storage]", at.path()), amount.value());
    if !amount.is_set() {
        errors.required(&place, "");
    } else {
        positive(&place, errors);
    }
    for name in ["storageClassName", "volumeAttributesClassName"] {
        let class = at.get(name);
        if !class.is_empty() {
            errors.invalid_each(&class, &names::subdomain(class.text()));
        }
        if name == "storageClassName" && at.get("volumeMode").is_set() {
            errors.one_of(&at.get("volumeMode"), &["Block", "Filesystem"]);
        }
    }
}

fn access_modes(modes: &At<'_>, errors: &mut Errors) {
    for mode in modes.items() {
        if !MODES.contains(&mode.text()) {
            errors.unsupported(&modes.with(mode.value()), MODES);
        }
    }
    let alone = modes.items().any(|m| m.text() == "ReadWriteOncePod");
    if alone
        && modes
            .items()
            .any(|m| m.text() != "ReadWriteOncePod" && MODES.contains(&m.text()))
    {
        errors.forbidden(modes, "may not use ReadWriteOncePod with other access modes");
    }
}

fn positive(at: &At<'_>, errors: &mut Errors) {
    if Quantity::of(at.value()).is_some_and(|q| q.sign() <= 0) {
        errors.invalid(at, "must be greater than zero");
    }
}

fn claim_update(case: &Case<'_>, errors: &mut Errors) {
    let Some(old) = &case.old else { return };
    let (at, before) = (case.new.get("spec"), old.get("spec"));
    let mut base = before.value().clone();
    let mut allowed = at.value().clone();
    if before.get("volumeName").is_empty()
        && let (Some(name), Some(map)) = (allowed.get("volumeName"), base.as_object_mut())
    {
        map.insert("volumeName".into(), name.clone());
    }
    let bound = case.new.get("status.phase").text() == "Bound";
    if bound && let Some(requests) = allowed.pointer_mut("/resources/requests") {
        requests["storage"] = before.get("resources.requests.storage").value().clone();
    }
    if bound && let (Some(map), class) = (allowed.as_object_mut(), before.get("volumeAttributesClassName")) {
        if class.is_set() {
            map.insert("volumeAttributesClassName".into(), class.value().clone());
        } else {
            map.remove("volumeAttributesClassName");
        }
    }
    if allowed != base {
        let difference = internal::difference(
            "core.PersistentVolumeClaimSpec",
            &before.with(&base),
            &at.with(&allowed),
        );
        let text = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound \
                    claims";
        errors.forbidden(&at, &format!("{text}\n{difference}"));
    }
    let size =
        |at: &At<'_>, name: &str| Quantity::of(at.get(name).value()).unwrap_or_else(|| Quantity::units(0));
    let (new_size, old_size) = (
        size(&at, "resources.requests.storage"),
        size(&before, "resources.requests.storage"),
    );
    if new_size < old_size && new_size <= size(old, "status.capacity.storage") {
        let place = at.get("resources.requests.storage");
        errors.forbidden(&place, "field can not be less than status.capacity");
    }
    // QUIRK: the path lacks `spec`.
    let mode = at.get("volumeMode");
    errors.immutable(
        &At::new("volumeMode".into(), mode.value()),
        &before.get("volumeMode"),
    );
}

/// Sources of a volume in the order in which they are judged.
const SOURCES: &[&str] = &[
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

fn persistent_volume(case: &Case<'_>, errors: &mut Errors) {
    case.meta().whole(Name::Subdomain, errors);
    let at = case.new.get("spec");
    let (modes, capacity) = (at.get("accessModes"), at.get("capacity"));
    if modes.is_empty() {
        errors.required(&modes, "");
    }
    access_modes(&modes, errors);
    if capacity.is_empty() {
        errors.required(&capacity, "");
    }
    if capacity.len() != 1 || !capacity.get("storage").is_set() {
        errors.unsupported(&capacity, &["storage"]);
    }
    for (_, amount) in capacity.entries() {
        positive(&amount, errors);
    }
    let policy = at.get("persistentVolumeReclaimPolicy");
    if !policy.is_empty() {
        errors.one_of(&policy, &["Delete", "Recycle", "Retain"]);
    }
    scheduling_of_volume(&at, errors);
    sources(&at, errors);
    if at.get("hostPath.path").text() == "/" && policy.text() == "Recycle" {
        errors.forbidden(&policy, "may not be 'recycle' for a hostPath mount of '/'");
    }
    let class = at.get("storageClassName");
    if !class.is_empty() {
        errors.invalid_each(&class, &names::subdomain(class.text()));
    }
    if at.get("volumeMode").is_set() {
        errors.one_of(&at.get("volumeMode"), &["Block", "Filesystem"]);
    }
    let Some(old) = &case.old else { return };
    let before = old.get("spec");
    let source = |at: &At<'_>| {
        let members = SOURCES
            .iter()
            .filter_map(|s| Some(((*s).to_owned(), at.value().get(s)?.clone())));
        Value::Object(members.collect())
    };
    let (a, b) = (source(&at), source(&before));
    if a != b {
        let difference = internal::difference("core.PersistentVolumeSource", &before.with(&b), &at.with(&a));
        let text = format!("spec.persistentvolumesource is immutable after creation\n{difference}");
        errors.forbidden(&at.get("persistentvolumesource"), &text);
    }
    let mode = At::new("volumeMode".into(), at.get("volumeMode").value());
    errors.immutable(&mode, &before.get("volumeMode"));
    case.meta().update(errors);
}

fn scheduling_of_volume(at: &At<'_>, errors: &mut Errors) {
    let affinity = at.get("nodeAffinity");
    if !affinity.is_set() {
        return;
    }
    if affinity.get("required").is_set() {
        scheduling::node_selector(&affinity.get("required"), errors);
    } else {
        errors.required(
            &affinity.get("required"),
            "must specify required node constraints",
        );
    }
}

fn sources(at: &At<'_>, errors: &mut Errors) {
    let mut found = false;
    for name in SOURCES {
        let source = at.get(name);
        if !source.is_set() {
            continue;
        }
        if found {
            errors.forbidden(&source, "may not specify more than 1 volume type");
            continue;
        }
        found = true;
        match *name {
            "hostPath" => volume::host_path(&source, errors),
            "nfs" => volume::nfs(&source, errors),
            "csi" => {
                for member in ["driver", "volumeHandle"] {
                    if source.get(member).is_empty() {
                        errors.required(&source.get(member), "");
                    }
                }
            }
            "local" => {
                if source.get("path").is_empty() {
                    errors.required(&source.get("path"), "");
                }
                if !at.get("nodeAffinity").is_set() {
                    errors.required(&at.get("nodeAffinity"), "Local volume requires node affinity");
                }
            }
            _ => {}
        }
    }
    if !found {
        errors.required(at, "must specify a volume type");
    }
}

fn storage_class(case: &Case<'_>, errors: &mut Errors) {
    let new = case.new;
    if let Some(old) = &case.old {
        case.meta().update(errors);
        let parameters = new.get("parameters");
        if !parameters.same(&old.get("parameters")) {
            errors.invalid(&parameters, "field is immutable");
        }
        for name in ["provisioner", "reclaimPolicy", "volumeBindingMode"] {
            errors.immutable(&new.get(name), &old.get(name));
        }
        return;
    }
    case.meta().whole(Name::Subdomain, errors);
    let provisioner = new.get("provisioner");
    if provisioner.is_empty() {
        errors.required(&provisioner, "");
    } else {
        for message in names::qualified(&provisioner.text().to_lowercase()) {
            errors.invalid_as(&provisioner, &quote(provisioner.text()), &message);
        }
    }
    if new.get("parameters").entries().any(|(key, _)| key.is_empty()) {
        errors.invalid_as(&new.get("parameters"), "\"\"", "field can not be empty.");
    }
    errors.one_of(&new.get("reclaimPolicy"), &["Delete", "Retain"]);
    errors.one_of(
        &new.get("volumeBindingMode"),
        &["Immediate", "WaitForFirstConsumer"],
    );
    for term in new.get("allowedTopologies").items() {
        for requirement in term.get("matchLabelExpressions").items() {
            if requirement.get("values").is_empty() {
                errors.required(&requirement.get("values"), "");
            }
            let key = requirement.get("key");
            errors.invalid_each(&key, &names::qualified(key.text()));
        }
    }
}
