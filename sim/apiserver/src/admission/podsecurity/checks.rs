//! The checks of the Pod Security Standards, in the words of the genuine admission plugin.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Level;

/// A pod, or what a workload makes pods from.
#[derive(Clone, Copy)]
pub(super) struct Pod<'a> {
    pub(super) annotations: Option<&'a Map<String, Value>>,
    pub(super) spec: &'a Value,
}

/// What a check has against a pod.
pub(super) struct Finding {
    pub(super) reason: &'static str,
    pub(super) detail: String,
}

type Check = fn(Pod<'_>, u32) -> Option<Finding>;

/// A check, the minors in which it holds, and the minor from which the restricted level has a stricter one instead.
struct Entry {
    check: Check,
    since: u32,
    replaced: Option<u32>,
}

const fn entry(check: Check, since: u32, replaced: Option<u32>) -> Entry {
    Entry {
        check,
        since,
        replaced,
    }
}

const BASELINE: [Entry; 12] = [
    entry(app_armor, 0, None),
    entry(added_capabilities, 0, Some(22)),
    entry(host_namespaces, 0, None),
    entry(host_paths, 0, Some(0)),
    entry(host_ports, 0, None),
    entry(probe_hosts, 34, None),
    entry(privileged, 0, None),
    entry(proc_mount, 0, Some(35)),
    entry(se_linux, 0, None),
    entry(seccomp, 0, Some(19)),
    entry(sysctls, 0, None),
    entry(host_process, 0, None),
];

const RESTRICTED: [Entry; 7] = [
    entry(escalation, 8, None),
    entry(capabilities, 22, None),
    entry(any_proc_mount, 35, None),
    entry(volumes, 0, None),
    entry(non_root, 0, None),
    entry(root_user, 23, None),
    entry(seccomp_set, 19, None),
];

/// Everything a level has against a pod, in the rules of a minor.
pub(super) fn evaluate(level: Level, minor: u32, pod: Pod<'_>) -> Vec<Finding> {
    let restricted = level == Level::Restricted;
    let baseline = BASELINE
        .iter()
        .filter(|own| !(restricted && own.replaced.is_some_and(|from| minor >= from)));
    let more = RESTRICTED.iter().filter(|_| restricted);
    baseline
        .chain(more)
        .filter(|own| level != Level::Privileged && minor >= own.since)
        .filter_map(|own| (own.check)(pod, minor))
        .collect()
}

fn containers<'a>(pod: Pod<'a>) -> impl Iterator<Item = &'a Value> {
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .flat_map(move |list| pod.spec.get(list).and_then(Value::as_array).into_iter().flatten())
}

fn name(container: &Value) -> String {
    container["name"].as_str().unwrap_or_default().to_owned()
}

/// The names of the containers that a test finds bad.
fn bad(pod: Pod<'_>, mut test: impl FnMut(&Value) -> bool) -> Vec<String> {
    containers(pod).filter(|own| test(own)).map(name).collect()
}

/// A member of a security context, of a container or of the whole pod's spec.
fn context<'a>(holder: &'a Value, key: &str) -> Option<&'a Value> {
    holder.get("securityContext")?.get(key).filter(|own| !own.is_null())
}

fn texts<'a>(list: Option<&'a Value>) -> impl Iterator<Item = &'a str> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn quoted<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let list: Vec<String> = items
        .into_iter()
        .map(|item| format!("\"{}\"", item.as_ref()))
        .collect();
    list.join(", ")
}

fn plural(one: &'static str, many: &'static str, count: usize) -> &'static str {
    if count == 1 { one } else { many }
}

/// `container "a"`, `containers "a", "b"`.
fn named(names: &[String]) -> String {
    format!(
        "{} {}",
        plural("container", "containers", names.len()),
        quoted(names)
    )
}

fn finding(reason: &'static str, detail: String) -> Option<Finding> {
    Some(Finding { reason, detail })
}

fn windows(pod: Pod<'_>, minor: u32) -> bool {
    minor >= 25 && pod.spec.pointer("/os/name").and_then(Value::as_str) == Some("windows")
}

/// Since 1.35 a pod in a user namespace of its own may be root there.
fn own_users(pod: Pod<'_>, minor: u32) -> bool {
    minor >= 35 && pod.spec.get("hostUsers") == Some(&Value::Bool(false))
}

/// Those who set something bad: the pod, then its containers.
fn setters(pod_is_bad: bool, containers: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    if pod_is_bad {
        all.push("pod".to_owned());
    }
    if !containers.is_empty() {
        all.push(named(containers));
    }
    all
}

fn app_armor(pod: Pod<'_>, _: u32) -> Option<Finding> {
    const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
    let mut values = BTreeSet::new();
    let mut refused = |holder: &Value| {
        let kind = context(holder, "appArmorProfile").and_then(|profile| profile["type"].as_str());
        let kind = kind.filter(|kind| !matches!(*kind, "RuntimeDefault" | "Localhost"));
        values.extend(kind.map(str::to_owned));
        kind.is_some()
    };
    let pod_is_bad = refused(pod.spec);
    let containers = bad(pod, refused);
    let mut all = setters(pod_is_bad, &containers);
    let mut annotations: Vec<String> = pod
        .annotations
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key, value.as_str()?)))
        .filter(|(key, value)| {
            let fine = value.is_empty() || *value == "runtime/default" || value.starts_with("localhost/");
            key.starts_with(PREFIX) && !fine
        })
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    annotations.sort();
    let mut values: Vec<String> = values.into_iter().collect();
    if !annotations.is_empty() {
        all.push(plural("annotation", "annotations", annotations.len()).to_owned());
        values.extend(annotations);
    }
    if all.is_empty() {
        return None;
    }
    finding(
        plural(
            "forbidden AppArmor profile",
            "forbidden AppArmor profiles",
            values.len(),
        ),
        format!(
            "{} must not set AppArmor profile type to {}",
            all.join(" and "),
            quoted(values)
        ),
    )
}

fn added_capabilities(pod: Pod<'_>, _: u32) -> Option<Finding> {
    const DEFAULT: [&str; 13] = [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ];
    let detail = adding(pod, &DEFAULT)?;
    finding("non-default capabilities", detail)
}

/// Says who adds capabilities that are not allowed.
fn adding(pod: Pod<'_>, allowed: &[&str]) -> Option<String> {
    let mut refused = BTreeSet::new();
    let containers = bad(pod, |container| {
        let added = context(container, "capabilities").and_then(|own| own.get("add"));
        let before: Vec<&str> = texts(added).filter(|own| !allowed.contains(own)).collect();
        refused.extend(before.iter().map(|own| (*own).to_owned()));
        !before.is_empty()
    });
    if containers.is_empty() {
        return None;
    }
    Some(format!(
        "{} must not include {} in securityContext.capabilities.add",
        named(&containers),
        quoted(refused)
    ))
}

fn host_namespaces(pod: Pod<'_>, _: u32) -> Option<Finding> {
    let shared: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
        .into_iter()
        .filter(|key| pod.spec.get(key) == Some(&Value::Bool(true)))
        .map(|key| format!("{key}=true"))
        .collect();
    if shared.is_empty() {
        return None;
    }
    finding("host namespaces", shared.join(", "))
}

fn volume_list<'a>(pod: Pod<'a>) -> impl Iterator<Item = &'a Value> {
    pod.spec
        .get("volumes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn host_paths(pod: Pod<'_>, _: u32) -> Option<Finding> {
    let names: Vec<String> = volume_list(pod)
        .filter(|volume| volume.get("hostPath").is_some_and(|own| !own.is_null()))
        .map(name)
        .collect();
    if names.is_empty() {
        return None;
    }
    let word = plural("volume", "volumes", names.len());
    finding("hostPath volumes", format!("{word} {}", quoted(names)))
}

fn host_ports(pod: Pod<'_>, _: u32) -> Option<Finding> {
    let mut ports = BTreeSet::new();
    let containers = bad(pod, |container| {
        let own = container.get("ports").and_then(Value::as_array);
        let used: Vec<String> = own
            .into_iter()
            .flatten()
            .filter_map(|port| port["hostPort"].as_i64())
            .filter(|port| *port != 0)
            .map(|port| port.to_string())
            .collect();
        ports.extend(used.iter().cloned());
        !used.is_empty()
    });
    if containers.is_empty() {
        return None;
    }
    let detail = format!(
        "{} {} {} {}",
        named(&containers),
        plural("uses", "use", containers.len()),
        plural("hostPort", "hostPorts", ports.len()),
        ports.iter().cloned().collect::<Vec<_>>().join(", ")
    );
    finding("hostPort", detail)
}

fn probe_hosts(pod: Pod<'_>, _: u32) -> Option<Finding> {
    const HANDLERS: [&str; 5] = [
        "/livenessProbe",
        "/readinessProbe",
        "/startupProbe",
        "/lifecycle/postStart",
        "/lifecycle/preStop",
    ];
    let mut hosts = BTreeSet::new();
    let mut names: Vec<String> = bad(pod, |container| {
        let before = hosts.len();
        let mut found = false;
        for handler in HANDLERS {
            for action in ["httpGet", "tcpSocket"] {
                let host = container.pointer(&format!("{handler}/{action}/host"));
                if let Some(host) = host.and_then(Value::as_str).filter(|host| !host.is_empty()) {
                    hosts.insert(host.to_owned());
                    found = true;
                }
            }
        }
        found || hosts.len() > before
    });
    names.sort();
    names.dedup();
    if names.is_empty() {
        return None;
    }
    let detail = format!(
        "{} {} {} {}",
        named(&names),
        plural("uses", "use", names.len()),
        plural(
            "probe or lifecycle host",
            "probe or lifecycle hosts",
            hosts.len()
        ),
        quoted(&hosts)
    );
    finding("probe or lifecycle host", detail)
}

fn privileged(pod: Pod<'_>, _: u32) -> Option<Finding> {
    let containers = bad(pod, |own| context(own, "privileged") == Some(&Value::Bool(true)));
    if containers.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must not set securityContext.privileged=true",
        named(&containers)
    );
    finding("privileged", detail)
}

fn proc_mount(pod: Pod<'_>, minor: u32) -> Option<Finding> {
    if own_users(pod, minor) {
        return None;
    }
    any_proc_mount(pod, minor)
}

fn any_proc_mount(pod: Pod<'_>, _: u32) -> Option<Finding> {
    let mut kinds = BTreeSet::new();
    let containers = bad(pod, |own| {
        let kind = context(own, "procMount").and_then(Value::as_str);
        let refused = kind.filter(|kind| *kind != "Default");
        kinds.extend(refused.map(str::to_owned));
        refused.is_some()
    });
    if containers.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must not set securityContext.procMount to {}",
        named(&containers),
        quoted(kinds)
    );
    finding("procMount", detail)
}

fn se_linux(pod: Pod<'_>, minor: u32) -> Option<Finding> {
    let mut types = BTreeSet::new();
    let (mut user, mut role) = (false, false);
    let mut refused = |holder: &Value| {
        let Some(options) = context(holder, "seLinuxOptions") else {
            return false;
        };
        let text = |key: &str| options.get(key).and_then(Value::as_str).unwrap_or_default();
        let kind = text("type");
        let known = matches!(kind, "" | "container_t" | "container_init_t" | "container_kvm_t")
            || minor >= 31 && kind == "container_engine_t";
        if !known {
            types.insert(kind.to_owned());
        }
        let (sets_user, sets_role) = (!text("user").is_empty(), !text("role").is_empty());
        user |= sets_user;
        role |= sets_role;
        !known || sets_user || sets_role
    };
    let pod_is_bad = refused(pod.spec);
    let containers = bad(pod, refused);
    let all = setters(pod_is_bad, &containers);
    if all.is_empty() {
        return None;
    }
    let mut data = Vec::new();
    if !types.is_empty() {
        data.push(format!(
            "{} {}",
            plural("type", "types", types.len()),
            quoted(&types)
        ));
    }
    if user {
        data.push("user may not be set".to_owned());
    }
    if role {
        data.push("role may not be set".to_owned());
    }
    let detail = format!(
        "{} set forbidden securityContext.seLinuxOptions: {}",
        all.join(" and "),
        data.join("; ")
    );
    finding("seLinuxOptions", detail)
}

/// Whether a profile is one of the two that everybody may have; `None` where none is set.
fn seccomp_fine(holder: &Value) -> Option<bool> {
    let profile = context(holder, "seccompProfile")?;
    Some(matches!(
        profile["type"].as_str(),
        Some("Localhost" | "RuntimeDefault")
    ))
}

fn seccomp(pod: Pod<'_>, minor: u32) -> Option<Finding> {
    if minor < 19 {
        return seccomp_annotations(pod);
    }
    let mut types = BTreeSet::new();
    let mut refused = |holder: &Value| {
        let refused = seccomp_fine(holder) == Some(false);
        if refused {
            let kind = context(holder, "seccompProfile").and_then(|own| own["type"].as_str());
            types.insert(kind.unwrap_or_default().to_owned());
        }
        refused
    };
    let pod_is_bad = refused(pod.spec);
    let containers = bad(pod, refused);
    let all = setters(pod_is_bad, &containers);
    if all.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must not set securityContext.seccompProfile.type to {}",
        all.join(" and "),
        quoted(types)
    );
    finding("seccompProfile", detail)
}

/// Before 1.19 profiles were annotations.
fn seccomp_annotations(pod: Pod<'_>) -> Option<Finding> {
    const OF_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
    let of_containers =
        containers(pod).map(|own| format!("container.seccomp.security.alpha.kubernetes.io/{}", name(own)));
    let mut refused: Vec<String> = std::iter::once(OF_POD.to_owned())
        .chain(of_containers)
        .filter_map(|key| {
            let value = pod.annotations?.get(&key)?.as_str()?;
            let fine =
                matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/");
            (!fine).then(|| format!("{key}={value:?}"))
        })
        .collect();
    if refused.is_empty() {
        return None;
    }
    refused.sort();
    let word = plural("annotation", "annotations", refused.len());
    finding(
        "seccompProfile",
        format!("forbidden {word} {}", refused.join(", ")),
    )
}

fn sysctls(pod: Pod<'_>, minor: u32) -> Option<Finding> {
    const SAFE: [(&str, u32); 12] = [
        ("kernel.shm_rmid_forced", 0),
        ("net.ipv4.ip_local_port_range", 0),
        ("net.ipv4.tcp_syncookies", 0),
        ("net.ipv4.ping_group_range", 0),
        ("net.ipv4.ip_unprivileged_port_start", 0),
        ("net.ipv4.ip_local_reserved_ports", 27),
        ("net.ipv4.tcp_keepalive_time", 29),
        ("net.ipv4.tcp_fin_timeout", 29),
        ("net.ipv4.tcp_keepalive_intvl", 29),
        ("net.ipv4.tcp_keepalive_probes", 29),
        ("net.ipv4.tcp_rmem", 32),
        ("net.ipv4.tcp_wmem", 32),
    ];
    let set = context(pod.spec, "sysctls").and_then(Value::as_array);
    let refused: Vec<&str> = set
        .into_iter()
        .flatten()
        .filter_map(|own| own["name"].as_str())
        .filter(|own| !SAFE.iter().any(|(name, since)| name == own && minor >= *since))
        .collect();
    if refused.is_empty() {
        return None;
    }
    finding("forbidden sysctls", refused.join(", "))
}

fn host_process(pod: Pod<'_>, _: u32) -> Option<Finding> {
    let set = |holder: &Value| {
        context(holder, "windowsOptions").is_some_and(|own| own["hostProcess"] == Value::Bool(true))
    };
    let all = setters(set(pod.spec), &bad(pod, set));
    if all.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must not set securityContext.windowsOptions.hostProcess=true",
        all.join(" and ")
    );
    finding("hostProcess", detail)
}

fn escalation(pod: Pod<'_>, minor: u32) -> Option<Finding> {
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

fn capabilities(pod: Pod<'_>, minor: u32) -> Option<Finding> {
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

fn volumes(pod: Pod<'_>, _: u32) -> Option<Finding> {
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
        plural(
            "restricted volume type",
            "restricted volume types",
            kinds.len()
        ),
        quoted(&kinds)
    );
    finding("restricted volume types", detail)
}

fn non_root(pod: Pod<'_>, minor: u32) -> Option<Finding> {
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

fn root_user(pod: Pod<'_>, minor: u32) -> Option<Finding> {
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

fn seccomp_set(pod: Pod<'_>, minor: u32) -> Option<Finding> {
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
