//! Services.

use std::collections::BTreeSet;

use super::{
    Case,
    at::At,
    endpoints::endpoint_ip,
    errors::{Errors, quote},
    meta::Name,
    names, networking, pod, selectors,
};

/// Judges Services; false for other kinds.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    if case.kind.kind != "Service" {
        return false;
    }
    if case.subresource == "status" {
        case.meta().update(errors);
        load_balancer_status(case.new, errors);
        return true;
    }
    if let Some(old) = &case.old {
        case.meta().update(errors);
        changed_addresses(&case.new.get("spec"), &old.get("spec"), errors);
        changed_class(&case.new.get("spec"), &old.get("spec"), errors);
        let (at, before) = (case.new.get("spec"), old.get("spec"));
        let port = at.get("healthCheckNodePort");
        if checks_health(&at)
            && checks_health(&before)
            && port.number() != before.get("healthCheckNodePort").number()
        {
            errors.forbidden(&port, "field is immutable");
        }
    } else {
        case.meta().whole(Name::Label, errors);
    }
    whole(case, errors);
    true
}

fn headless(spec: &At<'_>) -> bool {
    spec.get("clusterIPs")
        .items()
        .next()
        .is_some_and(|ip| ip.text() == "None")
}

fn external(spec: &At<'_>) -> bool {
    match spec.get("type").text() {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" => !spec.get("externalIPs").is_empty(),
        _ => false,
    }
}

fn checks_health(spec: &At<'_>) -> bool {
    spec.get("type").text() == "LoadBalancer" && spec.get("externalTrafficPolicy").text() == "Local"
}

fn whole(case: &Case<'_>, errors: &mut Errors) {
    let spec = case.new.get("spec");
    let (kind, ports) = (spec.get("type"), spec.get("ports"));
    if ports.is_empty() && !headless(&spec) && kind.text() != "ExternalName" {
        errors.required(&ports, "");
    }
    by_type(&spec, errors);
    let mut seen = BTreeSet::new();
    for port in ports.items() {
        service_port(&port, ports.len() > 1, &mut seen, errors);
    }
    selectors::labels(&spec.get("selector"), errors);
    affinity(&spec, errors);
    addresses(&spec, errors);
    for ip in spec.get("externalIPs").items() {
        let messages = names::ip(ip.text());
        if messages.is_empty() {
            endpoint_ip(&ip, errors);
        }
        errors.invalid_each(&ip, &messages);
    }
    pod::errors_for_choice(
        &kind,
        &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
        errors,
    );
    node_ports(&spec, errors);
    same_ports(&ports, errors);
    source_ranges(case.new, &spec, errors);
    let balanced = kind.text() == "LoadBalancer";
    const BALANCED_ONLY: &str = "may only be used when `type` is 'LoadBalancer'";
    let allocate = spec.get("allocateLoadBalancerNodePorts");
    if allocate.is_set() && !balanced {
        errors.forbidden(&allocate, BALANCED_ONLY);
    }
    let class = spec.get("loadBalancerClass");
    if class.is_set() && balanced {
        errors.invalid_each(&class, &names::qualified(class.text()));
    } else if class.is_set() {
        errors.forbidden(&class, BALANCED_ONLY);
    }
    traffic(&spec, errors);
}

fn by_type(spec: &At<'_>, errors: &mut Errors) {
    let kind = spec.get("type").text();
    let addresses = spec.get("clusterIPs");
    match kind {
        "LoadBalancer" | "NodePort" if headless(spec) => {
            if let Some(first) = addresses.items().next() {
                errors.invalid(&first, &format!("may not be set to 'None' for {kind} services"));
            }
        }
        "ExternalName" => {
            for name in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                if !spec.get(name).is_empty() {
                    errors.forbidden(&spec.get(name), "may not be set for ExternalName services");
                }
            }
            let name = spec.get("externalName");
            let cname = name.text().strip_suffix('.').unwrap_or(name.text());
            if cname.is_empty() {
                errors.required(&name, "");
            } else {
                for message in names::subdomain(cname) {
                    errors.invalid_as(&name, &quote(cname), &message);
                }
            }
        }
        _ => {}
    }
}

fn service_port<'a>(port: &At<'a>, named: bool, seen: &mut BTreeSet<&'a str>, errors: &mut Errors) {
    let name = port.get("name");
    if named && name.is_empty() {
        errors.required(&name, "");
    } else if !name.is_empty() {
        errors.invalid_each(&name, &names::label(name.text()));
        if !seen.insert(name.text()) {
            errors.duplicate(&name);
        }
    }
    let number = port.get("port");
    errors.invalid_each(&number, &names::port(number.number()));
    pod::errors_for_choice(&port.get("protocol"), &["SCTP", "TCP", "UDP"], errors);
    pod::port_or_name(&port.get("targetPort"), errors);
    let protocol = port.get("appProtocol");
    if protocol.is_set() {
        errors.invalid_each(&protocol, &names::qualified(protocol.text()));
    }
}

fn affinity(spec: &At<'_>, errors: &mut Errors) {
    let (kind, config) = (spec.get("sessionAffinity"), spec.get("sessionAffinityConfig"));
    pod::errors_for_choice(&kind, &["ClientIP", "None"], errors);
    if kind.text() == "ClientIP" {
        let timeout = config.get("clientIP.timeoutSeconds");
        if !config.is_set() {
            errors.required(&config, "when session affinity type is ClientIP");
        } else if !(1..=86400).contains(&timeout.number()) {
            errors.invalid(&timeout, "must be greater than 0 and less than 86400");
        }
    } else if kind.text() == "None" && config.is_set() {
        errors.forbidden(&config, "must not be set when session affinity is None");
    }
}

/// The addresses of a Service and their families.
pub(super) fn addresses(spec: &At<'_>, errors: &mut Errors) {
    if spec.get("type").text() == "ExternalName" {
        return;
    }
    let (one, all) = (spec.get("clusterIP"), spec.get("clusterIPs"));
    let first = all.items().next();
    match (one.is_empty(), &first) {
        (false, None) => errors.required(&all, ""),
        (false, Some(ip)) if ip.text() != one.text() => {
            errors.invalid(&all, "first value must match `clusterIP`")
        }
        (true, Some(_)) => errors.invalid(&all, "must be empty when `clusterIP` is not specified"),
        _ => {}
    }
    let mut seen = BTreeSet::new();
    for family in spec.get("ipFamilies").items() {
        errors.one_of(&family, &["IPv4", "IPv6"]);
        if !seen.insert(family.text()) {
            errors.duplicate(&family);
        }
    }
    let policy = spec.get("ipFamilyPolicy");
    if policy.is_set() {
        errors.one_of(&policy, &["PreferDualStack", "RequireDualStack", "SingleStack"]);
    }
    let before = errors.len();
    for (i, ip) in all.items().enumerate() {
        if i == 0 && ip.text() == "None" {
            if all.len() > 1 {
                errors.invalid(&all, "'None' must be the first and only value");
            }
            continue;
        }
        errors.invalid_each(&ip, &names::ip(ip.text()));
    }
    let wrong = errors.len() > before;
    if all.len() > 2 {
        errors.invalid(&all, "may only hold up to 2 values");
    }
    if wrong || headless(spec) {
        return;
    }
    for (ip, family) in all.items().zip(spec.get("ipFamilies").items()) {
        let is = if ip.text().contains(':') { "IPv6" } else { "IPv4" };
        if family.text() != is {
            let index = family
                .path()
                .rsplit('[')
                .next()
                .unwrap_or_default()
                .trim_end_matches(']')
                .to_owned();
            let text = format!(
                "expected an {} value as indicated by `ipFamilies[{index}]`",
                family.text()
            );
            errors.invalid(&ip, &text);
        }
    }
}

fn node_ports(spec: &At<'_>, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for port in spec.get("ports").items() {
        let node = port.get("nodePort");
        if node.number() != 0 && spec.get("type").text() == "ClusterIP" {
            errors.forbidden(&node, "may not be used when `type` is 'ClusterIP'");
        }
    }
    for port in spec.get("ports").items() {
        let node = port.get("nodePort");
        if node.number() != 0 && !seen.insert((port.get("protocol").text(), node.number())) {
            errors.duplicate(&node);
        }
    }
}

fn same_ports(ports: &At<'_>, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for port in ports.items() {
        let key = (port.get("protocol").text(), port.get("port").number());
        if !seen.insert(key) {
            let shown = format!(
                "{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{},\"TargetPort\":0,\"NodePort\":0}}",
                quote(key.0),
                key.1
            );
            errors.duplicate_as(&port, &shown, "");
        }
    }
}

fn source_ranges(service: &At<'_>, spec: &At<'_>, errors: &mut Errors) {
    const BALANCED_ONLY: &str = "may only be used when `type` is 'LoadBalancer'";
    let ranges = spec.get("loadBalancerSourceRanges");
    let balanced = spec.get("type").text() == "LoadBalancer";
    if !ranges.is_empty() {
        // QUIRK: the path has a capital letter.
        let place = At::new("spec.LoadBalancerSourceRanges".into(), ranges.value());
        if !balanced {
            errors.forbidden(&place, BALANCED_ONLY);
        }
        for range in place.items() {
            networking::cidr(&range, errors);
        }
        return;
    }
    let annotation = service
        .get("metadata.annotations")
        .key("service.beta.kubernetes.io/load-balancer-source-ranges");
    if annotation.is_set() && !balanced {
        errors.forbidden(&annotation, BALANCED_ONLY);
    }
}

fn traffic(spec: &At<'_>, errors: &mut Errors) {
    let (policy, port) = (spec.get("externalTrafficPolicy"), spec.get("healthCheckNodePort"));
    if external(spec) {
        pod::errors_for_choice(&policy, &["Cluster", "Local"], errors);
    } else if !policy.is_empty() {
        errors.invalid(&policy, "may only be set for externally-accessible services");
    }
    if !checks_health(spec) && port.number() != 0 {
        let text = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        errors.invalid(&port, text);
    }
    let internal = spec.get("internalTrafficPolicy");
    if internal.is_set() {
        errors.one_of(&internal, &["Cluster", "Local"]);
    }
    let distribution = spec.get("trafficDistribution");
    if distribution.is_set() {
        errors.one_of(
            &distribution,
            &["PreferClose", "PreferSameZone", "PreferSameNode"],
        );
    }
}

fn changed_addresses(spec: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    const ONCE: &str = "may not change once set";
    if [spec, old].iter().any(|s| s.get("type").text() == "ExternalName") || (headless(spec) && headless(old))
    {
        return;
    }
    let (all, before) = (spec.get("clusterIPs"), old.get("clusterIPs"));
    let shown = all.value().to_string();
    let place = |i: usize| At::new(format!("{}[{i}]", all.path()), all.value());
    let pairs: Vec<(&str, &str)> = before
        .items()
        .map(|i| i.text())
        .zip(all.items().map(|i| i.text()))
        .collect();
    if all.len() == before.len() {
        for (i, (was, is)) in pairs.iter().enumerate() {
            if was != is {
                errors.invalid_as(&place(i), &shown, ONCE);
            }
        }
    } else if all.is_empty() {
        errors.invalid_as(&place(0), &shown, "primary clusterIP can not be unset");
    } else if pairs.first().is_some_and(|(was, is)| was != is) {
        errors.invalid_as(&place(0), &shown, ONCE);
    }
}

fn changed_class(spec: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let both = [spec, old].iter().all(|s| s.get("type").text() == "LoadBalancer");
    let class = spec.get("loadBalancerClass");
    if both && !class.same(&old.get("loadBalancerClass")) {
        errors.invalid(&class, "may not change once set");
    }
    if class.is_set() && spec.get("type").text() == "LoadBalancer" {
        errors.invalid_each(&class, &names::qualified(class.text()));
    } else if class.is_set() {
        errors.forbidden(&class, "may only be used when `type` is 'LoadBalancer'");
    }
}

fn load_balancer_status(service: &At<'_>, errors: &mut Errors) {
    let points = service.get("status.loadBalancer.ingress");
    if service.get("spec.type").text() != "LoadBalancer" {
        if !points.is_empty() {
            errors.forbidden(&points, "may only be used when `spec.type` is 'LoadBalancer'");
        }
        return;
    }
    for point in points.items() {
        let (ip, mode, host) = (point.get("ip"), point.get("ipMode"), point.get("hostname"));
        if !ip.is_empty() {
            errors.invalid_each(&ip, &names::ip(ip.text()));
        }
        match (mode.is_set(), ip.is_empty()) {
            (false, false) => errors.required(&mode, "must be specified when `ip` is set"),
            (true, true) => errors.forbidden(&mode, "may not be specified when `ip` is not set"),
            (true, false) => errors.one_of(&mode, &["Proxy", "VIP"]),
            (false, true) => {}
        }
        networking::host_name(&host, errors);
    }
}
