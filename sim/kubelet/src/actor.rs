//! Acting on the API server under a controller's own identity.

use apiserver::{ApiServer, Gvr, User};
use edges::Clock;
use manifest::object;
use serde_json::{Value, json};

/// A kind of object as the controllers address it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resource {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
}

pub(crate) const DEPLOYMENTS: Resource = Resource {
    group: "apps",
    version: "v1",
    plural: "deployments",
    kind: "Deployment",
};
pub(crate) const REPLICA_SETS: Resource = Resource {
    group: "apps",
    version: "v1",
    plural: "replicasets",
    kind: "ReplicaSet",
};
pub(crate) const STATEFUL_SETS: Resource = Resource {
    group: "apps",
    version: "v1",
    plural: "statefulsets",
    kind: "StatefulSet",
};
pub(crate) const JOBS: Resource = Resource {
    group: "batch",
    version: "v1",
    plural: "jobs",
    kind: "Job",
};
pub(crate) const PODS: Resource = Resource {
    group: "",
    version: "v1",
    plural: "pods",
    kind: "Pod",
};
pub(crate) const NODES: Resource = Resource {
    group: "",
    version: "v1",
    plural: "nodes",
    kind: "Node",
};
pub(crate) const SERVICES: Resource = Resource {
    group: "",
    version: "v1",
    plural: "services",
    kind: "Service",
};

impl Resource {
    pub(crate) fn api_version(self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    pub(crate) fn gvr(self) -> Gvr {
        Gvr {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            resource: self.plural.to_owned(),
        }
    }

    fn path(self, namespace: &str, rest: &str) -> String {
        let root = if self.group.is_empty() {
            "/api".to_owned()
        } else {
            format!("/apis/{}", self.group)
        };
        let scope = if namespace.is_empty() {
            String::new()
        } else {
            format!("/namespaces/{namespace}")
        };
        format!("{root}/{}{scope}/{}{rest}", self.version, self.plural)
    }
}

/// The API server refused a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: u16,
    pub(crate) message: String,
}

/// One controller's hands.
#[derive(Clone)]
pub(crate) struct Actor {
    pub(crate) api: ApiServer,
    pub(crate) clock: Clock,
    user: User,
    component: &'static str,
}

impl Actor {
    /// A controller of kube-controller-manager: `system:serviceaccount:kube-system:<component>`.
    pub(crate) fn controller(api: &ApiServer, clock: Clock, component: &'static str) -> Self {
        Self {
            api: api.clone(),
            clock,
            user: User::service_account("kube-system", component),
            component,
        }
    }

    /// A component with a name of its own, such as `system:kube-scheduler`.
    pub(crate) fn named(api: &ApiServer, clock: Clock, user: User, component: &'static str) -> Self {
        Self {
            api: api.clone(),
            clock,
            user,
            component,
        }
    }

    pub(crate) fn now(&self) -> String {
        timestamp(self.clock)
    }

    pub(crate) fn create(&self, resource: Resource, namespace: &str, body: &Value) -> Result<Value, Refused> {
        self.call(
            "POST",
            &resource.path(namespace, ""),
            "application/json",
            Some(body),
        )
    }

    /// Writes `status` if it differs from what `object` has.
    pub(crate) fn set_status(&self, resource: Resource, object: &Value, status: Value) {
        if object.get("status") == Some(&status) {
            return;
        }
        let mut body = object.clone();
        body["status"] = status;
        let path = resource.path(
            object::namespace(object),
            &format!("/{}/status", object::name(object)),
        );
        // A refusal (a conflict, an object just deleted) is answered by the change that caused it: that one brings
        // the object back into the queue.
        let _ = self.call("PUT", &path, "application/json", Some(&body));
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
        self.call("PUT", &path, "application/json", Some(&body))
    }

    pub(crate) fn post(&self, resource: Resource, object: &Value, subresource: &str, body: &Value) {
        let rest = format!("/{}/{subresource}", object::name(object));
        let _ = self.call(
            "POST",
            &resource.path(object::namespace(object), &rest),
            "application/json",
            Some(body),
        );
    }

    /// Deletes this very incarnation of an object.
    pub(crate) fn delete(&self, resource: Resource, object: &Value, grace_seconds: Option<u32>) {
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
        let _ = self.call("DELETE", &path, "application/json", Some(&options));
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
        let namespace = object::namespace(object);
        let hash = stdx::sha256_hex(format!("{}\n{reason}\n{message}", object::uid(object)).as_bytes());
        let name = format!("{}.{}", object::name(object), &hash[..16]);
        let events = Resource {
            group: "",
            version: "v1",
            plural: "events",
            kind: "Event",
        };
        let now = self.now();
        if let Some(known) = self.api.get(&events.gvr(), namespace, &name) {
            let count = known.get("count").and_then(Value::as_i64).unwrap_or(1) + 1;
            let _ = self.update(events, &known, |event| {
                event["count"] = json!(count);
                event["lastTimestamp"] = json!(now);
            });
            return;
        }
        let body = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "apiVersion": resource.api_version(), "kind": resource.kind, "namespace": namespace,
                "name": object::name(object), "uid": object::uid(object),
                "resourceVersion": object::resource_version(object),
            },
            "reason": reason, "message": message, "type": kind.name(), "count": 1,
            "firstTimestamp": now, "lastTimestamp": now,
            "source": {"component": self.component}, "reportingComponent": self.component, "reportingInstance": "",
        });
        let _ = self.create(events, namespace, &body);
    }

    fn call(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Option<&Value>,
    ) -> Result<Value, Refused> {
        let (code, answer) = self.api.call(&self.user, method, path, content_type, body);
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
    let seconds = clock.now().as_second();
    jiff::Timestamp::from_second(seconds)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string()
}
