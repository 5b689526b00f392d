//! The checks of the Pod Security Standards, in the words of the genuine admission plugin.

mod baseline;
mod restricted;

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
    entry(baseline::app_armor, 0, None),
    entry(baseline::added_capabilities, 0, Some(22)),
    entry(baseline::host_namespaces, 0, None),
    entry(baseline::host_paths, 0, Some(0)),
    entry(baseline::host_ports, 0, None),
    entry(baseline::probe_hosts, 34, None),
    entry(baseline::privileged, 0, None),
    entry(baseline::proc_mount, 0, Some(35)),
    entry(baseline::se_linux, 0, None),
    entry(baseline::seccomp, 0, Some(19)),
    entry(baseline::sysctls, 0, None),
    entry(baseline::host_process, 0, None),
];

const RESTRICTED: [Entry; 7] = [
    entry(restricted::escalation, 8, None),
    entry(restricted::capabilities, 22, None),
    entry(baseline::any_proc_mount, 35, None),
    entry(restricted::volumes, 0, None),
    entry(restricted::non_root, 0, None),
    entry(restricted::root_user, 23, None),
    entry(restricted::seccomp_set, 19, None),
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
    holder
        .get("securityContext")?
        .get(key)
        .filter(|own| !own.is_null())
}

fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
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

fn volume_list<'a>(pod: Pod<'a>) -> impl Iterator<Item = &'a Value> {
    pod.spec
        .get("volumes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Whether a profile is one of the two that everybody may have; `None` where none is set.
fn seccomp_fine(holder: &Value) -> Option<bool> {
    let profile = context(holder, "seccompProfile")?;
    Some(matches!(
        profile["type"].as_str(),
        Some("Localhost" | "RuntimeDefault")
    ))
}
