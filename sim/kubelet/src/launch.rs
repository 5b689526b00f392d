//! What a pod's process is started with: its arguments and environment, as the kubelet works them out.

use std::{collections::BTreeMap, sync::Arc};

use manifest::object;
use serde_json::Value;

use crate::Pod;

/// What the pod's first container is started with.
pub(crate) fn start_of(pod: &Value, ip: &str, host: &str) -> Option<Pod> {
    let container = pod.pointer("/spec/containers/0")?;
    let strings = |key: &str| -> Vec<String> {
        let list = container.get(key).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let env = environment(pod, container, ip, host);
    Some(Pod {
        namespace: object::namespace(pod).to_owned(),
        name: object::name(pod).to_owned(),
        uid: object::uid(pod).to_owned(),
        image: container
            .get("image")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        command: strings("command").iter().map(|text| expand(text, &env)).collect(),
        args: strings("args").iter().map(|text| expand(text, &env)).collect(),
        service_account: pod
            .pointer("/spec/serviceAccountName")
            .and_then(Value::as_str)
            .unwrap_or("default")
            .to_owned(),
        ip: ip.to_owned(),
        env: with_host_name(env, object::name(pod)),
        object: Arc::new(pod.clone()),
    })
}

/// The container's runtime says what the host is called, where the pod does not.
fn with_host_name(mut env: BTreeMap<String, String>, name: &str) -> BTreeMap<String, String> {
    env.entry("HOSTNAME".to_owned())
        .or_insert_with(|| name.to_owned());
    env
}

fn environment(pod: &Value, container: &Value, ip: &str, host: &str) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for entry in container
        .get("env")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let Some(name) = entry.get("name").and_then(Value::as_str) else {
            continue;
        };
        let value = match (entry.get("value").and_then(Value::as_str), entry.get("valueFrom")) {
            (Some(value), _) => expand(value, &env),
            (None, Some(from)) => match resolve(pod, container, from, (ip, host)) {
                Some(value) => value,
                None => continue,
            },
            (None, None) => String::new(),
        };
        env.insert(name.to_owned(), value);
    }
    env
}

fn resolve(pod: &Value, container: &Value, from: &Value, (ip, host): (&str, &str)) -> Option<String> {
    if let Some(resource) = from.pointer("/resourceFieldRef/resource").and_then(Value::as_str) {
        let (list, name) = resource.split_once('.')?;
        return container
            .get("resources")?
            .get(list)?
            .get(name)?
            .as_str()
            .map(str::to_owned);
    }
    let field = from.pointer("/fieldRef/fieldPath").and_then(Value::as_str)?;
    match field {
        "status.podIP" => Some(ip.to_owned()),
        "status.hostIP" => Some(host.to_owned()),
        _ => pod
            .pointer(&format!("/{}", field.replace('.', "/")))?
            .as_str()
            .map(str::to_owned),
    }
}

/// Expands `$(NAME)` as the kubelet does: unknown names stay, `$$(` stands for `$(`.
pub fn expand(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if let Some(after) = tail.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = tail.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match env.get(name) {
                Some(value) => out.push_str(value),
                None => out.push_str(&rest[at..rest.len() - after.len()]),
            }
            rest = after;
        } else {
            out.push('$');
            rest = tail;
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_expand_as_the_kubelet_does() {
        let env = BTreeMap::from([("NS".to_owned(), "flux-system".to_owned())]);
        for (text, expected) in [
            ("--addr=x.$(NS).svc", "--addr=x.flux-system.svc"),
            ("$(MISSING)", "$(MISSING)"),
            ("$$(NS)", "$(NS)"),
            ("a$", "a$"),
            ("$(open", "$(open"),
        ] {
            assert_eq!(expand(text, &env), expected);
        }
    }

    #[test]
    fn field_references_resolve() {
        let pod = json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u"},
            "spec": {"serviceAccountName": "sa", "containers": [{
                "name": "c", "image": "i", "args": ["--ns=$(RUNTIME_NAMESPACE)"],
                "env": [{"name": "RUNTIME_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}],
            }]},
        });
        let start = start_of(&pod, "10.0.0.1", "192.168.0.10").unwrap();
        assert_eq!(start.args, ["--ns=n"]);
        assert_eq!(start.service_account, "sa");
    }
}
