//! Requests of the built-in controllers: the same path as everybody's, under their own identities.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use super::Place;
use crate::{
    core::Core,
    dispatch::{self, Reply},
    request::{Incoming, Query},
    resource::Resource,
    user::User,
};

/// One controller at one instant.
pub(crate) struct Actor {
    user: User,
    now: Timestamp,
    agent: &'static str,
}

impl Actor {
    /// A controller of kube-controller-manager.
    pub(crate) fn new(name: &str, now: Timestamp) -> Self {
        Self {
            user: User::service_account("kube-system", name),
            now,
            agent: "kube-controller-manager",
        }
    }

    /// kube-controller-manager itself.
    pub(crate) fn manager(now: Timestamp) -> Self {
        Self {
            user: User::new("system:kube-controller-manager", &["system:authenticated"]),
            now,
            agent: "kube-controller-manager",
        }
    }

    /// The server itself.
    pub(crate) fn server(now: Timestamp) -> Self {
        Self {
            user: User::new("system:apiserver", &["system:masters"]),
            now,
            agent: "kube-apiserver",
        }
    }

    /// OpenShift's controller of namespaces' ids.
    pub(crate) fn policy(now: Timestamp) -> Self {
        Self {
            user: User::new(
                "system:serviceaccount:openshift-infra:namespace-security-allocation-controller",
                &["system:masters"],
            ),
            now,
            agent: "cluster-policy-controller",
        }
    }

    /// The object at a place with the resource it is served as.
    pub(crate) fn find(core: &Core, place: &Place) -> Option<(Arc<Resource>, Arc<Value>)> {
        let object = core.stored(&place.table, &place.key)?;
        Some((core.resource_of_table(&place.table)?, object))
    }

    /// Deletes this incarnation; whether it was accepted.
    pub(crate) fn delete(&self, core: &mut Core, resource: &Resource, object: &Value, policy: &str) -> bool {
        let options = json!({
            "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy,
            "preconditions": {"uid": object::uid(object)},
        });
        self.call(
            core,
            "DELETE",
            &path(resource, object),
            "application/json",
            &options,
        )
    }

    /// Merges a patch into an object.
    pub(crate) fn patch(&self, core: &mut Core, resource: &Resource, object: &Value, patch: &Value) -> bool {
        self.call(
            core,
            "PATCH",
            &path(resource, object),
            "application/merge-patch+json",
            patch,
        )
    }

    /// Creates an object in a collection.
    pub(crate) fn create(&self, core: &mut Core, collection: &str, body: &Value) -> bool {
        self.call(core, "POST", collection, "application/json", body)
    }

    /// Replaces what is at a path.
    pub(crate) fn replace(&self, core: &mut Core, path: &str, body: &Value) -> bool {
        self.call(core, "PUT", path, "application/json", body)
    }

    /// Replaces the status of an object in a collection.
    pub(crate) fn replace_status(&self, core: &mut Core, collection: &str, object: &Value) -> bool {
        let path = format!("{collection}/{}/status", object::name(object));
        self.call(core, "PUT", &path, "application/json", object)
    }

    /// Applies a configuration in the name of a field manager.
    pub(crate) fn apply(&self, core: &mut Core, path: &str, manager: &str, body: &Value) -> bool {
        let query = Query::parse(&format!("fieldManager={manager}&force=true"));
        self.send(core, "PATCH", (path, query), "application/apply-patch+yaml", body)
    }

    fn call(&self, core: &mut Core, method: &str, path: &str, content_type: &str, body: &Value) -> bool {
        self.send(core, method, (path, Query::default()), content_type, body)
    }

    fn send(
        &self,
        core: &mut Core,
        method: &str,
        (path, query): (&str, Query),
        content_type: &str,
        body: &Value,
    ) -> bool {
        let request = Incoming {
            method: method.to_owned(),
            path: path.to_owned(),
            query,
            headers: vec![
                ("user-agent".to_owned(), self.agent.to_owned()),
                ("content-type".to_owned(), content_type.to_owned()),
            ],
            body: Bytes::from(body.to_string()),
        };
        let reply = dispatch::serve(core, &request, Some(&self.user), self.now);
        matches!(reply, Reply::Object { code, .. } if code < 300)
    }
}

/// Where an object is served.
pub(crate) fn path(resource: &Resource, object: &Value) -> String {
    let gvr = &resource.gvr;
    let root = if gvr.group.is_empty() {
        "/api".to_owned()
    } else {
        format!("/apis/{}", gvr.group)
    };
    let namespace = object::namespace(object);
    let scope = if namespace.is_empty() {
        String::new()
    } else {
        format!("/namespaces/{namespace}")
    };
    format!(
        "{root}/{}{scope}/{}/{}",
        gvr.version,
        gvr.resource,
        object::name(object)
    )
}
