//! OpenShift's admission: security context constraints choose what a pod may do, and are completed when written.

use std::sync::Arc;

use openshift::{Constraint, Request, Subject};
use serde_json::Value;

use crate::{
    access::{self, Action},
    call::Call,
    failure::Outcome,
    names,
    store::Key,
    user::User,
};

pub(super) fn mutate(call: &Call<'_>, object: &mut Value, old: Option<&Value>) -> Outcome<()> {
    if !call.core.openshift {
        return Ok(());
    }
    if call
        .resource
        .is("security.openshift.io", "securitycontextconstraints")
    {
        openshift::complete(object);
    }
    if !judged(call, object, old) {
        return Ok(());
    }
    let found = with_request(call, |request| openshift::admit(request, object, old));
    found.map_err(|detail| call.forbidden(&super::shown_name(call, object), &detail))
}

pub(super) fn validate(call: &Call<'_>, object: &Value, old: Option<&Value>) -> Outcome<()> {
    if !call.core.openshift || !judged(call, object, old) {
        return Ok(());
    }
    let found = with_request(call, |request| openshift::validate(request, object));
    found.map_err(|detail| call.forbidden(manifest::object::name(object), &detail))
}

fn judged(call: &Call<'_>, object: &Value, old: Option<&Value>) -> bool {
    call.resource.is("", "pods") && !openshift::skips(&call.target.subresource, object, old)
}

fn with_request<T>(call: &Call<'_>, judge: impl FnOnce(&Request<'_>) -> T) -> T {
    let namespace = call
        .core
        .stored(names::NAMESPACES, &Key::new("", &call.target.namespace))
        .unwrap_or_else(|| Arc::new(Value::Null));
    let constraints: Vec<Constraint> = call
        .core
        .table(openshift::RESOURCE)
        .values()
        .map(|stored| Constraint::read(stored))
        .collect();
    let user = Subject {
        name: call.user.name.clone(),
        groups: call.user.groups.clone(),
    };
    judge(&Request {
        namespace: &namespace,
        constraints: &constraints,
        user: &user,
        may_use: &|subject, name| {
            let user = User {
                name: subject.name.clone(),
                groups: subject.groups.clone(),
                ..User::default()
            };
            let action = Action {
                verb: "use",
                group: "security.openshift.io",
                resource: "securitycontextconstraints",
                subresource: "",
                namespace: &call.target.namespace,
                name,
            };
            access::allowed(call.core, &user, &action)
        },
    })
}
