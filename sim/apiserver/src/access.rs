//! Who asks, and what they may do: tokens, impersonation, RBAC, reviews.

pub(crate) mod bearer;
pub(crate) mod escalation;
mod impersonation;
mod keys;
mod rbac;
mod reviews;
mod rules;
pub(crate) mod tokens;

use crate::{
    core::Core,
    failure::{Failure, Outcome},
    request::{Route, Target, Verb},
    user::User,
};
pub(crate) use impersonation::{Mode, impersonate};
pub(crate) use keys::Signer;
pub(crate) use rbac::{Action, allowed};

/// A request as the rules see it.
#[derive(Debug, Clone)]
pub(crate) struct Attributes<'a> {
    pub(crate) verb: String,
    on: On<'a>,
}

#[derive(Debug, Clone)]
enum On<'a> {
    Resource(&'a Target),
    Path(&'a str),
}

impl<'a> Attributes<'a> {
    /// What a route asks for.
    pub(crate) fn of(route: &'a Route, method: &str, path: &'a str) -> Self {
        match route {
            Route::Resource(target) => Self {
                verb: target.verb.name().to_owned(),
                on: On::Resource(target),
            },
            Route::Other => Self {
                verb: method.to_ascii_lowercase(),
                on: On::Path(path),
            },
        }
    }

    fn with_verb(&self, verb: &str) -> Self {
        Self {
            verb: verb.to_owned(),
            on: self.on.clone(),
        }
    }

    /// Refuses what no rule allows.
    fn authorize(&self, core: &Core, user: &User) -> Outcome<()> {
        match self.on {
            On::Resource(target) => judge_target(core, user, target, &self.verb),
            On::Path(path) => judge_path(core, user, &self.verb, path),
        }
    }
}

fn place(namespace: &str) -> String {
    if namespace.is_empty() {
        " at the cluster scope".to_owned()
    } else {
        format!(" in the namespace {namespace:?}")
    }
}

/// Refuses what no rule allows.
pub(crate) fn authorize(core: &Core, user: &User, target: &Target) -> Outcome<()> {
    if target.verb == Verb::Create && target.subresource.is_empty() && !target.name.is_empty() {
        let unnamed = Target {
            name: String::new(),
            ..target.clone()
        };
        return authorize_named(core, user, &unnamed);
    }
    authorize_named(core, user, target)
}

/// Refuses what no rule allows, a creation under its name.
pub(crate) fn authorize_named(core: &Core, user: &User, target: &Target) -> Outcome<()> {
    judge_target(core, user, target, target.verb.name())
}

fn judge_target(core: &Core, user: &User, target: &Target, verb: &str) -> Outcome<()> {
    // A namespace is judged by the rules inside it, a list of them by those of the cluster.
    let collection = matches!(target.verb, Verb::List | Verb::Watch | Verb::DeleteCollection);
    let inside = target.gvr.group.is_empty() && target.gvr.resource == "namespaces" && !collection;
    let namespace = if inside {
        target.name.as_str()
    } else {
        target.namespace.as_str()
    };
    let action = rbac::Action {
        verb,
        group: &target.gvr.group,
        resource: &target.gvr.resource,
        subresource: &target.subresource,
        namespace,
        name: &target.name,
    };
    let verdict = rbac::judge(core, user, &action);
    if verdict.allowed {
        return Ok(());
    }
    let full = if target.subresource.is_empty() {
        target.gvr.resource.clone()
    } else {
        format!("{}/{}", target.gvr.resource, target.subresource)
    };
    let detail = format!(
        "User {:?} cannot {verb} resource {full:?} in API group {:?}{}{}",
        user.name,
        target.gvr.group,
        place(namespace),
        because(&verdict.reason)
    );
    Err(Failure::forbidden(
        &target.gvr.group,
        &target.gvr.resource,
        &target.name,
        &detail,
    ))
}

fn because(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}

/// Refuses paths that no rule opens.
pub(crate) fn authorize_path(core: &Core, user: &User, method: &str, path: &str) -> Outcome<()> {
    judge_path(core, user, &method.to_ascii_lowercase(), path)
}

fn judge_path(core: &Core, user: &User, verb: &str, path: &str) -> Outcome<()> {
    let verdict = rbac::judge_path(core, user, verb, path);
    if verdict.allowed {
        return Ok(());
    }
    let detail = format!(
        "User {:?} cannot {verb} path {path:?}{}",
        user.name,
        because(&verdict.reason)
    );
    Err(Failure::forbidden("", "", "", &detail))
}
