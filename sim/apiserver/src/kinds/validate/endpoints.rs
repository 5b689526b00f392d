//! Endpoints and their slices.

use std::net::IpAddr;

use super::{Case, at::At, errors::Errors, meta::Name, names, pod, selectors};

/// Judges objects of the kinds of this module; false for others.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    match case.kind.kind {
        "Endpoints" => endpoints(case, errors),
        "EndpointSlice" => slice(case, errors),
        _ => return false,
    }
    true
}

/// An address under which others may be reached.
pub(super) fn endpoint_ip(at: &At<'_>, errors: &mut Errors) {
    let Ok(ip) = at.text().parse::<IpAddr>() else {
        return;
    };
    let (local, multicast) = match ip {
        IpAddr::V4(a) => (a.is_link_local(), a.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(a) => ((a.segments()[0] & 0xffc0) == 0xfe80, a.segments()[0] == 0xff02),
    };
    if ip.is_unspecified() {
        errors.invalid(at, "may not be unspecified (0.0.0.0 or ::)");
    }
    if ip.is_loopback() {
        errors.invalid(at, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    if local {
        errors.invalid(
            at,
            "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
        );
    }
    if multicast {
        errors.invalid(
            at,
            "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
        );
    }
}

fn endpoints(case: &Case<'_>, errors: &mut Errors) {
    case.meta().update(errors);
    case.meta().whole(Name::Subdomain, errors);
    let subsets = case.new.get("subsets");
    if case
        .old
        .as_ref()
        .is_some_and(|old| old.get("subsets").same(&subsets))
    {
        return;
    }
    for subset in subsets.items() {
        let lists = [subset.get("addresses"), subset.get("notReadyAddresses")];
        if lists.iter().all(At::is_empty) {
            errors.required(&subset, "must specify `addresses` or `notReadyAddresses`");
        }
        for address in lists.iter().flat_map(At::items) {
            let (ip, host, node) = (
                address.get("ip"),
                address.get("hostname"),
                address.get("nodeName"),
            );
            errors.invalid_each(&ip, &names::ip(ip.text()));
            if !host.is_empty() {
                errors.invalid_each(&host, &names::label(host.text()));
            }
            if node.is_set() {
                errors.invalid_each(&node, &names::subdomain(node.text()));
            }
            endpoint_ip(&ip, errors);
        }
        let ports = subset.get("ports");
        for port in ports.items() {
            let (name, number) = (port.get("name"), port.get("port"));
            if ports.len() > 1 && name.is_empty() {
                errors.required(&name, "");
            } else if !name.is_empty() {
                errors.invalid_each(&name, &names::label(name.text()));
            }
            errors.invalid_each(&number, &names::port(number.number()));
            pod::errors_for_choice(&port.get("protocol"), &["SCTP", "TCP", "UDP"], errors);
            let protocol = port.get("appProtocol");
            if protocol.is_set() {
                errors.invalid_each(&protocol, &names::qualified(protocol.text()));
            }
        }
    }
}

fn slice(case: &Case<'_>, errors: &mut Errors) {
    case.meta().whole(Name::Subdomain, errors);
    let kind = case.new.get("addressType");
    pod::errors_for_choice(&kind, &["FQDN", "IPv4", "IPv6"], errors);
    slice_ports(&case.new.get("ports"), errors);
    let endpoints = case.new.get("endpoints");
    let unchanged = case
        .old
        .as_ref()
        .is_some_and(|old| old.get("endpoints").same(&endpoints));
    if !unchanged {
        if endpoints.len() > 1000 {
            errors.too_many(&endpoints, endpoints.len(), 1000);
        } else {
            endpoints.items().for_each(|e| endpoint(&e, kind.text(), errors));
        }
    }
    if let Some(old) = &case.old {
        errors.immutable(&kind, &old.get("addressType"));
    }
}

fn slice_ports(ports: &At<'_>, errors: &mut Errors) {
    let mut seen = std::collections::BTreeSet::new();
    for port in ports.items() {
        let name = port.get("name");
        if !name.is_empty() {
            errors.invalid_each(&name, &names::label(name.text()));
        }
        if !seen.insert(name.text()) {
            errors.duplicate(&name);
        }
        pod::errors_for_choice(&port.get("protocol"), &["SCTP", "TCP", "UDP"], errors);
        let protocol = port.get("appProtocol");
        if protocol.is_set() {
            errors.invalid_each(&protocol, &names::qualified(protocol.text()));
        }
    }
}

fn endpoint(at: &At<'_>, kind: &str, errors: &mut Errors) {
    let addresses = at.get("addresses");
    if addresses.is_empty() {
        errors.required(&addresses, "must contain at least 1 address");
    } else if addresses.len() > 100 {
        errors.too_many(&addresses, addresses.len(), 100);
    }
    for address in addresses.items() {
        if kind == "FQDN" {
            errors.invalid_each(&address, &names::subdomain(address.text()));
            continue;
        }
        let messages = names::ip(address.text());
        if messages.is_empty() {
            let is = if address.text().contains(':') {
                "IPv6"
            } else {
                "IPv4"
            };
            if ["IPv4", "IPv6"].contains(&kind) && is != kind {
                errors.invalid(
                    &addresses.with(address.value()),
                    &format!("must be an {kind} address"),
                );
            }
            endpoint_ip(&address, errors);
        }
        errors.invalid_each(&address, &messages);
    }
    let (node, host) = (at.get("nodeName"), at.get("hostname"));
    if node.is_set() {
        errors.invalid_each(&node, &names::subdomain(node.text()));
    }
    selectors::labels(&at.get("deprecatedTopology"), errors);
    if host.is_set() {
        errors.invalid_each(&host, &names::label(host.text()));
    }
}
