//! Cells of networking: Services, their endpoints, ingress, policies and addresses.

use std::collections::BTreeSet;

use serde_json::Value;

use super::look::{Look, field, join, none, some};

pub(super) fn service(look: &Look<'_>) -> Vec<Value> {
    let kind = look.text("/spec/type");
    let address = look.list("/spec/clusterIPs").first().and_then(Value::as_str);
    let ports = look.list("/spec/ports").iter().map(|port| {
        let number = |key: &str| port.get(key).and_then(Value::as_i64).unwrap_or_default();
        let (own, node, protocol) = (number("port"), number("nodePort"), field(port, "protocol"));
        if node > 0 {
            format!("{own}:{node}/{protocol}")
        } else {
            format!("{own}/{protocol}")
        }
    });
    vec![
        look.name(),
        kind.into(),
        address.unwrap_or("<none>").into(),
        external(look, kind).into(),
        none(&join(ports, ",")).into(),
        look.age(),
        look.labels("/spec/selector"),
    ]
}

fn external(look: &Look<'_>, kind: &str) -> String {
    let own: Vec<&str> = look
        .list("/spec/externalIPs")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    match kind {
        "ClusterIP" | "NodePort" => none(&own.join(",")).to_owned(),
        "LoadBalancer" => {
            let mut all = balancers(look);
            all.extend(own.iter().map(|&address| address.to_owned()));
            if all.is_empty() {
                return "<pending>".to_owned();
            }
            all.join(",")
        }
        "ExternalName" => look.text("/spec/externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// Where load balancers answer, sorted.
fn balancers(look: &Look<'_>) -> Vec<String> {
    let ingress = look.list("/status/loadBalancer/ingress").iter();
    let addresses: BTreeSet<&str> = ingress
        .map(|point| match field(point, "ip") {
            "" => field(point, "hostname"),
            ip => ip,
        })
        .filter(|address| !address.is_empty())
        .collect();
    addresses.into_iter().map(str::to_owned).collect()
}

pub(super) fn ingress(look: &Look<'_>) -> Vec<Value> {
    let rules = look.list("/spec/rules");
    let mut hosts = Vec::new();
    let mut more = false;
    for rule in rules {
        more = more || hosts.len() == 3;
        let host = field(rule, "host");
        if !more && !host.is_empty() {
            hosts.push(host);
        }
    }
    let hosts = match (hosts.is_empty(), more) {
        (true, _) => "*".to_owned(),
        (false, false) => hosts.join(","),
        (false, true) => format!("{} + {} more...", hosts.join(","), rules.len().saturating_sub(3)),
    };
    let ports = if look.list("/spec/tls").is_empty() {
        "80"
    } else {
        "80, 443"
    };
    vec![
        look.name(),
        look.text_or("/spec/ingressClassName", "<none>").into(),
        hosts.into(),
        balancers(look).join(",").into(),
        ports.into(),
        look.age(),
    ]
}

pub(super) fn ingress_class(look: &Look<'_>) -> Vec<Value> {
    let parameters = look.at("/spec/parameters").map_or_else(
        || "<none>".to_owned(),
        |parameters| {
            let kind = field(parameters, "kind");
            let name = field(parameters, "name");
            match parameters.get("apiGroup").and_then(Value::as_str) {
                Some(group) => format!("{kind}.{group}/{name}"),
                None => format!("{kind}/{name}"),
            }
        },
    );
    vec![
        look.name(),
        look.text("/spec/controller").into(),
        parameters.into(),
        look.age(),
    ]
}

pub(super) fn policy(look: &Look<'_>) -> Vec<Value> {
    vec![look.name(), look.selector("/spec/podSelector"), look.age()]
}

pub(super) fn service_range(look: &Look<'_>) -> Vec<Value> {
    let ranges = look.list("/spec/cidrs").iter().filter_map(Value::as_str);
    vec![look.name(), join(ranges, ",").into(), look.age()]
}

pub(super) fn address(look: &Look<'_>) -> Vec<Value> {
    let parent = look.at("/spec/parentRef").map_or_else(
        || "<none>".to_owned(),
        |parent| {
            let mut text = field(parent, "resource").to_lowercase();
            for (between, key) in [(".", "group"), ("/", "namespace")] {
                let part = field(parent, key);
                if !part.is_empty() {
                    text.push_str(between);
                    text.push_str(part);
                }
            }
            format!("{text}/{}", field(parent, "name"))
        },
    );
    vec![look.name(), parent.into()]
}

pub(super) fn endpoints(look: &Look<'_>) -> Vec<Value> {
    let subsets = look.list("/subsets");
    let mut all = Vec::new();
    for subset in subsets {
        let list = |key: &str| {
            subset
                .get(key)
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice)
        };
        let addresses: Vec<&str> = list("addresses")
            .iter()
            .map(|address| field(address, "ip"))
            .collect();
        if list("ports").is_empty() {
            all.extend(addresses.iter().map(|&address| address.to_owned()));
        }
        for port in list("ports") {
            let number = port.get("port").and_then(Value::as_i64).unwrap_or_default();
            all.extend(addresses.iter().map(|address| {
                if address.contains(':') {
                    format!("[{address}]:{number}")
                } else {
                    format!("{address}:{number}")
                }
            }));
        }
    }
    let shown = if subsets.is_empty() {
        "<none>".to_owned()
    } else {
        some(&all, 3, ",")
    };
    vec![look.name(), shown.into(), look.age()]
}

pub(super) fn endpoint_slice(look: &Look<'_>) -> Vec<Value> {
    let ports: Vec<String> = look
        .list("/ports")
        .iter()
        .map(|port| match port.get("port").and_then(Value::as_i64) {
            Some(number) => number.to_string(),
            None => port.get("name").and_then(Value::as_str).unwrap_or("*").to_owned(),
        })
        .collect();
    let addresses: Vec<String> = look
        .list("/endpoints")
        .iter()
        .filter_map(|endpoint| endpoint.get("addresses").and_then(Value::as_array))
        .flatten()
        .filter_map(|address| address.as_str().map(str::to_owned))
        .collect();
    let shown = |list: &[String]| match some(list, 3, ",") {
        text if text.is_empty() => "<unset>".to_owned(),
        text => text,
    };
    vec![
        look.name(),
        look.text("/addressType").into(),
        shown(&ports).into(),
        shown(&addresses).into(),
        look.age(),
    ]
}
