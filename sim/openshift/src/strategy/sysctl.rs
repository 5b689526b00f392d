//! Which kernel parameters a pod may set.

use serde_json::Value;

use crate::{constraint::Constraint, context, problem::forbidden};

/// Those that every pod may set, as only the pod itself feels them.
const SAFE: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

/// QUIRK: the path does not say which constraint refuses.
pub(crate) fn validate(own: &Constraint, pod: &Value) -> Vec<String> {
    let list = context::of_pod(pod, "sysctls").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(at, sysctl)| {
            let name = sysctl.get("name").and_then(Value::as_str).unwrap_or_default();
            let path = format!("spec.securityContext.sysctls[{at}]");
            if matches(&own.sysctls_forbidden, name) {
                return Some(forbidden(&path, format!("sysctl {name:?} is not allowed")));
            }
            let fine = SAFE.contains(&name) || matches(&own.sysctls_allowed, name);
            (!fine).then(|| forbidden(&path, format!("unsafe sysctl {name:?} is not allowed")))
        })
        .collect()
}

/// A pattern that ends in a star stands for everything that starts like it.
fn matches(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    })
}
