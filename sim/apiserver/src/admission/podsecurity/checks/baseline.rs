//! The checks of the baseline level.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Finding, Pod, adding, bad, containers, context, finding, name, named, own_users, plural, quoted,
    seccomp_fine, setters, volume_list,
};

pub(super) fn app_armor(pod: Pod<'_>, _: u32) -> Option<Finding> {
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

pub(super) fn added_capabilities(pod: Pod<'_>, _: u32) -> Option<Finding> {
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

pub(super) fn host_namespaces(pod: Pod<'_>, _: u32) -> Option<Finding> {
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

pub(super) fn host_paths(pod: Pod<'_>, _: u32) -> Option<Finding> {
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

pub(super) fn host_ports(pod: Pod<'_>, _: u32) -> Option<Finding> {
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

pub(super) fn probe_hosts(pod: Pod<'_>, _: u32) -> Option<Finding> {
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
        plural("probe or lifecycle host", "probe or lifecycle hosts", hosts.len()),
        quoted(&hosts)
    );
    finding("probe or lifecycle host", detail)
}

pub(super) fn privileged(pod: Pod<'_>, _: u32) -> Option<Finding> {
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

pub(super) fn proc_mount(pod: Pod<'_>, minor: u32) -> Option<Finding> {
    if own_users(pod, minor) {
        return None;
    }
    any_proc_mount(pod, minor)
}

pub(super) fn any_proc_mount(pod: Pod<'_>, _: u32) -> Option<Finding> {
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

pub(super) fn se_linux(pod: Pod<'_>, minor: u32) -> Option<Finding> {
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

pub(super) fn seccomp(pod: Pod<'_>, minor: u32) -> Option<Finding> {
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
pub(super) fn seccomp_annotations(pod: Pod<'_>) -> Option<Finding> {
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

pub(super) fn sysctls(pod: Pod<'_>, minor: u32) -> Option<Finding> {
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

pub(super) fn host_process(pod: Pod<'_>, _: u32) -> Option<Finding> {
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
