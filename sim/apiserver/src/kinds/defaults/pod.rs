//! Pods and everything inside them.

use serde_json::{Value, json};

use super::{Members, empty, fill, fill_number, object, text, unset};
use manifest::quantity::Quantity;

pub(super) fn rules(shape: &str, map: &mut Members) {
    match shape {
        "core/v1.Pod" => pod(map),
        "core/v1.PodSpec" => pod_spec(map),
        "core/v1.Container" | "core/v1.EphemeralContainer" => container(map),
        "core/v1.Volume" => volume(map),
        "core/v1.Probe" => {
            fill_number(map, "timeoutSeconds", 1);
            fill_number(map, "periodSeconds", 10);
            fill_number(map, "successThreshold", 1);
            fill_number(map, "failureThreshold", 3);
        }
        "core/v1.HTTPGetAction" => {
            fill(map, "path", "/");
            fill(map, "scheme", "HTTP");
        }
        "core/v1.SecretVolumeSource"
        | "core/v1.ConfigMapVolumeSource"
        | "core/v1.DownwardAPIVolumeSource"
        | "core/v1.ProjectedVolumeSource" => fill(map, "defaultMode", 0o644),
        "core/v1.ServiceAccountTokenProjection" => fill(map, "expirationSeconds", 3600),
        "core/v1.ObjectFieldSelector" => fill(map, "apiVersion", "v1"),
        "core/v1.HostPathVolumeSource" => {
            map.entry("type").or_insert_with(|| Value::from(""));
        }
        _ => {}
    }
}

fn container(map: &mut Members) {
    if text(map, "imagePullPolicy").is_empty() {
        let policy = pull_policy(text(map, "image"));
        map.insert("imagePullPolicy".into(), Value::from(policy));
    }
    fill(map, "terminationMessagePath", "/dev/termination-log");
    fill(map, "terminationMessagePolicy", "File");
}

/// `Always` for the tag `latest`, given or implied, but not for a digest alone.
fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image.split_once('@').map_or((image, ""), |(n, d)| (n, d));
    let last = name.rsplit('/').next().unwrap_or_default();
    let tag = last.split_once(':').map(|(_, tag)| tag);
    match tag {
        // QUIRK: an image that cannot be parsed, such as an empty one, has no tag at all.
        None if image.is_empty() => "IfNotPresent",
        None if digest.is_empty() => "Always",
        Some("latest") => "Always",
        _ => "IfNotPresent",
    }
}

fn volume(map: &mut Members) {
    if map.keys().all(|name| name == "name") {
        map.insert("emptyDir".into(), json!({}));
    }
    if let Some(Value::Object(image)) = map.get_mut("image")
        && text(image, "pullPolicy").is_empty()
    {
        let policy = pull_policy(text(image, "reference"));
        image.insert("pullPolicy".into(), Value::from(policy));
    }
}

fn pod_spec(map: &mut Members) {
    fill(map, "dnsPolicy", "ClusterFirst");
    fill(map, "restartPolicy", "Always");
    map.entry("securityContext").or_insert_with(|| json!({}));
    fill(map, "terminationGracePeriodSeconds", 30);
    fill(map, "schedulerName", "default-scheduler");
    account(map);
}

/// `serviceAccount` is the old name of `serviceAccountName`: both are printed.
fn account(map: &mut Members) {
    let (new, old) = (
        text(map, "serviceAccountName").to_owned(),
        text(map, "serviceAccount").to_owned(),
    );
    let name = if new.is_empty() { old } else { new };
    if !name.is_empty() {
        map.insert("serviceAccountName".into(), Value::from(name.clone()));
        map.insert("serviceAccount".into(), Value::from(name));
    }
}

fn pod(map: &mut Members) {
    let Some(spec) = object(map, "spec") else { return };
    let host_network = spec.get("hostNetwork") == Some(&Value::Bool(true));
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            requests_from_limits(container);
            if host_network {
                host_ports(container);
            }
        }
    }
    pod_level_requests(spec);
    fill(spec, "enableServiceLinks", true);
}

fn requests_from_limits(container: &mut Members) {
    let Some(resources) = object(container, "resources") else {
        return;
    };
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else {
        return;
    };
    if let Some(requests) = object(resources, "requests") {
        for (name, amount) in limits {
            requests.entry(name).or_insert(amount);
        }
    }
}

fn host_ports(container: &mut Members) {
    let ports = container.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        let number = port
            .get("containerPort")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        fill_number(port, "hostPort", number);
    }
}

/// Requests of the pod as a whole follow from those of its containers and from its limits.
fn pod_level_requests(spec: &mut Members) {
    let Some(Value::Object(resources)) = spec.get("resources") else {
        return;
    };
    if empty(resources, "limits") {
        return;
    }
    let limits = resources
        .get("limits")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let mut requests = resources
        .get("requests")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for name in ["cpu", "memory"] {
        if unset(requests.get(name))
            && let Some(sum) = container_requests(spec, name)
        {
            requests.insert(name.into(), Value::from(sum.to_string()));
        }
    }
    for (name, amount) in limits {
        if ["cpu", "memory"].contains(&name.as_str()) || name.starts_with("hugepages-") {
            requests.entry(name).or_insert(amount);
        }
    }
    if let Some(resources) = object(spec, "resources") {
        resources.insert("requests".into(), Value::Object(requests));
    }
}

/// What the containers need together: the sum of those that run side by side, but at least what one initial
/// container needs.
fn container_requests(spec: &Members, name: &str) -> Option<Quantity> {
    let request = |c: &Value| {
        c.pointer("/resources/requests")
            .and_then(|r| Quantity::of(r.get(name)?))
    };
    let list = |key: &str| spec.get(key).and_then(Value::as_array).into_iter().flatten();
    let mut sum = list("containers").filter_map(request).reduce(Quantity::plus);
    let (mut beside, mut most) = (None::<Quantity>, None::<Quantity>);
    for container in list("initContainers") {
        let Some(amount) = request(container) else {
            continue;
        };
        let together = beside.map_or(amount, |b| b.plus(amount));
        if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
            beside = Some(together);
            sum = Some(sum.map_or(amount, |s| s.plus(amount)));
        }
        most = Some(most.map_or(together, |m| if together > m { together } else { m }));
    }
    match (sum, most) {
        (Some(s), Some(m)) if m > s => Some(m),
        (None, most) => most,
        (sum, _) => sum,
    }
}
