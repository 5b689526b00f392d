//! Services of type LoadBalancer get an address, as a cloud's controller gives one.

use manifest::object;
use serde_json::{Value, json};

use crate::{
    actor::{Actor, SERVICES},
    driver::Again,
};

pub(crate) fn reconcile(actor: &Actor, service: &Value) -> Again {
    let balanced = service.pointer("/spec/type").and_then(Value::as_str) == Some("LoadBalancer");
    if !balanced || !object::deletion_timestamp(service).is_empty() {
        return Again::Never;
    }
    let has = service.pointer("/status/loadBalancer/ingress").is_some();
    if has {
        return Again::Never;
    }
    // TEST-NET-3: an address that is nobody's. The last part comes from the uid, so that two services seldom share.
    let digest = stdx::sha256_hex(object::uid(service).as_bytes());
    let last = u8::from_str_radix(&digest[..2], 16).unwrap_or(1).clamp(1, 254);
    let status = json!({"loadBalancer": {"ingress": [{"ip": format!("203.0.113.{last}"), "ipMode": "VIP"}]}});
    actor.set_status(SERVICES, service, status);
    Again::Never
}
