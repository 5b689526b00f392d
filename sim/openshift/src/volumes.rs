//! Which kinds of volumes a pod may mount.

use serde_json::Value;

use crate::{constraint::Constraint, problem::invalid};

/// The members of a volume that say of which kind it is, in the order in which they are looked for; they are also the
/// names that constraints know.
const KINDS: [&str; 30] = [
    "hostPath",
    "emptyDir",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "persistentVolumeClaim",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "downwardAPI",
    "fc",
    "azureFile",
    "configMap",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "projected",
    "portworxVolume",
    "scaleIO",
    "storageos",
    "csi",
    "ephemeral",
    "image",
];

/// Every kind but those named, in order of name.
pub(crate) fn all_but(exception: &str) -> Vec<String> {
    let mut all: Vec<String> = KINDS
        .iter()
        .filter(|kind| **kind != exception)
        .map(|kind| name(kind).to_owned())
        .collect();
    all.sort();
    all
}

/// What constraints call a kind.
fn name(member: &str) -> &str {
    match member {
        "cephfs" => "cephFS",
        "vsphereVolume" => "vsphere",
        "storageos" => "storageOS",
        other => other,
    }
}

pub(crate) fn validate(own: &Constraint, path: &str, pod: &Value) -> Vec<String> {
    let volumes = pod
        .get("spec")
        .and_then(|spec| spec.get("volumes"))
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let mut problems = Vec::new();
    if !own.allows_volume("*") {
        for (at, volume) in volumes.iter().enumerate() {
            let kind = kind(volume);
            let token = || kind == "projected" && own.allows_volume("secret") && only_token(volume);
            if !own.allows_volume(kind) && !token() {
                problems.push(invalid(
                    &format!("{path}.volumes[{at}]"),
                    format!("{kind:?}"),
                    format!("{kind} volumes are not allowed to be used"),
                ));
            }
        }
    }
    if !own.flex_drivers.is_empty() && own.allows_volume("flexVolume") {
        for (at, volume) in volumes.iter().enumerate() {
            let Some(flex) = volume.get("flexVolume") else {
                continue;
            };
            let driver = flex.get("driver").and_then(Value::as_str).unwrap_or_default();
            if !own.flex_drivers.iter().any(|allowed| allowed == driver) {
                problems.push(invalid(
                    &format!("{path}.volumes[{at}].flexVolume.driver"),
                    format!("{driver:?}"),
                    "Flexvolume driver is not allowed to be used",
                ));
            }
        }
    }
    problems
}

fn kind(volume: &Value) -> &'static str {
    let set = |member: &&&str| volume.get(**member).is_some_and(|value| !value.is_null());
    // A volume without a source is an empty directory.
    KINDS.iter().find(set).map_or("emptyDir", |member| name(member))
}

/// Whether a projected volume holds no more than what ServiceAccount admission mounts.
fn only_token(volume: &Value) -> bool {
    let sources = volume.pointer("/projected/sources").and_then(Value::as_array);
    sources.into_iter().flatten().all(|source| {
        if let Some(token) = source.get("serviceAccountToken") {
            return token["path"] == "token" && token.get("audience").is_none_or(|own| own == "");
        }
        if let Some(map) = source.get("configMap") {
            let key = match map["name"].as_str() {
                Some("kube-root-ca.crt") => "ca.crt",
                Some("openshift-service-ca.crt") => "service-ca.crt",
                _ => return false,
            };
            let items = map["items"].as_array().map_or(&[][..], Vec::as_slice);
            return matches!(items, [one] if one["key"] == key && one["path"] == key);
        }
        let Some(fields) = source.get("downwardAPI") else {
            return false;
        };
        fields["items"].as_array().into_iter().flatten().all(|item| {
            item["path"] == "namespace"
                && item["fieldRef"]["apiVersion"] == "v1"
                && item["fieldRef"]["fieldPath"] == "metadata.namespace"
        })
    })
}
