//! Cells of storage: volumes, claims, classes and drivers.

use serde_json::Value;

use super::look::{Look, field, join, none};

/// Modes in their short form, in a fixed order.
fn modes(look: &Look<'_>, pointer: &str) -> String {
    let has = |mode: &str| look.list(pointer).iter().any(|own| own.as_str() == Some(mode));
    let all = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    join(
        all.iter().filter(|(mode, _)| has(mode)).map(|(_, short)| *short),
        ",",
    )
}

/// The class by the older annotation, or by its member.
fn class_name<'a>(look: &Look<'a>) -> &'a str {
    let annotation = look.text("/metadata/annotations/volume.beta.kubernetes.io~1storage-class");
    if annotation.is_empty() {
        look.text("/spec/storageClassName")
    } else {
        annotation
    }
}

fn phase<'a>(look: &Look<'a>) -> &'a str {
    if look.is_deleted() {
        "Terminating"
    } else {
        look.text("/status/phase")
    }
}

pub(super) fn volume(look: &Look<'_>) -> Vec<Value> {
    let claim = look.at("/spec/claimRef").map_or_else(String::new, |claim| {
        format!("{}/{}", field(claim, "namespace"), field(claim, "name"))
    });
    vec![
        look.name(),
        look.text_or("/spec/capacity/storage", "0").into(),
        modes(look, "/spec/accessModes").into(),
        look.text("/spec/persistentVolumeReclaimPolicy").into(),
        phase(look).into(),
        claim.into(),
        class_name(look).into(),
        look.text_or("/spec/volumeAttributesClassName", "<unset>").into(),
        look.text("/status/reason").into(),
        look.age(),
        look.text_or("/spec/volumeMode", "<unset>").into(),
    ]
}

pub(super) fn claim(look: &Look<'_>) -> Vec<Value> {
    let volume = look.text("/spec/volumeName");
    let (capacity, modes) = if volume.is_empty() {
        ("", String::new())
    } else {
        (
            look.text_or("/status/capacity/storage", "0"),
            modes(look, "/status/accessModes"),
        )
    };
    vec![
        look.name(),
        phase(look).into(),
        volume.into(),
        capacity.into(),
        modes.into(),
        class_name(look).into(),
        look.text_or("/spec/volumeAttributesClassName", "<unset>").into(),
        look.age(),
        look.text_or("/spec/volumeMode", "<unset>").into(),
    ]
}

pub(super) fn class(look: &Look<'_>) -> Vec<Value> {
    let marks = ["storageclass", "storageclass.beta"];
    let default = marks.iter().any(|prefix| {
        let pointer = format!("/metadata/annotations/{prefix}.kubernetes.io~1is-default-class");
        look.text(&pointer) == "true"
    });
    let name = look.text("/metadata/name");
    let name = if default {
        format!("{name} (default)")
    } else {
        name.to_owned()
    };
    vec![
        name.into(),
        look.text("/provisioner").into(),
        look.text_or("/reclaimPolicy", "Delete").into(),
        look.text_or("/volumeBindingMode", "Immediate").into(),
        look.flag("/allowVolumeExpansion", false).into(),
        look.age(),
    ]
}

pub(super) fn attributes_class(look: &Look<'_>) -> Vec<Value> {
    vec![look.name(), look.text("/driverName").into(), look.age()]
}

pub(super) fn driver(look: &Look<'_>) -> Vec<Value> {
    let audiences = look.at("/spec/tokenRequests").map_or_else(
        || "<unset>".to_owned(),
        |_| {
            join(
                look.list("/spec/tokenRequests")
                    .iter()
                    .map(|one| field(one, "audience")),
                ",",
            )
        },
    );
    let modes = join(
        look.list("/spec/volumeLifecycleModes")
            .iter()
            .filter_map(Value::as_str),
        ",",
    );
    vec![
        look.name(),
        look.flag("/spec/attachRequired", true).into(),
        look.flag("/spec/podInfoOnMount", false).into(),
        look.flag("/spec/storageCapacity", false).into(),
        audiences.into(),
        look.flag("/spec/requiresRepublish", false).into(),
        none(&modes).into(),
        look.age(),
    ]
}

pub(super) fn node(look: &Look<'_>) -> Vec<Value> {
    vec![look.name(), look.count("/spec/drivers").into(), look.age()]
}

pub(super) fn capacity(look: &Look<'_>) -> Vec<Value> {
    vec![
        look.name(),
        look.text("/storageClassName").into(),
        look.text_or("/capacity", "<unset>").into(),
    ]
}

pub(super) fn attachment(look: &Look<'_>) -> Vec<Value> {
    vec![
        look.name(),
        look.text("/spec/attacher").into(),
        look.text("/spec/source/persistentVolumeName").into(),
        look.text("/spec/nodeName").into(),
        look.flag("/status/attached", false).into(),
        look.age(),
    ]
}
