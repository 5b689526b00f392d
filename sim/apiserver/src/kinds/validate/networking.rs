//! Ingresses, their classes, and policies of networks.

use std::net::IpAddr;

use super::{
    Case,
    at::At,
    batch::domain_path,
    errors::{Errors, quote},
    meta::Name,
    names, selectors,
};

/// Judges objects of the kinds of this module; false for others.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    match (case.kind.kind, case.subresource) {
        ("Ingress", "status") => {
            case.meta().update(errors);
            for point in case.new.get("status.loadBalancer.ingress").items() {
                let ip = point.get("ip");
                if !ip.is_empty() {
                    errors.invalid_each(&ip, &names::ip(ip.text()));
                }
                host_name(&point.get("hostname"), errors);
            }
        }
        ("Ingress", _) => ingress(case, errors),
        ("IngressClass", _) => ingress_class(case, errors),
        ("NetworkPolicy", _) => policy(case, errors),
        _ => return false,
    }
    true
}

/// A name of a host, if given, and no address.
pub(super) fn host_name(at: &At<'_>, errors: &mut Errors) {
    if at.is_empty() {
        return;
    }
    errors.invalid_each(at, &names::subdomain(at.text()));
    if at.text().parse::<IpAddr>().is_ok() {
        errors.invalid(at, "must be a DNS name, not an IP address");
    }
}

fn ingress(case: &Case<'_>, errors: &mut Errors) {
    case.meta().update(errors);
    case.meta().whole(Name::Subdomain, errors);
    let spec = case.new.get("spec");
    let (rules, backend) = (spec.get("rules"), spec.get("defaultBackend"));
    if rules.is_empty() && !backend.is_set() {
        errors.invalid_as(
            &spec,
            "null",
            "either `defaultBackend` or `rules` must be specified",
        );
    }
    if backend.is_set() {
        ingress_backend(&backend, errors);
    }
    for rule in rules.items() {
        ingress_rule(&rule, errors);
    }
    for entry in spec.get("tls").items() {
        for host in entry.get("hosts").items() {
            let wild = host.text().contains('*');
            let messages = if wild {
                names::wildcard(host.text())
            } else {
                names::subdomain(host.text())
            };
            errors.invalid_each(&host, &messages);
        }
        let secret = entry.get("secretName");
        if !secret.is_empty() {
            errors.invalid_each(&secret, &names::subdomain(secret.text()));
        }
    }
    let class = spec.get("ingressClassName");
    if class.is_set() {
        errors.invalid_each(&class, &names::subdomain(class.text()));
    }
    let annotation = case
        .new
        .get("metadata.annotations")
        .key("kubernetes.io/ingress.class");
    if case.old.is_none() && annotation.is_set() && class.is_set() && annotation.text() != class.text() {
        // QUIRK: the path lacks `metadata` and has dots where it should have brackets.
        let place = At::new(
            "annotations.kubernetes.io/ingress.class".into(),
            annotation.value(),
        );
        errors.invalid(&place, "must match `ingressClassName` when both are specified");
    }
}

fn ingress_rule(rule: &At<'_>, errors: &mut Errors) {
    let host = rule.get("host");
    if !host.is_empty() {
        if host.text().parse::<IpAddr>().is_ok() {
            errors.invalid(&host, "must be a DNS name, not an IP address");
        }
        let wild = host.text().contains('*');
        let messages = if wild {
            names::wildcard(host.text())
        } else {
            names::subdomain(host.text())
        };
        errors.invalid_each(&host, &messages);
    }
    let http = rule.get("http");
    if !http.is_set() {
        return;
    }
    if http.get("paths").is_empty() {
        errors.required(&http.get("paths"), "");
    }
    http.get("paths")
        .items()
        .for_each(|path| ingress_path(&path, errors));
}

fn ingress_path(at: &At<'_>, errors: &mut Errors) {
    let (kind, path) = (at.get("pathType"), at.get("path"));
    if !kind.is_set() {
        return errors.required(&kind, "pathType must be specified");
    }
    let absolute = path.text().starts_with('/');
    match kind.text() {
        "Exact" | "Prefix" => {
            if !absolute {
                errors.invalid_as(&path, &quote(path.text()), "must be an absolute path");
            }
            for part in ["//", "/./", "/../", "%2f", "%2F"] {
                if path.text().contains(part) {
                    errors.invalid(&path, &format!("must not contain '{part}'"));
                }
            }
            for end in ["/..", "/."] {
                if path.text().ends_with(end) {
                    errors.invalid(&path, &format!("cannot end with '{end}'"));
                }
            }
        }
        "ImplementationSpecific" => {
            if !path.is_empty() && !absolute {
                errors.invalid(&path, "must be an absolute path");
            }
        }
        _ => errors.unsupported(&kind, &["Exact", "ImplementationSpecific", "Prefix"]),
    }
    ingress_backend(&at.get("backend"), errors);
}

fn ingress_backend(at: &At<'_>, errors: &mut Errors) {
    let (service, resource) = (at.get("service"), at.get("resource"));
    match (service.is_set(), resource.is_set()) {
        (true, true) => errors.invalid_as(at, "\"\"", "cannot set both resource and service backends"),
        (false, false) => errors.invalid_as(at, "\"\"", "resource or service backend is required"),
        (false, true) => reference(&resource, errors),
        (true, false) => {
            let name = service.get("name");
            if name.is_empty() {
                errors.required(&name, "");
            } else {
                errors.invalid_each(&name, &names::label(name.text()));
            }
            let (named, number) = (service.get("port.name"), service.get("port.number"));
            match (!named.is_empty(), number.number() != 0) {
                (true, true) => errors.invalid_as(at, "\"\"", "cannot set both port name & port number"),
                (true, false) => errors.invalid_each(&named, &names::port_name(named.text())),
                (false, true) => errors.invalid_each(&number, &names::port(number.number())),
                (false, false) => errors.required(at, "port name or number is required"),
            }
        }
    }
}

/// A reference to an object of any kind.
fn reference(at: &At<'_>, errors: &mut Errors) {
    let group = at.get("apiGroup");
    if group.is_set() {
        errors.invalid_each(&group, &names::subdomain(group.text()));
    }
    for name in ["kind", "name"] {
        let member = at.get(name);
        if member.is_empty() {
            errors.required(&member, "");
        } else {
            errors.invalid_each(&member, &names::path_segment(member.text(), false));
        }
    }
}

fn ingress_class(case: &Case<'_>, errors: &mut Errors) {
    case.meta().update(errors);
    let spec = case.new.get("spec");
    let controller = spec.get("controller");
    if let Some(old) = &case.old {
        errors.immutable(&controller, &old.get("spec.controller"));
    }
    case.meta().whole(Name::Subdomain, errors);
    if controller.len() > 250 {
        errors.too_long(&controller, 250);
    }
    domain_path(&controller, errors);
    let parameters = spec.get("parameters");
    if !parameters.is_set() {
        return;
    }
    reference(&parameters, errors);
    let (scope, namespace) = (parameters.get("scope"), parameters.get("namespace"));
    if !scope.is_set() {
        return errors.required(&scope, "");
    }
    errors.one_of(&scope, &["Cluster", "Namespace"]);
    if scope.text() == "Namespace" {
        if namespace.is_empty() {
            errors.required(&namespace, "`parameters.scope` is set to 'Namespace'");
        } else {
            errors.invalid_each(&namespace, &names::label(namespace.text()));
        }
    }
    if scope.text() == "Cluster" && namespace.is_set() {
        errors.forbidden(&namespace, "`parameters.scope` is set to 'Cluster'");
    }
}

fn policy(case: &Case<'_>, errors: &mut Errors) {
    if case.old.is_some() {
        case.meta().update(errors);
    } else {
        case.meta().whole(Name::Subdomain, errors);
    }
    let spec = case.new.get("spec");
    selectors::selector(&spec.get("podSelector"), errors);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.get(direction).items() {
            rule.get("ports")
                .items()
                .for_each(|port| policy_port(&port, errors));
            rule.get(peers)
                .items()
                .for_each(|peer| policy_peer(&peer, errors));
        }
    }
    let types = spec.get("policyTypes");
    if types.len() > 2 {
        return errors.invalid(&types, "may not specify more than two policyTypes");
    }
    for kind in types.items() {
        errors.one_of(&kind, &["Ingress", "Egress"]);
    }
}

fn policy_port(at: &At<'_>, errors: &mut Errors) {
    let (protocol, port, end) = (at.get("protocol"), at.get("port"), at.get("endPort"));
    if protocol.is_set() {
        errors.one_of(&protocol, &["TCP", "UDP", "SCTP"]);
    }
    match (port.int(), port.is_set()) {
        (Some(number), _) => {
            errors.invalid_each(&port, &names::port(number));
            if end.is_set() {
                if end.number() < number {
                    errors.invalid_as(
                        &end,
                        &number.to_string(),
                        "must be greater than or equal to `port`",
                    );
                }
                errors.invalid_each(&end, &names::port(end.number()));
            }
        }
        (None, true) => {
            if end.is_set() {
                errors.invalid(&end, "may not be specified when `port` is non-numeric");
            }
            errors.invalid_each(&port, &names::port_name(port.text()));
        }
        (None, false) if end.is_set() => {
            errors.invalid(&end, "may not be specified when `port` is not specified");
        }
        _ => {}
    }
}

fn policy_peer(at: &At<'_>, errors: &mut Errors) {
    let (pods, namespaces, block) = (
        at.get("podSelector"),
        at.get("namespaceSelector"),
        at.get("ipBlock"),
    );
    selectors::selector(&pods, errors);
    selectors::selector(&namespaces, errors);
    if block.is_set() {
        ip_block(&block, errors);
    }
    match [&pods, &namespaces, &block].iter().filter(|p| p.is_set()).count() {
        0 => errors.required(at, "must specify a peer"),
        1 => {}
        _ if block.is_set() => errors.forbidden(at, "may not specify both ipBlock and another peer"),
        _ => {}
    }
}

fn ip_block(at: &At<'_>, errors: &mut Errors) {
    let block = at.get("cidr");
    if block.is_empty() {
        return errors.required(&block, "");
    }
    cidr(&block, errors);
    let Some((network, length)) = parse_cidr(block.text()) else {
        return;
    };
    for except in at.get("except").items() {
        cidr(&except, errors);
        let Some((inner, longer)) = parse_cidr(except.text()) else {
            continue;
        };
        if length >= longer || prefix(inner, length) != prefix(network, length) {
            errors.invalid(&except, "must be a strict subset of `cidr`");
        }
    }
}

/// An address and the length of a prefix of it.
pub(super) fn cidr(at: &At<'_>, errors: &mut Errors) {
    if parse_cidr(at.text()).is_none() {
        errors.invalid(
            at,
            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        );
    }
}

fn parse_cidr(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length: u32 = length.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    (length <= most).then_some((address, length))
}

fn prefix(address: IpAddr, length: u32) -> (bool, u128) {
    let (bits, all) = match address {
        IpAddr::V4(a) => (u128::from(u32::from(a)), 32),
        IpAddr::V6(a) => (u128::from(a), 128),
    };
    (address.is_ipv4(), bits.checked_shr(all - length).unwrap_or(0))
}
