//! Networking, access, storage, admission, flow control, scheduling, devices and extensions.

use serde_json::{Value, json};

use super::{Members, empty, fill, fill_number, object, text, unset};

pub(super) fn rules(shape: &str, map: &mut Members) {
    match shape.split('/').next().unwrap_or_default() {
        "networking" | "discovery" => network(shape, map),
        "rbac" => access(shape, map),
        "storage" => storage(shape, map),
        "admissionregistration" => admission(shape, map),
        "flowcontrol" => flow(shape, map),
        "apiextensions" | "apiregistration" => extension(shape, map),
        "resource" => device(shape, map),
        "scheduling" if shape == "scheduling/v1.PriorityClass" => {
            fill(map, "preemptionPolicy", "PreemptLowerPriority");
        }
        "authentication" if shape == "authentication/v1.TokenRequestSpec" => {
            fill(map, "expirationSeconds", 3600);
        }
        _ => {}
    }
}

fn network(shape: &str, map: &mut Members) {
    match shape {
        "networking/v1.NetworkPolicyPort" => fill(map, "protocol", "TCP"),
        "networking/v1.NetworkPolicySpec" if empty(map, "policyTypes") => {
            let types = if empty(map, "egress") {
                json!(["Ingress"])
            } else {
                json!(["Ingress", "Egress"])
            };
            map.insert("policyTypes".into(), types);
        }
        "networking/v1.IngressClassParametersReference" => fill(map, "scope", "Cluster"),
        "discovery/v1.EndpointPort" => {
            map.entry("name").or_insert_with(|| Value::from(""));
            fill(map, "protocol", "TCP");
        }
        _ => {}
    }
}

fn access(shape: &str, map: &mut Members) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    match shape {
        "rbac/v1.RoleRef" => fill(map, "apiGroup", GROUP),
        "rbac/v1.Subject" if ["User", "Group"].contains(&text(map, "kind")) => fill(map, "apiGroup", GROUP),
        _ => {}
    }
}

fn storage(shape: &str, map: &mut Members) {
    match shape {
        "storage/v1.StorageClass" => {
            fill(map, "reclaimPolicy", "Delete");
            fill(map, "volumeBindingMode", "Immediate");
        }
        "storage/v1.CSIDriverSpec" => {
            fill(map, "attachRequired", true);
            fill(map, "podInfoOnMount", false);
            fill(map, "storageCapacity", false);
            fill(map, "fsGroupPolicy", "ReadWriteOnceWithFSType");
            if empty(map, "volumeLifecycleModes") {
                map.insert("volumeLifecycleModes".into(), json!(["Persistent"]));
            }
            fill(map, "requiresRepublish", false);
            fill(map, "seLinuxMount", false);
        }
        _ => {}
    }
}

fn admission(shape: &str, map: &mut Members) {
    let name = shape.rsplit('.').next().unwrap_or_default();
    match name {
        "ValidatingWebhook" | "MutatingWebhook" => {
            fill(map, "failurePolicy", "Fail");
            matching(map);
            fill(map, "timeoutSeconds", 10);
            if name == "MutatingWebhook" {
                fill(map, "reinvocationPolicy", "Never");
            }
        }
        "Rule" | "RuleWithOperations" | "NamedRuleWithOperations" => fill(map, "scope", "*"),
        "ServiceReference" => fill(map, "port", 443),
        "ValidatingAdmissionPolicySpec" | "MutatingAdmissionPolicySpec" => fill(map, "failurePolicy", "Fail"),
        "MatchResources" => matching(map),
        _ => {}
    }
}

fn matching(map: &mut Members) {
    fill(map, "matchPolicy", "Equivalent");
    map.entry("namespaceSelector").or_insert_with(|| json!({}));
    map.entry("objectSelector").or_insert_with(|| json!({}));
}

fn flow(shape: &str, map: &mut Members) {
    match shape {
        "flowcontrol/v1.FlowSchemaSpec" => fill_number(map, "matchingPrecedence", 1000),
        "flowcontrol/v1.ExemptPriorityLevelConfiguration" => {
            fill(map, "nominalConcurrencyShares", 0);
            fill(map, "lendablePercent", 0);
        }
        "flowcontrol/v1.LimitedPriorityLevelConfiguration" => {
            fill(map, "nominalConcurrencyShares", 30);
            fill(map, "lendablePercent", 0);
        }
        "flowcontrol/v1.QueuingConfiguration" => {
            fill_number(map, "handSize", 8);
            fill_number(map, "queues", 64);
            fill_number(map, "queueLengthLimit", 50);
        }
        _ => {}
    }
}

fn device(shape: &str, map: &mut Members) {
    if matches!(
        shape,
        "resource/v1.ExactDeviceRequest" | "resource/v1.DeviceSubRequest"
    ) {
        fill(map, "allocationMode", "ExactCount");
        if text(map, "allocationMode") == "ExactCount" {
            fill_number(map, "count", 1);
        }
    }
}

fn extension(shape: &str, map: &mut Members) {
    match shape {
        "apiextensions/v1.CustomResourceDefinitionSpec" => {
            if let Some(names) = object(map, "names") {
                let kind = text(names, "kind").to_owned();
                fill(names, "singular", kind.to_lowercase());
                if !kind.is_empty() {
                    fill(names, "listKind", format!("{kind}List"));
                }
            }
            if unset(map.get("conversion")) {
                map.insert("conversion".into(), json!({"strategy": "None"}));
            }
        }
        "apiextensions/v1.CustomResourceDefinition" => stored_versions(map),
        "apiextensions/v1.ServiceReference" | "apiregistration/v1.ServiceReference" => fill(map, "port", 443),
        _ => {}
    }
}

/// The storage version is stored from the start.
fn stored_versions(map: &mut Members) {
    let versions = map
        .get("spec")
        .and_then(|s| s.get("versions"))
        .and_then(Value::as_array);
    let storage = versions
        .into_iter()
        .flatten()
        .find(|v| v.get("storage") == Some(&Value::Bool(true)));
    let name = storage.and_then(|v| v.get("name")).cloned();
    if let Some(name) = name
        && let Some(status) = object(map, "status")
        && empty(status, "storedVersions")
    {
        status.insert("storedVersions".into(), json!([name]));
    }
}
