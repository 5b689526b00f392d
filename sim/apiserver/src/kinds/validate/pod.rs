//! Pods and templates of pods.

use serde_json::Value;

use super::{
    at::At,
    container,
    errors::{Errors, quote},
    meta::{self, Meta, Name},
    names, scheduling, selectors, volume,
};

/// A `PodTemplateSpec`.
pub(super) fn template(at: &At<'_>, errors: &mut Errors) {
    // QUIRK: the paths of labels and annotations lack `metadata`.
    selectors::labels(&renamed(at, "labels"), errors);
    let annotations = renamed(at, "annotations");
    meta::annotations(&annotations, errors);
    special_annotations(&annotations, &at.get("spec"), errors);
    spec(&at.get("spec"), false, errors);
    if !at.get("spec.ephemeralContainers").is_empty() {
        errors.forbidden(
            &at.get("spec.ephemeralContainers"),
            "ephemeral containers not allowed in pod template",
        );
    }
}

fn renamed<'a>(at: &At<'a>, name: &str) -> At<'a> {
    At::new(
        format!("{}.{name}", at.path()),
        at.get(&format!("metadata.{name}")).value(),
    )
}

/// Annotations that mean something for pods.
pub(super) fn special_annotations(at: &At<'_>, spec: &At<'_>, errors: &mut Errors) {
    let mirror = at.key("kubernetes.io/config.mirror");
    if mirror.is_set() && spec.get("nodeName").is_empty() {
        errors.invalid(&mirror, "must set spec.nodeName if mirror pod annotation is set");
    }
    let cost = at.key("controller.kubernetes.io/pod-deletion-cost");
    if cost.is_set() && !canonical_i32(cost.text()) {
        errors.invalid(&cost, "must be a 32bit integer");
    }
}

fn canonical_i32(text: &str) -> bool {
    text.parse::<i32>().is_ok_and(|n| n.to_string() == text)
}

/// A `PodSpec`.
fn spec(at: &At<'_>, is_pod: bool, errors: &mut Errors) {
    if !at.get("terminationGracePeriodSeconds").is_set() {
        errors.required(&at.get("terminationGracePeriodSeconds"), "");
    }
    let volumes = volume::volumes(&at.get("volumes"), errors);
    container::containers(&at.get("containers"), &volumes, errors);
    container::init_containers(&at.get("initContainers"), &at.get("containers"), &volumes, errors);
    host_network(at, is_pod, errors);
    errors_for_choice(
        &at.get("restartPolicy"),
        &["Always", "OnFailure", "Never"],
        errors,
    );
    errors_for_choice(
        &at.get("dnsPolicy"),
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
        errors,
    );
    selectors::labels(&at.get("nodeSelector"), errors);
    security(at, errors);
    scheduling::affinity(&at.get("affinity"), errors);
    dns_config(at, errors);
    for gate in at.get("readinessGates").items() {
        let kind = gate.get("conditionType");
        errors.invalid_each(&kind, &names::qualified(kind.text()));
    }
    scheduling::gates(&at.get("schedulingGates"), errors);
    scheduling::spread(&at.get("topologySpreadConstraints"), errors);
    rest(at, errors);
}

/// The rules about single members, in their order.
fn rest(at: &At<'_>, errors: &mut Errors) {
    for name in ["serviceAccountName", "nodeName"] {
        let member = at.get(name);
        if !member.is_empty() {
            errors.invalid_each(&member, &names::subdomain(member.text()));
        }
    }
    let deadline = at.get("activeDeadlineSeconds");
    if deadline
        .int()
        .is_some_and(|n| !(1..=i64::from(i32::MAX)).contains(&n))
    {
        errors.invalid(&deadline, "must be between 1 and 2147483647, inclusive");
    }
    for name in ["hostname", "subdomain"] {
        let member = at.get(name);
        if !member.is_empty() {
            errors.invalid_each(&member, &names::label(member.text()));
        }
    }
    scheduling::tolerations(&at.get("tolerations"), errors);
    for alias in at.get("hostAliases").items() {
        let ip = alias.get("ip");
        errors.invalid_each(&ip, &names::ip(ip.text()));
        for host in alias.get("hostnames").items() {
            // QUIRK: the path of a host name has no index.
            let place = At::new(format!("{}.hostnames", alias.path()), host.value());
            errors.invalid_each(&place, &names::subdomain(host.text()));
        }
    }
    for name in ["priorityClassName", "runtimeClassName"] {
        let member = at.get(name);
        if !member.is_empty() {
            errors.invalid_each(&member, &names::subdomain(member.text()));
        }
    }
    let policy = at.get("preemptionPolicy");
    if policy.is_set() {
        errors_for_choice(&policy, &["PreemptLowerPriority", "Never"], errors);
    }
    let os = at.get("os.name");
    if at.get("os").is_set() {
        if os.is_empty() {
            errors.required(&os, "");
        } else {
            errors.one_of(&os, &["linux", "windows"]);
        }
    }
}

/// A text that must be given and one of some.
pub(super) fn errors_for_choice(at: &At<'_>, supported: &[&str], errors: &mut Errors) {
    if at.is_empty() {
        errors.required(at, "");
    } else {
        errors.one_of(at, supported);
    }
}

/// On the network of the host, container and host ports are the same.
fn host_network(at: &At<'_>, is_pod: bool, errors: &mut Errors) {
    if !at.get("hostNetwork").is_true() {
        return;
    }
    for container in at.get("containers").items() {
        for port in container.get("ports").items() {
            let (own, host) = (port.get("containerPort").number(), port.get("hostPort"));
            if (is_pod || host.number() != 0) && host.number() != own {
                let text = "must match `containerPort` when `hostNetwork` is true";
                errors.invalid_as(&host, &host.number().to_string(), text);
            }
        }
    }
}

fn security(spec: &At<'_>, errors: &mut Errors) {
    let at = spec.get("securityContext");
    let share = spec.get("shareProcessNamespace");
    // QUIRK: the member stands beside the security context, its errors are said inside.
    let inside = At::new(format!("{}.shareProcessNamespace", at.path()), share.value());
    for (name, list) in [
        ("fsGroup", false),
        ("runAsUser", false),
        ("runAsGroup", false),
        ("supplementalGroups", true),
    ] {
        let member = at.get(name);
        let values: Vec<At<'_>> = if list {
            member.items().collect()
        } else {
            vec![member]
        };
        for value in values {
            user_or_group(&value, errors);
        }
    }
    if share.is_true() && spec.get("hostPID").is_true() {
        errors.invalid(
            &inside,
            "ShareProcessNamespace and HostPID cannot both be enabled",
        );
    }
    let change = at.get("fsGroupChangePolicy");
    if change.is_set() {
        errors.one_of(&change, &["OnRootMismatch", "Always"]);
    }
    seccomp(&at.get("seccompProfile"), errors);
}

/// A number of a user or group.
pub(super) fn user_or_group(at: &At<'_>, errors: &mut Errors) {
    if at.int().is_some_and(|n| !(0..=i64::from(i32::MAX)).contains(&n)) {
        errors.invalid(at, "must be between 0 and 2147483647, inclusive");
    }
}

/// A `SeccompProfile`.
pub(super) fn seccomp(at: &At<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    let (kind, profile) = (at.get("type"), at.get("localhostProfile"));
    match (kind.text(), profile.is_set()) {
        ("Localhost", false) => {
            errors.required(&profile, "must be set when seccomp type is Localhost");
        }
        ("Localhost", true) => volume::descending_path(&profile, errors),
        (_, true) => errors.invalid(&profile, "can only be set when seccomp type is Localhost"),
        _ => {}
    }
    if kind.is_empty() {
        errors.required(&kind, "type is required when seccompProfile is set");
    } else {
        errors.one_of(&kind, &["Localhost", "RuntimeDefault", "Unconfined"]);
    }
}

fn dns_config(at: &At<'_>, errors: &mut Errors) {
    let config = at.get("dnsConfig");
    let servers = config.get("nameservers");
    if at.get("dnsPolicy").text() == "None" {
        if !config.is_set() {
            return errors.required(&config, "must provide `dnsConfig` when `dnsPolicy` is None");
        }
        if servers.is_empty() {
            errors.required(
                &servers,
                "must provide at least one DNS nameserver when `dnsPolicy` is None",
            );
        }
    }
    if servers.len() > 3 {
        errors.invalid(&servers, "must not have more than 3 nameservers");
    }
    for server in servers.items() {
        errors.invalid_each(&server, &names::ip(server.text()));
    }
    let searches = config.get("searches");
    if searches.len() > 32 {
        errors.invalid(&searches, "must not have more than 32 search paths");
    }
    for option in config.get("options").items() {
        if option.get("name").is_empty() {
            errors.required(&option, "must not be empty");
        }
    }
}

/// The metadata and specification of a pod.
pub(super) fn whole(meta: &Meta<'_>, errors: &mut Errors) {
    let pod_spec = meta.new.get("spec");
    meta.whole(Name::Subdomain, errors);
    special_annotations(&meta.new.get("metadata.annotations"), &pod_spec, errors);
    spec(&pod_spec, true, errors);
    if pod_spec.get("serviceAccountName").is_empty() {
        for volume in pod_spec.get("volumes").items() {
            for source in volume.get("projected.sources").items() {
                if source.get("serviceAccountToken").is_set() {
                    let text = "must not be specified when serviceAccountName is not set";
                    errors.forbidden(&source.get("serviceAccountToken"), text);
                }
            }
        }
    }
    for list in ["containers", "initContainers"] {
        for container in pod_spec.get(list).items() {
            let image = container.get("image");
            if !image.is_empty() && image.text().trim() != image.text() {
                errors.invalid(&image, "must not have leading or trailing whitespace");
            }
        }
    }
}

/// A pod that is created.
pub(super) fn create(meta: &Meta<'_>, errors: &mut Errors) {
    whole(meta, errors);
    let pod_spec = meta.new.get("spec");
    if !pod_spec.get("ephemeralContainers").is_empty() {
        errors.forbidden(&pod_spec.get("ephemeralContainers"), "cannot be set on create");
    }
    if !pod_spec.get("nodeName").is_empty() && !pod_spec.get("schedulingGates").is_empty() {
        let text = "cannot be set until all schedulingGates have been cleared";
        errors.forbidden(&pod_spec.get("nodeName"), text);
    }
}

/// Whether a port's number or name is one.
pub(super) fn port_or_name(at: &At<'_>, errors: &mut Errors) {
    match at.value() {
        Value::String(text) => {
            for message in names::port_name(text) {
                errors.invalid_as(at, &quote(text), &message);
            }
        }
        _ => errors.invalid_each(at, &names::port(at.number())),
    }
}
