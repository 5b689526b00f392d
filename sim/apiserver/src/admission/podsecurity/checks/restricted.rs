//! The checks that the restricted level has beyond the baseline.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Finding, Pod, adding, bad, baseline::seccomp, context, finding, name, named, own_users, plural, quoted,
    seccomp_fine, setters, texts, volume_list, windows,
};

pub(super) fn escalation(pod: Pod<'_>, minor: u32) -> Option<Finding> {
    if windows(pod, minor) {
        return None;
    }
    let containers = bad(pod, |own| {
        context(own, "allowPrivilegeEscalation") != Some(&Value::Bool(false))
    });
    if containers.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must set securityContext.allowPrivilegeEscalation=false",
        named(&containers)
    );
    finding("allowPrivilegeEscalation != false", detail)
}

pub(super) fn capabilities(pod: Pod<'_>, minor: u32) -> Option<Finding> {
    if windows(pod, minor) {
        return None;
    }
    let keeping = bad(pod, |own| {
        let dropped = context(own, "capabilities").and_then(|own| own.get("drop"));
        !texts(dropped).any(|name| name == "ALL")
    });
    let mut details = Vec::new();
    if !keeping.is_empty() {
        details.push(format!(
            "{} must set securityContext.capabilities.drop=[\"ALL\"]",
            named(&keeping)
        ));
    }
    details.extend(adding(pod, &["NET_BIND_SERVICE"]));
    if details.is_empty() {
        return None;
    }
    finding("unrestricted capabilities", details.join("; "))
}

pub(super) fn volumes(pod: Pod<'_>, _: u32) -> Option<Finding> {
    const FINE: [&str; 9] = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    let mut names = Vec::new();
    let mut kinds = BTreeSet::new();
    for volume in volume_list(pod) {
        let source = volume
            .as_object()
            .and_then(|own| own.iter().find(|(key, value)| *key != "name" && !value.is_null()))
            .map_or("unknown", |(key, _)| key);
        if !FINE.contains(&source) {
            names.push(name(volume));
            kinds.insert(source.to_owned());
        }
    }
    if names.is_empty() {
        return None;
    }
    let detail = format!(
        "{} {} {} {} {}",
        plural("volume", "volumes", names.len()),
        quoted(&names),
        plural("uses", "use", names.len()),
        plural("restricted volume type", "restricted volume types", kinds.len()),
        quoted(&kinds)
    );
    finding("restricted volume types", detail)
}

pub(super) fn non_root(pod: Pod<'_>, minor: u32) -> Option<Finding> {
    if own_users(pod, minor) {
        return None;
    }
    let said = |holder: &Value| context(holder, "runAsNonRoot").and_then(Value::as_bool);
    let of_pod = said(pod.spec);
    let wrong = bad(pod, |own| said(own) == Some(false));
    let all = setters(of_pod == Some(false), &wrong);
    if !all.is_empty() {
        let detail = format!(
            "{} must not set securityContext.runAsNonRoot=false",
            all.join(" and ")
        );
        return finding("runAsNonRoot != true", detail);
    }
    let silent = bad(pod, |own| said(own).is_none() && of_pod != Some(true));
    if silent.is_empty() {
        return None;
    }
    let detail = format!(
        "pod or {} must set securityContext.runAsNonRoot=true",
        named(&silent)
    );
    finding("runAsNonRoot != true", detail)
}

pub(super) fn root_user(pod: Pod<'_>, minor: u32) -> Option<Finding> {
    if own_users(pod, minor) {
        return None;
    }
    let root = |holder: &Value| context(holder, "runAsUser").and_then(Value::as_i64) == Some(0);
    let all = setters(root(pod.spec), &bad(pod, root));
    if all.is_empty() {
        return None;
    }
    finding(
        "runAsUser=0",
        format!("{} must not set runAsUser=0", all.join(" and ")),
    )
}

pub(super) fn seccomp_set(pod: Pod<'_>, minor: u32) -> Option<Finding> {
    if windows(pod, minor) {
        return None;
    }
    if let Some(finding) = seccomp(pod, minor) {
        return Some(finding);
    }
    let of_pod = seccomp_fine(pod.spec) == Some(true);
    let silent = bad(pod, |own| seccomp_fine(own).is_none() && !of_pod);
    if silent.is_empty() {
        return None;
    }
    let detail = format!(
        "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
        named(&silent)
    );
    finding("seccompProfile", detail)
}
