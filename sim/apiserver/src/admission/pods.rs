//! What the default admission plugins do to new pods: their ServiceAccount, priority and tolerations.

use serde_json::{Value, json};

use crate::{call::Call, failure::Outcome, names, store::Key};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const PRIORITIES: &str = "priorityclasses.scheduling.k8s.io";
const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub(super) fn mutate(call: &mut Call<'_>, pod: &mut Value) -> Outcome<()> {
    account(call, pod)?;
    tolerate(pod);
    priority(call, pod)
}

/// What the plugins do to a pod that changes: it keeps its priority, and the tolerations come back.
pub(super) fn mutate_again(pod: &mut Value, old: &Value) {
    tolerate(pod);
    let spec = manifest::object::map_at(pod, &["spec"]);
    for member in ["priority", "preemptionPolicy"] {
        if !spec.contains_key(member)
            && let Some(value) = old.pointer(&format!("/spec/{member}"))
        {
            spec.insert(member.to_owned(), value.clone());
        }
    }
}

/// Annotations about AppArmor become fields, unless the pod as a whole says the same.
pub(super) fn profile(pod: &mut Value) {
    const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
    if pod.pointer("/spec/os/name").and_then(Value::as_str) == Some("windows") {
        return;
    }
    let annotations = manifest::object::annotations(pod).cloned().unwrap_or_default();
    let of_pod = pod.pointer("/spec/securityContext/appArmorProfile").cloned();
    for list in ["initContainers", "containers"] {
        let containers = pod
            .get_mut("spec")
            .and_then(|spec| spec.get_mut(list))
            .and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let name = container["name"].as_str().unwrap_or_default();
            let said = annotations
                .get(&format!("{PREFIX}{name}"))
                .and_then(Value::as_str);
            let field = match said {
                Some("unconfined") => json!({"type": "Unconfined"}),
                Some("runtime/default") => json!({"type": "RuntimeDefault"}),
                Some(other) => match other.strip_prefix("localhost/").filter(|file| !file.is_empty()) {
                    Some(file) => json!({"type": "Localhost", "localhostProfile": file}),
                    None => continue,
                },
                None => continue,
            };
            let own = container.pointer("/securityContext/appArmorProfile");
            if own.is_none() && of_pod.as_ref() != Some(&field) {
                manifest::object::map_at(container, &["securityContext"])
                    .insert("appArmorProfile".into(), field);
            }
        }
    }
}

fn account(call: &mut Call<'_>, pod: &mut Value) -> Outcome<()> {
    const MIRROR: &str = "kubernetes.io/config.mirror";
    if manifest::object::annotation(pod, MIRROR).is_some() {
        return Ok(());
    }
    let namespace = manifest::object::namespace(pod).to_owned();
    let spec = manifest::object::map_at(pod, &["spec"]);
    let own = spec
        .get("serviceAccountName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let name = if own.is_empty() {
        "default".to_owned()
    } else {
        own.to_owned()
    };
    spec.insert("serviceAccountName".into(), name.clone().into());
    spec.insert("serviceAccount".into(), name.clone().into());
    let Some(account) = call
        .core
        .stored(names::SERVICE_ACCOUNTS, &Key::new(&namespace, &name))
    else {
        let detail =
            format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found");
        return Err(call.forbidden(&super::shown_name(call, pod), &detail));
    };
    let secrets = account
        .get("imagePullSecrets")
        .and_then(Value::as_array)
        .filter(|secrets| !secrets.is_empty());
    if let Some(secrets) = secrets
        && spec
            .get("imagePullSecrets")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty)
    {
        spec.insert("imagePullSecrets".into(), secrets.clone().into());
    }
    let wanted = |object: Option<&Value>| object.and_then(Value::as_bool);
    let mounts = wanted(spec.get("automountServiceAccountToken"))
        .or_else(|| wanted(account.get("automountServiceAccountToken")))
        .unwrap_or(true);
    if mounts {
        mount_token(call, pod);
    }
    Ok(())
}

/// A projected volume with a token, mounted wherever nothing else is.
fn mount_token(call: &mut Call<'_>, pod: &mut Value) {
    let openshift = call.core.openshift;
    let name = format!("kube-api-access-{}", call.core.suffix(5));
    let spec = manifest::object::map_at(pod, &["spec"]);
    let mut needed = false;
    for kind in ["initContainers", "containers"] {
        for container in spec
            .get_mut(kind)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let Some(members) = container.as_object_mut() else {
                continue;
            };
            let mounts = members.entry("volumeMounts").or_insert_with(|| json!([]));
            let Some(mounts) = mounts.as_array_mut() else {
                continue;
            };
            if mounts.iter().any(|mount| mount["mountPath"] == MOUNT) {
                continue;
            }
            mounts.push(json!({"name": name, "readOnly": true, "mountPath": MOUNT}));
            needed = true;
        }
    }
    if !needed {
        return;
    }
    let mut volume = json!({
        "name": name,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [
                    {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
                ]}},
            ],
            "defaultMode": 420,
        },
    });
    if openshift && let Some(sources) = volume["projected"]["sources"].as_array_mut() {
        sources.push(json!({"configMap": {
            "name": "openshift-service-ca.crt", "items": [{"key": "service-ca.crt", "path": "service-ca.crt"}],
        }}));
    }
    if let Some(volumes) = spec.entry("volumes").or_insert_with(|| json!([])).as_array_mut() {
        volumes.push(volume);
    }
}

/// Pods leave broken nodes after five minutes.
fn tolerate(pod: &mut Value) {
    let spec = manifest::object::map_at(pod, &["spec"]);
    let own = spec
        .get("tolerations")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let tolerated = |key: &str| {
        own.iter().any(|entry| {
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
            matches!(text("key"), own if own == key || own.is_empty())
                && matches!(text("effect"), "NoExecute" | "")
        })
    };
    let missing: Vec<Value> = [NOT_READY, UNREACHABLE]
        .into_iter()
        .filter(|key| !tolerated(key))
        .map(|key| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}))
        .collect();
    if !missing.is_empty() {
        let list: Vec<Value> = own.into_iter().chain(missing).collect();
        spec.insert("tolerations".into(), list.into());
    }
}

fn priority(call: &Call<'_>, pod: &mut Value) -> Outcome<()> {
    const SYSTEM: [(&str, i64); 2] = [
        ("system-cluster-critical", 2_000_000_000),
        ("system-node-critical", 2_000_001_000),
    ];
    let name = super::shown_name(call, pod);
    let spec = manifest::object::map_at(pod, &["spec"]);
    let class = spec
        .get("priorityClassName")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let table = call.core.table(PRIORITIES);
    let found = if class.is_empty() {
        let global = |entry: &&std::sync::Arc<Value>| entry.get("globalDefault") == Some(&Value::Bool(true));
        table
            .values()
            .filter(global)
            .min_by_key(|entry| entry["value"].as_i64())
            .cloned()
    } else {
        table.get(&Key::new("", &class)).cloned()
    };
    let system = SYSTEM
        .iter()
        .find(|(own, _)| *own == class)
        .map(|(_, value)| *value);
    if found.is_none() && system.is_none() && !class.is_empty() {
        return Err(call.forbidden(&name, &format!("no PriorityClass with name {class} was found")));
    }
    let value = found
        .as_ref()
        .and_then(|entry| entry["value"].as_i64())
        .or(system)
        .unwrap_or(0);
    let policy = found
        .as_ref()
        .and_then(|entry| entry["preemptionPolicy"].as_str())
        .unwrap_or("PreemptLowerPriority");
    if let (true, Some(found)) = (class.is_empty(), &found) {
        spec.insert("priorityClassName".into(), manifest::object::name(found).into());
    }
    let asked = spec.get("priority").and_then(Value::as_i64);
    if asked.is_some_and(|asked| asked != value) {
        let detail = format!(
            "the integer value of priority ({}) must not be provided in pod spec; priority admission controller computed {value} from the given PriorityClass name",
            asked.unwrap_or_default()
        );
        return Err(call.forbidden(&name, &detail));
    }
    spec.insert("priority".into(), value.into());
    spec.entry("preemptionPolicy").or_insert_with(|| policy.into());
    Ok(())
}
