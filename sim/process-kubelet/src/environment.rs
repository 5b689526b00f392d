//! A container's environment and arguments.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use kubelet::expand;
use manifest::object;
use serde_json::Value;

use crate::{Missing, objects::Objects};

/// Every variable of a container: those of the whole pod, then `envFrom`, then `env`.
pub(crate) fn variables(
    objects: &Objects,
    pod: &kubelet::Pod,
    container: &Value,
    base: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Missing> {
    let mut all = base;
    for entry in list(container, "envFrom") {
        let prefix = text(entry, "prefix");
        for (member, resource) in [("configMapRef", "configmaps"), ("secretRef", "secrets")] {
            let Some(from) = entry.get(member) else { continue };
            let Some(source) = objects.find(resource, &pod.namespace, text(from, "name")) else {
                if is_optional(from) {
                    continue;
                }
                return Err(not_found(resource, text(from, "name")));
            };
            for (key, value) in entries(&source) {
                all.insert(
                    format!("{prefix}{key}"),
                    String::from_utf8_lossy(&value).into_owned(),
                );
            }
        }
    }
    for entry in list(container, "env") {
        let name = text(entry, "name").to_owned();
        let value = match entry.get("valueFrom") {
            None => Some(expand(text(entry, "value"), &all)),
            Some(from) => referred(objects, pod, from)?.or_else(|| pod.env.get(&name).cloned()),
        };
        if let Some(value) = value {
            all.insert(name, value);
        }
    }
    Ok(all)
}

/// The value of a key of a ConfigMap or Secret, if it is one that is meant.
fn referred(objects: &Objects, pod: &kubelet::Pod, from: &Value) -> Result<Option<String>, Missing> {
    for (member, resource, kind) in [
        ("configMapKeyRef", "configmaps", "ConfigMap"),
        ("secretKeyRef", "secrets", "Secret"),
    ] {
        let Some(from) = from.get(member) else { continue };
        let (name, key) = (text(from, "name"), text(from, "key"));
        let Some(source) = objects.find(resource, &pod.namespace, name) else {
            if is_optional(from) {
                return Ok(None);
            }
            return Err(not_found(resource, name));
        };
        let found = entries(&source).find(|(known, _)| known == key);
        return match found {
            Some((_, value)) => Ok(Some(String::from_utf8_lossy(&value).into_owned())),
            None if is_optional(from) => Ok(None),
            None => Err(Missing(format!(
                "couldn't find key {key} in {kind} {}/{name}",
                pod.namespace
            ))),
        };
    }
    Ok(None)
}

/// The keys and values of a ConfigMap or Secret.
pub(crate) fn entries(source: &Value) -> impl Iterator<Item = (String, Vec<u8>)> {
    let secret = object::kind(source) == "Secret";
    let plain = source.get("data").and_then(Value::as_object);
    let binary = source.get("binaryData").and_then(Value::as_object);
    let plain = plain.into_iter().flatten().map(move |entry| (entry, secret));
    let binary = binary.into_iter().flatten().map(|entry| (entry, true));
    plain.chain(binary).map(|((key, value), encoded)| {
        let text = value.as_str().unwrap_or_default();
        let bytes = if encoded {
            BASE64_STANDARD.decode(text).unwrap_or_default()
        } else {
            text.as_bytes().to_vec()
        };
        (key.clone(), bytes)
    })
}

pub(crate) fn not_found(resource: &str, name: &str) -> Missing {
    let kind = resource.trim_end_matches('s');
    Missing(format!("{kind} {name:?} not found"))
}

pub(crate) fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn is_optional(value: &Value) -> bool {
    value.get("optional").and_then(Value::as_bool).unwrap_or_default()
}

/// A list of strings, with references to variables replaced.
pub(crate) fn words(container: &Value, key: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    list(container, key)
        .filter_map(Value::as_str)
        .map(|word| expand(word, variables))
        .collect()
}
