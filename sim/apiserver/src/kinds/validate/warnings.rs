//! What the server accepts but warns of.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{at::At, errors::quote, names};
use manifest::quantity::Quantity;

use crate::kinds::Kind;

/// The warnings about an object of this kind that is created (`old` is `None`) or replaces `old`.
pub fn warnings(kind: &Kind, new: &Value, old: Option<&Value>) -> Vec<String> {
    let at = At::root(new);
    let mut out = Vec::new();
    if old.is_none() {
        out.extend(name_warning(kind, &at));
    }
    match kind.kind {
        "Pod" if old.is_none() => pod(&at, &mut out),
        "Deployment"
        | "ReplicaSet"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicationController"
        | "Job"
        | "CronJob"
        | "PodTemplate" => {
            if changed(new, old) {
                let path = match kind.kind {
                    "CronJob" => "spec.jobTemplate.spec.template",
                    "PodTemplate" => "template",
                    _ => "spec.template",
                };
                pod(&at.get(path), &mut out);
            }
            let limit = at.get("spec.revisionHistoryLimit");
            if kind.kind == "StatefulSet" && limit.number() < 0 {
                let text = "a negative value retains all historical revisions; a value >= 0 is recommended";
                out.push(format!("spec.revisionHistoryLimit: {text}"));
            }
        }
        "Service" => service(&at, &mut out),
        "Secret" => secret(&at, &mut out),
        "Ingress"
            if old.is_none()
                && at
                    .get("metadata.annotations")
                    .key("kubernetes.io/ingress.class")
                    .is_set() =>
        {
            let text = "is deprecated, please use 'spec.ingressClassName' instead";
            out.push(format!("annotation \"kubernetes.io/ingress.class\" {text}"));
        }
        _ => {}
    }
    out
}

/// A change that moves the generation is looked at again.
fn changed(new: &Value, old: Option<&Value>) -> bool {
    let generation = |o: &Value| o.pointer("/metadata/generation").cloned();
    old.is_none_or(|old| generation(old) != generation(new))
}

fn name_warning(kind: &Kind, at: &At<'_>) -> Option<String> {
    let use_of_it = match kind.kind {
        "Pod" => "the Pod's hostname",
        "Deployment" | "ReplicaSet" | "ReplicationController" | "Job" | "CronJob" => {
            "Pod names and hostnames"
        }
        _ => return None,
    };
    let messages = names::label(at.get("metadata.name").text());
    let text = "which can result in surprising behavior; a DNS label is recommended";
    (!messages.is_empty()).then(|| {
        format!(
            "metadata.name: this is used in {use_of_it}, {text}: [{}]",
            messages.join(" ")
        )
    })
}

const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

fn containers<'a>(pod: &At<'a>) -> Vec<At<'a>> {
    let spec = pod.get("spec");
    LISTS
        .iter()
        .flat_map(|list| spec.get(list).items().collect::<Vec<_>>())
        .collect()
}

/// A pod or a template of pods.
fn pod(at: &At<'_>, out: &mut Vec<String>) {
    let spec = at.get("spec");
    for constraint in spec.get("topologySpreadConstraints").items() {
        no_selector(&constraint.get("labelSelector"), out);
    }
    volumes(&spec, out);
    repeated(&spec.get("hostAliases"), "ip", out);
    repeated(&spec.get("imagePullSecrets"), "name", out);
    for secret in spec.get("imagePullSecrets").items() {
        if secret.get("name").is_empty() {
            out.push(format!("{}: invalid empty name \"\"", secret.get("name").path()));
        }
    }
    let annotations = at.get("metadata.annotations");
    for container in containers(at) {
        let profile = annotations.key(&format!(
            "container.apparmor.security.beta.kubernetes.io/{}",
            container.get("name").text()
        ));
        if profile.is_set() && !container.get("securityContext.appArmorProfile").is_set() {
            let text = "deprecated since v1.30; use the \"appArmorProfile\" field instead";
            out.push(format!("{}: {text}", profile.path()));
        }
        fractions(&container, out);
        hidden_variables(&container.get("env"), out);
    }
    ports(at, out);
    if spec.get("terminationGracePeriodSeconds").number() < 0 {
        let text = "must be >= 0; negative values are invalid and will be treated as 1";
        out.push(format!(
            "{}: {text}",
            spec.get("terminationGracePeriodSeconds").path()
        ));
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let affinity = spec.get("affinity").get(kind);
        for term in affinity
            .get("requiredDuringSchedulingIgnoredDuringExecution")
            .items()
        {
            no_selector(&term.get("labelSelector"), out);
        }
        for term in affinity
            .get("preferredDuringSchedulingIgnoredDuringExecution")
            .items()
        {
            no_selector(&term.get("podAffinityTerm.labelSelector"), out);
        }
    }
}

fn no_selector(at: &At<'_>, out: &mut Vec<String>) {
    if !at.is_set() {
        out.push(format!(
            "{}: a null labelSelector results in matching no pod",
            at.path()
        ));
    }
}

fn volumes(spec: &At<'_>, out: &mut Vec<String>) {
    const OLD: &[(&str, &str)] = &[
        (
            "photonPersistentDisk",
            "deprecated in v1.11, non-functional in v1.16+",
        ),
        (
            "gitRepo",
            "deprecated in v1.11, and disabled by default in v1.33+",
        ),
        ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
        ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
        ("storageOS", "deprecated in v1.22, non-functional in v1.25+"),
        ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
        ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
        ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
        ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
    ];
    for volume in spec.get("volumes").items() {
        for (name, text) in OLD {
            // QUIRK: `storageos` is written with capitals in the path.
            let member = if *name == "storageOS" { "storageos" } else { name };
            if volume.get(member).is_set() {
                out.push(format!("{}: {text}", volume.get(name).path()));
            }
        }
    }
}

fn repeated(list: &At<'_>, name: &str, out: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for item in list.items() {
        let member = item.get(name);
        if !seen.insert(member.text()) {
            out.push(format!(
                "{}: duplicate {name} {}",
                member.path(),
                quote(member.text())
            ));
        }
    }
}

fn fractions(container: &At<'_>, out: &mut Vec<String>) {
    for name in ["memory", "ephemeral-storage"] {
        for list in ["limits", "requests"] {
            let amount = container.get("resources").get(list).key(name);
            if let Some(quantity) = Quantity::of(amount.value()).filter(|q| !q.is_whole()) {
                let text = "is invalid, must be an integer";
                out.push(format!(
                    "{}: fractional byte value \"{quantity}\" {text}",
                    amount.path()
                ));
            }
        }
    }
}

/// A variable that is set again hides the first, unless it builds upon it.
fn hidden_variables(list: &At<'_>, out: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for variable in list.items() {
        let (name, value) = (variable.get("name").text(), variable.get("value").text());
        if seen.insert(name) {
            continue;
        }
        let reference = format!("$({name})");
        if variable.get("valueFrom").is_set() || value == reference || !value.contains(&reference) {
            let text = "which may be dropped when using apply";
            out.push(format!(
                "{}: hides previous definition of {}, {text}",
                variable.path(),
                quote(name)
            ));
        }
    }
}

fn ports(pod: &At<'_>, out: &mut Vec<String>) {
    let mut known: BTreeMap<(i64, &str), Vec<At<'_>>> = BTreeMap::new();
    let all: Vec<At<'_>> = containers(pod)
        .iter()
        .flat_map(|c| c.get("ports").items().collect::<Vec<_>>())
        .collect();
    for port in &all {
        let key = (port.get("containerPort").number(), port.get("protocol").text());
        let others = known.entry(key).or_default();
        let host = |p: &At<'_>| p.get("hostPort").number();
        let ip = |p: &At<'_>| p.get("hostIP").text().to_owned();
        for other in others.iter() {
            let said = if ip(port) == ip(other) && host(port) == host(other) {
                "duplicate"
            } else if host(port) == 0 || host(other) == 0 {
                "overlapping"
            } else if host(port) == host(other) && ip(port).is_empty() != ip(other).is_empty() {
                "dangerously ambiguous"
            } else {
                continue;
            };
            out.push(format!(
                "{}: {said} port definition with {}",
                port.path(),
                other.path()
            ));
        }
        others.push(port.clone());
    }
    let mut named: BTreeMap<&str, &At<'_>> = BTreeMap::new();
    for port in &all {
        let name = port.get("name").text();
        if name.is_empty() {
            continue;
        }
        match named.get(name) {
            Some(other) => {
                let text = "services and probes that select ports by name will use";
                let (this, first) = (port.path(), other.path());
                out.push(format!(
                    "{this}: duplicate port name {} with {first}, {text} {first}",
                    quote(name)
                ));
            }
            None => {
                named.insert(name, port);
            }
        }
    }
}

fn service(at: &At<'_>, out: &mut Vec<String>) {
    let spec = at.get("spec");
    let (kind, external) = (spec.get("type").text(), !spec.get("externalIPs").is_empty());
    let headless = kind == "ClusterIP" && spec.get("clusterIP").text() == "None";
    if at
        .get("metadata.annotations")
        .key("service.kubernetes.io/topology-aware-hints")
        .is_set()
    {
        out.push(
            "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use \
             service.kubernetes.io/topology-mode instead"
                .into(),
        );
    }
    if headless {
        if !spec.get("loadBalancerIP").is_empty() {
            out.push("spec.loadBalancerIP is ignored for headless services".into());
        }
        if external {
            out.push("spec.externalIPs is ignored for headless services".into());
        }
        if spec.get("sessionAffinity").text() != "None" {
            out.push("spec.SessionAffinity is ignored for headless services".into());
        }
    }
    if external && !headless && kind != "ExternalName" {
        out.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters".into());
    }
    if kind == "ExternalName" && external {
        out.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".into());
    }
    if kind != "ExternalName" && !spec.get("externalName").is_empty() {
        out.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".into());
    }
    if spec.get("trafficDistribution").text() == "PreferClose" {
        out.push("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"".into());
    }
}

/// DIFFERENCE: of certificates and keys only the armour is looked at.
fn secret(at: &At<'_>, out: &mut Vec<String>) {
    use base64::Engine as _;
    if at.get("type").text() != "kubernetes.io/tls" {
        return;
    }
    for (key, called) in [("tls.crt", "certificate"), ("tls.key", "key")] {
        let text = at.get("data").key(key).text();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap_or_default();
        if !String::from_utf8_lossy(&bytes).contains("-----BEGIN ") {
            return out.push(format!("tls: failed to find any PEM data in {called} input"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::warnings;
    use crate::kinds::find;

    #[test]
    fn a_variable_that_hides_another() {
        let pod = json!({"metadata": {"name": "a.b"}, "spec": {"containers": [
            {"name": "c", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}]}});
        let found = find("", "v1", "pods")
            .map(|kind| warnings(kind, &pod, None))
            .unwrap_or_default();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[1].starts_with("spec.containers[0].env[1]: hides previous definition of \"A\""));
    }
}
