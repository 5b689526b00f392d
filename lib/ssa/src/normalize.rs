//! Small repairs before an object is applied, so that equal objects compare equal.

use manifest::object::{kind, map_at};
use serde_json::{Map, Value, json};

/// Repairs an object: no status, Secrets without `stringData`, ports with their protocol.
pub fn normalize(object: &mut Value) {
    let kind = kind(object).to_owned();
    if kind != "CustomResourceDefinition" {
        map_at(object, &[]).remove("status");
    }
    drop_null_timestamp(object);
    match kind.as_str() {
        "Secret" => encode_string_data(object),
        "Service" => default_protocol(object.pointer_mut("/spec/ports")),
        "CustomResourceDefinition" => drop_invalid_ca_bundle(object),
        _ => {}
    }
    if let Some(template) = pod_template(&kind) {
        if let Some(template) = object.pointer_mut(template) {
            drop_null_timestamp(template);
        }
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            let containers = object.pointer_mut(&format!("{template}/spec/{list}"));
            for container in containers.and_then(Value::as_array_mut).into_iter().flatten() {
                default_protocol(container.get_mut("ports"));
            }
        }
    }
}

fn pod_template(kind: &str) -> Option<&'static str> {
    match kind {
        "Pod" => Some(""),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            Some("/spec/template")
        }
        "CronJob" => Some("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}

/// Controllers' generators write `creationTimestamp: null`, which means nothing.
fn drop_null_timestamp(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        && metadata.get("creationTimestamp").is_some_and(Value::is_null)
    {
        metadata.remove("creationTimestamp");
    }
}

fn encode_string_data(secret: &mut Value) {
    let Some(Value::Object(plain)) = secret.get("stringData") else {
        return;
    };
    // What is no text is left for the API server to refuse.
    if !plain.values().all(Value::is_string) {
        return;
    }
    let plain = plain.clone();
    map_at(secret, &[]).remove("stringData");
    let data = map_at(secret, &["data"]);
    for (key, value) in plain {
        if let Some(text) = value.as_str() {
            data.insert(key, Value::String(base64(text.as_bytes())));
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

fn default_protocol(ports: Option<&mut Value>) {
    for port in ports.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(port) = port.as_object_mut() {
            port.entry("protocol").or_insert_with(|| json!("TCP"));
        }
    }
}

/// The API server refuses a bundle that holds no certificate; upstream drops it and lets the injector fill it.
fn drop_invalid_ca_bundle(crd: &mut Value) {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let config = crd.pointer_mut("/spec/conversion/webhook/clientConfig");
    let Some(config) = config.and_then(Value::as_object_mut) else {
        return;
    };
    let valid = |config: &Map<String, Value>| {
        let text = config.get("caBundle")?.as_str()?;
        let bytes = STANDARD.decode(text).ok()?;
        let pem = String::from_utf8(bytes).ok()?;
        Some(pem.contains("-----BEGIN CERTIFICATE-----"))
    };
    if config.contains_key("caBundle") && valid(config) != Some(true) {
        config.remove("caBundle");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repairs_by_kind() {
        for (mut object, expected) in [
            (
                json!({"kind": "Secret", "data": {"a": "eA=="}, "stringData": {"a": "y", "b": "z"}}),
                json!({"kind": "Secret", "data": {"a": "eQ==", "b": "eg=="}}),
            ),
            (
                json!({"kind": "Service", "spec": {"ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}, "status": {}}),
                json!({"kind": "Service", "spec": {"ports": [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}}),
            ),
            (
                json!({"kind": "Deployment", "metadata": {"creationTimestamp": null}, "spec": {"template": {
                    "metadata": {"creationTimestamp": null},
                    "spec": {"containers": [{"ports": [{"containerPort": 1}]}]}}}}),
                json!({"kind": "Deployment", "metadata": {}, "spec": {"template": {
                    "metadata": {},
                    "spec": {"containers": [{"ports": [{"containerPort": 1, "protocol": "TCP"}]}]}}}}),
            ),
            (
                json!({"kind": "CustomResourceDefinition", "spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": "Cg=="}}}}}),
                json!({"kind": "CustomResourceDefinition", "spec": {"conversion": {"webhook": {"clientConfig": {}}}}}),
            ),
        ] {
            normalize(&mut object);
            assert_eq!(object, expected);
        }
    }
}
