//! Volumes of pods.

use std::collections::BTreeSet;

use super::{
    at::At,
    container::Volumes,
    errors::{Errors, quote},
    names,
};
use manifest::quantity::Quantity;

/// Kinds of volume in the order in which they are judged, and what their errors call them.
const SOURCES: &[(&str, &str)] = &[
    ("emptyDir", "emptyDir"),
    ("hostPath", "hostPath"),
    ("gitRepo", "gitRepo"),
    ("gcePersistentDisk", "gcePersistentDisk"),
    ("awsElasticBlockStore", "awsElasticBlockStore"),
    ("secret", "secret"),
    ("nfs", "nfs"),
    ("iscsi", "iscsi"),
    ("glusterfs", "glusterfs"),
    ("flocker", "flocker"),
    ("persistentVolumeClaim", "persistentVolumeClaim"),
    ("rbd", "rbd"),
    ("cinder", "cinder"),
    ("cephfs", "cephFS"),
    ("quobyte", "quobyte"),
    // QUIRK: the genuine server misspells this one.
    ("downwardAPI", "downwarAPI"),
    ("fc", "fc"),
    ("flexVolume", "flexVolume"),
    ("configMap", "configMap"),
    ("azureFile", "azureFile"),
    ("vsphereVolume", "vsphereVolume"),
    ("photonPersistentDisk", "photonPersistentDisk"),
    ("portworxVolume", "portworxVolume"),
    ("azureDisk", "azureDisk"),
    ("storageos", "storageos"),
    ("projected", "projected"),
    ("scaleIO", "scaleIO"),
    ("csi", "csi"),
    ("ephemeral", "ephemeral"),
    ("image", "image"),
];

const MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";

/// Judges volumes and returns those that are right.
pub(super) fn volumes<'a>(list: &At<'a>, errors: &mut Errors) -> Volumes<'a> {
    let mut seen = BTreeSet::new();
    let mut right = Volumes::new();
    for volume in list.items() {
        let before = errors.len();
        source(&volume, errors);
        let name = volume.get("name");
        if name.is_empty() {
            errors.required(&name, "");
        } else {
            errors.invalid_each(&name, &names::label(name.text()));
        }
        if seen.contains(name.text()) {
            errors.duplicate(&name);
        }
        if errors.len() == before {
            seen.insert(name.text());
            right.insert(name.text(), volume);
        }
    }
    right
}

fn source(volume: &At<'_>, errors: &mut Errors) {
    let mut found = false;
    for (name, called) in SOURCES {
        let at = volume.get(name);
        if !at.is_set() {
            continue;
        }
        if found {
            errors.forbidden(&volume.get(called), "may not specify more than 1 volume type");
            continue;
        }
        found = true;
        match *name {
            "emptyDir" if Quantity::of(at.get("sizeLimit").value()).is_some_and(|q| q.sign() < 0) => {
                errors.forbidden(
                    &at.get("sizeLimit"),
                    "SizeLimit field must be a valid resource quantity",
                );
            }
            "hostPath" => host_path(&at, errors),
            "secret" => keyed(&at, "secretName", errors),
            "configMap" => keyed(&at, "name", errors),
            "persistentVolumeClaim" if at.get("claimName").is_empty() => {
                errors.required(&at.get("claimName"), "")
            }
            "nfs" => nfs(&at, errors),
            "downwardAPI" => {
                mode(&at.get("defaultMode"), errors);
                at.get("items")
                    .items()
                    .for_each(|item| downward_file(&item, errors));
            }
            "projected" => projected(&at, errors),
            "csi" if at.get("driver").is_empty() => errors.required(&at.get("driver"), ""),
            _ => {}
        }
    }
    if !found {
        errors.required(volume, "must specify a volume type");
    }
}

fn mode(at: &At<'_>, errors: &mut Errors) {
    if at.int().is_some_and(|m| !(0..=0o777).contains(&m)) {
        errors.invalid(at, MODE);
    }
}

/// A path on the host.
pub(super) fn host_path(at: &At<'_>, errors: &mut Errors) {
    const TYPES: &[&str] = &[
        "",
        "BlockDevice",
        "CharDevice",
        "Directory",
        "DirectoryOrCreate",
        "File",
        "FileOrCreate",
        "Socket",
    ];
    let path = at.get("path");
    if path.is_empty() {
        return errors.required(&path, "");
    }
    no_backsteps(&path, errors);
    if at.get("type").is_set() {
        errors.one_of(&at.get("type"), TYPES);
    }
}

/// A share on a server.
pub(super) fn nfs(at: &At<'_>, errors: &mut Errors) {
    let (server, path) = (at.get("server"), at.get("path"));
    if server.is_empty() {
        errors.required(&server, "");
    }
    if path.is_empty() {
        errors.required(&path, "");
    }
    if !path.text().starts_with('/') {
        errors.invalid_as(&path, &quote(path.text()), "must be an absolute path");
    }
}

fn keyed(at: &At<'_>, name: &str, errors: &mut Errors) {
    if at.get(name).is_empty() {
        errors.required(&at.get(name), "");
    }
    mode(&at.get("defaultMode"), errors);
    at.get("items")
        .items()
        .for_each(|item| key_to_path(&item, errors));
}

fn key_to_path(at: &At<'_>, errors: &mut Errors) {
    for name in ["key", "path"] {
        if at.get(name).is_empty() {
            errors.required(&at.get(name), "");
        }
    }
    unreserved_path(&at.get("path"), errors);
    mode(&at.get("mode"), errors);
}

fn projected(at: &At<'_>, errors: &mut Errors) {
    mode(&at.get("defaultMode"), errors);
    let mut paths: BTreeSet<&str> = BTreeSet::new();
    for source in at.get("sources").items() {
        let kinds = [
            "secret",
            "configMap",
            "downwardAPI",
            "serviceAccountToken",
            "clusterTrustBundle",
        ];
        let given: Vec<&str> = kinds.into_iter().filter(|k| source.get(k).is_set()).collect();
        for kind in &given {
            let part = source.get(kind);
            if ["secret", "configMap"].contains(kind) && part.get("name").is_empty() {
                errors.required(&part.get("name"), "");
            }
            for item in part.get("items").items() {
                if *kind == "downwardAPI" {
                    downward_file(&item, errors);
                } else {
                    key_to_path(&item, errors);
                }
                let path = item.get("path");
                if !path.is_empty() && !paths.insert(path.text()) {
                    // QUIRK: of Secrets and ConfigMaps the name is printed.
                    let own = part.get("name");
                    let shown = if own.is_set() { own.text() } else { path.text() };
                    errors.invalid_as(at, &quote(shown), "conflicting duplicate paths");
                }
            }
            if *kind == "serviceAccountToken" {
                token(at, &part, &mut paths, errors);
            }
        }
        if given.len() > 1 {
            errors.forbidden(&source, "may not specify more than 1 volume type per source");
        }
    }
}

fn token<'a>(projection: &At<'_>, at: &At<'a>, paths: &mut BTreeSet<&'a str>, errors: &mut Errors) {
    let expiration = at.get("expirationSeconds");
    if expiration.int().is_some_and(|n| n < 600) {
        errors.invalid(&expiration, "may not specify a duration less than 10 minutes");
    }
    if expiration.int().is_some_and(|n| n > 1 << 32) {
        errors.invalid(&expiration, "may not specify a duration larger than 2^32 seconds");
    }
    let path = at.get("path");
    if path.is_empty() {
        errors.required(&path, "");
    } else {
        unreserved_path(&path, errors);
        if !paths.insert(path.text()) {
            errors.invalid_as(projection, &quote(path.text()), "conflicting duplicate paths");
        }
    }
}

fn downward_file(at: &At<'_>, errors: &mut Errors) {
    const FIELDS: &[&str] = &[
        "metadata.annotations",
        "metadata.labels",
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
    ];
    if at.get("path").is_empty() {
        errors.required(&at.get("path"), "");
    }
    unreserved_path(&at.get("path"), errors);
    let (field, resource) = (at.get("fieldRef"), at.get("resourceFieldRef"));
    if field.is_set() {
        field_reference(&field, FIELDS, errors);
        if resource.is_set() {
            let text = "fieldRef and resourceFieldRef can not be specified simultaneously";
            errors.invalid_as(at, "\"resource\"", text);
        }
    } else if resource.is_set() {
        resource_reference(&resource, true, errors);
    } else {
        errors.required(at, "one of fieldRef and resourceFieldRef is required");
    }
    mode(&at.get("mode"), errors);
}

/// A reference to a field of the pod.
pub(super) fn field_reference(at: &At<'_>, supported: &[&str], errors: &mut Errors) {
    const KNOWN: &[&str] = &[
        "metadata.annotations",
        "metadata.labels",
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.serviceAccountName",
        "spec.schedulerName",
        "spec.hostNetwork",
        "status.phase",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    ];
    let path = at.get("fieldPath");
    if path.is_empty() {
        return errors.required(&path, "");
    }
    if let Some((field, rest)) = path.text().strip_suffix("']").and_then(|t| t.split_once("['")) {
        match field {
            "metadata.annotations" => {
                errors.invalid_each(&at.with(path.value()), &names::qualified(&rest.to_lowercase()))
            }
            "metadata.labels" => errors.invalid_each(&at.with(path.value()), &names::qualified(rest)),
            _ => errors.invalid_as(at, &quote(field), "does not support subscript"),
        }
    } else if !KNOWN.contains(&path.text()) {
        let text = format!(
            "error converting fieldPath: field label not supported: {}",
            path.text()
        );
        errors.invalid(&path, &text);
    } else if !supported.contains(&path.text()) {
        errors.unsupported(&path, supported);
    }
}

/// A reference to a resource of a container.
pub(super) fn resource_reference(at: &At<'_>, in_volume: bool, errors: &mut Errors) {
    const SUPPORTED: &[&str] = &[
        "limits.cpu",
        "limits.ephemeral-storage",
        "limits.memory",
        "requests.cpu",
        "requests.ephemeral-storage",
        "requests.memory",
    ];
    let resource = at.get("resource");
    if in_volume && at.get("containerName").is_empty() {
        errors.required(&at.get("containerName"), "");
    } else if resource.is_empty() {
        errors.required(&resource, "");
    } else if !SUPPORTED.contains(&resource.text()) && !resource.text().contains(".hugepages-") {
        errors.unsupported(&resource, SUPPORTED);
    }
}

/// A relative path that does not climb.
pub(super) fn descending_path(at: &At<'_>, errors: &mut Errors) {
    if at.text().starts_with('/') {
        errors.invalid(at, "must be a relative path");
    }
    no_backsteps(at, errors);
}

fn unreserved_path(at: &At<'_>, errors: &mut Errors) {
    descending_path(at, errors);
    if at.text().starts_with("..") && !at.text().split('/').any(|part| part == "..") {
        errors.invalid(at, "must not start with '..'");
    }
}

fn no_backsteps(at: &At<'_>, errors: &mut Errors) {
    if at.text().split('/').any(|part| part == "..") {
        errors.invalid(at, "must not contain '..'");
    }
}
