//! What the cluster hands out to Services: addresses and ports of nodes.
//!
//! The genuine server does this before it prepares and validates a Service, but after it has computed
//! `managedFields`.

use serde_json::{Map, Value, json};

use super::validate::{FieldError, service_addresses};

/// Where addresses and ports of nodes come from. Errors are in the server's words: that nothing is left, or that what
/// was asked for is taken or unfit.
pub trait Pool {
    /// A free address.
    fn address(&mut self) -> Result<String, String>;
    /// Takes this address.
    fn take_address(&mut self, address: &str) -> Result<(), String>;
    /// A free port of all nodes.
    fn port(&mut self) -> Result<i64, String>;
    /// Takes this port of all nodes.
    fn take_port(&mut self, port: i64) -> Result<(), String>;
}

/// Why a Service cannot have what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It asks for what it cannot have.
    Fields(Vec<FieldError>),
    /// Nothing is left; the server calls this its own error.
    Exhausted(String),
    /// Something about its health check's port, which the server says without a reason.
    Health(String),
}

impl From<FieldError> for Refused {
    fn from(error: FieldError) -> Self {
        Self::Fields(vec![error])
    }
}

/// Gives a Service that is created (`old` is `None`) or replaces `old` what it needs and does not have.
pub fn allocate(service: &mut Value, old: Option<&Value>, pool: &mut dyn Pool) -> Result<(), Refused> {
    complete(service, old);
    let errors = service_addresses(service);
    if !errors.is_empty() {
        return Err(Refused::Fields(errors));
    }
    let Some(spec) = service.get_mut("spec").and_then(Value::as_object_mut) else {
        return Ok(());
    };
    let before = old.and_then(|o| o.get("spec")).and_then(Value::as_object);
    let errors = families(spec);
    if !errors.is_empty() {
        return Err(Refused::Fields(errors));
    }
    addresses(spec, before, pool)?;
    ports(spec, before, pool)?;
    health(spec, before, pool)
}

/// Fills in what follows from the other members and from the old Service, without handing out anything.
pub(super) fn complete(service: &mut Value, old: Option<&Value>) {
    let Some(spec) = service.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    let before = old.and_then(|o| o.get("spec")).and_then(Value::as_object);
    both_forms(spec, before);
    if let Some(before) = before {
        keep(spec, before);
    }
}

fn text<'a>(spec: &'a Map<String, Value>, name: &str) -> &'a str {
    spec.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list(spec: &Map<String, Value>, name: &str) -> Vec<Value> {
    spec.get(name)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

fn needs_address(spec: &Map<String, Value>) -> bool {
    text(spec, "type") != "ExternalName"
}

fn needs_ports(spec: &Map<String, Value>) -> bool {
    ["NodePort", "LoadBalancer"].contains(&text(spec, "type"))
}

fn checks_health(spec: &Map<String, Value>) -> bool {
    text(spec, "type") == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local"
}

/// `clusterIP` and `clusterIPs` say the same; clients that know only one of them are followed.
fn both_forms(spec: &mut Map<String, Value>, before: Option<&Map<String, Value>>) {
    let (one, all) = (text(spec, "clusterIP").to_owned(), list(spec, "clusterIPs"));
    let Some(before) = before else {
        if !one.is_empty() && all.is_empty() {
            spec.insert("clusterIPs".into(), json!([one]));
        }
        return;
    };
    let (old_one, old_all) = (text(before, "clusterIP"), list(before, "clusterIPs"));
    if old_one != one {
        match (old_one.is_empty(), one.is_empty()) {
            (true, false) if all.is_empty() => {
                spec.insert("clusterIPs".into(), json!([one]));
            }
            (false, true) if all == old_all => {
                spec.remove("clusterIPs");
            }
            (false, false) if all == old_all && !all.is_empty() => {
                let mut changed = all;
                changed[0] = Value::from(one);
                spec.insert("clusterIPs".into(), Value::Array(changed));
            }
            _ => {}
        }
    } else if !old_all.is_empty() && all.is_empty() {
        spec.remove("clusterIP");
    } else if all != old_all
        && let Some(first) = all.first()
    {
        spec.insert("clusterIP".into(), first.clone());
    }
}

/// What was handed out before and is not said now, is kept.
fn keep(spec: &mut Map<String, Value>, before: &Map<String, Value>) {
    if needs_address(before) && needs_address(spec) {
        let unset = text(spec, "clusterIP").is_empty() && list(spec, "clusterIPs").is_empty();
        for name in ["clusterIP", "clusterIPs"] {
            if let Some(value) = before.get(name).filter(|_| unset) {
                spec.insert(name.into(), value.clone());
            }
        }
        for name in ["ipFamilies", "ipFamilyPolicy"] {
            if let Some(value) = before.get(name)
                && spec.get(name).is_none_or(Value::is_null)
            {
                spec.insert(name.into(), value.clone());
            }
        }
    }
    if needs_ports(before) && needs_ports(spec) {
        let key = |p: &Value| (p["protocol"].clone(), p["port"].clone());
        let known = list(before, "ports");
        let used: Vec<Value> = list(spec, "ports")
            .iter()
            .filter_map(|p| p.get("nodePort").cloned())
            .collect();
        for port in spec
            .get_mut("ports")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let old = known
                .iter()
                .find(|k| key(k) == key(port))
                .and_then(|k| k.get("nodePort"));
            if let Some(old) = old.filter(|o| port.get("nodePort").is_none() && !used.contains(o)) {
                port["nodePort"] = old.clone();
            }
        }
    }
    if checks_health(before)
        && checks_health(spec)
        && spec.get("healthCheckNodePort").is_none()
        && let Some(port) = before.get("healthCheckNodePort")
    {
        spec.insert("healthCheckNodePort".into(), port.clone());
    }
}

/// The cluster has one family of addresses. A headless Service that selects nothing is open to both.
fn families(spec: &mut Map<String, Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if !needs_address(spec) {
        return errors;
    }
    let headless = text(spec, "clusterIP") == "None";
    let selectorless = spec
        .get("selector")
        .and_then(Value::as_object)
        .is_none_or(Map::is_empty);
    let (given, policy) = (list(spec, "ipFamilies"), text(spec, "ipFamilyPolicy").to_owned());
    if headless && selectorless {
        if policy.is_empty() {
            spec.insert("ipFamilyPolicy".into(), Value::from("RequireDualStack"));
        }
        if given.is_empty() {
            let both = text(spec, "ipFamilyPolicy") != "SingleStack";
            spec.insert(
                "ipFamilies".into(),
                if both {
                    json!(["IPv4", "IPv6"])
                } else {
                    json!(["IPv4"])
                },
            );
        }
        return errors;
    }
    for (i, family) in given.iter().enumerate() {
        if family == "IPv6" {
            errors.push(invalid(
                &format!("spec.ipFamilies[{i}]"),
                family,
                "not configured on this cluster",
            ));
        }
    }
    if policy == "RequireDualStack" {
        let text = "this cluster is not configured for dual-stack services";
        errors.push(invalid(
            "spec.ipFamilyPolicy",
            &Value::from(policy.as_str()),
            text,
        ));
    }
    if policy.is_empty() {
        spec.insert("ipFamilyPolicy".into(), Value::from("SingleStack"));
    }
    if given.is_empty() {
        spec.insert("ipFamilies".into(), json!(["IPv4"]));
    }
    errors
}

fn addresses(
    spec: &mut Map<String, Value>,
    before: Option<&Map<String, Value>>,
    pool: &mut dyn Pool,
) -> Result<(), Refused> {
    if !needs_address(spec) || text(spec, "clusterIP") == "None" {
        return Ok(());
    }
    let wanted = text(spec, "clusterIP").to_owned();
    if wanted.is_empty() {
        let address = pool
            .address()
            .map_err(|cause| Refused::Exhausted(format!("failed to allocate a serviceIP: {cause}")))?;
        spec.insert("clusterIPs".into(), json!([address]));
        spec.insert("clusterIP".into(), Value::from(address));
    } else if before.is_none_or(|b| text(b, "clusterIP") != wanted)
        && let Err(cause) = pool.take_address(&wanted)
    {
        let text = format!("failed to allocate IP {wanted}: {cause}");
        return Err(invalid("spec.clusterIPs", &json!([wanted]), &text).into());
    }
    Ok(())
}

fn ports(
    spec: &mut Map<String, Value>,
    before: Option<&Map<String, Value>>,
    pool: &mut dyn Pool,
) -> Result<(), Refused> {
    if !needs_ports(spec) {
        return Ok(());
    }
    let automatic = text(spec, "type") == "NodePort"
        || spec
            .get("allocateLoadBalancerNodePorts")
            .is_none_or(|a| a == &Value::Bool(true));
    let held: Vec<i64> = before
        .into_iter()
        .flat_map(|b| list(b, "ports"))
        .filter_map(|p| p.get("nodePort")?.as_i64())
        .collect();
    // Ports of one number with several protocols share their port of the nodes.
    let mut shared: Vec<(Value, i64)> = Vec::new();
    let count = list(spec, "ports").len();
    for i in 0..count {
        let Some(port) = spec.get_mut("ports").and_then(|p| p.get_mut(i)) else {
            continue;
        };
        let number = port.get("port").cloned().unwrap_or_default();
        let wanted = port.get("nodePort").and_then(Value::as_i64).unwrap_or_default();
        let twin = shared.iter().find(|(n, _)| *n == number).map(|(_, p)| *p);
        if wanted == 0 && automatic {
            let given = twin
                .map_or_else(|| pool.port(), Ok)
                .map_err(|cause| Refused::Exhausted(format!("failed to allocate a nodePort: {cause}")))?;
            port["nodePort"] = Value::from(given);
            shared.push((number, given));
        } else if wanted != 0 {
            if !held.contains(&wanted)
                && twin != Some(wanted)
                && let Err(cause) = pool.take_port(wanted)
            {
                let path = format!("spec.ports[{i}].nodePort");
                return Err(invalid(&path, &Value::from(wanted), &cause).into());
            }
            shared.push((number, wanted));
        }
    }
    Ok(())
}

/// The port at which nodes say whether they have endpoints.
fn health(
    spec: &mut Map<String, Value>,
    before: Option<&Map<String, Value>>,
    pool: &mut dyn Pool,
) -> Result<(), Refused> {
    let asked = |spec: &Map<String, Value>| spec.get("healthCheckNodePort").and_then(Value::as_i64);
    // Who had one before keeps it: another one is refused by validation.
    if !checks_health(spec) || before.is_some_and(|before| checks_health(before) && asked(spec).is_some()) {
        return Ok(());
    }
    match asked(spec).unwrap_or_default() {
        0 => {
            let port = pool.port().map_err(|cause| {
                Refused::Health(format!("failed to allocate a HealthCheck NodePort 0: {cause}"))
            })?;
            spec.insert("healthCheckNodePort".into(), Value::from(port));
        }
        wanted => pool.take_port(wanted).map_err(|cause| {
            Refused::Health(format!(
                "failed to allocate requested HealthCheck NodePort {wanted}: {cause}"
            ))
        })?,
    }
    Ok(())
}

fn invalid(field: &str, value: &Value, detail: &str) -> FieldError {
    FieldError {
        reason: "FieldValueInvalid",
        field: field.to_owned(),
        message: format!("Invalid value: {value}: {detail}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Pool, allocate};

    struct Counting(i64);

    impl Pool for Counting {
        fn address(&mut self) -> Result<String, String> {
            self.0 += 1;
            Ok(format!("10.96.0.{}", self.0))
        }
        fn take_address(&mut self, _: &str) -> Result<(), String> {
            Ok(())
        }
        fn port(&mut self) -> Result<i64, String> {
            self.0 += 1;
            Ok(30000 + self.0)
        }
        fn take_port(&mut self, port: i64) -> Result<(), String> {
            if port < 30000 {
                Err("out of range".into())
            } else {
                Ok(())
            }
        }
    }

    #[test]
    fn a_node_port_service_gets_what_it_needs_and_keeps_it() {
        let mut service = json!({"spec": {"type": "NodePort", "selector": {"a": "b"}, "ports": [
            {"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}});
        let mut pool = Counting(0);
        assert_eq!(allocate(&mut service, None, &mut pool), Ok(()));
        assert_eq!(service["spec"]["clusterIPs"], json!(["10.96.0.1"]));
        assert_eq!(
            service["spec"]["ports"][0]["nodePort"],
            service["spec"]["ports"][1]["nodePort"]
        );
        let old = service.clone();
        let mut again = json!({"spec": {"type": "NodePort", "selector": {"a": "b"}, "ports": [
            {"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}});
        assert_eq!(allocate(&mut again, Some(&old), &mut pool), Ok(()));
        assert_eq!(again, old);
    }
}
