//! The Pod Security admission plugin: namespaces say by labels how careful their pods must be.

mod checks;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use self::checks::Pod;
use crate::{
    call::Call,
    failure::{Cause, Outcome},
    limits, names,
    store::{Key, in_namespace},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Privileged,
    Baseline,
    Restricted,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// A level in the rules of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    level: Level,
    /// The minor; `None` is the newest.
    version: Option<u32>,
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.version {
            None => write!(f, "{}:latest", self.level.name()),
            Some(minor) => write!(f, "{}:v1.{minor}", self.level.name()),
        }
    }
}

impl Rule {
    const NONE: Self = Self {
        level: Level::Privileged,
        version: None,
    };

    fn judge(self, newest: u32, pod: Pod<'_>) -> Vec<checks::Finding> {
        let minor = self.version.unwrap_or(newest).min(newest);
        checks::evaluate(self.level, minor, pod)
    }

    /// The text about a pod that violates the rule.
    fn violation(self, newest: u32, pod: Pod<'_>) -> Option<String> {
        let found: Vec<String> = self
            .judge(newest, pod)
            .into_iter()
            .map(|own| format!("{} ({})", own.reason, own.detail))
            .collect();
        (!found.is_empty()).then(|| format!("PodSecurity \"{self}\": {}", found.join(", ")))
    }
}

/// What the labels of a namespace ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Policy {
    enforce: Rule,
    warn: Rule,
}

/// Reads the labels of a namespace; wrong ones are said and read strictly where they enforce.
fn policy(namespace: &Value) -> (Policy, Vec<Cause>) {
    let mut causes = Vec::new();
    let mut level = |mode: &str| {
        let label = format!("pod-security.kubernetes.io/{mode}");
        let value = manifest::object::label(namespace, &label)?;
        let known = [Level::Privileged, Level::Baseline, Level::Restricted];
        let found = known.into_iter().find(|level| level.name() == value);
        if found.is_none() {
            let detail = "must be one of privileged, baseline, restricted";
            causes.push(wrong(&label, value, detail));
        }
        Some(found)
    };
    let (enforced, _, warned) = (level("enforce"), level("audit"), level("warn"));
    let mut version = |mode: &str| {
        let label = format!("pod-security.kubernetes.io/{mode}-version");
        let value = manifest::object::label(namespace, &label)?;
        let minor = value
            .strip_prefix("v1.")
            .filter(|minor| *minor == "0" || !minor.starts_with('0'))
            .and_then(|minor| minor.parse::<u32>().ok());
        if minor.is_none() && value != "latest" {
            causes.push(wrong(&label, value, "must be \"latest\" or \"v1.x\""));
        }
        Some(minor)
    };
    let (enforced_version, _, warned_version) = (version("enforce"), version("audit"), version("warn"));
    let enforce = Rule {
        level: enforced.map_or(Level::Privileged, |own| own.unwrap_or(Level::Restricted)),
        version: enforced_version.flatten(),
    };
    let mut warn = Rule {
        level: warned.flatten().unwrap_or(Level::Privileged),
        version: warned_version.flatten(),
    };
    // Without a word about warnings, one is warned of what is enforced: workloads are never refused themselves.
    if warned.is_none() && enforced.flatten().is_some() && enforce.level > warn.level {
        warn.level = enforce.level;
        if warned_version.is_none() {
            warn.version = enforce.version;
        }
    }
    (Policy { enforce, warn }, causes)
}

fn wrong(label: &str, value: &str, detail: &str) -> Cause {
    Cause::invalid(
        format!("metadata.labels[{label}]"),
        format!("Invalid value: {value:?}: {detail}"),
    )
}

pub(super) fn validate(call: &mut Call<'_>, object: &Value, old: Option<&Value>) -> Outcome<()> {
    if call.resource.is("", "namespaces") && call.target.subresource.is_empty() {
        return namespace(call, object, old);
    }
    if call.resource.is("", "pods") {
        return pod(call, object, old);
    }
    if call.target.subresource.is_empty()
        && let Some(template) = template(call, object)
        && let Some(policy) = policy_here(call)
        && let Some(text) = policy.warn.violation(newest(call), template)
    {
        call.warn(format!("would violate {text}"));
    }
    Ok(())
}

fn newest(call: &Call<'_>) -> u32 {
    let minor = call.core.minor.split_once('.').map_or("", |(_, minor)| minor);
    minor.parse().unwrap_or(u32::MAX)
}

/// What the workload makes its pods from.
fn template<'a>(call: &Call<'_>, object: &'a Value) -> Option<Pod<'a>> {
    let gvr = &call.resource.gvr;
    let pointer = match (gvr.group.as_str(), gvr.resource.as_str()) {
        ("", "podtemplates") => "/template",
        ("", "replicationcontrollers")
        | ("apps", "deployments" | "replicasets" | "daemonsets" | "statefulsets")
        | ("batch", "jobs") => "/spec/template",
        ("batch", "cronjobs") => "/spec/jobTemplate/spec/template",
        _ => return None,
    };
    as_pod(object.pointer(pointer)?)
}

fn as_pod(holder: &Value) -> Option<Pod<'_>> {
    Some(Pod {
        annotations: manifest::object::annotations(holder),
        spec: holder.get("spec")?,
    })
}

fn policy_here(call: &Call<'_>) -> Option<Policy> {
    let key = Key::new("", &call.target.namespace);
    let namespace = call.core.stored(names::NAMESPACES, &key)?;
    let (policy, _) = policy(&namespace);
    (policy.enforce != Rule::NONE || policy.warn != Rule::NONE).then_some(policy)
}

fn pod(call: &mut Call<'_>, object: &Value, old: Option<&Value>) -> Outcome<()> {
    const IGNORED: [&str; 8] = [
        "exec",
        "attach",
        "binding",
        "eviction",
        "log",
        "portforward",
        "proxy",
        "status",
    ];
    if IGNORED.contains(&call.target.subresource.as_str()) || old.is_some_and(|old| same_images(object, old))
    {
        return Ok(());
    }
    let (Some(policy), Some(judged)) = (policy_here(call), as_pod(object)) else {
        return Ok(());
    };
    let newest = newest(call);
    if let Some(text) = policy.enforce.violation(newest, judged) {
        return Err(call.forbidden(manifest::object::name(object), &format!("violates {text}")));
    }
    if let Some(text) = policy.warn.violation(newest, judged) {
        call.warn(format!("would violate {text}"));
    }
    Ok(())
}

/// An update matters only if it brings other containers or images.
fn same_images(new: &Value, old: &Value) -> bool {
    ["containers", "initContainers", "ephemeralContainers"]
        .into_iter()
        .all(|list| {
            let images = |pod: &Value| -> Vec<(Value, Value)> {
                let own = pod.get("spec").and_then(|spec| spec.get(list));
                own.and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .map(|container| (container["name"].clone(), container["image"].clone()))
                    .collect()
            };
            images(new) == images(old)
        })
}

/// Wrong labels are refused; stricter ones are checked against the pods that are there.
fn namespace(call: &mut Call<'_>, object: &Value, old: Option<&Value>) -> Outcome<()> {
    let (new, causes) = policy(object);
    let before = old.map(policy);
    let known = before.as_ref().is_some_and(|(_, before)| *before == causes);
    if !causes.is_empty() && !known {
        return Err(call.invalid(object, &causes));
    }
    let Some((before, _)) = before else {
        return Ok(());
    };
    let (rule, earlier) = (new.enforce, before.enforce);
    let looser = rule.version == earlier.version && rule.level <= earlier.level;
    if rule == earlier || rule.level == Level::Privileged || looser {
        return Ok(());
    }
    let name = manifest::object::name(object).to_owned();
    for text in existing(call, &name, rule) {
        call.warn(text);
    }
    Ok(())
}

/// What the new rule has against the pods of a namespace.
fn existing(call: &Call<'_>, namespace: &str, rule: Rule) -> Vec<String> {
    let table = call.core.table("pods");
    let pods: Vec<Arc<Value>> = in_namespace(&table, namespace)
        .map(|(_, pod)| Arc::clone(pod))
        .collect();
    let mut warnings = Vec::new();
    let checked = pods.len().min(limits::SECURITY_PODS);
    if checked < pods.len() {
        warnings.push(format!(
            "new PodSecurity enforce level only checked against the first {checked} of {} existing pods",
            pods.len()
        ));
    }
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pod in pods.iter().take(checked) {
        let Some(judged) = as_pod(pod) else { continue };
        let reasons: Vec<&str> = rule
            .judge(newest(call), judged)
            .iter()
            .map(|own| own.reason)
            .collect();
        if !reasons.is_empty() {
            let name = manifest::object::name(pod).to_owned();
            found.entry(reasons.join(", ")).or_default().push(name);
        }
    }
    if !found.is_empty() {
        warnings.push(format!(
            "existing pods in namespace {namespace:?} violate the new PodSecurity enforce level \"{rule}\""
        ));
    }
    let mut lines: Vec<String> = found
        .into_iter()
        .map(|(reasons, pods)| {
            let first = pods.iter().min().cloned().unwrap_or_default();
            match pods.len() {
                1 => format!("{first}: {reasons}"),
                2 => format!("{first} (and 1 other pod): {reasons}"),
                count => format!("{first} (and {} other pods): {reasons}", count - 1),
            }
        })
        .collect();
    lines.sort();
    warnings.extend(lines);
    warnings
}
