//! What an object counts for in a quota.

use manifest::quantity::Quantity;
use serde_json::Value;

use crate::admission::amounts::{self, Amounts};

/// The resources of the core group that quotas also know by their bare names.
const BARE: [&str; 7] = [
    "pods",
    "services",
    "replicationcontrollers",
    "persistentvolumeclaims",
    "secrets",
    "configmaps",
    "resourcequotas",
];

/// The tables whose objects a counted name speaks of.
pub(super) fn table(name: &str) -> &str {
    if let Some(table) = name.strip_prefix("count/") {
        return table;
    }
    if BARE.contains(&name) {
        return name;
    }
    if name.starts_with("services.") {
        return "services";
    }
    if name == "requests.storage" || name.contains(".storageclass.storage.k8s.io/") {
        return "persistentvolumeclaims";
    }
    "pods"
}

/// Everything that the creation of an object adds.
pub(super) fn of(table: &str, object: &Value) -> Amounts {
    let mut sum = Amounts::new();
    sum.insert(format!("count/{table}"), Quantity::units(1));
    match table {
        "pods" => sum.extend(of_pod(object)),
        "services" => sum.extend(of_service(object)),
        "persistentvolumeclaims" => sum.extend(of_claim(object)),
        _ => {}
    }
    if BARE.contains(&table) && table != "pods" {
        sum.insert(table.to_owned(), Quantity::units(1));
    }
    sum
}

/// A pod that has ended counts as an object only.
fn of_pod(pod: &Value) -> Amounts {
    let mut sum = Amounts::new();
    let phase = pod.pointer("/status/phase").and_then(Value::as_str);
    if matches!(phase, Some("Failed" | "Succeeded")) {
        return sum;
    }
    sum.insert("pods".to_owned(), Quantity::units(1));
    sum.extend(named(
        &amounts::of_pod(pod, "requests"),
        &amounts::of_pod(pod, "limits"),
    ));
    sum
}

/// The names under which quotas count what is asked for.
pub(super) fn named(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut sum = Amounts::new();
    for (key, amount) in requests {
        let known = matches!(key.as_str(), "cpu" | "memory" | "ephemeral-storage");
        if known || key.starts_with("hugepages-") {
            sum.insert(key.clone(), *amount);
        }
        if known || key.starts_with("hugepages-") || key.contains('/') {
            sum.insert(format!("requests.{key}"), *amount);
        }
    }
    for key in ["cpu", "memory", "ephemeral-storage"] {
        if let Some(amount) = limits.get(key) {
            sum.insert(format!("limits.{key}"), *amount);
        }
    }
    sum
}

fn of_service(service: &Value) -> Amounts {
    let count = |count: usize| Quantity::units(i64::try_from(count).unwrap_or(i64::MAX));
    let empty = Vec::new();
    let ports = service
        .pointer("/spec/ports")
        .and_then(Value::as_array)
        .unwrap_or(&empty);
    let own_ports = ports
        .iter()
        .filter(|port| port["nodePort"].as_i64().unwrap_or(0) != 0)
        .count();
    let suppressed = service.pointer("/spec/allocateLoadBalancerNodePorts") == Some(&Value::Bool(false));
    let (balancers, nodes) = match service.pointer("/spec/type").and_then(Value::as_str) {
        Some("NodePort") => (0, ports.len()),
        Some("LoadBalancer") if suppressed => (1, own_ports),
        Some("LoadBalancer") => (1, ports.len()),
        _ => (0, 0),
    };
    Amounts::from([
        ("services.loadbalancers".to_owned(), count(balancers)),
        ("services.nodeports".to_owned(), count(nodes)),
    ])
}

fn of_claim(claim: &Value) -> Amounts {
    let mut sum = Amounts::new();
    let asked = amounts::read(claim.pointer("/spec/resources/requests"));
    let storage = asked.get("storage").copied();
    let class = manifest::object::annotation(claim, "volume.beta.kubernetes.io/storage-class")
        .or_else(|| claim.pointer("/spec/storageClassName").and_then(Value::as_str))
        .filter(|class| !class.is_empty());
    if let Some(storage) = storage {
        sum.insert("requests.storage".to_owned(), storage);
    }
    if let Some(class) = class {
        let prefix = format!("{class}.storageclass.storage.k8s.io");
        sum.insert(format!("{prefix}/persistentvolumeclaims"), Quantity::units(1));
        if let Some(storage) = storage {
            sum.insert(format!("{prefix}/requests.storage"), storage);
        }
    }
    sum
}

/// Whether a quota's scopes let it speak of an object.
pub(super) fn in_scope(quota: &Value, table: &str, object: &Value) -> bool {
    let listed = quota.pointer("/spec/scopes").and_then(Value::as_array);
    let selected = quota
        .pointer("/spec/scopeSelector/matchExpressions")
        .and_then(Value::as_array);
    let listed = listed
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|scope| (scope, "Exists", Vec::new()));
    let selected = selected.into_iter().flatten().map(|own| {
        let text = |key: &str| own[key].as_str().unwrap_or_default();
        let values = own["values"].as_array().into_iter().flatten();
        (
            text("scopeName"),
            text("operator"),
            values.filter_map(Value::as_str).collect(),
        )
    });
    listed
        .chain(selected)
        .all(|(scope, operator, values)| table == "pods" && pod_in_scope(scope, operator, &values, object))
}

fn pod_in_scope(scope: &str, operator: &str, values: &[&str], pod: &Value) -> bool {
    let deadline = pod
        .pointer("/spec/activeDeadlineSeconds")
        .is_some_and(|own| !own.is_null());
    match scope {
        "Terminating" => deadline,
        "NotTerminating" => !deadline,
        "BestEffort" => best_effort(pod),
        "NotBestEffort" => !best_effort(pod),
        "PriorityClass" => {
            let class = pod
                .pointer("/spec/priorityClassName")
                .and_then(Value::as_str)
                .filter(|class| !class.is_empty());
            match operator {
                "In" => class.is_some_and(|class| values.contains(&class)),
                "NotIn" => !class.is_some_and(|class| values.contains(&class)),
                "DoesNotExist" => class.is_none(),
                _ => class.is_some(),
            }
        }
        "CrossNamespacePodAffinity" => crosses_namespaces(pod),
        _ => false,
    }
}

fn best_effort(pod: &Value) -> bool {
    let asks = |container: &Value| {
        ["requests", "limits"].iter().any(|kind| {
            let own = amounts::read(container.get("resources").and_then(|own| own.get(*kind)));
            own.iter()
                .any(|(key, amount)| matches!(key.as_str(), "cpu" | "memory") && amount.sign() > 0)
        })
    };
    !["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| amounts::containers(pod, list))
        .any(asks)
}

fn crosses_namespaces(pod: &Value) -> bool {
    let names_others = |term: &Value| {
        term.get("namespaces")
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty())
            || term.get("namespaceSelector").is_some_and(|own| !own.is_null())
    };
    ["podAffinity", "podAntiAffinity"].iter().any(|kind| {
        let own = |list: &str| pod.pointer(&format!("/spec/affinity/{kind}/{list}"));
        let required = own("requiredDuringSchedulingIgnoredDuringExecution").and_then(Value::as_array);
        let preferred = own("preferredDuringSchedulingIgnoredDuringExecution").and_then(Value::as_array);
        required.into_iter().flatten().any(names_others)
            || preferred
                .into_iter()
                .flatten()
                .any(|own| names_others(&own["podAffinityTerm"]))
    })
}
