//! Admission webhooks: who is asked what, and what the answer does.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use kube_schema::gotext::quote;
use manifest::labels::Selector;
use serde_json::{Value, json};

use super::{
    expressions::{self, Scope},
    matching::{self, Write},
};
use crate::{
    call::Call,
    core::Core,
    failure::{Failure, Outcome},
    limits, names,
    store::{Key, in_namespace},
    strategy,
    webhooks::{Question, Wanted, WebhookCall, WebhookFault},
};

const MUTATING: &str = "mutatingwebhookconfigurations.admissionregistration.k8s.io";
const VALIDATING: &str = "validatingwebhookconfigurations.admissionregistration.k8s.io";

/// Asks the webhooks that may change the object.
pub(super) fn mutate(call: &mut Call<'_>, object: &mut Value, old: Option<&Value>) -> Outcome<()> {
    for hook in hooks(call, MUTATING) {
        let write = Write::of(object, old);
        if !matching::matches(call, hook.own(), "rules", write) {
            continue;
        }
        if let Some(patch) = hook.ask(call, write)? {
            let patched = kube_patch::json_patch(object, &patch).map_err(Failure::internal)?;
            *object = patched;
            strategy::default(&call.resource, object);
        }
    }
    Ok(())
}

/// Asks the webhooks that may change objects about a deletion.
pub(super) fn deleting(call: &mut Call<'_>, write: Write<'_>) -> Outcome<()> {
    ask_all(call, MUTATING, write)
}

/// Asks the webhooks that may refuse the object.
pub(super) fn validate(call: &mut Call<'_>, write: Write<'_>) -> Outcome<()> {
    ask_all(call, VALIDATING, write)
}

fn ask_all(call: &mut Call<'_>, table: &'static str, write: Write<'_>) -> Outcome<()> {
    for hook in hooks(call, table) {
        if matching::matches(call, hook.own(), "rules", write) {
            hook.ask(call, write)?;
        }
    }
    Ok(())
}

/// A webhook: its place in the configuration it stands in.
struct Hook {
    table: &'static str,
    configuration: Arc<Value>,
    at: usize,
}

/// Whether there is any webhook.
pub(crate) fn asks(core: &Core) -> bool {
    !core.table(MUTATING).is_empty() || !core.table(VALIDATING).is_empty()
}

fn hooks(call: &Call<'_>, table: &'static str) -> Vec<Hook> {
    let configurations = call.core.table(table);
    if configurations.is_empty() || matching::exempt(call) {
        return Vec::new();
    }
    let of = |configuration: &Arc<Value>| {
        let count = list(configuration).len();
        let configuration = Arc::clone(configuration);
        (0..count).map(move |at| Hook {
            table,
            configuration: Arc::clone(&configuration),
            at,
        })
    };
    configurations.values().flat_map(of).collect()
}

/// The webhooks of a configuration.
fn list(configuration: &Value) -> &[Value] {
    configuration
        .get("webhooks")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

impl Hook {
    fn own(&self) -> &Value {
        list(&self.configuration).get(self.at).unwrap_or(&Value::Null)
    }

    fn name(&self) -> &str {
        self.own()["name"].as_str().unwrap_or_default()
    }

    /// What it is asked about this write.
    fn question(&self, call: &Call<'_>, write: Write<'_>) -> Question {
        let about = write.object.or(write.old).unwrap_or(&Value::Null);
        let name = write.object.map_or_else(
            || manifest::object::name(about).to_owned(),
            |object| super::shown_name(call, object),
        );
        Question {
            table: self.table,
            configuration: manifest::object::name(&self.configuration).to_owned(),
            hook: self.name().to_owned(),
            operation: write.operation,
            namespace: manifest::object::namespace(about).to_owned(),
            name,
            revision: write.old.map_or_else(String::new, |old| {
                manifest::object::resource_version(old).to_owned()
            }),
        }
    }

    /// What the webhook says: nothing, a patch, or a refusal.
    fn ask(&self, call: &mut Call<'_>, write: Write<'_>) -> Outcome<Option<Value>> {
        let own = self.own();
        let ignores = own["failurePolicy"] == "Ignore";
        if own.get("matchConditions").is_some() {
            match expressions::conditions(&Scope::new(call, write), own.get("matchConditions")) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(_) if ignores => return Ok(None),
                Err(error) => return Err(call.forbidden(write.name, &error)),
            }
        }
        let harmless = matches!(own["sideEffects"].as_str(), Some("None" | "NoneOnDryRun"));
        if call.dry_run && !harmless {
            return Err(Failure::bad_request(format!(
                "admission webhook {:?} does not support dry run",
                self.name()
            )));
        }
        let place = Place::of(call, own);
        let failed = |reason: String| {
            let text = format!("failed calling webhook {:?}: {reason}", self.name());
            if ignores {
                Ok(None)
            } else {
                Err(Failure::internal(text))
            }
        };
        let lost = |reason: &str| failed(format!("failed to call webhook: Post {:?}: {reason}", place.url));
        // Controllers inside the server act while a request is served: nobody could wait for them.
        if place.missing.is_some() || !call.core.attempt.waits || call.core.settling {
            return lost(place.missing.as_deref().unwrap_or(&place.refused));
        }
        let question = self.question(call, write);
        let Some(known) = call.core.attempt.known(&question).cloned() else {
            return Err(self.want(call, write, question, place.url));
        };
        match &known.answer {
            Err(WebhookFault::Refused) => lost(&place.refused),
            Err(WebhookFault::Timeout) => lost("context deadline exceeded"),
            Err(WebhookFault::Other(text)) => lost(text),
            Ok((200, body)) => match read(body, &known.uid) {
                Ok(response) => self.judge(call, &response),
                Err(error) => failed(format!("received invalid webhook response: {error}")),
            },
            Ok((404, _)) => {
                failed("failed to call webhook: the server could not find the requested resource".to_owned())
            }
            Ok((_, body)) => failed(format!(
                "failed to call webhook: an error on the server ({:?}) has prevented the request from succeeding",
                String::from_utf8_lossy(body)
            )),
        }
    }

    /// Gives the request up here, so that it comes again with the answer.
    fn want(&self, call: &mut Call<'_>, write: Write<'_>, question: Question, url: String) -> Box<Failure> {
        if call.core.attempt.is_spent() {
            let most = limits::WEBHOOK_CALLS;
            return Failure::internal(format!("a request may wait for {most} calls of webhooks at most"));
        }
        let uid = call.core.uid();
        let body = review(call, write, &uid).to_string().into();
        let timeout = Duration::from_secs(self.own()["timeoutSeconds"].as_u64().unwrap_or(10));
        call.core.attempt.want(Wanted {
            question,
            uid,
            call: WebhookCall { url, timeout, body },
        });
        Failure::internal("waiting for a webhook")
    }

    fn judge(&self, call: &mut Call<'_>, response: &Value) -> Outcome<Option<Value>> {
        let warnings = response.get("warnings").and_then(Value::as_array);
        for warning in warnings.into_iter().flatten().filter_map(Value::as_str) {
            call.warn(warning);
        }
        if response["allowed"] == Value::Bool(true) {
            let patch = response.get("patch").and_then(Value::as_str);
            let Some(patch) = patch else { return Ok(None) };
            let bytes = STANDARD.decode(patch).map_err(Failure::internal)?;
            return serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(Failure::internal);
        }
        let status = &response["status"];
        let text = |key: &str| status[key].as_str().filter(|text| !text.is_empty());
        let denied = format!("admission webhook {:?} denied the request", self.name());
        let message = match (text("message"), text("reason")) {
            (Some(own), _) | (None, Some(own)) => format!("{denied}: {own}"),
            (None, None) => format!("{denied} without explanation"),
        };
        let code = status["code"].as_u64().and_then(|code| u16::try_from(code).ok());
        let mut failure = Failure::plain(message);
        failure.code = code.filter(|code| *code >= 400).unwrap_or(400);
        failure.reason = text("reason").and_then(reason);
        Err(failure)
    }
}

/// The reasons that clients know.
fn reason(name: &str) -> Option<&'static str> {
    const KNOWN: [&str; 10] = [
        "Unauthorized",
        "Forbidden",
        "NotFound",
        "AlreadyExists",
        "Conflict",
        "Invalid",
        "BadRequest",
        "InternalError",
        "TooManyRequests",
        "RequestEntityTooLarge",
    ];
    KNOWN.into_iter().find(|known| *known == name)
}

/// The question as the webhook gets it.
fn review(call: &Call<'_>, write: Write<'_>, uid: &str) -> Value {
    let mut request = expressions::request(call, write);
    request["uid"] = uid.into();
    request["object"] = write.object.cloned().unwrap_or(Value::Null);
    request["oldObject"] = write.old.cloned().unwrap_or(Value::Null);
    let options = match write.operation {
        "CREATE" => "CreateOptions",
        "UPDATE" => "UpdateOptions",
        _ => "DeleteOptions",
    };
    request["options"] = json!({"kind": options, "apiVersion": "meta.k8s.io/v1"});
    json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request})
}

/// The `response` of an answer to the review with this uid.
fn read(body: &[u8], uid: &str) -> Result<Value, String> {
    let review: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let response = review
        .get("response")
        .filter(|response| response.is_object())
        .ok_or("webhook response was absent")?;
    let answered = response["uid"].as_str().unwrap_or_default();
    if answered != uid {
        return Err(format!(
            "expected response.uid={}, got {}",
            quote(uid),
            quote(answered)
        ));
    }
    let (version, kind) = (
        manifest::object::api_version(&review),
        manifest::object::kind(&review),
    );
    if version != "admission.k8s.io/v1" || kind != "AdmissionReview" {
        let (group, version) = manifest::split_api_version(version);
        return Err(format!(
            "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {group}/{version}, Kind={kind}"
        ));
    }
    Ok(response.clone())
}

/// Where a webhook is.
struct Place {
    url: String,
    /// Why there can be nothing.
    missing: Option<String>,
    /// What is said when nothing listens there.
    refused: String,
}

impl Place {
    fn of(call: &Call<'_>, hook: &Value) -> Self {
        let config = &hook["clientConfig"];
        let timeout = hook["timeoutSeconds"].as_i64().unwrap_or(10);
        let refused = |address: &str| format!("dial tcp {address}: connect: connection refused");
        if let Some(url) = config["url"].as_str() {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            let authority = rest.split('/').next().unwrap_or_default();
            let (host, port) = match authority.rsplit_once(':') {
                Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
                _ => (authority, "443"),
            };
            let by_address = host.parse::<std::net::IpAddr>().is_ok();
            let reason = if by_address {
                refused(&format!("{host}:{port}"))
            } else {
                format!("dial tcp: lookup {host}: no such host")
            };
            return Self {
                url: format!("{url}?timeout={timeout}s"),
                missing: None,
                refused: reason,
            };
        }
        let service = &config["service"];
        let text = |key: &str| service[key].as_str().unwrap_or_default();
        let (name, namespace) = (text("name"), text("namespace"));
        let port = service["port"].as_i64().unwrap_or(443);
        let path = text("path").trim_start_matches('/');
        let found = call.core.stored(names::SERVICES, &Key::new(namespace, name));
        let served = found
            .as_ref()
            .and_then(|found| found.pointer("/spec/ports"))
            .and_then(Value::as_array)
            .is_some_and(|ports| ports.iter().any(|own| own["port"] == port));
        let endpoint = endpoint(call, namespace, name, found.as_deref());
        let missing = match (&found, served, &endpoint) {
            (None, ..) => Some(format!("service {name:?} not found")),
            (_, false, _) => Some(format!("no service port {port} found for service {name:?}")),
            (.., None) => Some(format!("no endpoints available for service {name:?}")),
            _ => None,
        };
        Self {
            url: format!("https://{name}.{namespace}.svc:{port}/{path}?timeout={timeout}s"),
            missing,
            refused: refused(&endpoint.unwrap_or_default()),
        }
    }
}

/// An address behind a Service: an endpoint of its slices, or a pod that it selects.
fn endpoint(call: &Call<'_>, namespace: &str, name: &str, service: Option<&Value>) -> Option<String> {
    let slices = call.core.table("endpointslices.discovery.k8s.io");
    let by_slice = in_namespace(&slices, namespace)
        .map(|(_, slice)| slice)
        .filter(|slice| manifest::object::label(slice, "kubernetes.io/service-name") == Some(name))
        .find_map(|slice| {
            let port = slice.pointer("/ports/0/port").and_then(Value::as_i64)?;
            let endpoints = slice.get("endpoints").and_then(Value::as_array);
            let ready = |own: &&Value| own.pointer("/conditions/ready") != Some(&Value::Bool(false));
            let first = endpoints.into_iter().flatten().find(ready)?;
            let address = first.pointer("/addresses/0").and_then(Value::as_str)?;
            Some(format!("{address}:{port}"))
        });
    let selector = service.and_then(|service| service.pointer("/spec/selector"));
    let by_pod = || {
        let selector = Selector::from_object(&json!({"matchLabels": selector?})).ok()?;
        let pods = call.core.table("pods");
        in_namespace(&pods, namespace)
            .map(|(_, pod)| pod)
            .filter(|pod| selector.matches(manifest::object::labels(pod)))
            .filter(|pod| {
                manifest::object::condition(pod, "Ready").is_some_and(|own| own["status"] == "True")
            })
            .find_map(|pod| {
                pod.pointer("/status/podIP")
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            })
    };
    by_slice.or_else(by_pod)
}
