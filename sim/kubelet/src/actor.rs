//! Acting on the API server under a controller's own identity.

use std::sync::Arc;

use apiserver::{ApiServer, User};
use edges::Clock;
use manifest::object;
use serde_json::{Value, json};

use crate::{
    recorder::Recorder,
    resources::{EVENTS, Resource},
};

/// The API server refused a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: u16,
    pub(crate) message: String,
}

/// Whose hands an [`Actor`] lends.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) user: User,
    /// What it calls itself when it speaks to the server: after this the managed fields are named.
    pub(crate) agent: &'static str,
    /// The source of its events.
    pub(crate) component: &'static str,
}

impl Identity {
    /// A controller of kube-controller-manager: `system:serviceaccount:kube-system:<account>`.
    pub(crate) fn controller(account: &str, component: &'static str) -> Self {
        Self {
            user: User::service_account("kube-system", account),
            agent: "kube-controller-manager",
            component,
        }
    }

    /// A component with a name of its own, such as `system:kube-scheduler`.
    pub(crate) fn named(
        name: &str,
        group: Option<&str>,
        agent: &'static str,
        component: &'static str,
    ) -> Self {
        let groups = group
            .into_iter()
            .chain(["system:authenticated"])
            .map(str::to_owned)
            .collect();
        let user = User {
            name: name.to_owned(),
            groups,
            ..User::default()
        };
        Self {
            user,
            agent,
            component,
        }
    }
}

/// One controller's hands.
#[derive(Clone)]
pub(crate) struct Actor {
    pub(crate) api: ApiServer,
    pub(crate) clock: Clock,
    identity: Identity,
    recorder: Arc<Recorder>,
}

impl Actor {
    pub(crate) fn new(api: &ApiServer, clock: Clock, recorder: &Arc<Recorder>, identity: Identity) -> Self {
        Self {
            api: api.clone(),
            clock,
            identity,
            recorder: Arc::clone(recorder),
        }
    }

    /// The same identity under which events of another component are written.
    pub(crate) fn speaking_as(&self, component: &'static str) -> Self {
        let mut other = self.clone();
        other.identity.component = component;
        other
    }

    pub(crate) fn now(&self) -> String {
        timestamp(self.clock)
    }

    /// The present state of an object.
    pub(crate) fn fresh(&self, resource: Resource, item: &Value) -> Option<Arc<Value>> {
        self.find(resource, object::namespace(item), object::name(item))
            .filter(|found| object::uid(found) == object::uid(item))
    }

    pub(crate) fn find(&self, resource: Resource, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.api.get(&resource.gvr(), namespace, name)
    }

    /// The objects of a kind in a namespace, or all.
    pub(crate) fn all(&self, resource: Resource, namespace: &str) -> Vec<Arc<Value>> {
        let namespace = (!namespace.is_empty()).then_some(namespace);
        self.api.list(&resource.gvr(), namespace)
    }

    pub(crate) fn create(&self, resource: Resource, namespace: &str, body: &Value) -> Result<Value, Refused> {
        self.call("POST", &resource.path(namespace, ""), Some(body))
    }

    /// Writes `status` if it differs from what `object` has.
    pub(crate) fn set_status(&self, resource: Resource, object: &Value, status: Value) -> bool {
        if object.get("status") == Some(&status) {
            return false;
        }
        let mut body = object.clone();
        body["status"] = status;
        self.put_status(resource, &body)
    }

    /// Replaces an object through its `status`.
    pub(crate) fn put_status(&self, resource: Resource, body: &Value) -> bool {
        let rest = format!("/{}/status", object::name(body));
        let path = resource.path(object::namespace(body), &rest);
        // A refusal (a conflict, an object just deleted) is answered by the change that caused it: that one brings
        // the object back into the queue.
        self.call("PUT", &path, Some(body)).is_ok()
    }

    /// Replaces an object by an edited copy, with `update` rights only, as the genuine controllers do.
    pub(crate) fn update(
        &self,
        resource: Resource,
        object: &Value,
        edit: impl FnOnce(&mut Value),
    ) -> Result<Value, Refused> {
        let mut body = object.clone();
        edit(&mut body);
        let path = resource.path(object::namespace(object), &format!("/{}", object::name(object)));
        self.call("PUT", &path, Some(&body))
    }

    /// Changes an object by a strategic merge patch.
    pub(crate) fn patch(&self, resource: Resource, object: &Value, patch: &Value) -> Result<Value, Refused> {
        let path = resource.path(object::namespace(object), &format!("/{}", object::name(object)));
        self.send(
            "PATCH",
            &path,
            "application/strategic-merge-patch+json",
            Some(patch),
        )
    }

    pub(crate) fn post(&self, resource: Resource, object: &Value, subresource: &str, body: &Value) {
        let rest = format!("/{}/{subresource}", object::name(object));
        let _ = self.call(
            "POST",
            &resource.path(object::namespace(object), &rest),
            Some(body),
        );
    }

    /// Deletes this very incarnation of an object; whether that was accepted.
    pub(crate) fn delete(&self, resource: Resource, object: &Value, grace_seconds: Option<u32>) -> bool {
        let mut options = json!({
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
            "preconditions": {"uid": object::uid(object)},
        });
        if let Some(seconds) = grace_seconds {
            options["gracePeriodSeconds"] = json!(seconds);
        }
        let path = resource.path(object::namespace(object), &format!("/{}", object::name(object)));
        self.call("DELETE", &path, Some(&options)).is_ok()
    }

    /// Records an Event about `object`; equal ones are counted up.
    pub(crate) fn event(
        &self,
        resource: Resource,
        object: &Value,
        kind: EventKind,
        reason: &str,
        message: &str,
    ) {
        // What concerns the cluster itself is told in the default namespace.
        let namespace = match object::namespace(object) {
            "" => "default",
            namespace => namespace,
        };
        let component = self.identity.component;
        let key = format!("{}\n{component}\n{reason}\n{message}", object::uid(object));
        let now = self.now();
        if let Some(known) = self.recorder.known(&key)
            && let Some(event) = self.find(EVENTS, namespace, &known)
        {
            let count = event.get("count").and_then(Value::as_i64).unwrap_or(1) + 1;
            let _ = self.patch(EVENTS, &event, &json!({"count": count, "lastTimestamp": now}));
            return;
        }
        let name = self
            .recorder
            .name(&key, object::name(object), self.clock.now().as_nanosecond());
        let body = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved(resource, object),
            "reason": reason, "message": message, "type": kind.name(), "count": 1,
            "firstTimestamp": now, "lastTimestamp": now,
            "source": self.source(), "reportingComponent": component, "reportingInstance": "",
        });
        let _ = self.create(EVENTS, namespace, &body);
    }

    /// A kubelet also says on which node it runs.
    fn source(&self) -> Value {
        let component = self.identity.component;
        match self.identity.user.name.strip_prefix("system:node:") {
            Some(node) => json!({"component": component, "host": node}),
            None => json!({"component": component}),
        }
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Refused> {
        self.send(method, path, "application/json", body)
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Option<&Value>,
    ) -> Result<Value, Refused> {
        let Identity { user, agent, .. } = &self.identity;
        let (code, answer) = self.api.call_by((agent, user), method, path, content_type, body);
        if code < 400 {
            return Ok(answer);
        }
        let message = answer
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        Err(Refused { code, message })
    }
}

fn involved(resource: Resource, object: &Value) -> Value {
    let mut reference = json!({
        "apiVersion": resource.api_version(), "kind": resource.kind, "name": object::name(object),
        "uid": object::uid(object), "resourceVersion": object::resource_version(object),
    });
    let namespace = object::namespace(object);
    if !namespace.is_empty() {
        reference["namespace"] = json!(namespace);
    }
    reference
}

/// `type` of an Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Normal,
    Warning,
}

impl EventKind {
    fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// The present time as `metav1.Time` writes it: UTC, whole seconds.
pub(crate) fn timestamp(clock: Clock) -> String {
    seconds(clock.now())
}

/// A time as `metav1.Time` writes it.
pub(crate) fn seconds(time: jiff::Timestamp) -> String {
    jiff::Timestamp::from_second(time.as_second())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string()
}
