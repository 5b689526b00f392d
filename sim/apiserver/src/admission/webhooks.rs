//! Admission webhooks: who is asked, and what becomes of a request whose webhook cannot be reached.

use std::sync::Arc;

use serde_json::Value;

use super::{
    expressions::{self, Scope},
    matching::{self, Write},
};
use crate::{
    call::Call,
    failure::{Failure, Outcome},
    names,
    store::{Key, in_namespace},
};

const MUTATING: &str = "mutatingwebhookconfigurations.admissionregistration.k8s.io";
const VALIDATING: &str = "validatingwebhookconfigurations.admissionregistration.k8s.io";

/// Asks the webhooks that may change the object.
pub(super) fn mutate(call: &Call<'_>, write: Write<'_>) -> Outcome<()> {
    ask(call, MUTATING, write)
}

/// Asks the webhooks that may refuse the object.
pub(super) fn validate(call: &Call<'_>, write: Write<'_>) -> Outcome<()> {
    ask(call, VALIDATING, write)
}

fn ask(call: &Call<'_>, table: &str, write: Write<'_>) -> Outcome<()> {
    let table = call.core.table(table);
    if table.is_empty() || matching::exempt(call) {
        return Ok(());
    }
    for configuration in table.values() {
        let hooks = configuration.get("webhooks").and_then(Value::as_array);
        for hook in hooks.into_iter().flatten() {
            if matching::matches(call, hook, "rules", write) {
                ask_one(call, hook, write)?;
            }
        }
    }
    Ok(())
}

fn ask_one(call: &Call<'_>, hook: &Value, write: Write<'_>) -> Outcome<()> {
    let name = hook["name"].as_str().unwrap_or_default();
    let ignores = hook["failurePolicy"] == "Ignore";
    if hook.get("matchConditions").is_some() {
        match expressions::conditions(&Scope::new(call, write), hook.get("matchConditions")) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(_) if ignores => return Ok(()),
            Err(error) => return Err(call.forbidden(write.name, &error)),
        }
    }
    let harmless = matches!(hook["sideEffects"].as_str(), Some("None" | "NoneOnDryRun"));
    if call.dry_run && !harmless {
        return Err(Failure::bad_request(format!(
            "admission webhook {name:?} does not support dry run"
        )));
    }
    if ignores {
        return Ok(());
    }
    let (url, reason) = unreachable(call, hook);
    Err(Failure::internal(format!(
        "failed calling webhook {name:?}: failed to call webhook: Post {url:?}: {reason}"
    )))
}

/// Why nothing answers at the webhook's address.
///
/// DIFFERENCE: no webhook is ever called: behind every address the connection is refused.
fn unreachable(call: &Call<'_>, hook: &Value) -> (String, String) {
    let config = &hook["clientConfig"];
    let timeout = hook["timeoutSeconds"].as_i64().unwrap_or(10);
    if let Some(url) = config["url"].as_str() {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
            _ => (authority, "443"),
        };
        let reason = if host.parse::<std::net::IpAddr>().is_ok() {
            format!("dial tcp {host}:{port}: connect: connection refused")
        } else {
            format!("dial tcp: lookup {host}: no such host")
        };
        return (format!("{url}?timeout={timeout}s"), reason);
    }
    let service = &config["service"];
    let text = |key: &str| service[key].as_str().unwrap_or_default();
    let (name, namespace) = (text("name"), text("namespace"));
    let port = service["port"].as_i64().unwrap_or(443);
    let path = text("path").trim_start_matches('/');
    let url = format!("https://{name}.{namespace}.svc:{port}/{path}?timeout={timeout}s");
    let Some(found) = call.core.stored(names::SERVICES, &Key::new(namespace, name)) else {
        return (url, format!("service {name:?} not found"));
    };
    let served = found
        .pointer("/spec/ports")
        .and_then(Value::as_array)
        .is_some_and(|ports| ports.iter().any(|own| own["port"] == port));
    if !served {
        return (url, format!("no service port {port} found for service {name:?}"));
    }
    match endpoint(call, namespace, name) {
        None => (url, format!("no endpoints available for service {name:?}")),
        Some(address) => (url, format!("dial tcp {address}: connect: connection refused")),
    }
}

/// An address behind a Service.
fn endpoint(call: &Call<'_>, namespace: &str, service: &str) -> Option<String> {
    let table = call.core.table("endpointslices.discovery.k8s.io");
    let slices: Vec<Arc<Value>> = in_namespace(&table, namespace)
        .map(|(_, slice)| Arc::clone(slice))
        .filter(|slice| manifest::object::label(slice, "kubernetes.io/service-name") == Some(service))
        .collect();
    slices.iter().find_map(|slice| {
        let port = slice.pointer("/ports/0/port").and_then(Value::as_i64)?;
        let endpoints = slice.get("endpoints").and_then(Value::as_array);
        let ready = |own: &&Value| own.pointer("/conditions/ready") != Some(&Value::Bool(false));
        let address = endpoints
            .into_iter()
            .flatten()
            .find(ready)?
            .pointer("/addresses/0")
            .and_then(Value::as_str)?;
        Some(format!("{address}:{port}"))
    })
}
