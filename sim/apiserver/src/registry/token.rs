//! The token subresource of ServiceAccounts: TokenRequest.

use std::sync::Arc;

use jiff::SignedDuration;
use manifest::object;
use serde_json::{Map, Value, json};

use super::meta::metadata;
use crate::{
    access::tokens,
    call::Call,
    core::{Core, time},
    failure::{Cause, Failure, Outcome},
    fields, names,
    store::Key,
};

const GROUP: &str = "authentication.k8s.io";
const VERSION: &str = "authentication.k8s.io/v1";
const KIND: &str = "TokenRequest";
/// What is asked for without a number.
const DEFAULT_SECONDS: i64 = 3600;
/// What kubelets ask for pods: such a token lives for a year, and only its use after this time is warned about.
const WARN_AFTER: i64 = 3607;
const EXTENDED: i64 = 365 * 24 * 60 * 60;

impl Call<'_> {
    /// Issues a token.
    pub(crate) fn issue_token(&mut self) -> Outcome<(u16, Arc<Value>)> {
        let mut request = self.decode(Some((VERSION, KIND)))?;
        self.check_namespace(&mut request)?;
        object::map_at(&mut request, &["spec"])
            .entry("expirationSeconds")
            .or_insert(json!(DEFAULT_SECONDS));
        let mut request = fields::passing(self, VERSION, KIND, request);
        let name = self.target.name.clone();
        let own = object::name(&request);
        if !own.is_empty() && own != name {
            let message = format!("Invalid value: {own:?}: must match the service account name if specified");
            let cause = Cause::invalid("metadata.name", message);
            return Err(Failure::invalid(GROUP, KIND, &name, &[cause]));
        }
        let account = self.stored()?;
        self.complete(&mut request, &account);
        let bound = self.bound(&request)?;
        let seconds = request["spec"]["expirationSeconds"]
            .as_i64()
            .unwrap_or(DEFAULT_SECONDS);
        let own_audience = request["spec"]["audiences"] == json!([self.core.issuer]);
        let extend = bound.get("pod").is_some() && seconds == WARN_AFTER && own_audience;
        let claims = Claims {
            namespace: &self.target.namespace,
            account: &account,
            bound,
            audiences: request["spec"]["audiences"].clone(),
            seconds: if extend { EXTENDED } else { seconds },
            warn_after: extend.then_some(WARN_AFTER),
        };
        let payload = claims.payload(self.core, self.now);
        let token = tokens::sign(self.core, &payload)?;
        let until = self
            .now
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap_or(self.now);
        request["status"] = json!({"token": token, "expirationTimestamp": time(until)});
        Ok((201, Arc::new(request)))
    }

    /// Fills in what the server says, and checks the rest.
    fn complete(&self, request: &mut Value, account: &Value) {
        let meta = metadata(request);
        meta.insert("name".into(), object::name(account).into());
        meta.insert("uid".into(), object::uid(account).into());
        meta.insert("creationTimestamp".into(), time(self.now).into());
        let spec = object::map_at(request, &["spec"]);
        let unset = spec
            .get("audiences")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty);
        if unset {
            spec.insert("audiences".into(), json!([self.core.issuer]));
        }
        spec.entry("boundObjectRef").or_insert(Value::Null);
    }

    /// The claims about the object whose life the token shares.
    fn bound(&self, request: &Value) -> Outcome<Map<String, Value>> {
        check_seconds(request)?;
        let mut claims = Map::new();
        let reference = &request["spec"]["boundObjectRef"];
        if reference.is_null() {
            return Ok(claims);
        }
        let text = |key: &str| reference[key].as_str().unwrap_or_default();
        let (group, version) = manifest::split_api_version(text("apiVersion"));
        let (what, plural, namespace) = match (group, text("kind")) {
            ("", "Pod") => ("pod", "pods", self.target.namespace.as_str()),
            ("", "Secret") => ("secret", "secrets", self.target.namespace.as_str()),
            ("", "Node") => ("node", "nodes", ""),
            (group, kind) => {
                let gvk = format!("{group}/{version}, Kind={kind}");
                return Err(Failure::bad_request(format!(
                    "cannot bind token to object of type {gvk}"
                )));
            }
        };
        let found = self
            .core
            .stored(plural, &Key::new(namespace, text("name")))
            .ok_or_else(|| Failure::not_found("", plural, text("name")))?;
        if what == "pod" {
            claims.extend(self.running_as(&found)?);
        }
        let uid = text("uid");
        if !uid.is_empty() && uid != object::uid(&found) {
            let detail = format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
            );
            return Err(Failure::conflict("", text("kind"), text("name"), &detail));
        }
        claims.insert(what.to_owned(), reference_to(&found));
        Ok(claims)
    }

    /// A pod must run as the ServiceAccount; its node is claimed too.
    fn running_as(&self, pod: &Value) -> Outcome<Map<String, Value>> {
        let spec = |key: &str| pod["spec"][key].as_str().unwrap_or_default();
        if spec("serviceAccountName") != self.target.name {
            return Err(Failure::bad_request(format!(
                "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
                self.target.name
            )));
        }
        let mut claims = Map::new();
        let node = spec("nodeName");
        if !node.is_empty() {
            let claim = match self.core.stored("nodes", &Key::new("", node)) {
                Some(found) => reference_to(&found),
                None => json!({ "name": node }),
            };
            claims.insert("node".to_owned(), claim);
        }
        Ok(claims)
    }
}

fn reference_to(found: &Value) -> Value {
    json!({"name": object::name(found), "uid": object::uid(found)})
}

fn check_seconds(request: &Value) -> Outcome<()> {
    const LEAST: i64 = 600;
    const MOST: i64 = 1 << 32;
    let seconds = request["spec"]["expirationSeconds"]
        .as_i64()
        .unwrap_or(DEFAULT_SECONDS);
    let problem = if seconds < LEAST {
        "may not specify a duration less than 10 minutes"
    } else if seconds > MOST {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let cause = Cause::invalid(
        "spec.expirationSeconds",
        format!("Invalid value: {seconds}: {problem}"),
    );
    Err(Failure::invalid(GROUP, KIND, "", &[cause]))
}

/// What a token says.
struct Claims<'a> {
    namespace: &'a str,
    account: &'a Value,
    bound: Map<String, Value>,
    audiences: Value,
    seconds: i64,
    warn_after: Option<i64>,
}

impl Claims<'_> {
    fn payload(self, core: &mut Core, now: jiff::Timestamp) -> Value {
        let second = now.as_second();
        let name = object::name(self.account);
        let mut private = self.bound;
        private.insert("namespace".to_owned(), self.namespace.into());
        private.insert("serviceaccount".to_owned(), reference_to(self.account));
        if let Some(after) = self.warn_after {
            private.insert("warnafter".to_owned(), (second + after).into());
        }
        json!({
            "aud": self.audiences, "exp": second + self.seconds, "iat": second, "nbf": second,
            "iss": core.issuer, "jti": core.uid(), "kubernetes.io": private,
            "sub": format!("system:serviceaccount:{}:{name}", self.namespace),
        })
    }
}

/// A token of a ServiceAccount that is there, as whoever runs the cluster can hand one out.
pub(crate) fn long_lived(
    core: &mut Core,
    now: jiff::Timestamp,
    namespace: &str,
    name: &str,
) -> Option<String> {
    let account = core.stored(names::SERVICE_ACCOUNTS, &Key::new(namespace, name))?;
    let claims = Claims {
        namespace,
        account: &account,
        bound: Map::new(),
        audiences: json!([core.issuer]),
        seconds: EXTENDED,
        warn_after: None,
    };
    let payload = claims.payload(core, now);
    tokens::sign(core, &payload).ok()
}
