//! Addresses from outside: of Services of type LoadBalancer, and of Ingresses.

use manifest::object;
use serde_json::{Value, json};

use crate::{
    actor::{Actor, EventKind},
    owned,
    resources::{INGRESSES, SERVICES},
};

const CLEANUP: &str = "service.kubernetes.io/load-balancer-cleanup";

/// TEST-NET-3: an address that is nobody's. The last part comes from the uid, so that two objects seldom share.
fn address(item: &Value) -> String {
    let digest = stdx::sha256_hex(object::uid(item).as_bytes());
    let last = u8::from_str_radix(&digest[..2], 16).unwrap_or(1).clamp(1, 254);
    format!("203.0.113.{last}")
}

/// Gives a Service the address that a cloud's controller would give it.
pub(crate) fn balance(actor: &Actor, service: &Value) {
    let balanced = owned::text(service, "/spec/type") == "LoadBalancer"
        && service.pointer("/spec/loadBalancerClass").is_none();
    if !balanced || owned::is_deleting(service) {
        let waits = owned::list(service, "/metadata/finalizers")
            .iter()
            .any(|entry| entry == CLEANUP);
        if waits {
            let patch = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": [CLEANUP]}});
            let _ = actor.patch(SERVICES, service, &patch);
        }
        return;
    }
    if !owned::list(service, "/status/loadBalancer/ingress").is_empty() {
        return;
    }
    let wanted = owned::text(service, "/spec/loadBalancerIP");
    let ip = if wanted.is_empty() {
        address(service)
    } else {
        wanted.to_owned()
    };
    let mut status = service.get("status").cloned().unwrap_or_else(|| json!({}));
    status["loadBalancer"] = json!({"ingress": [{"ip": ip, "ipMode": "VIP"}]});
    actor.set_status(SERVICES, service, status);
    let text = "Ensured load balancer";
    actor.event(SERVICES, service, EventKind::Normal, "EnsuredLoadBalancer", text);
}

/// Gives an Ingress the address that an ingress controller would publish.
pub(crate) fn publish(actor: &Actor, ingress: &Value) {
    if owned::is_deleting(ingress) || !owned::list(ingress, "/status/loadBalancer/ingress").is_empty() {
        return;
    }
    let status = json!({"loadBalancer": {"ingress": [{"ip": address(ingress)}]}});
    actor.set_status(INGRESSES, ingress, status);
}
